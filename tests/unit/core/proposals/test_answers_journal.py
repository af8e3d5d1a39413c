"""The journal of answers: a line that cannot be written is named, and leaves what was there."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from saggar.client import Question
from saggar.errors import StorageFullError
from saggar.files.wholefile import write_whole
from saggar.proposals.answers import RowAnswer
from saggar.proposals.asking.journal import open_journal
from saggar.proposals.asking.photographs import Photographs
from saggar.proposals.asking.run import ask
from saggar.proposals.catalogue import open_catalogue

ANSWER = RowAnswer(model_id="m" * 400)


@contextmanager
def files_of_at_most(most: int) -> Iterator[None]:
    """As `ulimit -f`, in bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_journal_that_cannot_grow_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.csv.journal"

    def fill() -> None:
        with open_journal(path, 100, {}) as journal:
            for row in range(100):
                journal.put(row, ANSWER)

    with files_of_at_most(4096), pytest.raises(StorageFullError, match=r"out\.csv\.journal: is larger than this disk"):
        fill()
    with open_journal(path, 100, {}) as journal:
        kept = len(journal)
        assert 0 < kept < 100
        journal.put(kept, ANSWER)
        assert [journal.get(row) for row in range(kept + 1)] == [ANSWER] * (kept + 1)


def test_after_a_line_that_failed_the_next_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with open_journal(path, 3, {}) as journal:
        journal.put(0, ANSWER)
        size = path.stat().st_size
        with files_of_at_most(size + 100), pytest.raises(StorageFullError):
            journal.put(1, ANSWER)
        assert path.stat().st_size == size
        journal.put(2, RowAnswer(error="x"))
        assert (journal.get(0), journal.get(2)) == (ANSWER, RowAnswer(error="x"))
    assert all(json.loads(line) is not None for line in path.read_text().splitlines())


def test_a_journal_that_cannot_begin_is_named(tmp_path: Path) -> None:
    with (
        files_of_at_most(1),
        pytest.raises(StorageFullError, match="j: is larger"),
        open_journal(tmp_path / "j", 3, {}),
    ):
        pass


def test_a_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with files_of_at_most(100), pytest.raises(StorageFullError, match=r"t\.csv: is larger"):
        write_whole(tmp_path / "t.csv", b"x" * 101)
    assert list(tmp_path.iterdir()) == []


class _Sender:
    """A classifier that reads all photographs and has an answer for none."""

    def classify_many(self, images: object, question: Question) -> Iterator[object]:
        try:
            list(images)  # type: ignore[call-overload]
        except StorageFullError:
            return iter([])  # as a stream does whose thread failed
        return iter([])


def test_what_the_thread_that_sends_cannot_write_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("image\n" + "".join(f"gone{number}.png\n" for number in range(100)))
    catalogue = open_catalogue(tmp_path / "in.csv", "image")
    with files_of_at_most(4096), open_journal(tmp_path / "j", 100, {}) as journal, pytest.raises(StorageFullError):
        ask(catalogue, journal, Photographs(tmp_path, None), _Sender(), Question())  # type: ignore[arg-type]


def test_how_tables_were_made_is_forgotten_with_a_new_answer(tmp_path: Path) -> None:
    with open_journal(tmp_path / "j", 2, {}) as journal:
        journal.put(0, ANSWER)
        journal.put(1, RowAnswer(error="x"))
        journal.finish({"profile": "generic"})
    with open_journal(tmp_path / "j", 2, {}) as journal:
        assert journal.tables == [{"profile": "generic"}]
        journal.put(1, ANSWER)
        assert journal.tables == []
    with open_journal(tmp_path / "j", 2, {}) as journal:
        assert journal.tables == []
