"""Adapters: a LoRA's weights in diffusers format, and a card that says what they were made from and for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from peft.utils import get_peft_model_state_dict
from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict, ValidationError
from safetensors.torch import load_file
from saggar.errors import DataCorruptionError, WrongStateError
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.basemodel import BaseModel

WEIGHTS_NAME = "adapter.safetensors"
WEIGHTS_TYPE = "application/octet-stream"


class StoredObject(PydanticModel):
    """An object of the store, as a card names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str
    sha256: str
    size_bytes: int
    media_type: str

    @classmethod
    def of(cls, ref: ObjectRef) -> StoredObject:
        return cls(key=ref.key, sha256=ref.sha256, size_bytes=ref.size_bytes, media_type=ref.media_type)

    def ref(self) -> ObjectRef:
        return ObjectRef(self.key, self.sha256, self.size_bytes, self.media_type)


class AdapterCard(PydanticModel):
    """`adapter.json`: what an adapter is, from which it can be judged and repeated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int = 1
    adapter_id: str
    base_model: str
    base_hash: str
    prediction_type: str
    settings: dict[str, int | float]
    target_modules: tuple[str, ...]
    manifest: StoredObject
    images: int
    caption_sample: str
    steps: int
    final_loss: float
    weights: StoredObject
    libraries: dict[str, str]

    def to_bytes(self) -> bytes:
        return (json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


def keys(adapter_id: str) -> tuple[str, str]:
    """Store keys of an adapter's card and weights."""
    return f"adapters/{adapter_id}/adapter.json", f"adapters/{adapter_id}/{WEIGHTS_NAME}"


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
    """Raises WrongStateError, naming both, when the adapter was trained on another base model."""
    if card.base_hash != base.content_hash:
        raise WrongStateError(
            f"adapter {card.adapter_id} was trained on {card.base_model} ({card.base_hash[:12]}) and does "
            "not fit "
            f"{base.spec} ({base.content_hash[:12]}); generate with {card.base_model}, or train an adapter "
            f"on {base.spec}"
        )


def write_weights(unet: Any, name: str) -> bytes:
    """The adapter `name` of `unet` as safetensors in diffusers format, with peft's configuration as
    metadata.
    """
    config = unet.peft_config[name].to_dict()
    # Sets have no order that lasts from process to process, and the bytes must not depend on it.
    metadata = {k: sorted(v) if isinstance(v, set) else v for k, v in config.items() if _is_plain(v)}
    weights = {
        key: value.detach().to("cpu", torch.float32).contiguous()
        for key, value in get_peft_model_state_dict(unet, adapter_name=name).items()
    }
    with tempfile.TemporaryDirectory(prefix="saggar-") as folder:
        StableDiffusionPipeline.save_lora_weights(
            folder,
            unet_lora_layers=weights,
            weight_name=WEIGHTS_NAME,
            unet_lora_adapter_metadata=metadata,
        )
        return _in_order((Path(folder) / WEIGHTS_NAME).read_bytes())


def use(base: BaseModel, weights_sha256: str, read: Callable[[], bytes], weight: float) -> None:
    """Makes the adapter with those weights the only one in the pipeline, at `weight`; read only when it
    isn't in yet.

    Raises as `attach`, and what `read` raises.
    """
    name = f"adapter-{weights_sha256[:16]}"
    if name not in getattr(base.pipeline.unet, "peft_config", {}):
        detach(base)
        attach(base, read(), name)
    base.pipeline.set_adapters([name], [weight])


def attach(base: BaseModel, data: bytes, name: str) -> None:
    """Loads the weights in `data` into the pipeline as adapter `name` and asserts that every one arrived.

    Raises WrongStateError when a key or shape matches nothing in the base model: such an adapter would do
    less than it says, or nothing. The pipeline is left without the adapter then.
    """
    pipeline = base.pipeline
    with tempfile.TemporaryDirectory(prefix="saggar-") as folder:
        path = Path(folder) / WEIGHTS_NAME
        path.write_bytes(data)
        loaded = load_file(path)
        wanted = {key.removeprefix("unet."): value for key, value in loaded.items()}
        _refuse(base, [key for key in loaded if not key.startswith("unet.")], len(loaded))
        try:
            pipeline.unet.load_lora_adapter(
                folder, weight_name=WEIGHTS_NAME, prefix="unet", adapter_name=name, local_files_only=True
            )
        except (RuntimeError, ValueError, KeyError) as error:
            detach(base)
            raise WrongStateError(
                f"the adapter's weights do not fit {base.spec} ({error}); train an adapter on {base.spec}"
            ) from error
    if name in getattr(pipeline.unet, "peft_config", {}):
        arrived = get_peft_model_state_dict(pipeline.unet, adapter_name=name)
    else:
        arrived = {}
    strays = _differing(wanted, arrived)
    _refuse(base, strays, len(wanted))


def _refuse(base: BaseModel, strays: list[str], count: int) -> None:
    if strays or not count:
        detach(base)
        raise WrongStateError(
            f"{len(strays)} of the adapter's {count} weights match nothing in {base.spec} (e.g. "
            f"{', '.join(strays[:3]) or 'there are none'}); it would be without effect: train an adapter on "
            f"{base.spec}"
        )


def detach(base: BaseModel) -> None:
    """Removes every adapter: the UNet is again as it was loaded."""
    base.pipeline.unload_lora_weights()
    base.pipeline.unet.requires_grad_(requires_grad=False)


def _differing(wanted: Mapping[str, torch.Tensor], arrived: Mapping[str, torch.Tensor]) -> list[str]:
    """Keys that are on one side only, or whose values differ."""
    names = wanted.keys() | arrived.keys()
    return sorted(
        key
        for key in names
        if key not in wanted
        or key not in arrived
        or not torch.equal(arrived[key].cpu(), wanted[key].to(arrived[key].dtype))
    )


def _in_order(data: bytes) -> bytes:
    """The same safetensors file with its header sorted; the library writes metadata in an order of chance.

    Format: 8 bytes of header length, header (JSON, filled up with spaces), tensors at offsets from its end.
    """
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _is_plain(value: object) -> bool:
    """Whether JSON has a form for `value` (some of peft's settings are objects of its own)."""
    try:
        json.dumps(sorted(value) if isinstance(value, set) else value)
    except TypeError:
        return False
    return True
