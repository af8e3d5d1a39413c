"""The sections of an experiment file that say how its steps are done; `arms` has what is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator
from saggar.errors import InvalidInputError
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.generation import ControlSettings, GenerationSettings
from saggar.job_settings.review import ReviewTerms
from saggar.job_settings.screening import ExtractorSettings, ScreenSettings
from saggar.job_settings.training import LARGEST_SEED, TrainingSettings
from saggar.prompts import NEGATIVE_PROMPT
from saggar.webui.prompt_syntax import parse_negative_prompt

MOST = 1_000_000  # photographs or images that anything is counted in

# Settings of `Generation` that decide the plan; the generator does not get them.
PLANNING = frozenset(
    {
        *("seed", "negative_prompt", "keep_cracked", "photograph_strength", "photograph_strength_to"),
        *("photograph_task", "photograph_tasks", "photograph_form_strength", "glaze_transfer", "control_net"),
    }
)


class Kilnsim(JobSettings):
    """A procedural collection, drawn instead of read.

    The experiment's taxonomy says which classes: those of `kilnsim`, of `song-yuan-porcelain`, or fewer.
    """

    count: int = Field(ge=20, le=100_000, description="Objects to draw")
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of what is drawn")
    size_px: int = Field(default=96, ge=32, le=1024, description="Side of the square pictures in pixels")
    fresh_test: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Further pieces, classes about equally often, drawn for the test split alone: what is drawn has no "
        "end, and a test split of a tenth shows little",
    )


class Data(JobSettings):
    """Where the photographs come from: a data set of the store, a folder with a CSV of labels, or kilnsim."""

    dataset: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{16}$",
        description="A data set of the store, as `saggar data import` prints it",
    )
    images: str | None = Field(
        default=None, min_length=1, description="Folder that the file names in the CSV start from"
    )
    labels: str | None = Field(default=None, min_length=1, description="The CSV of labels")
    where: dict[str, list[str]] = Field(
        default_factory=dict,
        description="Keep only photographs with these labels, per task",
        json_schema_extra={"left_out": "all are kept"},
    )
    kilnsim: Kilnsim | None = Field(default=None, description="A drawn collection")
    split_seed: int = Field(
        default=0, ge=0, le=LARGEST_SEED, description="Seed of the split into train, validation and test"
    )
    folds: int | None = Field(
        default=None,
        ge=2,
        le=50,
        description="Cross-validation: so many splits, object-wise, each with an adapter, images and trainings of its "
        "own, so that every object is tested once by models that have not seen it",
        json_schema_extra={"left_out": "one split"},
    )
    leave_out: tuple[str, ...] = Field(
        default=(),
        max_length=50,
        description="Sources (hosts of objects' pages, or first folders of paths) each the test set in turn",
        json_schema_extra={"left_out": "one split"},
    )
    withhold: int = Field(
        default=0,
        ge=0,
        le=MOST,
        description="Training photographs that all arms do without but those that get some back (`give_back`), to say "
        "how many photographs synthetic images are worth",
    )

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        given = (self.dataset is not None, bool(self.images or self.labels), self.kilnsim is not None)
        if sum(given) > 1:
            raise ValueError("give only one of dataset, images with labels, and kilnsim")
        if not any(given) or (given[1] and not (self.images and self.labels)):
            raise ValueError("name the photographs: dataset (an id), images (a folder) and labels (a CSV), or kilnsim")
        if any(not codes for codes in self.where.values()):
            raise ValueError("where: a task without classes would keep nothing; remove it or name classes")
        if self.folds is not None and self.leave_out:
            raise ValueError("give folds or leave_out, not both")
        if self.kilnsim is not None and self.kilnsim.fresh_test and self.splits > 1:
            raise ValueError("kilnsim.fresh_test is for a single split; remove it, or folds and leave_out")
        if len(set(self.leave_out)) < len(self.leave_out):
            raise ValueError("leave_out: a source appears twice")
        return self

    @property
    def splits(self) -> int:
        """How many splits there are, each with everything that follows from it."""
        return self.folds or len(self.leave_out) or 1


class Augmentation(JobSettings):
    """Classical augmentation of rare training combinations (paper: below 50 samples, to 100)."""

    below: int = Field(
        default=50, ge=1, le=MOST, description="Combinations with fewer training photographs are expanded"
    )
    to: int = Field(default=100, ge=1, le=MOST, description="How many they have then")
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of the variants")

    @model_validator(mode="after")
    def _grows(self) -> Augmentation:
        if self.to < self.below:
            raise ValueError(f"to ({self.to}) must be at least below ({self.below})")
        return self


class Training(TrainingSettings):
    """Settings of the classifier's training; what is left out takes its default."""

    elsewhere: ClassVar[Mapping[str, str]] = {"seed": "stands under `seeds`, a training for each"}

    seed: int = Field(default=0, exclude=True)


