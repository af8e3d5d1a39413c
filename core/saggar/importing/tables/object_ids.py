"""Object ids of a table made one where they differ in spelling alone; those that name no object are none."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from saggar.files.object_ids import canonical_id, differences, visible
from saggar.files.tables.spreadsheet_damage import is_date, is_error, is_power_of_ten, rounded_digits
from saggar.importing.report import Note, Refusal, listed
from saggar.importing.tables.label_rows import LabelledRow

_NO_OBJECT = frozenset(
    canonical_id(word)
    for words in (
        "n/a, na, n.a, n.d, nan, none, null, nil, undefined, unknown, unk, unidentified, unspecified, unnumbered",
        "missing, pending, blank, empty, tbd, tbc, tba, s/n, s.n, s/no, nn, n.n, no, false, yes, true, no number",
        "no id, no group, not known, not available, not recorded, not applicable, not assigned, unassigned, unbekannt",
        "keine, ohne nr, o. nr, inconnu, sans numéro, desconocido, sconosciuto, неизвестно, нет, б/н",
        "无, 無, 未知, 不详, 不詳, 不明, 未详, 未詳, 佚, 缺, 空, 否, 是, 没有, 沒有, 暂无, 暫無, 待定, 待查, 待考",
        "未登记, 未登記, 未编号, 未編號, 无号, 無號, 无编号, 無編號, 無し, なし, 없음, 미상",
    )
    for word in words.split(", ")
)
_STANDS_FOR_NONE = re.compile(r"x{3,}|-(1|9+)|0\?")
_AROUND = "()[]{}<>«»‹›【】〔〕「」《》\"'`.!?*:;, "
_NO_SIGN = frozenset({"So", "Sc"})  # symbols that may be an id; of those below some are squares that stand for a blank
_SQUARES = ("\u25a0", "\u25ff")
_LOST_ZEROS = 2  # digits that must be lost in a table before zeros at the ends of its long numbers are no chance


@dataclass(frozen=True)
class ObjectIds:
    """Rows with the ids by which they are compared; those that cannot be used; what was joined or taken for none."""

    rows: list[LabelledRow]
    refused: list[Refusal]
    notes: list[Note]
    warnings: list[str]


def settled(rows: Sequence[LabelledRow], column: str) -> ObjectIds:
    """`rows` with one spelling, the first, for each object's id, and a blank id where the cell names no object.

    A number that a spreadsheet has rounded may have been several: rows that share one are refused. `column` is named
    in refusals.
    """
    if not any(row.object_id for row in rows):
        return ObjectIds(list(rows), [], [], [])
    forms = {own: canonical_id(own) for own in dict.fromkeys(row.object_id for row in rows)}
    counted = Counter(forms[row.object_id] for row in rows)
    by_number = _has_small_numbers(counted)
    nameless = {own for own in forms if own and names_no_object(own, zero_is_a_number=by_number)}
    rounded = _rounded(counted)
    found = ObjectIds([], [], [], [])
    first: dict[str, str] = {}
    none: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        own, plain = row.object_id, forms[row.object_id]
        if own in nameless:
            none[visible(own)] += 1
            text = f"object id '{visible(own)}' names no object; taken for none"
            found.notes.append(Note(row.number, row.file, "noted", text))
            found.rows.append(replace(row, object_id=""))
        elif counted[plain] > 1 and (is_power_of_ten(plain) or plain in rounded):
            found.refused.append(Refusal(row.number, row.file, _lost(own, counted[plain]), column))
        elif own:
            kept = first.setdefault(plain, own)
            spellings[plain][own] += 1
            if own != kept:
                text = f"its object id {_differing(kept, own)}: one object"
                found.notes.append(Note(row.number, row.file, "joined", text))
            found.rows.append(replace(row, object_id=kept))
        else:
            found.rows.append(row)
    found.warnings.extend((*_joined(spellings), *_apart(first), *_none(none), *_reformatted(first.values())))
    return found


def names_no_object(object_id: str, *, zero_is_a_number: bool = False) -> bool:
    """Whether a cell says that there is no id: a dash, `n/a`, `unknown`, 不详, a spreadsheet's error; zero too, unless
    it is one of running numbers.
    """
    plain = canonical_id(object_id)
    bare = plain.strip(_AROUND)
    if bare and not bare.strip("0.") and bare.startswith("0"):
        return not zero_is_a_number
    return (
        is_error(plain)
        or bare in _NO_OBJECT
        or bool(_STANDS_FOR_NONE.fullmatch(plain) or _STANDS_FOR_NONE.fullmatch(bare))
        or all(_is_punctuation(c) for c in plain)
    )


def _is_punctuation(c: str) -> bool:
    category = unicodedata.category(c)
    return (category[0] in "PSZ" and category not in _NO_SIGN) or _SQUARES[0] <= c <= _SQUARES[1]


def _has_small_numbers(counted: Counter[str]) -> bool:
    """Whether objects are numbered, so that 0 may be one of them."""
    return any(plain.removesuffix(".0") in set("123456789") for plain in counted)


def _rounded(counted: Counter[str]) -> set[str]:
    """Numbers of more than 15 digits where all of the table's end in the zeros that a spreadsheet leaves."""
    lost = {plain: zeros for plain in counted if (zeros := rounded_digits(plain)) >= 0}
    return set(lost) if all(lost.values()) and sum(lost.values()) >= _LOST_ZEROS else set()


