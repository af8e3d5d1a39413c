"""What the stages of one split have in common: their names, and the data that they go by."""

from __future__ import annotations

from collections.abc import Iterable

from saggar.store import ObjectRef

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import Inputs, Stage, Work, Workshop
from saggar_orchestrator.workflow.steps.outcomes import left_stage, real_stage
from saggar_orchestrator.workflow.steps.synthetic.generating import Painter


class SplitBase:
    """Stages of split `number`; their results are found under `<number>/<what>`."""

    def __init__(self, experiment: Experiment, number: int) -> None:
        self._experiment, self._number = experiment, number
        self._arms = experiment.synthetic_arms
        self._base = experiment.baseline
        self._left, self._real = left_stage(experiment), real_stage(experiment)
        data = experiment.data
        if data.folds is not None:
            self._prefix = f"fold {number + 1} of {data.folds}: "
        else:
            self._prefix = f"without {data.leave_out[number]}: " if data.leave_out else ""

    def _stage(
        self, key: str, kind: str, title: str, inputs: Inputs, work: Work, *, needs: Iterable[str] = ()
    ) -> Stage:
        return Stage(self._key(key), kind, self._prefix + title, inputs, work, tuple(dict.fromkeys(needs)))

    def _key(self, name: str) -> str:
        return f"{self._number}/{name}"

    @property
    def _baseline_training(self) -> str:
        return f"train/{self._base.name}/{self._experiment.seeds[0]}"


def painter(shop: Workshop, adapter: ObjectRef, base: Result) -> Painter:
    return Painter(
        store=shop.store,
        calls=shop.calls,
        base_model=shop.experiment.base_model,
        adapter=adapter,
        generation=shop.experiment.generation,
        framing=shop.experiment.adapter.framing,
        parallel_shards=shop.parallel_shards,
        tasks=shop.taxonomy.task_names,
        control_net_hash=base.get("control_net_hash", ""),
    )


def asked(arm: Arm) -> Result:
    """What decides which images an arm asks for, by its name."""
    return {"name": arm.name, "synthetic": arm.synthetic.model_dump() if arm.synthetic else None}
