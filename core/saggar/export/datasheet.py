"""A datasheet in Markdown, after Gebru et al., "Datasheets for Datasets" (2021, doi:10.1145/3458723).

The page is `datasheet.md` beside this file. What the manifest tells is answered with its figures; what only
people know is left blank, and marked so that no blank is overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.describing.describe import describe
from saggar.export.about import SPDX, About, unlicensed

BLANK = "**TO BE ANSWERED**"


def datasheet(manifest: Manifest, about: About) -> str:
    """The whole page."""
    figures = describe(manifest)
    tasks: dict[str, dict[str, Any]] = figures["tasks"]
    answers = {
        "name": about.name,
        "dataset": about.dataset,
        "published": about.published.isoformat(),
        "description": about.description or BLANK,
        "creator": about.creator or BLANK,
        "url": about.url or BLANK,
        "cite_as": about.cite_as or BLANK,
        "blank": BLANK,
        "images": f"{figures['images']:,}",
        "objects": f"{figures['objects']:,}",
        "synthetic": _synthetic(manifest),
        "not_evidence": _NOT_EVIDENCE if _count(manifest, "synthetic") else "",
        "augmented": _augmented(_count(manifest, "augmented")),
        "origins": _origins(figures),
        "sizes": _sizes(figures["image_sizes"]),
        "classes": "\n\n".join(_classes(task, found) for task, found in tasks.items()),
        "unknown": _unknown(tasks, figures["images"]),
        "splits": _splits(figures["splits"]),
        "credits": _credits(manifest),
        "imbalance": _imbalance(tasks),
        "combinations": f"{figures['combinations']['count']:,}",
        "singletons": f"{figures['combinations']['regimes']['1']:,}",
        "licences": _licences(manifest, about),
    }
    page = resources.files("saggar.export").joinpath("datasheet.md").read_text(encoding="utf-8")
    blanks = Template(page).substitute(answers, blanks="").count(BLANK)
    return re.sub(r"\n{3,}", "\n\n", Template(page).substitute(answers, blanks=blanks))


_NOT_EVIDENCE = "Synthetic images are for training alone: not for evaluation, and never as evidence of what was made."


def _count(manifest: Manifest, origin: str) -> int:
    return int(manifest.mask(origin=origin).sum())


def _synthetic(manifest: Manifest) -> str:
    if not (count := _count(manifest, "synthetic")):
        return ""
    outside = int(manifest.mask(split=("validation", "test"), origin="synthetic").sum())
    return (
        f"**Synthetic images: {count:,}.** A model has drawn them, and no such object exists. They are "
        "marked by origin `synthetic`; exported, their files are called `synthetic-...`. "
        + (f"Outside the training split: {outside:,}." if outside else "")
    ).rstrip()


def _augmented(count: int) -> str:
    if not count:
        return ""
    return (
        f"Augmented records: {count:,}. Each is a training photograph and a seed by which it is varied "
        "(flip, rotation, colour, crop). They have no files of their own."
    )


def _origins(figures: dict[str, Any]) -> str:
    names = {"real": "photographs", "augmented": "augmented variants", "synthetic": "synthetic images"}
    rows = [(names[origin], f"{n:,}") for origin, n in figures["origins"].items()]
    return _table(("", "images"), [*rows, ("all", f"{figures['images']:,}")])


def _classes(task: str, found: dict[str, Any]) -> str:
    rows = [(code, f"{n:,}") for code, n in sorted(found["counts"].items(), key=lambda each: -each[1])]
    return _table((task, "images"), [*rows, ("(unknown)", f"{found['unknown']:,}")])


def _unknown(tasks: dict[str, dict[str, Any]], images: int) -> str:
    rows = [
        (task, f"{found['unknown']:,}", f"{found['unknown'] / images:.0%}" if images else "")
        for task, found in tasks.items()
    ]
    return _table(("task", "images without a label", "share"), rows)


def _splits(splits: dict[str, int]) -> str:
    if not splits:
        return "The data set has not been split."
    counts = ", ".join(f"{name} {n:,}" for name, n in splits.items())
    return f"{counts} images. The split is drawn per combination of labels, and keeps objects whole."


def _sizes(sizes: dict[str, Any]) -> str:
    if not sizes["known"]:
        return "Sizes are not known."
    side = sizes["shorter_side_px"]
    return f"The shorter side has {side['min']:,} to {side['max']:,} pixels, median {side['median']:,.0f}."


def _credits(manifest: Manifest) -> str:
    credited = manifest.frame["credit_line"].dropna()
    pages = int(manifest.frame["object_url"].notna().sum())
    return (
        f"Records with a credit line: {len(credited):,} ({credited.nunique():,} different); with the address "
        f"of the object's page: {pages:,}."
    )


def _imbalance(tasks: dict[str, dict[str, Any]]) -> str:
    rows = [
        (task, f"{m['min']:,.0f}", f"{m['max']:,.0f}", f"{m['ratio']:,.1f}", f"{m['gini']:.2f}")
        for task, found in tasks.items()
        if (m := found["imbalance"])
    ]
    return _table(("task", "smallest class", "largest", "ratio", "Gini"), rows)


def _licences(manifest: Manifest, about: About) -> str:
    counts = manifest.frame["licence"].value_counts().sort_index()
    rows = [(SPDX.get(str(uri), ""), str(uri), f"{n:,}") for uri, n in counts.items()]
    if about.licence:
        rows.insert(0, (SPDX.get(about.licence, ""), about.licence, "the data set as a whole"))
    if not (unknown := unlicensed(manifest, about)):
        return _table(("licence", "URI", "images"), rows)
    rows.append(("unknown", "", f"{unknown:,}"))
    return f"{_table(('licence', 'URI', 'images'), rows)}\n\nMay those of unknown licence be passed on? {BLANK}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(header), "|" + "---|" * len(header), *map(line, rows)])
