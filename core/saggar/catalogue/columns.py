"""What the columns of a catalogue hold, found by their content, their header, or as given."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Literal

from saggar.catalogue.attributes.forms import FormReader
from saggar.catalogue.attributes.glazes import GlazeReader
from saggar.catalogue.attributes.kilns import KilnReader
from saggar.catalogue.attributes.periods import PeriodReader
from saggar.catalogue.readers import Reader
from saggar.catalogue.words.marks import any_of
from saggar.catalogue.words.money import find_money
from saggar.catalogue.words.rules import load_rules
from saggar.catalogue.words.text import Text, fold, is_han
from saggar.catalogue.words.years import find_years

Role = Literal["name", "period", "kiln", "glaze", "form", "description", "other", "noise"]

_SAMPLE = 400  # cells of a column that are looked at
_ENOUGH = 300  # characters of a cell
_LONG = 70  # letters, a Chinese character counting as two: longer cells are prose
_SHORT_NAME = 240
_PURE = 0.5  # share of cells that must say nothing else, for a column to be known without its header
_SOME = 0.15  # share of cells that must say something of the kind, for a header to be believed


@dataclass(frozen=True)
class Column:
    """One column: where it is, what its header says, and what it is for."""

    index: int
    name: str
    role: Role


@dataclass(frozen=True)
class _Content:
    """Shares of the cells that are not blank."""

    cells: int
    length: float
    distinct: float
    pure: Mapping[str, float]  # says a period, a kiln, a form or a glaze and nothing else
    says: Mapping[str, float]  # names one among other things
    noise: float


def find_columns(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    readers: Mapping[str, Reader],
    given: Mapping[int, Role],
) -> tuple[Column, ...]:
    """The role of every column; `given` holds those that are known, by index."""
    contents = [_content(_cells(rows, index), readers) for index in range(len(header))]
    hints = [_hints(name) for name in header]
    roles: dict[int, Role] = dict(given)
    for index, content in enumerate(contents):
        if index not in roles:
            roles[index] = _role(content, hints[index])
    if "name" not in roles.values():
        free = [i for i, role in roles.items() if i not in given and role in ("other", "description", "glaze", "form")]
        best = max(free, key=lambda i: _like_a_name(contents[i], hints[i]), default=None)
        if best is not None and contents[best].says["form"] >= _SOME and contents[best].length <= _SHORT_NAME:
            roles[best] = "name"
    return tuple(
        Column(index, name.strip() or f"column {index + 1}", roles[index]) for index, name in enumerate(header)
    )


def is_blank(text: Text) -> bool:
    """Whether a cell is empty or says that nothing is known."""
    return text.plain.strip(" .。()（）") in _BLANK


def is_credit(text: Text) -> bool:
    """Whether a cell speaks of donors, sales or books."""
    return bool(_CREDIT_WORDS.search(text.plain))


def _role(content: _Content, hints: frozenset[str]) -> Role:
    if not content.cells:
        return "other"
    fits: dict[Role, bool] = {  # the first that fits is taken
        "noise": "noise" in hints or _is_money(content, hints) or (content.noise >= _PURE and not hints),
        "period": _is_of("period", content, hints),
        "kiln": _is_of("kiln", content, hints),
        "form": _is_of("form", content, hints),
        "name": "name" in hints and content.length <= _SHORT_NAME,
        "glaze": content.pure["glaze"] >= _PURE or ("glaze" in hints and content.length <= 2 * _LONG),
        "description": content.length > _LONG or "description" in hints,
    }
    return next((role for role, fit in fits.items() if fit), "other")


def _is_money(content: _Content, hints: frozenset[str]) -> bool:
    """Whether a header speaks of prices and the cells are no prose."""
    return "money" in hints and not hints & {"period", "description"} and content.length <= _LONG


def _is_of(role: Role, content: _Content, hints: frozenset[str]) -> bool:
    """Whether a column holds this and little else, or does so by its header and in some of its cells."""
    if content.pure[role] >= _PURE:
        return "name" not in hints
    return role in hints and "name" not in hints and content.says[role] >= _SOME and content.length <= _LONG


def _like_a_name(content: _Content, hints: frozenset[str]) -> float:
    """How much a column looks like names: types of vessel, little repetition, no prose."""
    prose = min(1.0, content.length / _SHORT_NAME)
    return content.says["form"] + 0.5 * content.distinct - prose + ("name" in hints)


def _cells(rows: Sequence[Sequence[str]], index: int) -> list[Text]:
    step = max(1, len(rows) // _SAMPLE)
    cells = (fold(row[index][:_ENOUGH]) for row in rows[::step] if index < len(row))
    return [cell for cell in cells if not is_blank(cell)]


def _content(cells: list[Text], readers: Mapping[str, Reader]) -> _Content:
    pure: dict[str, float] = dict.fromkeys(("period", "kiln", "form", "glaze"), 0.0)
    says: dict[str, float] = dict(pure)
    for reader in readers.values():
        if isinstance(reader, PeriodReader):
            pure["period"] = _share(cells, reader.is_pure)
            says["period"] = _share(cells, partial(reader.read, own=False))
        elif isinstance(reader, KilnReader):
            pure["kiln"] = _share(cells, reader.is_pure)
            says["kiln"] = _share(cells, partial(reader.read, own=True))
        elif isinstance(reader, FormReader):
            pure["form"] = _share(cells, partial(_is_pure_form, reader))
            says["form"] = _share(cells, reader.read)
        elif isinstance(reader, GlazeReader):
            pure["glaze"] = _share(cells, reader.is_pure)
    return _Content(
        len(cells),
        median(_length(cell) for cell in cells) if cells else 0.0,
        len({cell.plain for cell in cells}) / max(1, len(cells)),
        pure,
        says,
        _share(cells, _is_noise),
    )


def _share(cells: list[Text], test: Callable[[Text], object]) -> float:
    return sum(bool(test(cell)) for cell in cells) / len(cells) if cells else 0.0


def _is_pure_form(reader: FormReader, cell: Text) -> bool:
    matches = reader.lexicon.find(cell)
    said = sum(match.end - match.start for match in matches)
    return bool(matches) and len(re.sub(r"[\W_]", "", cell.plain)) <= said + _SLACK


def _length(cell: Text) -> int:
    return sum(2 if is_han(character) else 1 for character in cell.plain)


def _is_noise(cell: Text) -> bool:
    plain = cell.plain.strip()
    marks = len(_CREDIT_WORDS.findall(plain)) + len(_ADDRESS.findall(plain)) + len(_MEASURE.findall(plain))
    marks += len(find_money(plain))
    if marks:
        return marks * _LETTERS_PER_MARK >= len(plain)
    letters = sum(character.isalpha() for character in plain)
    digits = sum(character.isdigit() for character in plain)
    number = letters == 0 or (digits > letters and letters <= _FEW_LETTERS and plain.isascii())
    return number and not find_years(cell, single=True)


def _hints(name: str) -> frozenset[str]:
    plain = fold(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)).plain.replace("_", " ")
    found = {role: pattern.sub(" ", plain) for role, pattern in _HEADERS.items() if pattern.search(plain)}
    if "name" in found and any(not _HEADERS["name"].search(rest) for role, rest in found.items() if role != "name"):
        del found["name"]  # it is part of a longer word for something else: "object name"
    return frozenset(found)


_RULES = load_rules()
_BLANK = {"", *(fold(word).plain.strip(" .") for word in _RULES.blank)}
_HEADERS = {role: re.compile(any_of(words)) for role, words in _RULES.columns.items()}
_CREDIT_WORDS = re.compile(any_of((*_RULES.noise.words, *_RULES.noise.chinese)))
_ADDRESS = re.compile(r"https?://|www\.|\.(?:jpe?g|png|tiff?|html?)\b")
_MEASURE = re.compile(r"\d\s*(?:cm|mm|in\.|inches|厘米|公分|毫米|kg)(?![a-z])")
_LETTERS_PER_MARK = 60  # prose may name a size or a donor; a column of them does little else
_FEW_LETTERS = 4
_SLACK = 2
