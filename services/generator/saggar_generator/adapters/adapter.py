"""Adapters in the store: weights under diffusers' and kohya's keys, and a card that says what they were made
from and for.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Literal

from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict, ValidationError
from saggar.errors import DataCorruptionError, InvalidInputError, WrongStateError
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.adapters import file_kinds, learnt_words, lora, lora_formats
from saggar_generator.adapters.learnt_words import LARGEST, LearntWords, WordFile
from saggar_generator.adapters.stored_object import StoredObject, put_once
from saggar_generator.base_models.base_model import BaseModel

WEIGHTS_TYPE = "application/octet-stream"
_LIBRARIES = ("torch", "diffusers", "transformers", "peft", "safetensors")
_SHOWN, _LONGEST_KEY = 10, 200  # keys and their characters in a message


class Preview(PydanticModel):
    """An image made in the course of training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    prompt: str
    image: StoredObject


class AdapterCard(PydanticModel):
    """`adapter.json`: what an adapter is, from which it can be judged and repeated.

    An imported one says what its file says; it has no manifest, settings or losses of ours.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    adapter_id: str
    origin: Literal["trained", "imported"] = "trained"
    kept_from: str | None = None  # the adapter in whose training this one was kept, after `steps` steps
    base_model: str
    base_hash: str
    prediction_type: str
    settings: dict[str, Any] = {}
    target_modules: tuple[str, ...] = ()  # endings of the UNet's layers
    manifest: StoredObject | None = None
    images: int = 0
    held_out_images: int = 0
    buckets: dict[str, int] = {}  # photographs by width and height, with framing `buckets`
    caption_template: str = ""
    caption_sample: str = ""
    licence: str = ""
    steps: int = 0
    final_loss: float | None = None
    validation_loss: float | None = None
    curve: StoredObject | None = None
    previews: tuple[Preview, ...] = ()
    weights: StoredObject
    kohya_weights: StoredObject | None = None
    learnt_words: LearntWords | None = None  # without which its weights are less than was trained
    source: StoredObject | None = None  # the file that was imported
    metadata: dict[str, str] = {}  # that file's
    libraries: dict[str, str]

    def to_bytes(self) -> bytes:
        later = {"kept_from", "learnt_words"}  # cards without them are as they were before there were any
        left_out = {name for name in later if getattr(self, name) is None}
        values = self.model_dump(mode="json", exclude=left_out)
        return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class Keys:
    """Where the objects of an adapter are kept."""

    adapter_id: str

    @property
    def card(self) -> str:
        return f"adapters/{self.adapter_id}/adapter.json"

    @property
    def weights(self) -> str:
        return f"adapters/{self.adapter_id}/adapter.safetensors"

    @property
    def kohya_weights(self) -> str:
        return f"adapters/{self.adapter_id}/adapter-kohya.safetensors"

    @property
    def curve(self) -> str:
        return f"adapters/{self.adapter_id}/curve.json"

    @property
    def held_out(self) -> str:
        """Which photographs of its manifest its training left out."""
        return f"adapters/{self.adapter_id}/held-out.json"

    def kept(self, step: int) -> str:
        """Names the adapter that its training kept after `step` steps."""
        return f"adapters/{self.adapter_id}/kept/{step:07d}.json"


def library_versions() -> dict[str, str]:
    """Of those that decide an adapter's weights."""
    return {name: version(name) for name in _LIBRARIES}


def read_card(store: ObjectStore, ref: ObjectRef) -> AdapterCard:
    """Raises NotFoundError, or DataCorruptionError when the object is no adapter's card."""
    try:
        return AdapterCard.model_validate_json(store.read(ref))
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise DataCorruptionError(
            f"{ref.key} is not an adapter's card: {where}: {problem['msg']}; train the adapter again"
        ) from None


def check_base(card: AdapterCard, base: BaseModel) -> None:
    """Raises WrongStateError, naming both, when the adapter was trained on another base model, or on the
    same one with another target.
    """
    if card.base_hash != base.content_hash:
        raise WrongStateError(
            f"adapter {card.adapter_id} was trained on {card.base_model} ({card.base_hash[:12]}) and does "
            f"not fit {base.spec} ({base.content_hash[:12]}); generate with {card.base_model}, or train an "
            f"adapter on {base.spec}"
        )
    if card.prediction_type != base.prediction_type:
        raise WrongStateError(
            f"adapter {card.adapter_id} was trained when {card.base_model} predicted {card.prediction_type}; "
            f"{base.spec} predicts {base.prediction_type} by its scheduler's configuration: correct that, or "
            "train the adapter again"
        )


