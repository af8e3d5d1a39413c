"""Rows of reviewed tables, and the objects that they make."""

from __future__ import annotations

from typing import Any

from saggar.proposals.decisions import Decided
from saggar.proposals.formats.accepted_objects import AcceptedObject, accepted_objects
from saggar.proposals.formats.vocabulary import Vocabulary
from saggar.taxonomy import Taxonomy, load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
WORDS = Vocabulary(TAXONOMY.task_names, TAXONOMY)
ANSWERED = "2026-11-28T12:00:00+00:00"
SNAPSHOT = "5" * 64


def decided(number: str = "故瓷 1", row: int = 2, **changes: Any) -> Decided:
    values: dict[str, Any] = {
        "file": "review.csv",
        "number": row,
        "row": str(row),
        "object_number": number,
        "image": "a.jpg",
        "model_id": "0123456789abcdef",
        "data_snapshot": SNAPSHOT,
        "answered": ANSWERED,
        "accepted": {"dynasty": "Song", "kiln": "Long", "glaze": "Celadon", "type": "Bowl"},
        "confidence": {"glaze": "0.912"},
    }
    return Decided(**{**values, **changes})


def objects(*rows: Decided, words: Vocabulary = WORDS) -> list[AcceptedObject]:
    return accepted_objects(rows, words)


def with_class(task: str, code: str, **changes: Any) -> Taxonomy:
    """The taxonomy, with something else said of a class."""
    found = TAXONOMY.task(task)
    classes = tuple(each.model_copy(update=changes) if each.code == code else each for each in found.classes)
    other = found.model_copy(update={"classes": classes})
    tasks = tuple(other if each.name == task else each for each in TAXONOMY.tasks)
    return TAXONOMY.model_copy(update={"tasks": tasks})
