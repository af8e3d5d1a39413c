"""Cells of a museum's catalogue come through as they are, and run nothing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saggar.files.tables.csv_text import copied_cell, data_cell, from_spreadsheet_cell, spreadsheet_cell
from saggar.proposals.answers import RowAnswer, TaskProposal
from saggar.proposals.catalogue import open_catalogue
from saggar.proposals.decisions import read_decisions
from saggar.proposals.formats.accepted_objects import AcceptedClass, AcceptedObject
from saggar.proposals.formats.accepted_table import write_accepted
from saggar.proposals.formats.profiles import PROFILES
from saggar.proposals.formats.review_table import write_review
from saggar.proposals.formats.vocabulary import Vocabulary

ANSWER = RowAnswer(model_id="m", tasks={"glaze": TaskProposal("Celadon", "celadon", 0.75)})


def reviewed(folder: Path, rows: Sequence[Sequence[str]]) -> tuple[Path, list[list[str]]]:
    """The table to review that a catalogue becomes, and its rows with the header."""
    with (folder / "in.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    found = open_catalogue(folder / "in.csv", "image")
    (path,) = write_review(
        folder / "out.csv", found, lambda _: ANSWER, PROFILES["generic"], Vocabulary(("glaze",)), byte_order_mark=False
    )
    with path.open(encoding="utf-8", newline="") as file:
        return path, list(csv.reader(file))


@pytest.mark.parametrize(
    "cell",
    [
        "first\r\nsecond",
        "first\rsecond",
        "first\nsecond",
        "a\x85b",
        "a\x0bb\x0c\x1c\x1f\x7f\x9fc",
        "a\u2028b\u2029",
        " spaces at both ends ",
        "\u3000wide\u00a0",
        '="0012"',
        "'-5",
        "'=1+1",
        "'quoted'",
        "-5",
        "\ufeffmark",
    ],
)
def test_a_cell_is_what_it_was(tmp_path: Path, cell: str) -> None:
    _, (header, row) = reviewed(tmp_path, [("image", "object number", "text"), ("0.jpg", "A1", cell)])
    assert header[:3] == ["image", "object number", "text"]
    assert row[2] == cell


def test_headings_are_what_they_were(tmp_path: Path) -> None:
    names = [" image", "Object Number ", "two\nlines", "two\r\nlines", "", "", "title", "title"]
    _, (header, row) = reviewed(tmp_path, [names, ["0.jpg", "A1", *"abcdef"]])
    assert header[:8] == names
    assert row[:8] == ["0.jpg", "A1", *"abcdef"]


def test_a_number_with_an_odd_character_comes_back(tmp_path: Path) -> None:
    path, _ = reviewed(tmp_path, [("image", "object number"), ("0.jpg", "A\x851\r\nb"), ("1.jpg", '="0012"')])
    assert [row.object_number for row in read_decisions([path])] == ["A\x851\r\nb", "0012"]
    glaze = AcceptedClass("Celadon", False, "m", "", "", "", "")
    objects = [AcceptedObject("A\x851\r\nb", {"glaze": glaze})]
    (file,) = write_accepted(
        tmp_path / "a.csv", objects, PROFILES["generic"], Vocabulary(("glaze",)), byte_order_mark=False
    )
    with file.open(encoding="utf-8", newline="") as lines:
        assert list(csv.reader(lines))[1] == ["A\x851\r\nb", "Celadon"]


@settings(deadline=None)
@given(st.text())
def test_no_cell_is_a_formula_and_none_is_lost(text: str) -> None:
    cell = data_cell(text)
    assert not cell.lstrip(" \t\r\n\x0b\x0c\x1c\x1f\x85\ufeff").startswith(("=", "@"))
    assert cell.removeprefix("'").replace("\\x00", "\0") == text.removeprefix("'").replace("\\x00", "\0")
    assert copied_cell(copied_cell(text)) == copied_cell(text)
    if not text.startswith("'") and "\0" not in text:
        assert from_spreadsheet_cell(cell) == text


def test_messages_hold_no_control_characters() -> None:
    assert spreadsheet_cell("a\x85b\rc\nd") == "a\\x85b\\rc\nd"
