"""`saggar data describe`: what a data set holds, on the terminal, as a page, or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.datasets import ChosenTaxonomy, Dataset, read_dataset, taxonomy_of
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    out,
    plural,
    print_json,
    say,
    settings,
    write_page,
)
from saggar_orchestrator.cli.terminal.sheets import print_list, sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from saggar_orchestrator.pages.names import Names

_BAR = 24  # columns of the longest bar
# What the split does with a combination of so many objects (see `saggar.dataset.split`).
REGIMES = {
    "1": ("1 object", "training alone: never tested"),
    "2": ("2 objects", "validation and test: never trained on"),
    "3-9": ("3 to 9 objects", "about 70, 15 and 15 %"),
    "10+": ("10 and more", "70, 20 and 10 %"),
}
SPLITS = {"train": "train", "validation": "valid.", "test": "test"}
MEASURES = {
    "classes": "n", "min": "fewest", "max": "most", "mean": "mean", "sd": "s.d.", "ratio": "ratio",
    "variation": "CV", "gini": "Gini", "entropy": "entropy",
}  # fmt: skip
FORMATS = {
    "classes": ",.0f", "min": ",.0f", "max": ",.0f", "mean": ",.1f", "sd": ",.1f", "ratio": ",.1f",
    "variation": ".2f", "gini": ".2f", "entropy": ".2f",
}  # fmt: skip
_BANDS = ((1, 1), (2, 4), (5, 9), (10, 49), (50, 99), (100, None))  # photographs of a combination


@dataclass(frozen=True, kw_only=True)
class Augmenting:
    """Threshold augmentation to reckon with, and the split of a data set that has none."""

    below: Annotated[
        int, typer.Option(help="Threshold augmentation: combinations of fewer training photographs.", min=1)
    ] = 50
    to: Annotated[int, typer.Option(help="Threshold augmentation: images that they are given.", min=1)] = 100
    split_seed: Annotated[int, typer.Option(help="For a data set without a split.", min=0)] = 0


def describe_collection(
    context: typer.Context,
    dataset: Dataset,
    *,
    html: Annotated[Path | None, typer.Option(help="Write a page with plots and photographs to this file.")] = None,
    taxonomy: ChosenTaxonomy = None,
    augmenting: Augmenting,
    as_json: AsJson = False,
) -> None:
    """Counts classes and combinations.

    How uneven they are, and what augmentation would change. Nothing is changed or kept.
    """
    from saggar.describing.describe import describe
    from saggar.describing.remarks import remarks

    from saggar_orchestrator.pages.names import Names

    store = open_home_store(settings(context).home)
    dataset, manifest = read_dataset(store, dataset)
    names = Names(taxonomy_of(manifest, taxonomy))
    summary = describe(manifest, **asdict(augmenting))
    summary["remarks"] = list(remarks(summary, names.of))
    if html:
        from saggar_orchestrator.pages.datasets.description import render

        write_page(html, render(dataset, summary, names, manifest, store.get))
    if as_json:
        print_json({"dataset": dataset, "taxonomy": names.taxonomy and names.taxonomy.id, **summary})
        return
    show(dataset, summary, names, out())
    if html:
        say(f"written: {html}; it shows photographs: pass it on only where their licence allows")


def show(dataset: str, summary: dict[str, Any], names: Names, console: Console) -> None:
    """The summary as text of at most 80 columns."""
    by = f", labels of {names.taxonomy.id}" if names.taxonomy else ""
    console.print(f"{dataset}: {plural(summary['images'], 'image')} of {plural(summary['objects'], 'object')}{by}")
    if not summary["images"]:
        return
    console.print(_origins(summary["origins"]))
    console.print(_sizes(summary["image_sizes"]))
    if summary["training"]["split_kept"]:
        console.print("split: " + ", ".join(f"{name} {n:,}" for name, n in summary["splits"].items()))
    else:
        console.print(
            "not split yet: train, validation and test below are what `saggar data split` would make of it "
            f"with seed {summary['training']['split_seed']}"
        )
    for task, found in summary["tasks"].items():
        _show_task(task, found, names, console)
    _show_combinations(summary, names, console)
    _show_imbalance(summary, console)
    if summary["remarks"]:
        console.print("\nworth knowing", style="bold")
        print_list(summary["remarks"], console)


def _origins(origins: dict[str, int]) -> str:
    words = {"real": "photographs", "augmented": "augmented variants", "synthetic": "synthetic images"}
    return ", ".join(f"{n:,} {words[name]}" for name, n in origins.items())


def _sizes(sizes: dict[str, Any]) -> str:
    if not sizes["known"]:
        return "image sizes are not known"
    width, height, shorter = sizes["width_px"], sizes["height_px"], sizes["shorter_side_px"]
    sides = f"{shorter['min']:,} to {shorter['max']:,}" if shorter["min"] != shorter["max"] else shorter["max"]
    return f"median size {width['median']:.0f} x {height['median']:.0f} pixels, shorter side {sides}"


def _show_task(task: str, found: dict[str, Any], names: Names, console: Console) -> None:
    from rich.bar import Bar
    from rich.text import Text

    table = sheet((task, "images", "", *SPLITS.values()), texts=(0, 2))
    counts = sorted(found["counts"].items(), key=lambda item: (-item[1], item[0]))
    most = max((n for _, n in counts), default=1)
    for code, n in counts:
        splits = (f"{found['by_split'][code][name]:,}" for name in SPLITS)
        table.add_row(Text(names.of(task, code)), f"{n:,}", Bar(most, 0, n, width=_BAR), *splits)
    if found["unknown"]:
        table.add_row("(unknown)", f"{found['unknown']:,}")
    console.print()
    console.print(table)


def _show_combinations(summary: dict[str, Any], names: Names, console: Console) -> None:
    from rich.bar import Bar
    from rich.text import Text

    combinations, training = summary["combinations"], summary["training"]
    console.print(f"\n{plural(combinations['count'], 'combination')} of labels", style="bold")
    table = sheet(("by objects", "combinations", "how the split divides them"), texts=(0, 2))
    for key, n in combinations["regimes"].items():
        table.add_row(REGIMES[key][0], f"{n:,}", REGIMES[key][1])
    console.print(table)

    rule = f"{training['below']} to {training['to']}"
    console.print("\nthe long tail: combinations by their number of training images", style="bold")
    console.print(
        f"before ({training['before']['images']:,} images in all) and after threshold augmentation, {rule} "
        f"({training['after']['images']:,})"
    )
    table = sheet(("images each", "before", "", "after", ""), texts=(0, 2, 4))
    bands = [_in_bands(training[when]["sizes"]) for when in ("before", "after")]
    most = max(1, *(n for band in bands for n in band))
    for (low, high), before, after in zip(_BANDS, *bands, strict=True):
        name = f"{low} and more" if high is None else f"{low}" if low == high else f"{low} to {high}"
        bars = [Bar(most, 0, n, width=20) for n in (before, after)]
        table.add_row(name, f"{before:,}", bars[0], f"{after:,}", bars[1])
    console.print(table)

    if combinations["rarest"]:
        console.print("\nthe rarest combinations", style="bold")
        table = sheet(("", "images", "split"), texts=(0, 2))
        for entry in combinations["rarest"]:
            places = ", ".join(f"{name} {entry[name]}" for name in SPLITS if name in entry)
            table.add_row(Text(names.combination(entry["labels"])), f"{entry['images']:,}", places)
        console.print(table)


def _in_bands(sizes: Sequence[int]) -> list[int]:
    return [sum(low <= n and (high is None or n <= high) for n in sizes) for low, high in _BANDS]


def _show_imbalance(summary: dict[str, Any], console: Console) -> None:
    training = summary["training"]
    console.print("\nhow uneven the training set is, before and after augmentation", style="bold")
    table = sheet(("", *MEASURES.values()))
    for name, before in training["before"]["imbalance"].items():
        after = training["after"]["imbalance"][name]
        for title, measures in ((name, before), ("  after", after)):
            if measures:
                table.add_row(title, *(format(measures[key], FORMATS[key]) for key in MEASURES))
    console.print(table)
    console.print(
        "n: classes with images; ratio: most to fewest; CV: s.d. / mean; Gini 0, entropy 1: all equal",
        style="dim",
    )
