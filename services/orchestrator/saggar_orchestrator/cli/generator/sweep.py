"""`saggar generator sweep`: how long to train an adapter, and how strongly it should take part."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.generator.compare import Judges
from saggar_orchestrator.cli.generator.options import Models, Sampling, open_peers
from saggar_orchestrator.cli.terminal.datasets import ChosenTaxonomy, Dataset
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saggar_orchestrator.adapter_sweep.planning import Choice, Subject
    from saggar_orchestrator.adapter_sweep.scoring import Scored, Sweep

_WEIGHTS = (0.2, 0.4, 0.6, 0.8)
_POWERS = range(0, 16, 3)
_LEAST_SHOWN = 0.002  # of the largest number, with four decimals


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The cells."""

    adapter: Annotated[
        list[str] | None,
        typer.Option(
            "--adapter",
            metavar="ID",
            help="As `saggar generator adapters` lists it, with those kept in its training; may be repeated.",
        ),
    ] = None
    after: Annotated[
        list[int] | None,
        typer.Option(
            "--after", metavar="STEPS", help="Only adapters after so many training steps; may be repeated.", min=1
        ),
    ] = None
    weight: Annotated[
        list[float] | None,
        typer.Option(
            "--weight",
            help=f"Adapter weight; may be repeated. Default: {', '.join(f'{one:g}' for one in _WEIGHTS)}.",
            min=-10,
            max=10,
        ),
    ] = None
    base_model: Annotated[
        str | None,
        typer.Option(help="`nano`, a hub id, a folder or a .safetensors file; default: the adapter's."),
    ] = None

    @property
    def weights(self) -> list[float]:
        """Raises BadParameter for 0, which is no adapter."""
        given = list(dict.fromkeys(self.weight or _WEIGHTS))
        if 0 in given:
            raise typer.BadParameter("--weight 0 is the base model without an adapter, which is measured anyway")
        return sorted(given)


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """What is drawn, and compared with what."""

    combination: Annotated[
        list[str] | None,
        typer.Option(
            "--combination",
            metavar="TASK=CODE,...",
            help="Photographs with these labels; may be repeated. Default: the rarest combinations.",
        ),
    ] = None
    rarest: Annotated[int, typer.Option(help="How many of the rarest combinations.", min=1, max=1000)] = 9
    photographs: Annotated[int, typer.Option(help="Photographs of each combination, at most.", min=1, max=1000)] = 8
    images: Annotated[int, typer.Option(help="Images of each cell for every photograph.", min=1, max=100)] = 2
    seed: Annotated[int, typer.Option(help="Of the choice of photographs, and of the images.", min=0)] = 0

    def choice(self) -> Choice:
        """Raises BadParameter."""
        from saggar_orchestrator.adapter_sweep.planning import Choice

        return Choice(
            tuple(_labels(text) for text in self.combination or []),
            self.rarest,
            self.photographs,
            self.images,
            self.seed,
        )


def sweep(
    context: typer.Context,
    dataset: Dataset,
    *,
    grid: Grid,
    subjects: Subjects,
    judges: Judges,
    output: Annotated[Path | None, typer.Option("--output", help="Write all cells' pictures to this PNG.")] = None,
    taxonomy: ChosenTaxonomy = None,
    sampling: Sampling,
    as_json: AsJson = False,
) -> None:
    """Chooses training steps and weight of an adapter.

    Every cell of steps x weight draws the same prompts from the same seeds; those nearest to photographs of the
    training split that the adapter was not trained on are chosen. Photographs of validation and test take no part. A
    sweep that was interrupted goes on.
    """
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.adapter_comparison.comparing import Bench, of_unknown_training, resize_words
    from saggar_orchestrator.adapter_sweep import planning, scoring
    from saggar_orchestrator.cli.terminal.datasets import read_dataset, taxonomy_of
    from saggar_orchestrator.peers.adapters import find_adapter

    if not grid.adapter:
        raise typer.BadParameter("name an --adapter; `saggar generator adapters` lists them")
    if any("=" in one for one in grid.adapter):
        raise typer.BadParameter("--adapter takes an id alone here; give weights with --weight")
    weights, choice = grid.weights, subjects.choice()
    store = open_home_store(settings(context).home)
    dataset, manifest = read_dataset(store, dataset)
    fitting = taxonomy_of(manifest, taxonomy)
    if fitting is None:
        raise InvalidInputError(f"no shipped taxonomy fits data set {dataset}; name one with --taxonomy")
    entries = [find_adapter(store, one) for one in grid.adapter]
    stages = planning.stages_of(store, entries, grid.after or [])
    subject = planning.choose_subject(store, fitting, manifest, stages, choice)
    classifier = judges.classifier(store)
    bench = Bench(
        store,
        open_peers(context),
        judges.extractor(classifier),
        subject.planned,
        subject.photographs,
        ProgressLine().show,
    )
    base_model = Models(base_model=grid.base_model).base(entries)
    cells = [planning.Cell(stage, weight) for stage in stages for weight in weights]
    found = scoring.sweep(bench, base_model, cells, sampling.to_message(), classifier)
    if output is not None:
        _draw(output, found, subject, fitting, store)
    unknown = of_unknown_training([entry.card for entry in stages])
    warnings = [
        *(f"{one} does not say what it was trained on: it may know the photographs" for one in unknown),
        *found.warnings,
    ]
    facts = {
        "base model": base_model,
        "data set": dataset,
        "extractor": found.bare.side.measures.get("extractor", ""),
        "resize mode": resize_words(found.bare.side.measures),
        "classifier": found.recognised.classifier or f"none ({found.recognised.missing})",
        "seed": str(choice.seed),
    }
    _show(found, subject, facts, warnings, output, as_json=as_json)


