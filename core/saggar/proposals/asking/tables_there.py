"""Whether the table to review remains to be written. One that is there is never overwritten: it may hold decisions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saggar.errors import AlreadyExistsError
from saggar.proposals.asking.journal import Journal

_GO_ON = "then the same command writes the table from the answers that are in {journal}"


def refuse_there(files: Sequence[Path], journal: Path) -> None:
    """Raises AlreadyExistsError where one of `files` is there before the table was ever written."""
    for file in files:
        if file.exists():
            remedy = f"move it away, {_GO_ON.format(journal=journal)}" if journal.exists() else "move it away"
            raise AlreadyExistsError(f"{file}: is there already; name another output, or {remedy}")


def is_written(journal: Journal, files: Sequence[Path], made: Mapping[str, Any], *, again: bool) -> bool:
    """Whether the table of the journal's answers is in `files`, with all its parts, made as `made` says (`files` in it
    are their names).

    `again`: rows are to be asked again. Raises AlreadyExistsError where another table, or a part of this one, is there,
    and where the table would have to be written anew.
    """
    there = [file for file in files if file.exists()]
    if not there:
        return False
    go_on = _GO_ON.format(journal=journal.path)
    last = next((each for each in reversed(journal.tables) if each.get("files") == made["files"]), None)
    if last is None:
        refuse_there(files, journal.path)
        return False
    if again:
        raise AlreadyExistsError(
            f"{there[0]}: may hold decisions; move it away, then the same command asks again and writes it anew "
            "(--accepted takes both tables)"
        )
    if absent := [file for file in files if not file.exists()]:
        raise AlreadyExistsError(
            f"{absent[0]}: is missing, and {len(there):,} of the table's {len(files):,} files are there; put it back, "
            f"or move the others away, {go_on}"
        )
    plain = json.loads(json.dumps(made))
    if differing := ", ".join(name.replace("_", " ") for name in plain if plain[name] != last.get(name)):
        raise AlreadyExistsError(f"{there[0]}: was written with another {differing}; move it away, {go_on}")
    return True