def put_weights(
    store: ObjectStore, adapter_id: str, layers: lora.Lora, metadata: Mapping[str, str]
) -> tuple[ObjectRef, ObjectRef]:
    """Writes both files; references of diffusers' and of kohya's keys."""
    keys = Keys(adapter_id)
    return (
        put_once(store, keys.weights, lora_formats.write_diffusers(layers, metadata), WEIGHTS_TYPE),
        put_once(store, keys.kohya_weights, lora_formats.write_kohya(layers, metadata), WEIGHTS_TYPE),
    )


def read_layers(base: BaseModel, data: bytes, peft_configuration: bytes | None = None) -> lora_formats.LoraFile:
    """The adapter in a file, in diffusers', peft's or kohya's format, its layers in the shapes of `base`.

    Raises InvalidInputError when it is not safetensors or its numbers make no sense, and WrongStateError, naming
    the keys, when one makes no layer of `base`, when it has none at all, or when it would be without effect.
    """
    modules = lora.modules(base)
    found = lora_formats.read(data, modules, peft_configuration)
    found = replace(found, lora=lora.reshaped(found.lora, modules))
    if not found.unmatched and not any(found.lora.values()):
        raise WrongStateError("the adapter's file has no layers of a LoRA adapter; give another, or train one")
    if found.unmatched:
        more = len(found.unmatched) - _SHOWN
        what = file_kinds.named((*found.unmatched, *found.metadata))
        raise WrongStateError(
            (f"the file {what}; " if what else "")
            + f"{len(found.unmatched)} of the adapter's keys match nothing in {base.spec}: "
            f"{', '.join(key[:_LONGEST_KEY] for key in found.unmatched[:_SHOWN])}"
            f"{f' and {more} more' if more > 0 else ''}; it would do less than it says, or nothing: give "
            f"a LoRA adapter of this base model, with both halves of every layer, or train an adapter on {base.spec}"
        )
    _refuse_bad_numbers(found.lora)
    return found


def _refuse_bad_numbers(layers: lora.Lora) -> None:
    """Raises InvalidInputError for numbers that are none or overflow, WrongStateError for an adapter without effect."""
    each = [(f"{part} {path}", layer) for part, found in layers.items() for path, layer in found.items()]
    for problem, bad in (
        ("weights or alphas that are not finite", lambda layer: not math.isfinite(layer.bound)),
        (f"weights that overflow half precision (above {LARGEST:g})", lambda layer: layer.bound > LARGEST),
    ):
        if names := [name for name, layer in each if bad(layer)]:
            more = f" and {len(names) - 1} more layers" if len(names) > 1 else ""
            raise InvalidInputError(f"the adapter has {problem}: {names[0]}{more}; train it again")
    if not any(layer.has_effect for _, layer in each):
        alphas = " (alpha is 0)" if all(layer.alpha == 0 for _, layer in each) else ""
        raise WrongStateError(
            f"all updates of the adapter are zero{alphas}: it would be without effect; train it again"
        )


@dataclass(frozen=True)
class WeightedAdapter:
    """An adapter that takes part at `weight`: the hash of its weights, how they are read, and its learnt words, which
    take part as they are at any weight.
    """

    weights_sha256: str
    read: Callable[[], bytes]
    weight: float
    words: tuple[WordFile, ...] = ()


def use(base: BaseModel, weights_sha256: str, read: Callable[[], bytes], weight: float) -> None:
    """Makes the adapter with those weights the only one in the pipeline, at `weight`.

    Raises as `use_together`.
    """
    use_together(base, [WeightedAdapter(weights_sha256, read, weight)])


def use_together(base: BaseModel, adapters: Sequence[WeightedAdapter]) -> None:
    """Makes `adapters`, and no others, take part, each at its weight; one is read only when it isn't in the
    pipeline yet.

    Raises as `attach` and `learnt_words.use`, and what a `read` raises.
    """
    names = [f"adapter-{one.weights_sha256[:16]}" for one in adapters]
    present = {name for part in lora.PARTS for name in getattr(getattr(base.pipeline, part), "peft_config", {})}
    if not present <= set(names):
        detach(base)
        present = set()
    for name, one in zip(names, adapters, strict=True):
        if name not in present:
            attach(base, one.read(), name)
            present.add(name)
    if names:
        base.pipeline.set_adapters(names, [one.weight for one in adapters])
    try:
        learnt_words.use(base, [word for one in adapters for word in one.words])
    except Exception:
        detach(base)
        raise


def attach(base: BaseModel, data: bytes, name: str) -> None:
    """Loads the weights in `data` into the pipeline as adapter `name` and asserts that every one arrived.

    Raises WrongStateError when a key or shape matches nothing in the base model: such an adapter would do
    less than it says, or nothing. The pipeline is left without adapters then.
    """
    try:
        lora.put(base, read_layers(base, data).lora, name)
    except Exception:
        detach(base)
        raise


def detach(base: BaseModel) -> None:
    """Removes every adapter: the base model is again as it was loaded."""
    lora.remove(base)
