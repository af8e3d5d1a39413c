"""Which Chinese encoding bytes are in, by the characters that are frequent; UTF-8 among bytes of another."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

# Python's codecs, and the lead bytes of the characters that their standards call frequent.
GB18030 = "gb18030"
CP950 = "cp950"  # Big5 as Windows has it
HKSCS = "big5hkscs"  # Big5 with the characters of Hong Kong
NAMES = {GB18030: "GB18030", CP950: "Big5", HKSCS: "Big5 (HKSCS)"}
_LEADS = {GB18030: (0xB0, 0xD7), CP950: (0xA4, 0xC6), HKSCS: (0xA4, 0xC6)}
_CANTONESE = frozenset(
    "嘅咗喺啲㗎咁嚟冇佢嗰哋乜唔嘢啱攞瞓嗌噉咩嘥咪啩囉喎埗咀埔涌邨"
)  # frequent in Hong Kong, rare in Big5

_LEAST_FREQUENT = 0.4  # share of frequent characters in real text; accents misread as Chinese have next to none
_LEAST_OF_FEW = 0.75  # the same of a text with fewer characters than are _JUDGED
_CLEARLY = 0.2  # by how much one reading must have a larger share than the other
_WITHIN_WORD = re.compile(r"(?<=[A-Za-z])[^\x00-\x7f]|[^\x00-\x7f](?=[A-Za-z])")
_JUDGED, _BROKEN = 6, 2  # characters of a text that may be called Chinese with this many broken bytes
_REPLACED = "\ufffd"

_CELL = re.compile(rb"[^\x00-\x1f\",;]+")  # no second byte of a character is one of these
_CHINESE = re.compile("[\u3400-\u9fff]")
_OF_UTF_8 = 0.75  # share of frequent characters in a cell of UTF-8


def clear_encoding(data: bytes) -> str | None:
    """The one of `NAMES` that the data are clearly in; None where there is none."""
    encoding, share = _big5(data)
    other = _frequent(data, GB18030)
    if other > share:
        encoding, share, other = GB18030, other, share
    strange = _strange(data.decode(encoding, errors="replace"))
    least = _LEAST_FREQUENT if len(strange) >= _JUDGED else _LEAST_OF_FEW
    if share < least or share - other < _CLEARLY or _much_is_broken(strange):
        return None
    return encoding


def utf_8_cells(data: bytes) -> list[tuple[int, bytes]]:
    """Cells of a table that are Chinese in UTF-8, and where they begin; by chance they may be in another encoding."""
    found = []
    for match in _CELL.finditer(data):
        cell = match[0]
        if not cell.isascii() and _is_chinese_utf_8(cell):
            found.append((match.start(), cell))
    return found


def no_cells_of(encoding: str, cells: list[tuple[int, bytes]]) -> Iterator[int]:
    """Where those `cells` of UTF-8 begin that are clearly not in `encoding`, one of `NAMES`.

    A word in another encoding is hardly ever UTF-8 too, and then of rare characters in one of the two.
    """
    for start, cell in cells:
        try:
            text = cell.decode(encoding)
        except UnicodeDecodeError:
            yield start
            continue
        many = len(_CHINESE.findall(cell.decode("utf-8"))) > 1
        if many and _share(text, encoding) + _CLEARLY <= _share_of_utf_8(cell.decode("utf-8")):
            yield start


def without(data: bytes, cells: list[tuple[int, bytes]]) -> bytes:
    """The data without these cells."""
    parts, end = [], 0
    for start, cell in cells:
        parts.append(data[end:start])
        end = start + len(cell)
    return b"".join([*parts, data[end:]])


def _big5(data: bytes) -> tuple[str, float]:
    """The Big5 that fits best, and its share of frequent characters."""
    share = _frequent(data, CP950)
    if _reads(data, CP950):
        return CP950, share
    with_hong_kong = _frequent(data, HKSCS)
    return (HKSCS, with_hong_kong) if with_hong_kong > share else (CP950, share)


def _reads(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _frequent(data: bytes, encoding: str) -> float:
    """Share of the frequent characters among those that are not ASCII, were the data in this encoding.

    A Chinese text read in the wrong encoding falls on rare characters, or on none. 0 where the characters stand
    singly inside Western words. Broken bytes count as characters that are rare.
    """
    return _share(data.decode(encoding, errors="replace"), encoding)


def _share(text: str, encoding: str) -> float:
    strange = _strange(text)
    if not strange or len(_WITHIN_WORD.findall(text)) >= len(strange) / 2:
        return 0.0
    return sum(count for character, count in Counter(strange).items() if _is_frequent(character, encoding)) / len(
        strange
    )


def _much_is_broken(strange: list[str]) -> bool:
    broken = strange.count(_REPLACED)
    return bool(broken) and (len(strange) < _JUDGED or broken > max(_BROKEN, len(strange) // 20))


def _strange(text: str) -> list[str]:
    return [character for character in text if not character.isascii()]


def _is_frequent(character: str, encoding: str) -> bool:
    if encoding != GB18030 and character in _CANTONESE:
        return True
    try:
        code = character.encode(encoding)
    except UnicodeEncodeError:
        return False
    first, last = _LEADS[encoding]
    return len(code) == 2 and (first <= code[0] <= last or 0xA1 <= code[0] <= 0xA3)  # the latter: punctuation


def _is_chinese_utf_8(cell: bytes) -> bool:
    try:
        text = cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return bool(_CHINESE.search(text)) and _share_of_utf_8(text) >= _OF_UTF_8


def _share_of_utf_8(text: str) -> float:
    strange = _strange(text)
    frequent = (_is_frequent(character, GB18030) or _is_frequent(character, CP950) for character in strange)
    return sum(frequent) / len(strange)
