"""What callers ask for and get, as plain values. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.store import ObjectRef


@dataclass(frozen=True)
class AdapterSettings:
    """How an adapter is trained; the fields of the contract's message, with its defaults."""

    rank: int = 8
    alpha: int = 8
    steps: int = 1000
    batch_size: int = 4
    learning_rate: float = 1e-4
    resolution_px: int = 0  # 0: the base model's own
    seed: int = 0
    checkpoint_every_steps: int = 100
    clip_skip: int = 1
    min_snr_gamma: float = 5.0


@dataclass(frozen=True)
class TrainedAdapter:
    """References of the adapter's card and weights, and how training ended."""

    adapter: ObjectRef
    weights: ObjectRef
    final_loss: float
    steps: int


@dataclass(frozen=True)
class GenerationSettings:
    """How images are sampled; the fields of the contract's message, with its defaults.

    The batch size is not among them: it does not decide the pictures.
    """

    steps: int = 20
    guidance_scale: float = 7.0
    clip_skip: int = 1
    scheduler: str = "dpmpp_2m_karras"
    width_px: int = 0  # 0: the base model's own
    height_px: int = 0
    adapter_weight: float = 0.4


@dataclass(frozen=True)
class Wanted:
    """One image to make."""

    prompt: str
    negative_prompt: str
    seed: int


@dataclass(frozen=True)
class PromptItem:
    """`prompt_id` names the image for the caller; it decides nothing."""

    prompt_id: str
    wanted: Wanted


@dataclass(frozen=True)
class GeneratedImage:
    """An image in the store. `reused`: it was there already."""

    prompt_id: str
    image: ObjectRef
    seed: int
    reused: bool
    truncated_tokens: int
