"""What callers ask for and get, as plain values. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.job_settings.adapter import AdapterWeight
from saggar.job_settings.generation import StartSettings
from saggar.store import ObjectRef


@dataclass(frozen=True)
class AdapterPreview:
    """An image made with the adapter as it was after `step` steps."""

    step: int
    prompt: str
    image: ObjectRef


@dataclass(frozen=True)
class TrainedAdapter:
    """References of the adapter's card, weights (diffusers' and kohya's keys) and curve, and how training
    ended. `validation_loss` is None without photographs held out.
    """

    adapter: ObjectRef
    weights: ObjectRef
    final_loss: float
    steps: int
    kohya_weights: ObjectRef | None = None
    curve: ObjectRef | None = None
    validation_loss: float | None = None


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
    """A photograph to make an image from. `strength`: how much of it gives way, above 0, at most 1."""

    image: ObjectRef
    strength: float = StartSettings().strength


@dataclass(frozen=True)
class Wanted:
    """One image to make."""

    prompt: str
    negative_prompt: str
    seed: int
    start: StartImage | None = None


@dataclass(frozen=True)
class PromptItem:
    """One image asked for. `prompt_id` names it for the caller and decides nothing; prompts may still have
    the syntax of `saggar.webui.prompt_syntax`.
    """

    prompt_id: str
    wanted: Wanted


@dataclass(frozen=True)
class GeneratedImage:
    """An image in the store. `reused`: it was there already. `made_from`: JSON of all that decided it."""

    prompt_id: str
    image: ObjectRef
    seed: int
    reused: bool
    truncated_tokens: int
    made_from: str
