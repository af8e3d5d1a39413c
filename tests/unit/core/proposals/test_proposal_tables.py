"""Tables to review: split where a system takes no more rows, written in constant memory, harmless to spreadsheets."""

from __future__ import annotations

import csv
import tracemalloc
from pathlib import Path

import pytest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.tables.csv_file import open_csv
from saggar.proposals.answers import RowAnswer, TaskProposal
from saggar.proposals.catalogue import open_catalogue
from saggar.proposals.decisions import read_decisions
from saggar.proposals.formats.profiles import PROFILES, find_profile, given_fields
from saggar.proposals.formats.review_table import write_review
from saggar.proposals.formats.vocabulary import Vocabulary, fitting_taxonomy, read_values

GLAZE = {"glaze": TaskProposal("Celadon", "celadon", 0.75, ("Celadon", "White"))}


def catalogue(folder: Path, rows: int, text: str = "bowl") -> Path:
    path = folder / "in.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("object number", "image", "title"))
        writer.writerows((f"A{number}", f"{number}.jpg", text) for number in range(rows))
    return path


def written(folder: Path, rows: int, profile: str = "generic", text: str = "bowl") -> list[Path]:
    found = open_catalogue(catalogue(folder, rows, text), "image")
    answer = RowAnswer(model_id="m", answered="2026-11-28T12:00:00+00:00", tasks=GLAZE)
    return write_review(
        folder / "out.csv",
        found,
        lambda place: answer if place != 5 else RowAnswer(error="no such file"),
        PROFILES[profile],
        Vocabulary(("glaze",)),
        byte_order_mark=False,
    )


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("rows", "sizes"), [(9_999, [9_999]), (10_000, [9_999, 1]), (20_000, [9_999, 9_999, 2])])
def test_collectionspace_takes_9999_rows_a_file(tmp_path: Path, rows: int, sizes: list[int]) -> None:
    files = written(tmp_path, rows, "collectionspace")
    assert [file.name for file in files] == (
        ["out.csv"] if rows < 10_000 else [f"out-00{n + 1}.csv" for n in range(len(sizes))]
    )
    tables = [read(file) for file in files]
    assert [len(table) for table in tables] == sizes
    assert [row["objectNumber"] for table in tables for row in table] == [f"A{n}" for n in range(rows)]
    assert tables[0][5]["saggar_error"] == "no such file"
    assert tables[0][4]["saggar_set_glaze"] == "Celadon; White"


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        folder = tmp_path / str(rows)
        folder.mkdir()
        catalogue(folder, rows, text="青瓷" * 50)
        tracemalloc.start()
        written(folder, rows)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few, many = peak(500), peak(6_000)
    assert many < few + (1 << 19), (few, many)


def test_cells_of_the_catalogue_stay_what_they_are_and_run_nothing(tmp_path: Path) -> None:
    (file,) = written(tmp_path, 2, text='=HYPERLINK(0)\n"两行"')
    rows = read(file)
    assert rows[0]["title"] == '\'=HYPERLINK(0)\n"两行"'
    again = open_catalogue(file, "image")
    assert [row.cells[2] for row in again.rows()] == ['=HYPERLINK(0)\n"两行"'] * 2


def test_a_table_of_ours_is_read_back(tmp_path: Path) -> None:
    (file,) = written(tmp_path, 7)
    rows = list(read_decisions([file]))
    assert [row.object_number for row in rows] == [f"A{n}" for n in range(7)]
    assert [row.open for row in rows] == [("glaze",)] * 5 + [()] + [("glaze",)]


def test_a_table_that_is_named_twice_does_not_count_twice(tmp_path: Path) -> None:
    [file] = written(tmp_path, 2)
    (tmp_path / "link.csv").symlink_to(file)
    for other in (file, file.parent / ".." / file.parent.name / file.name, tmp_path / "link.csv"):
        with pytest.raises(InvalidInputError, match="are one table; name it once"):
            list(read_decisions([file, other]))


@pytest.mark.parametrize(
    "name",
    [
        *("Inv. no.", "Inv. Nr.", "Inv.-Nr.", "INV_NO", "Inv. №", "Inventory number", "Inventory No.", "inventory_no"),
        *(
            "Accession number",
            "Accession No.",
            "Acc. no.",
            "accession-number",
            "Accession #",
            "Object No",
            "ObjectNumber",
        ),
        *("Museum number", "Registration number", "Reg. no.", "Catalogue number", "Cat. No.", "Object ID", "Item no."),
        *(
            "编号",
            "編號",
            "藏品编号",
            "藏品編號",
            "藏品号",
            "藏品號",
            "文物号",
            "文物號",
            "典藏號",
            "登記號",
            "統一編號",
        ),
        *("Inventarnummer", "Objektnummer", "　Object  Number　", "Ｏbject number"),
    ],
)
def test_a_column_of_numbers_is_known_by_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(f"image,title,{name},date\n0.jpg,bowl,A-1,1200\n", "utf-8")
    (row,) = open_catalogue(path, "image").rows()
    assert row.object_number == "A-1"


