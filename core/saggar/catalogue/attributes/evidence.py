"""What one column of one row says about one task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from saggar.catalogue.words.lexicon import Match
from saggar.catalogue.words.text import Text


@dataclass(frozen=True)
class Finding:
    """Words that speak for a class (`code`), or that speak for none of them (`code` None, `note` says why).

    `counts`: whether the words take part in the decision. An imitation does not; a dynasty outside the
    taxonomy does, since it contradicts those inside. `about`: the class that the words name, though they do not
    speak for it. `copy`: the thing itself is said to be a copy or a fake.
    """

    words: str
    code: str | None
    note: str = ""
    counts: bool = True
    doubtful: bool = False
    strength: float = 1.0
    about: str | None = None
    copy: bool = False


DOUBTED = "in doubt"  # the note of words that count less, because a doubt is said of them
WEAK = 0.45  # strength of years beside a name, and of a text that names two things beside one that names one


def finding(
    text: Text,
    start: int,
    end: int,
    code: str | None,
    note: str = "",
    *,
    counts: bool = True,
    doubtful: bool = False,
    strength: float = 1.0,
) -> Finding:
    """A finding that quotes `text` as it is."""
    note = note or (DOUBTED if doubtful else "")
    return Finding(text.quote(start, end).strip(), code, note, counts, doubtful, strength)


def denied(text: Text, match: Match, note: str, *, copy: bool = False) -> Finding:
    """Words that name a class and do not speak for it."""
    words = text.quote(match.start, match.end).strip()
    return Finding(words, None, note, counts=False, about=match.meaning.code, copy=copy)


def several(found: Iterable[Finding], what: str) -> Finding:
    """One finding for words that stand for different classes."""
    words = ", ".join(dict.fromkeys(one.words for one in found))
    return Finding(words, None, f"names more than one {what}: {words}", strength=WEAK)


def outside(name: str) -> str:
    """The note of words that no class stands for."""
    return f"outside the taxonomy: {name}"
