"""LoRA layers as plain values: put onto a pipeline, and taken from one.

A `Lora` names its layers by part (`unet`, `text_encoder`) and by the module's path in that part.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.tuners_utils import BaseTunerLayer
from saggar.errors import InvalidInputError, WrongStateError

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.vocabulary import added_words

PARTS = ("unet", "text_encoder")
# Of CLIP's text model; what kohya's and diffusers' trainers adapt too.
TEXT_ENCODER_TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj")
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class LoraLayer:
    """A linear or convolutional layer's update, `alpha / rank * up @ down`.

    `down` [rank, in] or [rank, in, kh, kw]; `up` [out, rank] or [out, rank, 1, 1].
    """

    down: torch.Tensor
    up: torch.Tensor
    alpha: float

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def bound(self) -> float:
        """A number that no weight, nor any entry of the update, exceeds in size; not finite where one is not."""
        down, up = self.down.double().flatten(1), self.up.double().flatten(1)
        factor = abs(self.alpha) / self.rank
        entries = factor * up.norm(dim=1).max() * down.norm(dim=0).max()  # Cauchy and Schwarz
        return float(torch.stack([down.abs().max(), up.abs().max(), entries]).max())

    @property
    def has_effect(self) -> bool:
        return self.alpha != 0 and bool(self.up.any()) and bool(self.down.any())


Lora = Mapping[str, Mapping[str, LoraLayer]]


def add_fresh(base: BaseModel, name: str, targets: Mapping[str, Sequence[str]], settings: Any) -> None:
    """Adds new layers of `settings.rank` to those layers of each part whose names end in one of its targets.

    They change nothing at first. Raises InvalidInputError when a target matches no layer of its part.
    """
    places = modules(base)
    for part, endings in targets.items():
        if unmatched := [end for end in endings if not any(_ends(path, end) for path in places[part])]:
            raise InvalidInputError(
                f"{base.spec}: no layer of the {part} is called {', '.join(unmatched)}; check unet_targets, "
                "or SAGGAR_LORA_TARGETS"
            )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for part, endings in targets.items():
            config = LoraConfig(
                r=settings.rank,
                lora_alpha=settings.alpha,
                init_lora_weights="gaussian",
                target_modules=list(endings),
            )
            getattr(base.pipeline, part).add_adapter(config, adapter_name=name)


def put(base: BaseModel, lora: Lora, name: str) -> None:
    """Adds the layers of `lora` to the pipeline as adapter `name`, every one of them.

    Raises WrongStateError, and leaves the pipeline without any adapter, when a layer or its shape matches
    nothing in `base`.
    """
    problems = mismatches(base, lora)
    if problems:
        remove(base)
        more = len(problems) - _SHOWN
        raise WrongStateError(
            f"{len(problems)} layers of the adapter do not fit {base.spec}: {'; '.join(problems[:_SHOWN])}"
            f"{f' and {more} more' if more > 0 else ''}; use the base model that it was trained on, or train "
            f"an adapter on {base.spec}"
        )
    for part, layers in lora.items():
        if not layers:
            continue
        network = getattr(base.pipeline, part)
        # peft draws weights, which are then replaced, and warns of a second adapter, which is meant.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Already found a `peft_config`", UserWarning)
            network.add_adapter(LoraConfig(**peft_settings(layers)), adapter_name=name)
        network.requires_grad_(requires_grad=False)
        _fill(network, layers, name)
    arrived = {part: layers.keys() for part, layers in take(base, name).items() if layers}
    if arrived != {part: layers.keys() for part, layers in lora.items() if layers}:
        remove(base)
        raise WrongStateError(f"not every layer of the adapter could be put into {base.spec}")


def take(base: BaseModel, name: str) -> Lora:
    """The layers of adapter `name`, as float32 on the CPU."""
    return {part: _layers(getattr(base.pipeline, part), name) for part in PARTS}


def remove(base: BaseModel) -> None:
    """Removes every adapter, with learnt words: the networks are again as they were loaded."""
    added_words.remove(base.pipeline.text_encoder)
    base.pipeline.unload_lora_weights()
    for part in PARTS:
        getattr(base.pipeline, part).requires_grad_(requires_grad=False)


def modules(base: BaseModel) -> dict[str, dict[str, Any]]:
    """The layers that an adapter can change, of each part, by their paths."""
    return {part: _changeable(getattr(base.pipeline, part)) for part in PARTS}


def reshaped(lora: Lora, places: Mapping[str, Mapping[str, Any]]) -> Lora:
    """`lora` with matrices for 1 x 1 convolutions as kernels, and such kernels for linear layers as matrices: some
    programs write one for the other, and the numbers are the same.
    """
    return {
        part: {path: _reshaped(layer, places[part].get(path)) for path, layer in layers.items()}
        for part, layers in lora.items()
    }


def mismatches(base: BaseModel, lora: Lora) -> list[str]:
    """What of `lora` has no place in `base`, in words."""
    problems = []
    places = modules(base)
    for part, layers in lora.items():
        for path, layer in layers.items():
            module = places[part].get(path)
            if module is None:
                problems.append(f"{part} has no layer {path}")
            elif (needed := _shapes(module, layer.rank)) != (tuple(layer.down.shape), tuple(layer.up.shape)):
                shapes = f"{list(layer.down.shape)} and {list(layer.up.shape)}"
                problems.append(f"{part} {path} is {shapes}; that layer takes {list(needed[0])} and {list(needed[1])}")
    return problems


def peft_settings(layers: Mapping[str, LoraLayer]) -> dict[str, Any]:
    """The arguments of peft's LoraConfig for `layers`: the commonest rank and alpha, and what differs."""
    rank, alpha = Counter((layer.rank, layer.alpha) for layer in layers.values()).most_common(1)[0][0]
    return {
        "r": rank,
        "lora_alpha": _whole(alpha),
        "target_modules": sorted(layers),
        "rank_pattern": {path: layer.rank for path, layer in layers.items() if layer.rank != rank},
        "alpha_pattern": {path: _whole(layer.alpha) for path, layer in layers.items() if layer.alpha != alpha},
    }


