"""Prompts to images in the store, each exactly once, whoever asks and however often."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from PIL import Image
from saggar.errors import DataCorruptionError
from saggar.job_settings.generation import GenerationSettings
from saggar.progress import Progress, Work
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.base_models.control_net import load_control_net
from saggar_generator.base_models.prompt_encoding import layers_to_skip
from saggar_generator.images.composing import compose_image
from saggar_generator.images.content_credentials import Signer
from saggar_generator.images.guidance import with_drawn_guidance
from saggar_generator.images.image_index import ImageIndex, Inputs, index_key
from saggar_generator.images.photographs.controlling import Control
from saggar_generator.images.photographs.starting import check_strength, read_photograph
from saggar_generator.images.prompt_words import PromptWords
from saggar_generator.images.request_prompts import Mix, by_weights, compose
from saggar_generator.images.synthesis import Picture, check_settings, draw, encode_prompts, prompt_length
from saggar_generator.requests import AdapterUse, GeneratedImage, GenerationRequest, ImageRequest, StartImage

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """One different image to make, for the items at `numbers` of the request."""

    key: str
    request: ImageRequest  # its prompt with learnt words
    mix: Mix  # adapters by the hashes of their weights
    settings: GenerationSettings  # its own: one guidance scale
    inputs: Inputs
    numbers: list[int]

    @property
    def kind(self) -> tuple[Mix, float | None, float, bool]:
        """What images of one batch have in common: adapters, the strength of a start, guidance, and whether they
        follow a photograph.
        """
        request, settings = self.request, self.settings
        strength = request.start.strength if request.start else None
        return self.mix, strength, settings.guidance_scale, request.control is not None


def generate(
    store: ObjectStore,
    models: BaseModels,
    request: GenerationRequest,
    work: Work,
    on_image: Callable[[GeneratedImage], None] = lambda _: None,
    *,
    signer: Signer | None = None,
) -> list[GeneratedImage]:
    """One image per item, in order. Sizes of 0 in the settings are the base model's own; a batch size of 0
    is chosen here.

    Every image is in the store, with its index entry, before the next batch but one begins: after a crash the
    same call goes on. Raises what the contract lists for `Generate`, as domain errors.
    """
    items = request.items
    compositions = compose(items, request.adapters)
    work.report(Progress("loading base model", message=request.base_model))
    base = models.get(request.base_model)
    settings = _resolved(base, request.settings)
    for number, item in enumerate(items):
        if item.request.start is not None:
            check_strength(item.request.start.strength, settings.steps, f"prompts[{number}].start.strength")
    cards = _cards(store, base, request.adapters)
    weights = {name: card.weights.ref() for name, card in cards.items()}
    words = PromptWords(store, cards)
    control = (
        Control(load_control_net(request.control.path, base), request.control.settings, store)
        if request.control
        else None
    )
    index = ImageIndex(store, signer)

    finished: dict[str, GeneratedImage] = {}
    jobs: dict[str, _Job] = {}  # by index key: equal prompts are drawn once
    hashes = {name: ref.sha256 for name, ref in weights.items()}
    for number, one in enumerate(compositions):
        work.stop_if_cancelled("generation")
        mix = by_weights(one.adapters, hashes)
        own = with_drawn_guidance(settings, one.request.seed)
        worded = words.put_into(one.request.prompt, one.learnt_words, mix, f"prompts[{number}].prompt")
        inputs = index.inputs(base, mix, one.request, own, control, worded)
        key = index_key(inputs, request.fresh)
        found = index.find(key, one.prompt_id, reused=True) if key not in jobs else None
        if found:
            finished[one.prompt_id] = found
            on_image(found)
        else:
            drawn = replace(one.request, prompt=worded.text)
            jobs.setdefault(key, _Job(key, drawn, mix, own, inputs, [])).numbers.append(number)
    work.report(Progress("generating", len(finished), len(items), "images"))

    begun = time.monotonic()
    present = len(finished)

    def finish(batch: list[tuple[_Job, Picture]]) -> None:
        for job, picture in batch:
            index.keep(job.key, picture, job.inputs)
            for place, number in enumerate(job.numbers):
                image = index.find(job.key, compositions[number].prompt_id, reused=place > 0)
                if image is None:
                    raise DataCorruptionError(f"{job.key} names an image that is gone; delete {job.key} and call again")
                finished[image.prompt_id] = image
                on_image(image)
        pace = {"images_per_second": (len(finished) - present) / max(time.monotonic() - begun, 1e-9)}
        work.report(Progress("generating", len(finished), len(items), "images", pace))

    batch_size = settings.batch_size or base.placement.default_batch_size(settings.width_px, settings.height_px)
    by_hash = {ref.sha256: ref for ref in weights.values()}
    studio = _Studio(store, base, by_hash, words, settings, batch_size, control)
    _finish_beside(studio.draw(list(jobs.values()), work), finish)
    _warn_of_truncation([image.truncated_tokens for image in finished.values()])
    return [finished[item.prompt_id] for item in items]


def _finish_beside(
    batches: Iterable[list[tuple[_Job, Picture]]], finish: Callable[[list[tuple[_Job, Picture]]], None]
) -> None:
    """Each of `batches` finished by a thread, in order, while the next one is drawn; one at most waits. What is drawn
    is finished, even when the next one fails. Raises what either raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="image-writer") as writer:
        before: Future[None] | None = None
        for batch in batches:
            if before is not None:
                before.result()
            before = writer.submit(finish, batch)
        if before is not None:
            before.result()


