"""The experiment file: what to train on what, with which seeds, and which arms to compare."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator
from saggar.job_settings.declared import JobSettings
from saggar.job_settings.training import LARGEST_SEED

from saggar_orchestrator.experiment.arms import Arm, Plan
from saggar_orchestrator.experiment.sections import (
    Adapter,
    Augmentation,
    Data,
    Generation,
    Review,
    Screening,
    Training,
)

Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]


class Experiment(JobSettings):
    """An experiment file. One split for all (data.split_seed); one training per arm and per seed."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,40}$",
        description="Begins the experiment's id: lower-case letters, digits, hyphens",
    )
    title: str = Field(default="", max_length=200, description="What reports are headed with")
    taxonomy: str = Field(min_length=1, description="Tasks and classes: a shipped taxonomy by its id, or a path")
    tasks: tuple[str, ...] = Field(
        default=(), description="Which of the taxonomy's tasks take part", json_schema_extra={"left_out": "all"}
    )
    data: Data = Field(description="Where the photographs come from")
    seeds: tuple[Seed, ...] = Field(
        default=(0,), min_length=1, max_length=100, description="Seeds of the trainings; every arm is trained with each"
    )
    base_model: str = Field(
        default="nano", min_length=1, description="`nano`, a hub id, a folder, or a .safetensors file"
    )
    augmentation: Augmentation | None = Field(
        default=None, description="Classical augmentation of rare combinations", json_schema_extra={"left_out": "none"}
    )
    adapter: Adapter = Field(
        default_factory=lambda: Adapter.model_validate({}), description="How the LoRA adapter is trained"
    )
    generation: Generation = Field(
        default_factory=lambda: Generation.model_validate({}), description="How images are sampled"
    )
    plan: Plan = Field(default_factory=lambda: Plan.model_validate({}), description="Which images there are to be")
    screening: Screening = Field(
        default_factory=lambda: Screening.model_validate({}), description="Automatic quality control"
    )
    review: Review = Field(default_factory=lambda: Review.model_validate({}), description="Review by people")
    training: Training = Field(
        default_factory=lambda: Training.model_validate({}), description="How classifiers are trained"
    )
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=100, description="The training sets to compare")

    @model_validator(mode="after")
    def _arms_compare(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"arm names appear twice: {', '.join(twice)}; each arm needs its own")
        bare = [arm.name for arm in self.arms if arm.synthetic is None]
        if len(bare) != 1:
            said = f"{len(bare)} have none ({', '.join(bare)})" if bare else "every arm has synthetic"
            raise ValueError(f"exactly one arm must have no synthetic images, as the baseline; {said}")
        if self.tasks and self.data.kilnsim is not None:
            raise ValueError("tasks: kilnsim labels its drawings in all tasks of the taxonomy; remove tasks")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed appears twice; it would repeat the same training")
        return self

    @property
    def baseline(self) -> Arm:
        return next(arm for arm in self.arms if arm.synthetic is None)

    @property
    def synthetic_arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.arms if arm.synthetic is not None)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of experiment files, each key with a line of help: what it is, its bounds, its default."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Experiment.model_json_schema()}
