"""What callers ask for and get, as plain values. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.store import ObjectRef

OPTIMIZERS = ("adamw", "adamw8bit")
SCHEDULES = ("constant", "linear", "cosine")  # of the learning rate
FRAMINGS = ("crop", "pad")


@dataclass(frozen=True)
class AdapterSettings:
    """How an adapter is trained; the fields of the contract's message, with its defaults."""

    rank: int = 8
    alpha: int = 8
    steps: int = 1000
    batch_size: int = 4
    learning_rate: float = 1e-4
    resolution_px: int = 0  # 0: the base model's own
    framing: str = "crop"
    seed: int = 0
    checkpoint_every_steps: int = 100
    clip_skip: int | None = None  # None: the base model's own
    min_snr_gamma: float = 5.0
    unet_targets: tuple[str, ...] = ()  # empty: the service's
    train_text_encoder: bool = False
    text_encoder_learning_rate: float | None = None  # None: half of learning_rate
    optimizer: str = "adamw"
    learning_rate_schedule: str = "constant"
    warm_up_steps: int | None = None  # None: a tenth of all, at most 100
    gradient_accumulation_steps: int = 1
    gradient_checkpointing: bool = False
    noise_offset: float = 0.0
    caption_dropout: float = 0.0
    validation_share: float = 0.0
    validation_every_steps: int = 100
    preview_every_steps: int = 0  # 0: none
    preview_prompts: tuple[str, ...] = ()  # empty: the first different captions
    caption_template: str = ""
    licence: str = ""


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
class GenerationSettings:
    """How images are sampled; the fields of the contract's message, with its defaults.

    The batch size is not among them: it does not decide the pictures.
    """

    steps: int = 20
    guidance_scale: float = 7.0
    clip_skip: int | None = None  # None: the base model's own
    scheduler: str = "dpmpp_2m_karras"
    width_px: int = 0  # 0: the base model's own
    height_px: int = 0


@dataclass(frozen=True)
class AdapterUse:
    """An adapter that takes part in a request's images. `name` is how prompts call it; it decides nothing."""

    name: str
    adapter: ObjectRef
    weight: float = 0.4


@dataclass(frozen=True)
class StartImage:
    """A photograph to make an image from. `strength`: how much of it gives way, above 0, at most 1."""

    image: ObjectRef
    strength: float = 0.6


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
