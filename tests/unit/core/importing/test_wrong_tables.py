"""Files that are no table of labels, tables parted by something else, and names of files as spreadsheets leave them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hostile_files import encoded, picture
from saggar.errors import InvalidInputError
from saggar.files.tables.csv_file import open_csv
from saggar.importing.intake import import_csv
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
HEAD = "image,dynasty,kiln,glaze,type"
ROW = "a.jpg,Song,Ding,IvoryW,Bowl"
TABLE = f"{HEAD}\n{ROW}\n"


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(("a.jpg", "c d.jpg", "0012.jpg")):
        (folder / name).write_bytes(encoded(picture(number + 100), "JPEG"))
    return folder


def imported(photographs: Path, data: str | bytes) -> int:
    path = photographs.parent / "labels.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return len(import_csv(photographs, path, TAXONOMY, DirectoryStore(photographs.parent / "store")).manifest)


def refusal(photographs: Path, data: str | bytes) -> str:
    with pytest.raises(InvalidInputError) as caught:
        imported(photographs, data)
    return str(caught.value)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (gzip.compress(TABLE.encode(), mtime=0), "is an archive, not a CSV; unpack it"),
        (b"<!DOCTYPE html><table><tr><td>image</td></tr></table>", "is a web page or XML"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "is a web page or XML"),
        (b'[{"image": "a.jpg", "dynasty": "Song"}]', "is JSON"),
        (b'{\n "image": "a.jpg"}', "is JSON"),
        (b"%PDF-1.7\n...", "is a PDF"),
        (b"MIME-Version: 1.0\nX-Document-Type: Workbook\n", "is a saved web page (MHT)"),
        (b'ID;PWXL;N;E\nC;Y1;X1;K"image"\n', "is a SYLK table"),
        (b"SQLite format 3\x00" + bytes(84), "is a database (SQLite)"),
        (b"PAR1" + bytes(64) + b"PAR1", "is a Parquet file"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "`git lfs pull` brings the file"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "is an image"),
    ],
)
def test_what_is_no_csv_is_named_as_what_it_is(photographs: Path, data: bytes, what: str) -> None:
    assert what in refusal(photographs, data)
    with pytest.raises(InvalidInputError, match=r"not a CSV; "):  # a catalogue is read by another way
        open_csv(photographs.parent / "labels.csv")


@pytest.mark.parametrize("delimiter", ["|", "，", "、", "；", "^"])
def test_another_delimiter_is_named_with_the_way_out(photographs: Path, delimiter: str) -> None:
    other = TABLE.replace(",", delimiter)
    text = refusal(photographs, other)
    assert f"parted by '{delimiter}'" in text
    assert f"write `sep={delimiter}` above the header" in text
    assert imported(photographs, f"sep={delimiter}\n{other}") == 1  # the way out leads out


def test_a_line_that_names_another_delimiter_than_the_files(photographs: Path) -> None:
    assert "parted by comma, but its first line says sep=;" in refusal(photographs, f"sep=;\n{TABLE}")
    assert "must name one character" in refusal(photographs, "sep=||\n" + TABLE.replace(",", "||"))


@pytest.mark.parametrize("name", ["filename", "File", "图片", "文件名", "image*", "Photo (JPEG)"])
def test_a_usual_name_of_the_images_column_is_recognised(photographs: Path, name: str) -> None:
    assert f"rename '{name}'?" in refusal(photographs, TABLE.replace("image", name))


def test_units_in_a_heading_are_seen_through(photographs: Path) -> None:
    assert "rename 'type (code)'?" in refusal(photographs, TABLE.replace("type", "type (code)"))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("12", "0012.jpg"),
        ("12.0", "0012.jpg"),
        ("1.2E+01", "0012.jpg"),
        ("12.jpg", "0012.jpg"),
        ("c%20d.jpg", "c d.jpg"),
        ("“a.jpg”", "a.jpg"),
        ("'a.jpg'", "a.jpg"),
    ],
)
def test_what_became_of_a_files_name_is_seen_through(photographs: Path, name: str, meant: str) -> None:
    assert f"did you mean '{meant}'?" in refusal(photographs, TABLE.replace("a.jpg", name))


def test_a_number_of_two_files_is_not_guessed(photographs: Path) -> None:
    (photographs / "00012.jpg").write_bytes((photographs / "0012.jpg").read_bytes())
    assert "did you mean" not in refusal(photographs, TABLE.replace("a.jpg", "12"))


def test_the_mark_that_ends_a_text_of_dos_is_no_row(photographs: Path) -> None:
    assert imported(photographs, TABLE + "\x1a") == 1


@pytest.mark.parametrize("old", ["a.jpg", "Song"])
def test_an_endless_cell_does_not_fill_the_error(photographs: Path, old: str) -> None:
    text = refusal(photographs, TABLE.replace(old, "x" * 100_000))
    assert len(text) < 1_000
    assert "x…" in text
