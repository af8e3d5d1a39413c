"""How a LoRA adapter is trained, and at which weight it takes part."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from saggar.errors import InvalidInputError
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.training import LARGEST_SEED
from saggar.webui.prompt_syntax import parse_prompt

MOST_PREVIEWS = 8
MOST_STEPS = 1_000_000


def _plain_prompt(prompt: str) -> str:
    try:
        parsed = parse_prompt(prompt)
    except InvalidInputError as error:
        raise ValueError(str(error)) from None
    if parsed.weights:
        raise ValueError("names an adapter; a preview shows the one in training, and no other")
    return prompt


class AdapterSettings(JobSettings):
    """Settings of one training of an adapter."""

    rank: int = Field(default=8, ge=1, le=1024, description="Rank of the update matrices")
    alpha: int = Field(
        default_factory=lambda given: int(given.get("rank", 1)),
        ge=1,
        le=4096,
        description="Scale's numerator: alpha / rank scales the update",
        json_schema_extra={"left_out": "equal to rank"},
    )
    steps: int = Field(default=1000, ge=1, le=MOST_STEPS, description="Optimiser steps")
    batch_size: int = Field(default=4, ge=1, le=1024, description="Images per step")
    learning_rate: float = Field(default=1e-4, ge=1e-9, le=1, description="AdamW's learning rate")
    resolution_px: int = Field(
        default=0,
        ge=0,
        le=2048,
        description="Side of the square training images in pixels",
        json_schema_extra={"left_out": "the base model's own"},
    )
    framing: Literal["crop", "pad"] = Field(
        default="crop",
        description="How photographs become square: `crop` scales by the shorter side and cuts from the centre, as "
        "evaluation and serving do; `pad` keeps the whole picture and carries its ground on beyond the longer edges",
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of first weights, order and noise")
    checkpoint_every_steps: int = Field(default=100, ge=1, le=MOST_STEPS, description="Steps between checkpoints")
    clip_skip: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="As in the web UIs minus one: 1 takes the text encoder's penultimate layer",
        json_schema_extra={"left_out": "1, and 0 for Stable Diffusion 2.x, which comes without the last"},
    )
    min_snr_gamma: float = Field(
        default=5.0, ge=0, le=1000, description="Gamma of min-SNR loss weighting (Hang et al. 2023); 0 turns it off"
    )
    unet_targets: tuple[Annotated[str, Field(min_length=1)], ...] = Field(
        default=(),
        description="Endings of the names of the UNet's layers that the adapter changes",
        json_schema_extra={"left_out": "the service's SAGGAR_LORA_TARGETS (all attention projections)"},
    )
    train_text_encoder: bool = Field(
        default=False,
        description="Whether the text encoder's attention projections are adapted too; captions then go through it at "
        "every step",
    )
    text_encoder_learning_rate: float | None = Field(
        default=None,
        ge=1e-9,
        le=1,
        description="Learning rate of the text encoder's part, with `train_text_encoder: true`",
        json_schema_extra={"left_out": "half of learning_rate"},
    )
    optimizer: Literal["adamw", "adamw8bit"] = Field(
        default="adamw",
        description="The optimiser; the moments of `adamw8bit` take a quarter of the memory, and it needs bitsandbytes",
    )
    learning_rate_schedule: Literal["constant", "linear", "cosine"] = Field(
        default="constant", description="What the learning rate does after the warm-up; the latter two fall to 0"
    )
    warm_up_steps: int | None = Field(
        default=None,
        ge=0,
        le=MOST_STEPS,
        description="Steps over which the learning rate rises linearly",
        json_schema_extra={"left_out": "a tenth of all, at most 100"},
    )
    gradient_accumulation_steps: int = Field(default=1, ge=1, le=1024, description="Batches per optimiser step")
    gradient_checkpointing: bool = Field(
        default=False,
        description="Whether the UNet's activations are computed again in the backward pass: less memory, more time",
    )
    noise_offset: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Shift of the noise's mean, per image and channel, in its standard deviations; 0 turns it off, "
        "0.05 to 0.1 are usual",
    )
    caption_dropout: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that an example's caption is left out, so that guidance has an unconditional side",
    )
    validation_share: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="Share of the adapter's photographs, by object, that is held out to measure a validation loss; an "
        "object is held out only where another has the same caption. The photographs are the training split's: those "
        "of validation and test are never seen",
    )
    validation_every_steps: int = Field(
        default=100, ge=1, le=MOST_STEPS, description="Steps between measurements of the validation loss"
    )
    preview_every_steps: int = Field(
        default=0,
        ge=0,
        le=MOST_STEPS,
        description="Steps between previews; 0: none. Previews decide nothing: none are made for an adapter that is "
        "finished already",
    )
    preview_prompts: tuple[Annotated[str, AfterValidator(_plain_prompt)], ...] = Field(
        default=(),
        max_length=MOST_PREVIEWS,
        description=f"What previews show, at most {MOST_PREVIEWS}",
        json_schema_extra={"left_out": "the first 4 different captions"},
    )
    caption_template: str = Field(
        default="", description="How captions were made; written into the adapter's card and files"
    )
    licence: str = Field(
        default="", description="What the adapter may be used for; written into the adapter's card and files"
    )

    @model_validator(mode="after")
    def _rate_is_used(self) -> Self:
        if self.text_encoder_learning_rate is not None and not self.train_text_encoder:
            raise ProblemAt(("text_encoder_learning_rate",), "needs train_text_encoder: true")
        return self


class AdapterWeight(JobSettings):
    """How strongly an adapter takes part."""

    weight: float = Field(default=0.4, ge=-10, le=10, description="How strongly the adapter changes the picture")
