"""What a page shows, made from the ledger: plain values for the templates."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from saggar_qc.pages.words import WORDS, class_name, task_name
from saggar_qc.review.ledger import Ledger
from saggar_qc.review.outcome import verdict_rows
from saggar_qc.review.plan import Item, Review
from saggar_qc.review.verdicts import REASONS

_RATE_MINUTES = 10


@dataclass(frozen=True)
class Label:
    """One claim of an image."""

    task: str
    task_name: str
    name: str
    key: str  # the key that toggles it


@dataclass(frozen=True)
class ItemPage:
    """One image to judge. Controls and double items look like all others."""

    item_id: str
    image: str
    labels: tuple[Label, ...]
    neighbours: tuple[str, ...]
    ahead: tuple[str, ...]  # images to fetch now, for they come next
    reasons: tuple[tuple[str, str, str], ...]  # key, code, words


@dataclass(frozen=True)
class Progress:
    """How far a review is, and how quick a reviewer."""

    total: int
    left: int
    yours: int
    per_minute: float
    conflicts: int
    complete: bool

    @property
    def percent(self) -> int:
        return round(100 * (self.total - self.left) / self.total)


_LABEL_KEYS = "dkgtlnpb"


def item_page(review: Review, item: Item, ahead: list[Item], language: str) -> ItemPage:
    """`item` in a reader's language."""
    labels = tuple(
        Label(
            task,
            task_name(task, language),
            class_name(review.class_names.get(task, {}).get(code, {}), code, language),
            key,
        )
        for (task, code), key in zip(item.labels.items(), _keys(review.tasks, item.labels), strict=True)
    )
    words = WORDS[language]
    reasons = tuple(
        (str(place), code, words["modern_reason" if code == "modern" else code])
        for place, code in enumerate(REASONS, start=1)
    )
    return ItemPage(item.item_id, item.image, labels, item.neighbours, tuple(each.image for each in ahead), reasons)


def progress(ledger: Ledger, reviewer: str, now: float, recent: list[float]) -> Progress:
    """`recent`: when `reviewer` gave verdicts lately, in seconds since 1970."""
    lately = [at for at in recent if now - at < 60 * _RATE_MINUTES]
    minutes = max((now - lately[0]) / 60, 1 / 6) if lately else 1.0
    return Progress(
        total=len(ledger.review.items),
        left=ledger.left,
        yours=ledger.verdicts_of(reviewer),
        per_minute=round(len(lately) / minutes, 1),
        conflicts=len(ledger.conflicts()),
        complete=ledger.complete,
    )


def verdicts_csv(ledger: Ledger) -> str:
    """All verdicts as CSV with a byte-order mark, for spreadsheets."""
    rows = list(verdict_rows(ledger))
    text = io.StringIO()
    text.write("\ufeff")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def _harmless(value: object) -> object:
    """A comment that begins like a formula is text, also to a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value


def _keys(tasks: tuple[str, ...], labels: dict[str, str]) -> list[str]:
    """The first letter of each task where it is free, else another one."""
    taken = set("aursh?zcpqe")  # keys that mean something else
    keys = {}
    for task in tasks:
        letters = [letter for letter in task.lower() if letter.isalpha()] + list(_LABEL_KEYS)
        keys[task] = next((letter for letter in letters if letter not in taken), "")
        taken.add(keys[task])
    return [keys.get(task, "") for task in labels]
