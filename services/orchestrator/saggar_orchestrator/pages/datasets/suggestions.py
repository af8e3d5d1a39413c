"""Photographs to label next, as a page of pictures with what a model guesses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from saggar.taxonomy import Taxonomy

from saggar_orchestrator.pages.page import render_page, thumbnail

_MOST_SHOWN = 400


def render(model: str, taxonomy: Taxonomy, found: Sequence[dict[str, Any]], picture: Callable[[str], bytes]) -> str:
    """The page. `found`: image, uncertainty and likeliest by task, in their order; `picture`: bytes of an image."""
    shown = [
        {
            **entry,
            "picture": thumbnail(picture(entry["image"]), entry["image"]),
            "words": ", ".join(
                f"{taxonomy.task(task)[said['code']].names.en} {said['probability']:.0%}"
                for task, said in entry["likeliest"].items()
            ),
        }
        for entry in found[:_MOST_SHOWN]
    ]
    return render_page("suggestions.html", {"model": model, "shown": shown, "count": len(found)}, {})