class Adapter(AdapterSettings):
    """Settings of the LoRA adapter's training; what is left out takes its default."""

    elsewhere: ClassVar[Mapping[str, str]] = {
        "caption_template": "is the taxonomy's `caption`",
        "learnt_phrases": "are those of the classes of the task that `learnt_words` names",
    }

    caption_template: str = Field(default="", exclude=True)
    learnt_phrases: dict[str, str] = Field(default_factory=dict, exclude=True)
    images: int = Field(
        default=1000, ge=1, le=MOST, description="Training photographs that are shown to it (paper: 1,000)"
    )
    selection_seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of the choice of photographs")
    tasks: tuple[str, ...] = Field(
        default=(),
        description="Tasks that captions speak of, [type] for an adapter of forms",
        json_schema_extra={"left_out": "all"},
    )
    learnt_words: str = Field(
        default="",
        description="Task, such as `glaze`, for whose classes new words are learnt with the adapter (textual "
        "inversion), as far as its photographs have them; they take the place of phrases in captions and prompts",
    )

    @property
    def learns_words(self) -> bool:
        return bool(self.learnt_words)


class WeightRule(JobSettings):
    """The adapter's weight in images of some combinations."""

    labels: dict[str, str] = Field(
        min_length=1, description="Labels that these images have, by task: of one task or of all"
    )
    weight: float = Field(ge=-10, le=10, description="How strongly the adapter changes them")


class ControlNet(ControlSettings):
    """A ControlNet, and how it steers the images along training photographs of their form."""

    path: str = Field(
        min_length=1,
        description="Folder of a ControlNet for Stable Diffusion 1.x or 2.x in diffusers format, as safetensors",
    )


