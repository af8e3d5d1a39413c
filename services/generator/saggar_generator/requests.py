"""What callers ask for and get, as plain values. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saggar.job_settings.adapter import AdapterSettings, AdapterWeight
from saggar.job_settings.generation import ControlSettings, GenerationSettings, StartSettings
from saggar.store import ObjectRef


@dataclass(frozen=True)
class TrainingRequest:
    """An adapter to train for `base_model`, on the photographs that the object `manifest` lists."""

    base_model: str
    manifest: ObjectRef
    settings: AdapterSettings
    fresh: str = ""  # what equal requests of another token have left is not taken over


@dataclass(frozen=True)
class AdapterPreview:
    """An image made with the adapter as it was after `step` steps."""

    step: int
    prompt: str
    image: ObjectRef


@dataclass(frozen=True)
class KeptAdapter:
    """References of the card and the weights of an adapter as it was after `step` steps of its training."""

    step: int
    adapter: ObjectRef
    weights: ObjectRef


@dataclass(frozen=True)
class TrainedAdapter:
    """References of the adapter's card, weights (diffusers' and kohya's keys) and curve, and how training
    ended. `validation_loss` is None without photographs held out; `kept`: adapters from before the last step.
    """

    adapter: ObjectRef
    weights: ObjectRef
    final_loss: float
    steps: int
    kohya_weights: ObjectRef | None = None
    curve: ObjectRef | None = None
    validation_loss: float | None = None
    kept: tuple[KeptAdapter, ...] = ()


@dataclass(frozen=True)
class ImportRequest:
    """An adapter's file, on this machine or in the store, to take in for `base_model`."""

    base_model: str
    source: Path | ObjectRef
    licence: str = ""


@dataclass(frozen=True)
class ImportedAdapter:
    """References of an adapter that another program has made, and how many layers it changes."""

    adapter: ObjectRef
    weights: ObjectRef
    kohya_weights: ObjectRef
    unet_layers: int
    text_encoder_layers: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class AdapterUse:
    """An adapter that takes part in a request's images. `name` is how prompts call it; it decides nothing."""

    name: str
    adapter: ObjectRef
    weight: float = AdapterWeight().weight


@dataclass(frozen=True)
class StartImage:
    """A photograph to make an image from. `strength`: how much of it gives way, above 0, at most 1; `framing`: how it
    becomes as large as the image, `crop` or `pad`.
    """

    image: ObjectRef
    strength: float = StartSettings().strength
    framing: str = StartSettings().framing


@dataclass(frozen=True)
class GlazeTransfer:
    """Photographs that an image takes its form from, and its glaze: the first of each that will do."""

    forms: tuple[ObjectRef, ...]
    glazes: tuple[ObjectRef, ...]


@dataclass(frozen=True)
class ImageRequest:
    """One image to make: by the model, from noise or from `start`, or by composing two photographs (`transfer`). One
    from noise may follow the form of `control`, a photograph.
    """

    prompt: str
    negative_prompt: str
    seed: int
    start: StartImage | None = None
    transfer: GlazeTransfer | None = None
    control: ObjectRef | None = None


@dataclass(frozen=True)
class PromptItem:
    """An image with the name that its caller gives it, which decides nothing; prompts may still have the
    syntax of `saggar.webui.prompt_syntax`.
    """

    prompt_id: str
    request: ImageRequest


@dataclass(frozen=True)
class ControlUse:
    """A ControlNet's folder, and how it steers."""

    path: str
    settings: ControlSettings


@dataclass(frozen=True)
class GenerationRequest:
    """Images to make with `base_model` and `adapters`; `control` takes part in those that follow a photograph."""

    base_model: str
    items: Sequence[PromptItem]
    adapters: Sequence[AdapterUse] = ()
    settings: GenerationSettings = field(default_factory=GenerationSettings)
    control: ControlUse | None = None
    fresh: str = ""  # images that equal requests of another token have left are not taken over


@dataclass(frozen=True)
class GeneratedImage:
    """An image in the store. `reused`: it was there already. `made_from`: JSON of all that decided it."""

    prompt_id: str
    image: ObjectRef
    seed: int
    reused: bool
    truncated_tokens: int
    made_from: str
