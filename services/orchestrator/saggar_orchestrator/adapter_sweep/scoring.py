"""Every cell's images made and measured, and which cell is the nearest to the photographs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from saggar.describing.shares import Share
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import generator_pb2

from saggar_orchestrator.adapter_comparison.comparing import Bench, Side, as_manifest, measure
from saggar_orchestrator.adapter_comparison.recognition import Recognised, find_judge, recognise
from saggar_orchestrator.adapter_sweep.planning import Cell
from saggar_orchestrator.peers.shards import Order

FEW = 50  # photographs; below, intervals are mostly wider than what cells differ by
_ROUNDING = 1e-9  # of KID in float32 features


@dataclass(frozen=True)
class Scored:
    """A cell, its images with their measures, and how many of them a classifier calls what they were asked to be."""

    cell: Cell
    side: Side
    as_asked: Share | None = None

    @property
    def kid(self) -> float:
        return float(self.side.measures["kid"])

    @property
    def interval(self) -> tuple[float, float]:
        return float(self.side.measures["kid_low"]), float(self.side.measures["kid_high"])

    def overlaps(self, other: Scored) -> bool:
        """Whether the intervals of both have a value in common; one that is not known is taken to."""
        (low, high), (others_low, others_high) = self.interval, other.interval
        if any(math.isnan(value) for value in (low, high, others_low, others_high)):
            return True
        return low <= others_high and others_low <= high


@dataclass(frozen=True)
class Sweep:
    """All cells in their order, and the base model without an adapter."""

    bare: Scored
    cells: tuple[Scored, ...]
    recognised: Recognised = field(default_factory=Recognised)

    @property
    def chosen(self) -> Scored:
        """The smallest KID; of equal ones that of the fewest steps and the weakest."""
        return min(self.cells, key=lambda one: (one.kid, one.cell.steps, abs(one.cell.weight)))

    @property
    def alike(self) -> list[Scored]:
        """Other cells that the photographs do not tell from the chosen one."""
        return [one for one in self.cells if one is not self.chosen and one.overlaps(self.chosen)]

    @property
    def warnings(self) -> list[str]:
        """What the number of photographs, and the rest, can show."""
        chosen, measures = self.chosen, self.chosen.side.measures
        found = []
        if max(abs(one.kid) for one in (self.bare, *self.cells)) < _ROUNDING:
            found.append(
                "all distances are rounding alone: what measures sees no difference between any pictures; name a "
                "classifier that was trained for longer with --model, or --inception"
            )
        if measures["second_count"] < FEW:
            found.append(
                f"{measures['second_count']} photographs tell cells apart only where they differ much: take the choice "
                "for a hint, and look at the pictures (--output)"
            )
        if self.alike:
            found.append(
                f"the intervals of {len(self.alike)} of the {len(self.cells) - 1} other cells overlap the chosen "
                "cell's: by these photographs alone any of them may be the best"
            )
        found.append(
            f"the best of {len(self.cells)} looks better than it is: another --seed draws other images, and a choice "
            "that holds there too is worth more"
        )
        if self.bare.kid <= chosen.kid:
            found.append("no cell comes nearer to the photographs than the base model without an adapter")
        elif self.bare.overlaps(chosen):
            found.append("the base model without an adapter is not told from the chosen cell either")
        return [*found, *self.recognised.warnings]


def sweep(
    bench: Bench,
    base_model: str,
    cells: Sequence[Cell],
    settings: generator_pb2.GenerationSettings,
    classifier: ObjectRef | None,
) -> Sweep:
    """Generates and measures the images of every cell, and of the base model without an adapter.

    They differ in adapter and weight alone. What exists is taken over, so a sweep that broke off goes on. Raises the
    services' domain errors.
    """
    bare, *others = [
        (cell, measure(bench, cell.name, Order(base_model, _uses(cell), settings))) for cell in (Cell(), *cells)
    ]
    judge, missing = find_judge(bench.store, classifier, bench.photographs)
    recognised = Recognised(missing=missing)
    if judge is not None:
        sets = {cell.name: as_manifest(bench, side.images) for cell, side in (bare, *others)}
        recognised = recognise(bench.store, bench.peers, judge, sets, bench.photographs, bench.say)

    def scored(cell: Cell, side: Side) -> Scored:
        return Scored(cell, side, recognised.sets[cell.name][recognised.asked[-1]] if recognised.sets else None)

    return Sweep(scored(*bare), tuple(scored(*one) for one in others), recognised)


def _uses(cell: Cell) -> tuple[generator_pb2.AdapterUse, ...]:
    if cell.adapter is None:
        return ()
    reference = ref_to_proto(cell.adapter.reference)
    return (generator_pb2.AdapterUse(name="adapter", adapter=reference, weight=cell.weight),)


def settings_of(cell: Cell) -> dict[str, dict[str, Any]]:
    """What an experiment's YAML has to say to use the cell: sections with their settings.

    An adapter from the middle of a training is what a shorter one ends with, where its learning rate does the same;
    otherwise, and for an imported one, it is named by its id.
    """
    assert cell.adapter is not None  # noqa: S101 - the bare base model is never chosen
    card: Mapping[str, Any] = cell.adapter.card
    settings = card.get("settings") or {}
    if not card.get("kept_from") and card.get("origin") != "imported":
        return {"adapter": {"steps": cell.steps}, "generation": {"adapter_weight": cell.weight}}
    if card.get("kept_from") and settings.get("learning_rate_schedule") == "constant":
        from saggar.job_settings.adapter import AdapterSettings

        whole = AdapterSettings(steps=settings["steps"], warm_up_steps=settings.get("warm_up_steps"))
        return {
            "adapter": {"steps": cell.steps, "warm_up_steps": whole.rising_steps},
            "generation": {"adapter_weight": cell.weight},
        }
    return {"generation": {"adapter_weight": 0.0, "further_adapters": {cell.adapter.adapter_id: cell.weight}}}


def yaml_lines(settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each section, e.g. `generation: {adapter_weight: 0.6}`."""
    return [
        f"{section}: {yaml.safe_dump(dict(values), default_flow_style=True, sort_keys=False, width=math.inf).strip()}"
        for section, values in settings.items()
    ]