def _lost(object_id: str, count: int) -> str:
    return (
        f"object id '{visible(object_id)}' is what a spreadsheet leaves of a long number, and it leaves the same of "
        f"several ({count:,} rows have it); import the source into the spreadsheet with this column as text, so that "
        "the digits stay, or leave the cells empty where each photograph is of another object"
    )


def _differing(kept: str, own: str) -> str:
    how = " and ".join(differences(kept, own)) or "spelling"
    return f"'{visible(own)}' is taken for '{visible(kept)}' (another {how})"


def _joined(spellings: dict[str, Counter[str]]) -> Iterator[str]:
    several = [names for names in spellings.values() if len(names) > 1]
    if several:
        yield (
            "object ids that differ in spelling alone are taken for one object: "
            f"{listed(map(_one_object, several))}; where they are several objects, write ids that differ in more"
        )


def _one_object(names: Counter[str]) -> str:
    first, *others = names
    how = dict.fromkeys(way for other in others for way in differences(first, other))
    shown = " and ".join(f"'{visible(name)}'" for name in names)
    return f"{shown} ({', '.join(how)}; {names.total():,} rows)"


def _apart(first: dict[str, str]) -> Iterator[str]:
    alike: dict[str, list[str]] = defaultdict(list)
    for plain, own in first.items():
        alike[plain.replace(" ", "")].append(f"'{visible(own)}'")
    if near := [" and ".join(names) for names in alike.values() if len(names) > 1]:
        yield (
            f"object ids that differ in a blank within them are taken for several objects: {listed(near)}; write them "
            "alike where they are one"
        )


def _none(none: Counter[str]) -> Iterator[str]:
    if none:
        rows = f"{none.total():,} row{'' if none.total() == 1 else 's'}"
        shown = listed(f"'{name}' ({count:,})" for name, count in none.items())
        yield (
            f"object ids that name no object, in {rows}: "
            f"{shown}; each of these photographs is taken for an object of its own, as with an empty cell; give "
            "photographs of one object one number"
        )


def _reformatted(ids: Iterable[str]) -> Iterator[str]:
    if damaged := [f"'{visible(own)}'" for own in ids if is_date(own) or is_power_of_ten(own)]:
        yield (
            f"object ids that a spreadsheet seems to have reformatted: {listed(damaged)}; import the source into the "
            "spreadsheet with this column as text, and see that they are what they were"
        )
