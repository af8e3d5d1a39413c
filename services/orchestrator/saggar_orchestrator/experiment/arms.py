"""What an experiment compares: which synthetic images there are to be, and which training set is whose."""

from __future__ import annotations

from pydantic import Field, model_validator
from saggar.job_settings.declared import JobSettings

from saggar_orchestrator.experiment.sections import MOST


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
    share: float | None = Field(default=None, gt=0, lt=1, description="This share of the final training set")
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
        return self


class Arm(JobSettings):
    """One training set to compare; without `synthetic` it is the baseline."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[^/\s][^/]*$", description="What reports call it")
    synthetic: Synthetic | None = Field(default=None, description="Synthetic images that it takes")
