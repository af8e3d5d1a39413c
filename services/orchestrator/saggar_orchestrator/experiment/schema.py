"""The experiment file: what to train on what, with which seeds, and which arms to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator
from saggar.errors import InvalidInputError
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.declared import JobSettings
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.arms import Arm, Plan, Seed, Sweep
from saggar_orchestrator.experiment.sections import (
    Adapter,
    Augmentation,
    Data,
    Generation,
    Review,
    Screening,
    Training,
)


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
        default="nano",
        min_length=1,
        pattern=r"^\S(.*\S)?$",
        description="`nano`, a hub id, a folder, or a .safetensors file",
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
    equal_steps: bool = Field(
        default=True,
        description="Whether all arms train for as many steps an epoch as the baseline, so that one with more images "
        "does not train for longer",
    )
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=200, description="The training sets to compare")
    sweep: Sweep | None = Field(
        default=None, description="Further arms, one for each share", json_schema_extra={"left_out": "none"}
    )
    compare_with: str = Field(
        default="",
        description="The arm that all others are compared with; it has real photographs alone",
        json_schema_extra={"left_out": "the first such arm"},
    )

    @model_validator(mode="before")
    @classmethod
    def _composites_look_like_photographs(cls, data: Any) -> Any:
        """Composites are no copies of photographs with other labels, unless the file says otherwise."""
        if not isinstance(data, dict):
            return data
        generation, screening = data.get("generation"), data.get("screening") or {}
        if isinstance(generation, dict) and generation.get("glaze_transfer") is True and isinstance(screening, dict):
            return data | {"screening": {"copies_share_labels": True} | screening}
        return data

    @model_validator(mode="after")
    def _arms_compare(self) -> Experiment:
        named = (*self.arms, *(self.sweep.arms if self.sweep else ()))
        names = [arm.name for arm in named]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"arm names appear twice: {', '.join(twice)}; each arm needs its own")
        arms = self.all_arms  # refuses what extends nothing, or itself
        real = [arm.name for arm in arms if arm.is_real_only]
        if not real:
            raise ValueError("no arm has real photographs alone; one must, as the baseline")
        if self.compare_with and self.compare_with not in real:
            raise ProblemAt(
                ("compare_with",),
                f"'{self.compare_with}' is no arm with real photographs alone; such are: {', '.join(real)}",
            )
        if self.tasks and self.data.kilnsim is not None:
            raise ValueError("tasks: kilnsim labels its drawings in all tasks of the taxonomy; remove tasks")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed appears twice; it would repeat the same training")
        for number, arm in enumerate(arms):
            self._check_arm(number, arm, arms)
        for number, arm in enumerate(arms):
            alike = [one.name for one in arms[:number] if self._trains_alike(one, arm)]
            if alike:
                raise ValueError(
                    f"arm {arm.name} equals {alike[0]} in all but its name, so it would be the same training; give it "
                    "synthetic, control, give_back or training of its own, or remove it"
                )
        return self

    def _trains_alike(self, one: Arm, other: Arm) -> bool:
        data = {"synthetic", "control", "give_back"}
        return one.model_dump(include=data) == other.model_dump(include=data) and (
            self.training_of(one) == self.training_of(other)
        )

    def _check_arm(self, number: int, arm: Arm, arms: tuple[Arm, ...]) -> None:
        at: tuple[str | int, ...] = ("arms", number) if number < len(self.arms) else ("sweep",)
        synthetic = {other.name for other in arms if other.synthetic is not None}
        if arm.control is not None and arm.control.of not in synthetic:
            known = ", ".join(sorted(synthetic)) or "none"
            raise ProblemAt(
                (*at, "control", "of"), f"no arm '{arm.control.of}' with synthetic images; such are: {known}"
            )
        if arm.give_back is not None and arm.give_back > self.data.withhold:
            raise ProblemAt(
                (*at, "give_back"),
                f"{arm.give_back} photographs, of {self.data.withhold} that data.withhold takes away",
            )
        if arm.synthetic is not None and (both := set(arm.synthetic.tuning_seeds) & set(self.seeds)):
            shared = ", ".join(map(str, sorted(both)))
            raise ProblemAt((*at, "synthetic"), f"tuning_seeds and seeds share {shared}; choose others for tuning")
        try:
            self.training_of(arm)
        except InvalidInputError as error:
            for violation in error.violations:
                setting = violation.field.removeprefix("training.")
                raise ProblemAt((*at, "training", setting), violation.description) from None
            raise

    @property
    def all_arms(self) -> tuple[Arm, ...]:
        """Those of the file, then the sweep's, each with what it takes over from others."""
        named = {arm.name: arm for arm in (*self.arms, *(self.sweep.arms if self.sweep else ()))}
        return tuple(_with_inherited(arm, named, ()) for arm in named.values())

    @property
    def baseline(self) -> Arm:
        """What all others are compared with."""
        return next(
            arm for arm in self.all_arms if (arm.name == self.compare_with if self.compare_with else arm.is_real_only)
        )

    @property
    def other_arms(self) -> tuple[Arm, ...]:
        """All but the baseline."""
        return tuple(arm for arm in self.all_arms if arm.name != self.baseline.name)

    @property
    def synthetic_arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.all_arms if arm.synthetic is not None)

    def scored_tasks(self, taxonomy: Taxonomy) -> tuple[str, ...]:
        """Tasks that every arm is taught: one of weight 0 is neither taught nor scored."""
        weights = [self.training_of(arm).task_weights for arm in self.all_arms]
        return tuple(
            task.name for task in taxonomy.tasks if all(one.get(task.name, task.weight) > 0 for one in weights)
        )

    def training_of(self, arm: Arm) -> Training:
        """The settings that `arm` trains with. Raises InvalidInputError for an override that is none."""
        values = self.training.model_dump(exclude_unset=True) | arm.training
        if arm.synthetic_task_weights:
            weights = values.get("synthetic_task_weights", {})
            values["synthetic_task_weights"] = {**weights, **arm.synthetic_task_weights}
        return Training.checked(values, "training")


def _with_inherited(arm: Arm, named: Mapping[str, Arm], seen: tuple[str, ...]) -> Arm:
    """`arm` with what it takes over from the arm that it extends, and that one from another."""
    if arm.extends is None:
        return arm
    if arm.extends not in named:
        raise ValueError(f"arm {arm.name} extends '{arm.extends}', which is no arm; arms: {', '.join(named)}")
    if arm.name in seen:
        raise ValueError(f"arms extend one another in a circle: {' - '.join((*seen, arm.name))}")
    parent = _with_inherited(named[arm.extends], named, (*seen, arm.name))
    additions = ("synthetic", "control", "give_back")
    inherited = {} if not arm.is_real_only else {name: getattr(parent, name) for name in additions}
    merged = {
        "training": {**parent.training, **arm.training},
        "synthetic_task_weights": {**parent.synthetic_task_weights, **arm.synthetic_task_weights},
    }
    return arm.model_copy(update={**inherited, **merged, "extends": None})


def json_schema() -> dict[str, Any]:
    """The JSON Schema of experiment files, each key with a line of help: what it is, its bounds, its default."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Experiment.model_json_schema()}