def _labels(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not (task.strip() and code.strip()) for task, _, code in pairs):
        raise typer.BadParameter(f"--combination {text}: write labels as TASK=CODE, e.g. glaze=MoonW,type=Vase")
    return {task.strip(): code.strip() for task, _, code in pairs}


def _draw(path: Path, found: Sweep, subject: Subject, taxonomy: Any, store: Any) -> None:
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.adapter_sweep.sheet import draw_sheet
    from saggar_orchestrator.pages.names import Names

    drawn = draw_sheet(found, subject, Names(taxonomy).combination, store.get)
    try:
        drawn.save(path, "PNG")
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {path}: {error.strerror}; name a file in a folder that you may write to"
        ) from None


def _show(
    found: Sweep, subject: Subject, facts: dict[str, str], warnings: list[str], output: Path | None, *, as_json: bool
) -> None:
    from saggar_orchestrator.adapter_sweep.scoring import settings_of, yaml_lines

    chosen = found.chosen
    advised = settings_of(chosen.cell)
    if as_json:
        print_json({
            **{name.replace(" ", "_"): value for name, value in facts.items()},
            "combinations": [{"labels": dict(labels), "photographs": n} for labels, n in subject.combinations],
            "rarer_without_photographs": subject.rarer,
            "without_adapter": _as_json(found.bare),
            "cells": [_as_json(one) for one in found.cells],
            "chosen": _as_json(chosen),
            "alike": [_as_json(one) for one in found.alike],
            "settings": advised,
            "warnings": warnings,
            "grid": str(output) if output else None,
        })  # fmt: skip
        return
    power = _power_of_ten([found.bare, *found.cells])
    marks = {id(one): "alike" for one in found.alike} | {id(chosen): "chosen"}
    kid = f"KID{f' x 10^{power}' if power else ''} (95 % interval)"
    print_table(
        ("adapter", "steps", "weight", kid, "as asked", ""),
        [_row(one, marks.get(id(one), ""), 10**power) for one in (found.bare, *found.cells)],
    )
    measures = chosen.side.measures
    say(
        f"each cell: {measures['first_count']} images against {measures['second_count']} held-out training photographs "
        f"of {len(subject.combinations)} combinations"
    )
    if subject.rarer:
        say(f"left out: {subject.rarer} rarer combinations, of which the adapter was trained on every photograph")
    for name, value in facts.items():
        say(f"{name}: {value}")
    for warning in warnings:
        say(f"warning: {warning}")
    say(f"pictures: {output}" if output else "pictures: add --output FILE.png")
    say(f"chosen: {chosen.cell.name}; in the experiment's YAML:")
    for line in yaml_lines(advised):
        print(line)


def _power_of_ten(rows: Sequence[Scored]) -> int:
    """What to multiply KID by, so that four decimals show it: a backbone of few training steps has tiny features."""
    largest = max(abs(value) for one in rows for value in (one.kid, *one.interval) if math.isfinite(value))
    return next((power for power in _POWERS if largest * 10**power >= _LEAST_SHOWN), 0)


def _row(one: Scored, mark: str, unit: int) -> tuple[str, ...]:
    cell, (low, high) = one.cell, (unit * value for value in one.interval)
    interval = f"{low:.4f} to {high:.4f}" if math.isfinite(low + high) else "not known"
    return (
        cell.adapter.adapter_id[:8] if cell.adapter else "none",
        str(cell.steps) if cell.adapter else "",
        f"{cell.weight:g}" if cell.adapter else "",
        f"{unit * one.kid:.4f} ({interval})",
        f"{one.as_asked.hits}/{one.as_asked.n}" if one.as_asked and one.as_asked.n else "–",
        mark,
    )


def _as_json(one: Scored) -> dict[str, Any]:
    cell, measures = one.cell, one.side.measures
    card = cell.adapter.card if cell.adapter else {}
    asked = one.as_asked
    return {
        "adapter": cell.adapter.adapter_id if cell.adapter else None,
        "kept_from": card.get("kept_from"),
        "steps": cell.steps,
        "weight": cell.weight,
        "images": measures["first_count"],
        "photographs": measures["second_count"],
        **{name: _finite(measures[name]) for name in ("kid", "kid_low", "kid_high", "fid")},
        "as_asked": {"right": asked.hits, "n": asked.n} if asked else None,
    }


def _finite(value: float) -> float | None:
    """JSON has no NaN."""
    return value if math.isfinite(value) else None
