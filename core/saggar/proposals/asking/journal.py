"""The journal of a catalogue at work: an answer a line, so that a killed program loses only the rows in hand.

The first line says what the answers are to (the catalogue's hash and the settings); every other one is
`{"row": <place in the catalogue, from 0>, "answer": {...}}`, or `{"finished": {...}}` where the table was written, with
how it was made. The last line of a row counts. A line that a crash cut off is dropped, and its row is asked again.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from saggar.errors import InvalidInputError, WrongStateError
from saggar.files.wholefile import unwritable
from saggar.proposals.answers import RowAnswer

_NONE = -1
_BEGINNING = b'{"'  # of a first line that a crash cut off; anything else is somebody's file


class Journal:
    """Answers of `count` rows in a file. Memory holds a number per row. Several threads may write."""

    def __init__(self, file: BinaryIO, path: Path, count: int) -> None:
        self._file = file
        self.path = path
        self._places = array("q", [_NONE]) * count
        self._lock = threading.Lock()
        self._count = 0
        self.tables: list[dict[str, Any]] = []  # how those were made that were written from these very answers

    def __contains__(self, row: int) -> bool:
        return self._places[row] != _NONE

    def __len__(self) -> int:
        return self._count

    def put(self, row: int, answer: RowAnswer) -> None:
        """Keeps the answer of a row; it is with the operating system when this returns."""
        self._append({"row": row, "answer": answer.to_json()}, row)

    def finish(self, made: Mapping[str, Any]) -> None:
        """Notes that all tables were written; `made` says how, in plain values."""
        self._append({"finished": made})
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise unwritable(self.path, error) from None
        self.tables.append(dict(made))

    def get(self, row: int) -> RowAnswer:
        """The answer of a row; KeyError where there is none."""
        if row not in self:
            raise KeyError(row)
        with self._lock:
            self._file.seek(self._places[row])
            line = self._file.readline()
        return RowAnswer.from_json(json.loads(line)["answer"])

    def _append(self, value: Mapping[str, Any], row: int | None = None) -> None:
        line = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with self._lock:
            place = os.fstat(self._file.fileno()).st_size
            try:
                self._write(line, place)
            except OSError as error:
                with suppress(OSError):  # a line that is not whole would hide the next one
                    os.ftruncate(self._file.fileno(), place)
                raise unwritable(self.path, error) from None
            if row is not None:
                self._note(row, place)
                self.tables.clear()

    def _write(self, line: bytes, place: int) -> None:
        """Past the buffer of `_file`, which reads: what it could not write, closing it would try again."""
        rest = memoryview(line)
        while rest:
            count = os.pwrite(self._file.fileno(), rest, place)
            rest, place = rest[count:], place + count

    def _note(self, row: int, place: int) -> None:
        self._count += self._places[row] == _NONE
        self._places[row] = place

    def read(self) -> dict[str, Any] | None:
        """Finds out what is in the file: the first line, or None where it is empty.

        Raises InvalidInputError for another file.
        """
        self._file.seek(0)
        first: dict[str, Any] | None = None
        place = number = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                if number == 1 and not line.startswith(_BEGINNING):
                    raise self._foreign(number)
                break
            try:
                value = json.loads(line)
                if first is None:
                    first = dict(value)
                elif "finished" in value:
                    self.tables.append(dict(value["finished"]))
                else:
                    RowAnswer.from_json(value["answer"])
                    self._note(value["row"], place)
                    self.tables.clear()
            except (ValueError, TypeError, KeyError, IndexError, RecursionError):
                raise self._foreign(number) from None
            place += len(line)
        self._file.truncate(place)
        return first

    def _foreign(self, line: int) -> InvalidInputError:
        return InvalidInputError(
            f"{self.path}, line {line}: is no journal of this catalogue; remove the file, or name another output"
        )

    def begin(self, about: Mapping[str, Any]) -> None:
        """Writes the first line."""
        self._append(about)


@contextmanager
def open_journal(path: Path, count: int, about: Mapping[str, Any]) -> Iterator[Journal]:
    """The journal at `path`, made where there is none; held for this process alone while the block runs.

    Raises WrongStateError where another process has it, and InvalidInputError where it is about something else than
    `about`, naming what differs.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        file = path.open("r+b")
    except OSError as error:
        raise unwritable(path, error) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            text = f"{path}: another `saggar classify` is at work with it; wait until it ends"
            raise WrongStateError(text) from None
        journal = Journal(file, path, count)
        first = journal.read()
        if first is None:
            journal.begin(about)
        elif differing := [name for name in {**first, **about} if first.get(name) != about.get(name)]:
            alone = "; rows that were corrected can be a catalogue of their own, with another output"
            raise InvalidInputError(
                f"{path}: was begun with another {', '.join(name.replace('_', ' ') for name in differing)}; give the "
                "same again, name another output, or remove this file, and all its answers, to begin anew"
                f"{alone if 'catalogue' in differing else ''}"
            )
        yield journal
