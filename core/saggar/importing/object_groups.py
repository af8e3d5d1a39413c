"""Photographs of one object: equal bytes become one image, near-duplicates become one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from saggar.duplicates.search import SURE_BITS, close_pairs, pack
from saggar.importing.photographs.files import Photograph
from saggar.importing.report import Note, Refusal, quoted
from saggar.importing.tables.label_rows import LabelledRow

_LARGE = 20  # photographs of one object; more were perhaps joined by mistake

Item = tuple[LabelledRow, Photograph]


def merged(items: Sequence[Item]) -> tuple[list[Item], list[Note], list[Refusal]]:
    """One row per image, the first; rows with the same image and other labels are refused."""
    first: dict[str, LabelledRow] = {}
    kept: list[Item] = []
    notes: list[Note] = []
    refused: list[Refusal] = []
    for row, photograph in items:
        earlier = first.setdefault(photograph.key, row)
        if earlier is row:
            kept.append((row, photograph))
            continue
        same = f"the same image as {_named(earlier, row)}"
        differing = [name for name, code in row.labels.items() if code != earlier.labels[name]]
        if differing:
            labels = " and ".join(
                f"{name} is {quoted(earlier.labels[name])} there and {quoted(row.labels[name])} here"
                for name in differing
            )
            reason = f"{same}, with other labels: {labels}; keep one row"
            refused.append(Refusal(row.number, row.file, reason, ", ".join(differing)))
            continue
        ids = ""
        if row.object_id != earlier.object_id:
            ids = f"; its object id ({quoted(row.object_id)}, not {quoted(earlier.object_id)}) was dropped"
        notes.append(Note(row.number, row.file, "merged", f"{same}{ids}"))
    return kept, notes, refused


def joined(items: Sequence[Item], look_alike: Callable[[int, int], bool]) -> tuple[list[str], list[Note]]:
    """[N] an object id per item, and what was joined: near-duplicates belong to one object.

    Hashes that differ in few bits say so by themselves; of those that differ in some more, `look_alike`
    decides, given their positions. Whatever shares an object id with a near-duplicate comes with it. The
    first id stands.
    """
    own = [row.object_id or photograph.sha256 for row, photograph in items]
    hashed = [i for i, (_, photograph) in enumerate(items) if photograph.phash]
    hashes = pack([items[i][1].phash or "" for i in hashed])
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.get(name, name)) != name:
            parent[name] = name = parent.get(above, above)
        return name

    notes: list[Note] = []
    place = {name: i for i, name in reversed(list(enumerate(own)))}  # where an id appears first
    for a, b, bits in close_pairs(hashes):
        earlier, later = hashed[a], hashed[b]
        ids = sorted({root(own[earlier]), root(own[later])}, key=place.__getitem__)
        if len(ids) == 1 or (bits > SURE_BITS and not look_alike(earlier, later)):
            continue
        parent[ids[1]] = ids[0]
        row, other = items[later][0], items[earlier][0]
        text = f"nearly the same picture as {_named(other, row)}: now one object ({bits} of 256 bits differ)"
        if differing := [n for n, code in row.labels.items() if _conflict(code, other.labels[n])]:
            text += f"; their labels differ in {', '.join(differing)}"
        notes.append(Note(row.number, row.file, "joined", text))
    return [root(name) for name in own], notes


def large_objects(object_ids: Sequence[str], notes: Sequence[Note]) -> list[str]:
    """Objects of suspiciously many photographs, where any were joined."""
    if not any(note.kind == "joined" for note in notes):
        return []
    return [f"{name} ({n})" for name, n in Counter(object_ids).most_common() if n > _LARGE]


def _conflict(code: str | None, other: str | None) -> bool:
    return code is not None and other is not None and code != other


def _named(earlier: LabelledRow, row: LabelledRow) -> str:
    if not earlier.number:
        return earlier.file
    return f"row {earlier.number}" + (f" ({earlier.file})" if earlier.file != row.file else "")
