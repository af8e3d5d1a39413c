"""What a page shows, made from the ledger: plain values for the templates."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saggar.pages.words import WORDS as SHARED
from saggar.pages.words import class_name, task_name

from saggar_qc.pages.words import WORDS
from saggar_qc.review.choosing.plan import Item, Review
from saggar_qc.review.ledger import Ledger
from saggar_qc.review.outcome import ClassStanding, own_verdicts, verdict_rows
from saggar_qc.review.verdicts import REASONS, Verdict

_RATE_MINUTES = 10


@dataclass(frozen=True)
class Label:
    """One claim of an image; `name` is empty where it claims nothing about the task."""

    task: str
    task_name: str
    name: str
    key: str  # the key that changes its answer
    answer: str = "right"


@dataclass(frozen=True)
class Photograph:
    """A photograph beside the image, with its labels in words."""

    key: str
    caption: str


@dataclass(frozen=True)
class ItemPage:
    """One image to judge. Controls and double items look like all others."""

    item_id: str
    image: str
    labels: tuple[Label, ...]  # of every task of the review, so that nothing moves from image to image
    neighbours: tuple[Photograph, ...]
    alike: tuple[Photograph, ...]
    ahead: tuple[str, ...]  # images to fetch now, for they come next
    reasons: tuple[tuple[str, str, str], ...]  # key, code, words
    given: Verdict | None = None  # the reader's own, where the image is looked at again


@dataclass(frozen=True)
class Tile:
    """One image that the reader judged."""

    item_id: str
    number: int  # from 1, in the order in which they were judged
    image: str
    caption: str
    decision: str
    reason: str
    unsure: bool
    labels: Mapping[str, str]


@dataclass(frozen=True)
class ClassRow:
    """One class in the table of progress."""

    task_name: str
    name: str
    standing: ClassStanding


@dataclass(frozen=True)
class Progress:
    """How far a review is, and how quick a reviewer."""

    total: int
    left: int
    for_another: int  # of these, judged by the reviewer already
    yours: int
    per_minute: float
    conflicts: int
    complete: bool
    closed: bool


_LABEL_KEYS = "dkgtlnbfimovwxy"
_TAKEN = "aushzcpqerj"  # keys that mean something else


def item_page(ledger: Ledger, item: Item, language: str, ahead: Sequence[Item] = (), reader: str = "") -> ItemPage:
    """`item` in a reader's language, with the verdict that `reader` gave before."""
    review = ledger.review
    given = ledger.standing(item.item_id).verdicts.get(reader)
    answers = given.attributes if given is not None else {}
    labels = tuple(
        Label(
            task,
            task_name(task, language),
            named(review, task, item.labels[task], language) if task in item.labels else "",
            key,
            answers.get(task, "right"),
        )
        for task, key in label_keys(review.tasks).items()
    )
    words = WORDS[language]
    reasons = tuple((str(place), code, words[f"reason_{code}"]) for place, code in enumerate(REASONS, start=1))
    return ItemPage(
        item.item_id,
        item.image,
        labels,
        _photographs(review, item.neighbours, language),
        _photographs(review, item.alike, language),
        tuple(each.image for each in ahead),
        reasons,
        given,
    )


def tiles(ledger: Ledger, reader: str, language: str) -> list[Tile]:
    """What `reader` judged, newest first."""
    count = ledger.verdicts_of(reader)
    return [
        Tile(
            standing.item.item_id,
            count - place,
            standing.item.image,
            caption(ledger.review, standing.item.labels, language),
            decision,
            WORDS[language][f"reason_{verdict.reason}"] if verdict.reason else "",
            "unsure" in verdict.attributes.values(),
            standing.item.labels,
        )
        for place, (standing, verdict, decision) in enumerate(own_verdicts(ledger, reader))
    ]


def class_rows(review: Review, standings: Sequence[ClassStanding], language: str) -> list[ClassRow]:
    return [
        ClassRow(task_name(each.task, language), named(review, each.task, each.code, language), each)
        for each in standings
    ]


def progress(ledger: Ledger, reviewer: str, now: float, recent: list[float]) -> Progress:
    """`recent`: when `reviewer` gave verdicts lately, in seconds since 1970."""
    lately = [at for at in recent if now - at < 60 * _RATE_MINUTES]
    minutes = max((now - lately[0]) / 60, 1 / 6) if lately else 1.0
    return Progress(
        total=len(ledger.review.items),
        left=ledger.left,
        for_another=ledger.left_for_another(reviewer),
        yours=ledger.verdicts_of(reviewer),
        per_minute=round(len(lately) / minutes, 1),
        conflicts=len(ledger.conflicts()) if ledger.may_see_all(reviewer) else 0,
        complete=ledger.complete,
        closed=ledger.closed,
    )


def verdicts_csv(ledger: Ledger, reviewer: str) -> str:
    """Verdicts as CSV with a byte-order mark, for spreadsheets: all of them for a reviewer who has finished; until
    then their own, and nothing by which controls can be known.
    """
    rows = list(verdict_rows(ledger, None if ledger.may_see_all(reviewer) else reviewer))
    text = io.StringIO()
    text.write("\ufeff")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def label_keys(tasks: Sequence[str]) -> dict[str, str]:
    """By task the key for its answer: the first letter of its name where that is free, else another one."""
    taken = set(_TAKEN)
    keys = {}
    for task in tasks:
        letters = [letter for letter in task.lower() if letter.isascii() and letter.isalpha()] + list(_LABEL_KEYS)
        keys[task] = next((letter for letter in letters if letter not in taken), "")
        taken.add(keys[task])
    return keys


def named(review: Review, task: str, code: str, language: str) -> str:
    return class_name(review.class_names.get(task, {}).get(code, {}), code, language)


def caption(review: Review, labels: Mapping[str, str], language: str) -> str:
    """Labels in words, in the order of the tasks."""
    return SHARED[language]["between"].join(
        named(review, task, labels[task], language) for task in review.tasks if task in labels
    )


def _photographs(review: Review, keys: Sequence[str], language: str) -> tuple[Photograph, ...]:
    return tuple(Photograph(key, caption(review, review.captions.get(key, {}), language)) for key in keys)


def _harmless(value: object) -> object:
    """A comment that begins like a formula is text, also to a spreadsheet."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") else value
