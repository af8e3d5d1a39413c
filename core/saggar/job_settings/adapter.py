"""How a LoRA adapter is trained, and at which weight it takes part."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from saggar.errors import InvalidInputError
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.training import LARGEST_SEED
from saggar.learnt_words import LONGEST_WORD, WORD
from saggar.webui.prompt_syntax import parse_prompt

MOST_KEPT = 100
MOST_PREVIEWS = 8
MOST_PRIOR = 10_000
MOST_STEPS = 1_000_000
MOST_WORDS = 500
MOST_VECTORS = 16
_LONGEST_PHRASE = 200  # characters
_LONGEST_WARM_UP = 100  # unless the settings say otherwise; never more than a tenth of all steps


def _plain_prompt(prompt: str) -> str:
    try:
        parsed = parse_prompt(prompt)
    except InvalidInputError as error:
        raise ValueError(str(error)) from None
    if parsed.weights:
        raise ValueError("names an adapter; no other than the one in training takes part")
    if parsed.words:
        raise ValueError(f"names the learnt word {parsed.words[0]}; write the phrase of the class that it stands for")
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
        description="Side of the square training images in pixels; buckets have about as many pixels as the square",
        json_schema_extra={"left_out": "the base model's own"},
    )
    framing: Literal["crop", "pad", "buckets"] = Field(
        default="crop",
        description="How photographs become square: `crop` scales by the shorter side and cuts from the centre, as "
        "evaluation and serving do; `pad` keeps the whole picture and carries its ground on beyond the longer edges; "
        "with `buckets` they stay as wide or tall as they are, up to 2:1, and each batch holds one size",
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of first weights, order and noise")
    checkpoint_every_steps: int = Field(default=100, ge=1, le=MOST_STEPS, description="Steps between checkpoints")
    keep_every_steps: int = Field(
        default=0,
        ge=0,
        le=MOST_STEPS,
        description="Steps between intermediate adapters that are kept beside the last, each one of its own, at most "
        f"{MOST_KEPT}; 0: none. They decide nothing of the last; one that was trained without them is trained again",
    )
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
    prior_weight: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Weight of the loss on pictures that the bare base model has made, beside that on photographs, so "
        "that it keeps what it can draw (prior preservation, Ruiz et al. 2023, who take 1); 0 turns it off, else a "
        "step takes twice as long",
    )
    prior_images: int = Field(
        default=200,
        ge=1,
        le=MOST_PRIOR,
        description="Pictures that the base model makes for it, before the first step; with prior_weight above 0",
    )
    prior_prompts: tuple[Annotated[str, AfterValidator(_plain_prompt)], ...] = Field(
        default=(),
        max_length=MOST_PRIOR,
        description="What they show, in turn; with prior_weight above 0",
        json_schema_extra={
            "left_out": "in an experiment the classes of the adapter's tasks, one by one, elsewhere the captions"
        },
    )
    learnt_phrases: dict[str, str] = Field(
        default_factory=dict,
        max_length=MOST_WORDS,
        description="Phrases of a task's classes, each by a word such as `<glaze-moonw>` that is learnt for it with "
        "the adapter's weights (textual inversion, Gal et al. 2022) and takes its place in captions, and in prompts "
        f"when the adapter takes part; at most {MOST_WORDS}. No word is learnt for a phrase that no caption has",
        json_schema_extra={"left_out": "none"},
    )
    vectors_per_word: int = Field(
        default=1,
        ge=1,
        le=MOST_VECTORS,
        description="Tokens that a learnt word takes; each begins as the mean of the phrase's",
    )
    word_learning_rate: float | None = Field(
        default=None,
        ge=1e-9,
        le=1,
        description="AdamW's learning rate for learnt words",
        json_schema_extra={"left_out": "0.0005"},
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

    @model_validator(mode="after")
    def _few_are_kept(self) -> Self:
        if len(self.kept_steps) > MOST_KEPT:
            raise ProblemAt(
                ("keep_every_steps",),
                f"would keep {len(self.kept_steps):,} adapters, more than {MOST_KEPT}; raise it to "
                f"{-(-self.steps // (MOST_KEPT + 1))} or more",
            )
        return self

    @model_validator(mode="after")
    def _prior_is_used(self) -> Self:
        if self.prior_prompts and not self.prior_weight:
            raise ProblemAt(("prior_prompts",), "needs a prior_weight above 0")
        return self

    @model_validator(mode="after")
    def _words_are_learnt(self) -> Self:
        if not self.learns_words and (self.vectors_per_word != 1 or self.word_learning_rate is not None):
            given = "word_learning_rate" if self.word_learning_rate is not None else "vectors_per_word"
            raise ProblemAt((given,), "needs words to learn; name a task with learnt_words")
        phrases = [phrase.casefold() for phrase in self.learnt_phrases.values()]
        for word, phrase in self.learnt_phrases.items():
            if not WORD.fullmatch(word) or len(word) > LONGEST_WORD:
                raise ProblemAt(
                    ("learnt_phrases", word[:LONGEST_WORD]),
                    "is no word to learn; write one such as <glaze-moonw>, of small letters, digits, '_' and '-'",
                )
            if phrase != phrase.strip() or not 0 < len(phrase) <= _LONGEST_PHRASE:
                raise ProblemAt(
                    ("learnt_phrases", word),
                    f"must be a phrase of 1 to {_LONGEST_PHRASE} characters without blanks around",
                )
            if phrases.count(phrase.casefold()) > 1:
                raise ProblemAt(("learnt_phrases", word), f"'{phrase}' appears twice; give each phrase one word")
        return self

    @property
    def learns_words(self) -> bool:
        """Whether words are learnt beside the weights."""
        return bool(self.learnt_phrases)

    @property
    def rising_steps(self) -> int:
        """Steps over which the learning rate rises."""
        return min(_LONGEST_WARM_UP, self.steps // 10) if self.warm_up_steps is None else self.warm_up_steps

    @property
    def kept_steps(self) -> range:
        """Steps, before the last, after which the adapter is kept."""
        every = self.keep_every_steps
        return range(every, self.steps, every) if every else range(0)


class AdapterWeight(JobSettings):
    """How strongly an adapter takes part."""

    weight: float = Field(default=0.4, ge=-10, le=10, description="How strongly the adapter changes the picture")