def _resolved(base: BaseModel, settings: GenerationSettings) -> GenerationSettings:
    """`settings` with the base model's own in place of what they leave open. Raises InvalidInputError for
    those that it cannot follow.
    """
    settings = settings.with_values(
        clip_skip=layers_to_skip(base.pipeline.text_encoder, settings.clip_skip),
        width_px=settings.width_px or base.size_px,
        height_px=settings.height_px or base.size_px,
    )
    check_settings(base, settings)
    return settings


def _cards(store: ObjectStore, base: BaseModel, uses: Sequence[AdapterUse]) -> dict[str, adapter.AdapterCard]:
    """The card of every adapter, by its name in the request."""
    cards = {use.name: adapter.read_card(store, use.adapter) for use in uses}
    for card in cards.values():
        adapter.check_base(card, base)
    return cards


@dataclass(frozen=True, eq=False)
class _Studio:
    """A base model, the adapters for it (by the hashes of their weights), and how images are sampled."""

    store: ObjectStore
    base: BaseModel
    weights: Mapping[str, ObjectRef]
    words: PromptWords
    settings: GenerationSettings
    batch_size: int
    control: Control | None

    def draw(self, jobs: Sequence[_Job], work: Work) -> Iterator[list[tuple[_Job, Picture]]]:
        """All of `jobs`, batch after batch; those with other adapters, weights, strengths or guidance apart, composed
        ones first and one by one.
        """
        for job in jobs:
            if job.request.transfer is not None:
                work.stop_if_cancelled("generation")
                yield [(job, compose_image(self.store, job.request.transfer, job.request.seed, self.settings))]
        drawn = [job for job in jobs if job.request.transfer is None]
        for kind in dict.fromkeys(job.kind for job in drawn):
            alike = [job for job in drawn if job.kind == kind]
            mix, settings = alike[0].mix, alike[0].settings
            adapter.use_together(self.base, [self._adapter(sha256, weight) for sha256, weight in mix])
            requests = [job.request for job in alike]
            encoded = encode_prompts(self.base, requests, settings)  # by the text encoder with its adapters
            alike.sort(key=lambda job: prompt_length(encoded, job.request, settings))
            requests = [job.request for job in alike]
            made = 0
            for pictures in draw(
                self.base,
                requests,
                encoded,
                settings,
                self.batch_size,
                on_step=lambda: work.stop_if_cancelled("generation"),
                open_photograph=self._open_photograph,
                control=self.control,
            ):
                yield list(zip(alike[made : made + len(pictures)], pictures, strict=True))
                made += len(pictures)

    def _adapter(self, sha256: str, weight: float) -> adapter.WeightedAdapter:
        read = partial(self.store.read, self.weights[sha256])
        return adapter.WeightedAdapter(sha256, read, weight, self.words.files(sha256))

    def _open_photograph(self, start: StartImage) -> Image.Image:
        return read_photograph(self.store, start, self.settings.width_px, self.settings.height_px)


def _warn_of_truncation(counts: Sequence[int]) -> None:
    if cut := [count for count in counts if count]:
        log.warning(
            "%d of %d prompts are longer than the text encoder's windows; the last tokens (up to %d) have no effect",
            len(cut),
            len(counts),
            max(cut),
        )
