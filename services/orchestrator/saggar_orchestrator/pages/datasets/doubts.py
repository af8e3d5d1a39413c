"""Doubted labels as a page: each photograph with its label, what is proposed, and what is like it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from saggar.proposals.doubts.table import Doubt, Piece

from saggar_orchestrator.pages.language import Language
from saggar_orchestrator.pages.page import render_page, thumbnail

MOST_SHOWN = 150  # doubts with pictures, over all tasks; the table has all

ClassNames = Mapping[tuple[str, str], str]  # by task and code


def render(
    about: Mapping[str, Any],
    doubts: Sequence[Doubt],
    names: ClassNames,
    picture: Callable[[str], bytes],
    tongue: Language,
) -> str:
    """The page. `about`: dataset, experiment, arm, seeds, photographs, tested, and labels by task; `names`: of classes,
    in the page's language; `picture` gives the bytes of an image by its store key.
    """
    shared = max(1, MOST_SHOWN // max(1, len(about["labels"])))

    @lru_cache(maxsize=64)
    def small(key: str) -> str:
        return thumbnail(picture(key), key)

    def shown(doubt: Doubt) -> dict[str, Any]:
        return {
            "doubt": doubt,
            "picture": small(doubt.image),
            "twins": [(piece, small(piece.image)) for piece in doubt.twins],
            "nearest": [(piece, small(piece.image)) for piece in doubt.nearest],
        }

    tasks = []
    for task, labels in about["labels"].items():
        own = [doubt for doubt in doubts if doubt.task == task]
        tasks.append({"name": task, "labels": labels, "count": len(own), "shown": [shown(one) for one in own[:shared]]})
    filters: dict[str, Callable[..., str]] = {
        "count": lambda n: f"{n:,}",
        "percent": lambda x: f"{x:.0%}",
        "task": tongue.task,
        "beside": lambda piece, task: _beside(piece, task, names, tongue),
    }
    values = {
        "language": tongue,
        "about": about,
        "tasks": tasks,
        "name": lambda task, code: names.get((task, code), code),
    }
    return render_page("doubts.html", values, filters, tongue)


def _beside(piece: Piece, task: str, names: ClassNames, tongue: Language) -> str:
    label = names.get((task, piece.label), piece.label) if piece.label else tongue.text("unknown")
    return label if piece.similarity is None else f"{label} {piece.similarity:.2f}"
