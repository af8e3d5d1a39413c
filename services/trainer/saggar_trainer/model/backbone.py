"""MobileNetV3-Large and its minimalistic variant, with their first weights and the input these expect."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from saggar.errors import InvalidInputError, NotFoundError
from saggar.images import IMAGENET_MEAN, IMAGENET_STD, RESIZE, InputSpec
from saggar.job_settings.training import TrainingSettings
from torch import nn
from torchvision.models import (  # type: ignore[import-untyped]
    MobileNet_V3_Large_Weights,
    mobilenet_v3_large,
)
from torchvision.models.mobilenetv3 import (  # type: ignore[import-untyped]
    InvertedResidualConfig,
    MobileNetV3,
)

RANDOM_WEIGHTS = (
    "random initial weights: the backbone has not seen ImageNet, so scores are below what the method reaches"
)

FEATURES = 960  # channels of the last convolution, both variants

# Searching for MobileNetV3 (doi:10.1109/ICCV.2019.00140), Table 1; "minimalistic" as TensorFlow's model
# garden has it: 3x3 depthwise kernels only, no squeeze-and-excitation, ReLU. In, expanded, out, stride.
MINIMALISTIC_ROWS = (
    (16, 16, 16, 1),
    (16, 64, 24, 2),
    (24, 72, 24, 1),
    (24, 72, 40, 2),
    (40, 120, 40, 1),
    (40, 120, 40, 1),
    (40, 240, 80, 2),
    (80, 200, 80, 1),
    (80, 184, 80, 1),
    (80, 184, 80, 1),
    (80, 480, 112, 1),
    (112, 672, 112, 1),
    (112, 672, 160, 2),
    (160, 960, 160, 1),
    (160, 960, 160, 1),
)


@dataclass(frozen=True)
class Backbone:
    """`layers` turns images [N, 3, S, S] into a map [N, 960, S/32, S/32]; `warnings` go into every result."""

    layers: nn.Module
    warnings: tuple[str, ...]


def build_backbone(settings: TrainingSettings) -> Backbone:
    """The backbone with its first weights. Random ones come from torch's global generator: seed it first.

    Raises NotFoundError when weights are missing or cannot be downloaded, InvalidInputError when they do not
    fit.
    """
    network = minimalistic() if settings.architecture == "mobilenet_v3_large_minimalistic" else mobilenet_v3_large()
    warnings: tuple[str, ...] = ()
    if settings.initial_weights == "imagenet":
        network.load_state_dict(_torchvision_weights())
    elif settings.initial_weights == "file":
        _load(network.features, Path(settings.initial_weights_path), settings.architecture)
    else:
        warnings = (RANDOM_WEIGHTS,)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # torchvision's 0.01 is for long schedules; timm's 0.1, which the authors trained with, follows a
            # small data set within an epoch.
            module.momentum = 0.1
    return Backbone(network.features, warnings)


def input_spec(settings: TrainingSettings) -> InputSpec:
    """How images are prepared for `settings.architecture`: the minimalistic weights expect x / 127.5 - 1."""
    half = (0.5, 0.5, 0.5)
    minimal = settings.architecture == "mobilenet_v3_large_minimalistic"
    mean, std = (half, half) if minimal else (IMAGENET_MEAN, IMAGENET_STD)
    return InputSpec(size_px=settings.image_size_px, mean=mean, std=std, resize=RESIZE[settings.framing])


def minimalistic() -> MobileNetV3:
    """Torchvision's MobileNetV3 class, built as the minimalistic variant."""
    rows = [
        InvertedResidualConfig(
            input_channels=channels,
            kernel=3,
            expanded_channels=expanded,
            out_channels=out,
            use_se=False,
            activation="RE",
            stride=stride,
            dilation=1,
            width_mult=1.0,
        )
        for channels, expanded, out, stride in MINIMALISTIC_ROWS
    ]
    network = MobileNetV3(rows, last_channel=1280)
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Hardswish):
                setattr(parent, name, nn.ReLU(inplace=True))
    return network


def _torchvision_weights() -> dict[str, torch.Tensor]:
    source = MobileNet_V3_Large_Weights.IMAGENET1K_V2
    try:
        return dict(source.get_state_dict(progress=False, check_hash=True))
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        file = source.url.rsplit("/", 1)[-1]
        raise NotFoundError(
            f"torchvision's ImageNet weights cannot be downloaded ({error}). Put {file} into {folder} on the "
            "trainer's machine, or set initial_weights to `file` with a .safetensors of a torchvision MobileNetV3, "
            "or to `random`",
            file,
        ) from error


def _load(features: nn.Module, path: Path, architecture: str) -> None:
    """Fill `features` from a state dict of the whole network or of its features; its head is left out."""
    if not path.is_file():
        raise NotFoundError(
            f"initial weights {path}: no such file on the trainer's machine; check initial_weights_path",
            str(path),
        )
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise InvalidInputError(f"initial weights {path}: not a safetensors file ({error})") from error
    state = {key.removeprefix("features."): value.float() for key, value in state.items() if _of_features(key)}
    expected = features.state_dict()
    missing = sorted(key for key in expected if key not in state and not key.endswith("num_batches_tracked"))
    misfit = sorted(key for key in expected if key in state and state[key].shape != expected[key].shape)
    unknown = sorted(key for key in state if key not in expected)
    if missing or misfit or unknown:
        wrong = [f"{len(missing)} missing", f"{len(misfit)} of another shape", f"{len(unknown)} unknown"]
        example = (missing + misfit + unknown)[0]
        raise InvalidInputError(
            f"initial weights {path} are not those of torchvision's {architecture}: {', '.join(wrong)} tensors, "
            f"e.g. features.{example}; check `architecture` and `initial_weights_path`"
        )
    features.load_state_dict(state, strict=False)  # num_batches_tracked may be left out


def _of_features(key: str) -> bool:
    return not key.startswith("classifier.")
