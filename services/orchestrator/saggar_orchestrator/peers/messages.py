"""Experiment settings as messages of the contract: pure conversions."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from saggar.dataset.synthetic.plan import PlannedImage
from saggar.job_settings.messages import to_message
from saggar.learnt_words import words_of
from saggar.prompts import caption
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy
from saggar.v1 import generator_pb2, qc_pb2, trainer_pb2
from saggar.webui.prompt_syntax import escaped

from saggar_orchestrator.experiment.sections import Adapter, Generation, Review, Screening, Training


def training_settings(training: Training, seed: int) -> trainer_pb2.TrainingSettings:
    return to_message(training, trainer_pb2.TrainingSettings, seed=seed)


def adapter_settings(adapter: Adapter, taxonomy: Taxonomy) -> generator_pb2.AdapterSettings:
    """With the template that the taxonomy makes captions from, with every class as a prompt of prior preservation where
    the file names none, and with a word for every class of the task whose words are learnt.
    """
    narrowed = taxonomy.narrowed(adapter.tasks or taxonomy.task_names)
    prior = adapter.prior_prompts
    if adapter.prior_weight and not prior:
        prior = tuple(
            escaped(caption(narrowed, {task.name: one.code})) for task in narrowed.tasks for one in task.classes
        )
    message = to_message(
        adapter,
        generator_pb2.AdapterSettings,
        caption_template=", ".join(narrowed.caption),
        prior_prompts=prior,
        learnt_phrases=words_of(taxonomy.task(adapter.learnt_words)) if adapter.learnt_words else {},
    )
    # Steps that came before these settings keep their names.
    if not adapter.keep_every_steps:
        message.ClearField("keep_every_steps")
    if not adapter.learnt_words:
        message.ClearField("vectors_per_word")
    return message


def generation_settings(generation: Generation) -> generator_pb2.GenerationSettings:
    return to_message(generation, generator_pb2.GenerationSettings)


def control_net(generation: Generation) -> generator_pb2.ControlNet | None:
    control = generation.control_net
    return None if control is None else to_message(control, generator_pb2.ControlNet)


def screen_settings(screening: Screening) -> qc_pb2.ScreenSettings:
    return to_message(screening, qc_pb2.ScreenSettings)


def review_settings(review: Review) -> qc_pb2.ReviewSettings:
    return to_message(review, qc_pb2.ReviewSettings)


def extractor(screening: Screening, baseline_bundle: ObjectRef) -> qc_pb2.FeatureExtractor:
    """Inception weights when the file names some, else the baseline classifier's backbone."""
    if screening.inception_weights_path:
        return qc_pb2.FeatureExtractor(
            inception_weights_path=screening.inception_weights_path, resize=resize_mode(screening.resize)
        )
    return qc_pb2.FeatureExtractor(bundle=ref_to_proto(baseline_bundle))


def resize_mode(resize: str) -> str | None:
    """None for torch-fidelity's, so that requests for it are equal to those of before there were modes."""
    return None if resize == "fidelity" else resize


def adapter_use(adapter: ObjectRef, weight: float | None, name: str = "adapter") -> generator_pb2.AdapterUse:
    """`weight` None: the generator's default."""
    return generator_pb2.AdapterUse(name=name, adapter=ref_to_proto(adapter), weight=weight)


def adapter_tag(weight: float, name: str = "adapter") -> str:
    """What gives an adapter of the request another weight in one prompt, to be put after it."""
    return f" <lora:{name}:{Decimal(repr(weight)):f}>"  # prompts know no exponents


def prompt_items(
    planned: Sequence[PlannedImage], store: ObjectStore, framing: str = "crop"
) -> list[generator_pb2.PromptItem]:
    """`framing`: the adapter's, for photographs that images start from. Images are square, so after `buckets` those are
    padded, which keeps the whole piece as well.
    """
    at_start = {"crop": None, "buckets": "pad"}.get(framing, framing)
    keys = {
        key
        for image in planned
        for key in (image.photograph, image.control, *image.forms, *image.glazes)
        if key is not None
    }
    photographs = {key: ref_to_proto(store.stat(key)) for key in sorted(keys)}

    def start(image: PlannedImage) -> generator_pb2.StartImage | None:
        if image.photograph is None:
            return None
        return generator_pb2.StartImage(image=photographs[image.photograph], strength=image.strength, framing=at_start)

    def transfer(image: PlannedImage) -> generator_pb2.GlazeTransfer | None:
        if not image.forms:
            return None
        return generator_pb2.GlazeTransfer(
            forms=[photographs[key] for key in image.forms], glazes=[photographs[key] for key in image.glazes]
        )

    return [
        generator_pb2.PromptItem(
            prompt_id=image.prompt_id,
            prompt=escaped(image.prompt),  # a taxonomy's brackets are words
            negative_prompt=image.negative_prompt,
            seed=image.seed,
            start=start(image),
            transfer=transfer(image),
            control_photograph=photographs[image.control] if image.control else None,
        )
        for image in planned
    ]


def as_inputs(message: Message) -> dict[str, Any]:
    """A message as plain values, for a step's hash."""
    return dict(MessageToDict(message, preserving_proto_field_name=True))
