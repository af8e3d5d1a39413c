"""A data set as a page: what `saggar data describe` found, with plots and photographs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.describing.describe import rarest_combinations

from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.names import Names
from saggar_orchestrator.pages.page import render_page, thumbnail

_PHOTOGRAPHS = 3  # of a combination
_SPLITS = {"train": "training", "validation": "validation", "test": "test"}


def render(
    dataset: str, summary: dict[str, Any], names: Names, manifest: Manifest, picture: Callable[[str], bytes]
) -> str:
    """The page. `summary` is of `saggar.describing.describe`, with its `remarks`; `picture` gives the bytes
    of an image by its store key, one at a time.
    """
    values = {
        "dataset": dataset,
        "d": summary,
        "taxonomy": names.taxonomy,
        "names": names,
        "plots": _plots(summary, names) if summary["images"] else None,
        "sheet": list(_contact_sheet(summary, names, manifest, picture)),
        "splits": _SPLITS,
        "origins": {
            "real": "photographs",
            "augmented": "augmented variants",
            "synthetic": "synthetic images",
        },
    }
    filters = {"count": lambda n: f"{n:,}", "one": lambda x: f"{x:,.1f}", "two": lambda x: f"{x:.2f}"}
    return render_page("describe.html", values, filters)


def _plots(summary: dict[str, Any], names: Names) -> dict[str, Any]:
    training = summary["training"]
    before, after = training["before"], training["after"]
    return {
        "tail": plots.long_tail(before["sizes"], after["sizes"]),
        "lorenz": plots.lorenz_curves(
            {
                name: part["lorenz"]
                for name, part in (("before", before), ("after augmentation", after))
                if part["lorenz"]
            }
        ),
        "tasks": {
            task: _class_counts(task, found, names) for task, found in summary["tasks"].items() if found["counts"]
        },
    }


def _class_counts(task: str, found: dict[str, Any], names: Names) -> str:
    codes = sorted(found["counts"], key=lambda code: (-found["counts"][code], code))
    counts = {word: [found["by_split"][code][name] for code in codes] for name, word in _SPLITS.items()}
    return plots.class_counts([names.of(task, code) for code in codes], counts, task)


def _contact_sheet(summary: dict[str, Any], names: Names, manifest: Manifest, picture: Callable[[str], bytes]) -> Any:
    limit = len(summary["combinations"]["rarest"])
    for labels, rows in rarest_combinations(manifest.select(origin="real"), limit):
        yield {
            "words": names.combination(labels),
            "images": len(rows),
            "pictures": [thumbnail(picture(key), key) for key in rows.frame["image"].iloc[:_PHOTOGRAPHS]],
        }