@pytest.mark.parametrize("name", ["number", "No.", "accession", "collection", "invoice", "cat", "页号", "acc"])
def test_another_column_is_not_taken_for_numbers(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in.csv"
    path.write_text(f"image,title,{name}\n0.jpg,bowl,A-1\n", "utf-8")
    (row,) = open_catalogue(path, "image").rows()
    assert row.object_number == ""


@pytest.mark.parametrize(
    ("text", "encoding", "delimiter", "header"),
    [
        ("a,b\n1,2\n", "utf-8", ",", ("a", "b")),
        ("\ufeffa;b\n1;2\n", "utf-8", ";", ("a", "b")),
        ("sep=|\na|b\n1|2\n", "utf-8", "|", ("a", "b")),
        ("名\t字\n青瓷碗甲\t龙泉窑\n", "gb18030", "\t", ("名", "字")),
        ("a,b\n1,2\n", "utf-16", ",", ("a", "b")),
        ("a,b\n1,2\n", "utf-16-le", ",", ("a", "b")),
        ('"two\nlines",b\n1,2\n\n,\n', "utf-8", ",", ("two\nlines", "b")),
    ],
)
def test_streamed_tables_are_recognised(
    tmp_path: Path, text: str, encoding: str, delimiter: str, header: tuple[str, ...]
) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(text.encode(encoding))
    found = open_csv(path)
    assert (found.delimiter, found.header, found.count) == (delimiter, header, 1)
    (row,) = found.rows()
    assert len(row.cells) == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04...", "is a spreadsheet workbook"),
        (b"glaze,type\n" + b"caf\xe9,x\n" * 3, "the encoding is not clear"),
        (b'a,b\n"open,1\n', "not valid CSV"),
    ],
)
def test_what_is_no_table_is_refused_before_anything_is_asked(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=said):
        open_csv(path)
    with pytest.raises(NotFoundError, match="no such file"):
        open_csv(tmp_path / "absent.csv")


def test_stored_values_are_checked_row_by_row(tmp_path: Path) -> None:
    codes = {"glaze": ("Celadon", "White")}
    path = tmp_path / "values.csv"
    path.write_text("Task,Code,Value\nglaze,Celadon,QC\nglaze,Blue,QH\nform,Bowl,W\nglaze,White,\nglaze,Celadon,Q\n")
    with pytest.raises(InvalidInputError) as caught:
        read_values(path, codes)
    assert [each.field for each in caught.value.violations] == ["row 3", "row 4", "row 5", "row 6"]
    path.write_text("task,code,value\nglaze,Celadon,=QC\n")
    assert read_values(path, codes) == {("glaze", "Celadon"): "=QC"}
    path.write_text("task,code\nglaze,White\n")
    with pytest.raises(InvalidInputError, match="lacks value"):
        read_values(path, codes)


def test_names_are_the_houses_own_else_the_languages(tmp_path: Path) -> None:
    taxonomy = fitting_taxonomy({"glaze": ("Celadon", "MoonW")}, None)
    assert taxonomy is not None
    words = Vocabulary(("glaze",), taxonomy, {("glaze", "Celadon"): "GL1"}, "zh-Hans")
    assert [words.value("glaze", code) for code in ("Celadon", "MoonW", "", "Unheard")] == [
        "GL1",
        "月白釉",
        "",
        "Unheard",
    ]
    assert fitting_taxonomy({"colour": ("red",)}, None) is None
    with pytest.raises(InvalidInputError, match="does not have task colour"):
        fitting_taxonomy({"colour": ("red",)}, "kilnsim")


def test_fields_are_given_by_task() -> None:
    assert given_fields(["glaze=MA", "number = IN"], ("glaze",)) == {"glaze": "MA", "number": "IN"}
    with pytest.raises(InvalidInputError, match="write TASK=NAME"):
        given_fields(["glase=MA"], ("glaze",))
    with pytest.raises(NotFoundError, match="there are: generic, collectionspace, axiell"):
        find_profile("emu")