def _reshaped(layer: LoraLayer, module: Any) -> LoraLayer:
    if module is None:
        return layer
    axes, kernel = module.weight.ndim, tuple(module.weight.shape[2:])
    down, up = layer.down, layer.up
    if axes == 4 and kernel == (1, 1):
        down, up = (half[:, :, None, None] if half.ndim == 2 else half for half in (down, up))
    elif axes == 4 and down.ndim == 4 and up.ndim == 2:  # a kernel, and the matrix after it
        up = up[:, :, None, None]
    elif axes == 2:
        down, up = (half[:, :, 0, 0] if half.shape[2:] == (1, 1) else half for half in (down, up))
    return LoraLayer(down, up, layer.alpha)


def _ends(path: str, ending: str) -> bool:
    """As peft matches names."""
    return path == ending or path.endswith(f".{ending}")


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number


def _fill(network: Any, layers: Mapping[str, LoraLayer], name: str) -> None:
    with torch.no_grad():
        for path, layer in layers.items():
            module = network.get_submodule(path)
            dtype = module.get_base_layer().weight.dtype
            for weights, values in ((module.lora_A, layer.down), (module.lora_B, layer.up)):
                weights[name].to(dtype)
                weights[name].weight.copy_(values)


def _layers(network: Any, name: str) -> dict[str, LoraLayer]:
    return {
        path: LoraLayer(
            module.lora_A[name].weight.detach().to("cpu", torch.float32).contiguous(),
            module.lora_B[name].weight.detach().to("cpu", torch.float32).contiguous(),
            float(module.lora_alpha[name]),
        )
        for path, module in network.named_modules()
        if isinstance(module, BaseTunerLayer) and name in module.lora_A
    }


def _changeable(network: Any) -> dict[str, Any]:
    found = {}
    for path, module in network.named_modules():
        if isinstance(module, BaseTunerLayer):
            found[path] = module.get_base_layer()
        elif isinstance(module, torch.nn.Linear | torch.nn.Conv2d) and not _is_inner(path):
            found[path] = module
    return found


def _is_inner(path: str) -> bool:
    """Whether peft has put that layer there, or wrapped it."""
    return any(step in {"base_layer", "lora_A", "lora_B"} for step in path.split("."))


def _shapes(module: Any, rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    outward, *rest = module.weight.shape  # [out, in] or [out, in, kh, kw]
    return (rank, *rest), (outward, rank, *(1 for _ in rest[1:]))
