"""What the stages of an experiment left, put together by split and arm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.workflow.reuse import Result


@dataclass(frozen=True)
class ArmOutcome:
    """`data`: the result of the stage whose manifest it was trained on; `runs`: seed, train and evaluate of each."""

    data: Result
    runs: tuple[dict[str, Any], ...]
    screen: Result | None = None
    chosen: Result | None = None  # with `share: auto`


@dataclass(frozen=True)
class SplitOutcome:
    """Of one split. `synthesis`: results of select, adapter, plan and generate; None without synthetic arms."""

    split: Result
    arms: Mapping[str, ArmOutcome]
    synthesis: Result | None
    reviews: tuple[Result, ...]
    withheld: int


@dataclass(frozen=True)
class Outcomes:
    """Of the whole experiment."""

    imported: Result
    base: Result | None
    splits: tuple[SplitOutcome, ...]


def outcomes_of(experiment: Experiment, results: Mapping[str, Result]) -> Outcomes:
    """From results by the keys of `order` and `split_stages`."""
    splits = tuple(_split(experiment, results, number) for number in range(experiment.data.splits))
    return Outcomes(results["import"], results.get("base"), splits)


def data_stage(experiment: Experiment, arm: Arm) -> str:
    """The stage whose manifest `arm` is trained on."""
    if arm.synthetic is not None:
        return f"mix/{arm.name}"
    if arm.control is not None:
        return f"control/{arm.name}"
    if arm.give_back is not None:
        return f"give back/{arm.name}"
    return real_stage(experiment)


def left_stage(experiment: Experiment) -> str:
    """The stage after which photographs are as the baseline has them, before augmentation."""
    return "withhold" if experiment.data.withhold else "split"


def real_stage(experiment: Experiment) -> str:
    """The stage whose manifest the baseline is trained on."""
    return "augment" if experiment.augmentation else left_stage(experiment)


def _split(experiment: Experiment, results: Mapping[str, Result], number: int) -> SplitOutcome:
    def of(name: str) -> Result | None:
        return results.get(f"{number}/{name}")

    topped = of("top up after review")
    reviewed = of("review")
    arms = {}
    for arm in experiment.all_arms:
        screen = of(f"top up/{arm.name}") or of(f"screen/{arm.name}")
        if topped is not None and arm.synthetic is not None:
            screen = topped["arms"][arm.name]
        arms[arm.name] = ArmOutcome(
            data=results[f"{number}/{data_stage(experiment, arm)}"],
            runs=tuple(
                {
                    "seed": seed,
                    "train": results[f"{number}/train/{arm.name}/{seed}"],
                    "evaluate": results[f"{number}/evaluate/{arm.name}/{seed}"],
                }
                for seed in experiment.seeds
            ),
            screen=screen,
            chosen=of(f"choose/{arm.name}"),
        )
    made = {name: of(name) for name in ("select", "adapter", "plan", "generate")}
    return SplitOutcome(
        split=results[f"{number}/split"],
        arms=arms,
        synthesis=made if experiment.synthetic_arms else None,
        reviews=tuple(topped["reviews"]) if topped is not None else (reviewed,) if reviewed is not None else (),
        withheld=(of("withhold") or {}).get("withheld", 0),
    )
