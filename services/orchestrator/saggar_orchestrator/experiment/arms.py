"""What an experiment compares: which synthetic images there are to be, and which training set is whose."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue, model_validator
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.training import LARGEST_SEED

from saggar_orchestrator.experiment.sections import MOST

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class Pair(JobSettings):
    """Two classes of one task that are mistaken for one another, within fixed other labels."""

    task: str = Field(description="The task that the pair varies")
    codes: tuple[str, str] = Field(description="The two classes")
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Labels in other tasks that both have",
        json_schema_extra={"left_out": "what photographs of both have most often"},
    )

    @model_validator(mode="after")
    def _differ(self) -> Pair:
        if self.codes[0] == self.codes[1]:
            raise ValueError(f"a pair needs two different classes, not '{self.codes[0]}' twice")
        if self.task in self.labels:
            raise ValueError(f"labels fixes {self.task}, which is what the pair varies; remove it")
        return self


class Plan(JobSettings):
    """Which synthetic images there are to be: rare combinations and confusion pairs, named or found in the data.

    Both are found in training and validation images only; the test split has no say.
    """

    rarest: int = Field(
        default=9, ge=0, le=MOST, description="So many of the training split's rarest combinations (paper: 9)"
    )
    rarest_at_most: int = Field(
        default=5, ge=1, le=MOST, description="Only combinations with at most so many training photographs"
    )
    combinations: tuple[dict[str, str], ...] = Field(
        default=(), description="Combinations that are named", json_schema_extra={"left_out": "the rarest are found"}
    )
    every_form: bool = Field(
        default=False,
        description="Besides these, every surface that training photographs have (all labels but the form's) in every "
        "form; photographs can be composed so (`generation.glaze_transfer`)",
    )
    most_confused: int = Field(
        default=4, ge=0, le=MOST, description="So many pairs that the baseline confuses on validation (paper: 4)"
    )
    pairs: tuple[Pair, ...] = Field(default=(), description="Pairs that are named, before the ones that are found")
    pair_tasks: tuple[str, ...] = Field(
        default=(), description="Tasks in which pairs are looked for", json_schema_extra={"left_out": "all"}
    )
    pair_share: float = Field(
        default=0.2, ge=0, lt=1, description="Pairs' share of an arm's images (paper: 120 of 570)"
    )
    spare_share: float = Field(
        default=0.15, ge=0, le=2, description="Images beyond an arm's count, for those that screening rejects"
    )
    top_up_rounds: int = Field(
        default=2, ge=0, le=20, description="How often more are made where too few were accepted"
    )


class Synthetic(JobSettings):
    """How many synthetic images an arm takes: a count, a share of the final training set, or counts per target."""

    count: int | None = Field(default=None, ge=1, le=MOST, description="So many images")
    share: Annotated[float, Field(gt=0, lt=1)] | Literal["auto"] | None = Field(
        default=None,
        description="This share of the final training set; `auto`: the smallest of `candidates` whose validation score "
        "is within one standard error of the best, found with `tuning_seeds`; only that one meets the test split",
    )
    candidates: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(
        default=(0.0, 0.02, 0.05, 0.1, 0.2), min_length=2, max_length=20, description="Shares to try with `share: auto`"
    )
    tuning_seeds: tuple[Seed, ...] = Field(
        default=(9001, 9002, 9003),
        min_length=2,
        max_length=20,
        description="Seeds of the trainings that try shares; none of the experiment's `seeds`",
    )
    per_combination: int | None = Field(default=None, ge=0, le=MOST, description="So many of every rare combination")
    per_pair: int | None = Field(
        default=None, ge=0, le=MOST, description="So many of each side of every pair, with per_combination"
    )
    pairs: int | None = Field(
        default=None,
        ge=0,
        le=MOST,
        description="How many of the plan's pairs this arm uses",
        json_schema_extra={"left_out": "all"},
    )

    @model_validator(mode="after")
    def _one_measure(self) -> Synthetic:
        given = [self.count is not None, self.share is not None, self.per_combination is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of count, share, or per_combination (with per_pair)")
        if self.per_pair is not None and self.per_combination is None:
            raise ValueError("per_pair goes with per_combination")
        if len(set(self.candidates)) < len(self.candidates) or not any(self.candidates):
            raise ValueError("candidates: give different shares, at least one above 0")
        return self

    @property
    def largest_share(self) -> float | None:
        """The share that images are planned for; None when counts are asked for."""
        return max(self.candidates) if self.share == "auto" else self.share


class Control(JobSettings):
    """In place of another arm's synthetic images: as many, of the same combinations, without a generator."""

    of: str = Field(description="The arm whose synthetic images are matched")
    by: Literal["variants", "repeats"] = Field(
        default="variants",
        description="Classical variants of real photographs, or the photographs again (oversampling)",
    )


class Arm(JobSettings):
    """One training set, and how it is trained on. Without `synthetic`, `control` or `give_back` it has the real
    photographs alone.
    """

    name: str = Field(min_length=1, max_length=40, pattern=r"^[^/\s][^/]*$", description="What reports call it")
    extends: str | None = Field(
        default=None, description="Another arm, which this one equals in all that it does not say itself"
    )
    synthetic: Synthetic | None = Field(default=None, description="Synthetic images that it takes")
    control: Control | None = Field(default=None, description="What it takes in place of synthetic images")
    give_back: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="So many of the photographs of `data.withhold` that it has all the same",
    )
    training: dict[str, JsonValue] = Field(
        default_factory=dict,
        description="Settings of `training` that are its own",
        json_schema_extra={"left_out": "the experiment's"},
    )
    synthetic_task_weights: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict,
        description="Weight of its synthetic images in a task's loss, 0 to 1: 0 masks the task, so that they do not "
        "teach it",
        json_schema_extra={"left_out": "as `training` says"},
    )

    @model_validator(mode="after")
    def _one_addition(self) -> Arm:
        if sum(part is not None for part in (self.synthetic, self.control, self.give_back)) > 1:
            raise ValueError("give at most one of synthetic, control and give_back; make two arms of it")
        return self

    @property
    def kind(self) -> Literal["synthetic", "control", "photographs", "real"]:
        """What it has beside the photographs that all have."""
        if self.synthetic is not None:
            return "synthetic"
        if self.control is not None:
            return "control"
        return "real" if self.give_back is None else "photographs"

    @property
    def is_real_only(self) -> bool:
        return self.kind == "real"


class Sweep(JobSettings):
    """One arm for each share, named after it: a dose-response curve in one line."""

    shares: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        min_length=2, max_length=20, description="Shares of synthetic images in the final training set"
    )
    extends: str | None = Field(default=None, description="An arm that all of them equal in everything else")

    @property
    def arms(self) -> tuple[Arm, ...]:
        return tuple(
            Arm.model_validate(
                {"name": f"{share * 100:g} % synthetic", "extends": self.extends, "synthetic": {"share": share}}
            )
            for share in self.shares
        )
