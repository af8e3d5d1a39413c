"""`saggar data advise`: the paper's decision framework on a data set."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.datasets import ChosenTaxonomy, Dataset, read_dataset, taxonomy_of
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    out,
    print_json,
    say,
    settings,
    write_page,
)
from saggar_orchestrator.cli.terminal.sheets import print_list, sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from saggar.describing.advise import Advice, Condition, TaskAdvice

    from saggar_orchestrator.pages.names import Names

_STYLES = {"generate": "bold green", "try": "bold green", "leave out": "bold red"}
_FEW_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Means:
    """What there is to work with, and to reckon with."""

    hours: Annotated[float | None, typer.Option(help="Hours there are to train an adapter on your machine.", min=0)] = (
        None
    )
    review: Annotated[
        bool | None,
        typer.Option("--review/--no-review", help="Will people who know the wares check generated images?"),
    ] = None
    disagreement: Annotated[
        float,
        typer.Option(help="Share of test photographs that only one of two classifiers gets right.", min=0.01, max=1),
    ] = 0.10
    split_seed: Annotated[int, typer.Option(help="For a data set without a split.", min=0)] = 0


def advise_collection(
    context: typer.Context,
    dataset: Dataset,
    *,
    html: Annotated[Path | None, typer.Option(help="Write a page to this file.")] = None,
    taxonomy: ChosenTaxonomy = None,
    means: Means,
    as_json: AsJson = False,
) -> None:
    """Advises whether to add synthetic images, and for which task.

    And whether the data could show that they help: the paper's decision framework, with the number behind
    each answer. Nothing is changed or kept.
    """
    from saggar.describing.advise import advise, experiment_file
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.pages.datasets.advice import caveats, render
    from saggar_orchestrator.pages.names import Names

    dataset, manifest = read_dataset(open_home_store(settings(context).home), dataset)
    chosen = taxonomy_of(manifest, taxonomy)
    if chosen is None:
        raise InvalidInputError(
            f"no shipped taxonomy has the tasks and codes of {dataset}, and advice needs to know what the "
            "tasks are: give the file with --taxonomy"
        )
    found = advise(
        manifest,
        chosen,
        hours=means.hours,
        reviewed=means.review,
        disagreement=means.disagreement,
        split_seed=means.split_seed,
    )
    if html:
        write_page(html, render(dataset, found, Names(chosen)))
    if as_json:
        print_json(
            {
                "dataset": dataset,
                **asdict(found),
                "caveats": caveats(found),
                "experiment": experiment_file(found) if found.worth_trying else None,
            }
        )
        return
    show(dataset, found, Names(chosen), out())
    if html:
        say(f"written: {html}")


def show(dataset: str, advice: Advice, names: Names, console: Console) -> None:
    """The advice as text of at most 80 columns."""
    from saggar_orchestrator.pages.datasets.advice import caveats, suggested_yaml

    console.print(f"{dataset}, labels of {advice.taxonomy}")
    console.print(
        f"{advice.training_images:,} training photographs, {advice.with_variants:,} images with threshold "
        "augmentation" + ("" if advice.split_kept else f"; not split yet, so as split with seed {advice.split_seed}")
    )
    if advice.doubt:
        console.print(f"in doubt: {advice.doubt}", style="bold yellow")
    _show_conditions(advice.conditions, console)
    for task in advice.tasks:
        _show_task(task, advice.power, console)
    if advice.worth_trying:
        console.print("\nwhat to generate", style="bold")
        console.print(
            f"about {advice.images:,} images: {advice.share:.1%} of photographs and generated images together, "
            "variants not counted (in the paper 8 to 9 % were enough, and 2 % too few), first for the rarest "
            "combinations:"
        )
        print_list([names.combination(labels) for labels in advice.rare], console)
        console.print("in an experiment file:")
        console.print(suggested_yaml(advice).rstrip(), style="dim")
    console.print("\nhow far this goes", style="bold")
    print_list(caveats(advice), console)


def _show_task(task: TaskAdvice, power: float, console: Console) -> None:
    from rich.text import Text

    from saggar_orchestrator.pages.datasets.advice import VERDICTS, power_sentence

    heading = Text(f"\n{task.task}: ", style="bold")
    heading.append(VERDICTS[task.verdict], style=_STYLES.get(task.verdict, "bold"))
    if task.doubt:
        heading.append(f", though {task.doubt}", style="yellow")
    console.print(heading)
    console.print(task.reason)
    _show_conditions(task.conditions, console)
    if task.few:
        table = sheet(("rare classes", "training", "with variants", "test"))
        for count in task.few[:_FEW_SHOWN]:
            table.add_row(Text(count.name), f"{count.training:,}", f"{count.with_variants:,}", f"{count.test:,}")
        if len(task.few) > _FEW_SHOWN:
            table.add_row(f"and {len(task.few) - _FEW_SHOWN} more")
        console.print(table)
    console.print(power_sentence(task, power))


def _show_conditions(conditions: Sequence[Condition], console: Console) -> None:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    from saggar_orchestrator.pages.datasets.advice import MET

    table = Table.grid(padding=(0, 2))
    table.add_column(width=max(map(len, MET.values())))
    for condition in conditions:
        table.add_row(MET[condition.met], Text(f"{condition.asks}: {condition.found}"))
    console.print(Padding(table, (0, 0, 0, 2)))