class Generation(GenerationSettings):
    """How images are sampled; what is left out takes its default."""

    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed of what the images start from")
    shard_size: int = Field(
        default=32, ge=1, le=10_000, description="Prompts per call: what a generator that dies costs"
    )
    adapter_weight: float = Field(
        default=0.4, ge=-10, le=10, description="How strongly the adapter changes the pictures"
    )
    weights: tuple[WeightRule, ...] = Field(
        default=(),
        max_length=1000,
        description="Other weights of the adapter, by combination; the first rule whose labels an image has decides",
        json_schema_extra={"left_out": "adapter_weight for all"},
    )
    further_adapters: dict[str, Annotated[float, Field(ge=-10, le=10)]] = Field(
        default_factory=dict,
        description="Adapters of the store that take part as well, by id, each with its weight",
        json_schema_extra={"left_out": "none"},
    )
    photograph_strength: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Start from training photographs of the same combination; so much of them gives way",
        json_schema_extra={"left_out": "start from noise"},
    )
    photograph_strength_to: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Upper end of the range that strengths are drawn from, above photograph_strength",
        json_schema_extra={"left_out": "photograph_strength for all"},
    )
    photograph_tasks: tuple[str, ...] = Field(
        default=(),
        description="Tasks whose labels an image and its photograph share; where no photograph has them all, one of "
        "the same form is taken, and where none has that either, noise",
        json_schema_extra={"left_out": "the taxonomy's tasks of surface and form"},
    )
    photograph_form_strength: float = Field(
        default=0.8, gt=0, le=1, description="How much gives way of a photograph that shares the form alone"
    )
    photograph_task: str = Field(
        default="",
        description="The one task whose label an image and its photograph share, whatever its form",
        json_schema_extra={"left_out": "photograph_tasks decide"},
    )
    glaze_transfer: bool = Field(
        default=False,
        description="Compose every image of two training photographs, the form of one and the glaze of another, "
        "instead of letting the model draw it",
    )
    control_net: ControlNet | None = Field(
        default=None,
        description="Let every image follow the form of a training photograph of the same form, through a ControlNet",
        json_schema_extra={"left_out": "none"},
    )
    negative_prompt: str | None = Field(
        default=None, description="What to avoid", json_schema_extra={"left_out": "the paper's words"}
    )
    keep_cracked: bool = Field(
        default=False, description='Whether "cracked" stays in the negative prompt of crackled wares too'
    )

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.photograph_task and self.photograph_tasks:
            raise ProblemAt(("photograph_task",), "stands beside photograph_tasks; give one of them")
        if self.glaze_transfer and self.photograph_strength is not None:
            raise ProblemAt(("glaze_transfer",), "goes without photograph_strength; give one of them")
        if self.control_net and (self.glaze_transfer or self.photograph_strength is not None):
            raise ProblemAt(("control_net",), "goes without photograph_strength and glaze_transfer; give one of them")
        low, high = self.photograph_strength, self.photograph_strength_to
        if high is not None and (low is None or high < low):
            raise ProblemAt(("photograph_strength_to",), "must be at least photograph_strength, which it goes with")
        return self

    @model_validator(mode="after")
    def _every_weight_applies(self) -> Self:
        for number, rule in enumerate(self.weights):
            for earlier, other in enumerate(self.weights[:number]):
                if other.labels.items() <= rule.labels.items():
                    raise ProblemAt(
                        ("weights", number),
                        f"never decides: rule {earlier + 1} has these images already; put this one before it",
                    )
        return self

    def weight_of(self, labels: Mapping[str, str | None]) -> float:
        """The adapter's weight in an image with `labels`."""
        fitting = (rule for rule in self.weights if rule.labels.items() <= labels.items())
        return next((rule.weight for rule in fitting), self.adapter_weight)

    @field_validator("negative_prompt")
    @classmethod
    def _plain(cls, text: str | None) -> str | None:
        try:
            parse_negative_prompt(text or "")
        except InvalidInputError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def avoided(self) -> str:
        """The negative prompt, before "cracked" is left out for crackled wares."""
        return NEGATIVE_PROMPT if self.negative_prompt is None else self.negative_prompt


class Screening(ScreenSettings, ExtractorSettings):
    """Automatic quality control; what is left out takes its default."""

    inception_weights_path: str | None = Field(
        default=None,
        min_length=1,
        description="File of torch-fidelity's Inception-v3 weights that images are measured with",
        json_schema_extra={"left_out": "the baseline classifier's backbone measures"},
    )

    @model_validator(mode="after")
    def _resize_is_used(self) -> Self:
        if self.resize != "fidelity" and not self.inception_weights_path:
            raise ProblemAt(
                ("resize",), "needs inception_weights_path; a classifier's backbone has its own preparation"
            )
        return self


class Review(ReviewTerms):
    """Review by people of what passed the screening; the experiment waits for it."""

    policy: Literal["none", "sample", "all"] = Field(
        default="none",
        description="`none`: nobody is asked; `all`: every image is shown; `sample`: some, and their pass rate decides "
        "for the set",
    )
