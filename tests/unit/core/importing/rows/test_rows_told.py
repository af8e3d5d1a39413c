"""Tables that come back from a spreadsheet or from `saggar data map`; rows that a quotation mark swallowed."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from photo_folders import HEAD, TAXONOMY, put, table
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.tables import image_column, read_catalogue, write_labels
from saggar.files.tables.csv_text import from_spreadsheet_cell, spreadsheet_cell
from saggar.importing.intake import import_catalogue, import_csv, import_folders

FORMULAS = ("-A1", "@B2", "=C3", "+D4", " -E5")

# What `saggar data map` writes


def mapped(catalogue: Path, out: Path) -> Path:
    read = read_catalogue(catalogue)
    columns, rows = map_rows(TAXONOMY, read.header, read.rows)
    write_labels(out, rows, columns, read, image_column(read))
    return out


def test_what_map_writes_is_imported_as_it_was(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    rows = ["File,object_id,Title,credit_line,object_url"]
    for number, name in enumerate(FORMULAS):
        put(root, f"{name}.jpg", number)
        rows.append(f"{name}.jpg,{name.strip()},Ding ware bowl Song dynasty,@museum {number},=x")
    labels = mapped(table(tmp_path, "\n".join(rows), "catalogue.csv"), tmp_path / "labels.csv")
    assert "'-A1.jpg" in labels.read_text("utf-8-sig")
    report = import_csv(root, labels, TAXONOMY, store)
    records = list(report.manifest.records())
    assert [record.source for record in records] == [f"{name}.jpg" for name in FORMULAS]
    assert [record.object_id for record in records] == [name.strip() for name in FORMULAS]
    assert [record.credit_line for record in records] == [f"@museum {number}" for number in range(len(FORMULAS))]
    assert {record.object_url for record in records} == {"=x"}
    assert not any("no row names" in warning for warning in report.warnings)


def test_numbers_that_look_like_formulas_find_their_files(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, "-A1.jpg", 1)
    put(root, "-A1 (2).jpg", 2)
    put(root, "'+B2.jpg", 3)
    rows = "image,dynasty,kiln,glaze,type\n'-A1,Song,Ding,,\n'+B2,Song,Ru,,"
    report = import_csv(root, table(tmp_path, rows), TAXONOMY, store, image_column="image")
    assert {record.source: record.object_id for record in report.manifest.records()} == {
        "-A1 (2).jpg": "-A1",
        "-A1.jpg": "-A1",
        "'+B2.jpg": "+B2",
    }


def test_a_name_that_begins_with_an_apostrophe_is_one(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    names = ("'-A1.jpg", "'t veld.jpg", "-B2.jpg")
    for number, name in enumerate(names):
        put(root, name, number)
    rows = "\n".join([HEAD, *(f"{name},Song,Ding,,Bowl" for name in names)])
    report = import_csv(root, table(tmp_path, rows), TAXONOMY, store)
    assert report.manifest.frame["source"].tolist() == list(names)
    catalogue = table(tmp_path, "\n".join(["File,Title", *(f"{name},Ding ware bowl" for name in names)]), "c.csv")
    report = import_catalogue(root, catalogue, "File", TAXONOMY, store)
    assert report.manifest.frame["source"].tolist() == list(names)
    report = import_csv(root, mapped(catalogue, tmp_path / "mapped.csv"), TAXONOMY, store)
    assert report.manifest.frame["source"].tolist() == list(names)


def test_of_two_files_the_cell_means_that_of_its_very_name(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, "'-A1.jpg", 1)
    put(root, "-A1.jpg", 2)
    rows = f"{HEAD}\n'-A1.jpg,Song,Ding,,Bowl\n-A1.jpg,Song,Ru,,Bowl"
    found = import_csv(root, table(tmp_path, rows), TAXONOMY, store).manifest.records()
    assert {record.source: record.labels["kiln"] for record in found} == {"'-A1.jpg": "Ding", "-A1.jpg": "Ru"}


@given(st.text("'=+-@ \na1,", max_size=8))
def test_a_harmless_cell_comes_back_as_it_was(text: str) -> None:
    assert from_spreadsheet_cell(spreadsheet_cell(text)) == text


# Rows that are not read


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_within_a_quotation_mark_are_told(delimiter: str, store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number in range(5):
        put(root, f"{number}.jpg", number)
    rows = [
        f"{HEAD},size",
        '0.jpg,Song,Ding,,Bowl,"',
        "1.jpg,Song,Ru,,Bowl,3",
        '2.jpg,Song,Ru,,Bowl,"',
        "3.jpg,Song,Ru,,Bowl,",
    ]
    report = import_csv(root, table(tmp_path, "\n".join(rows).replace(",", delimiter)), TAXONOMY, store)
    assert report.manifest.frame["source"].tolist() == ["0.jpg", "3.jpg"]
    (told,) = [warning for warning in report.warnings if "cells of several lines" in warning]
    assert "row 2, column size (3 lines, with '1.jpg'); is a quotation mark not closed" in told
    assert "no row names this photograph: 1.jpg, 2.jpg, 4.jpg" in report.warnings
    assert [(note.row, note.file) for note in report.notes] == [(2, "0.jpg"), (0, "1.jpg"), (0, "2.jpg"), (0, "4.jpg")]


@pytest.mark.parametrize("source", ["--catalogue", "--labels"])
def test_swallowed_rows_of_inventory_numbers_are_told(source: str, store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate(("A1", "B2", "C3")):
        put(root, f"{name}.jpg", number)
    if source == "--catalogue":
        rows = 'No,Title,Size\nA1,Ding ware bowl,"\nB2,Ru ware washer,"\nC3,Jun ware plate,\n'
        report = import_catalogue(root, table(tmp_path, rows), "No", TAXONOMY, store)
    else:
        rows = 'No,dynasty,kiln,glaze,type,Size\nA1,Song,Ding,,,"\nB2,Song,Ru,,,"\nC3,Yuan,Jun,,,\n'
        report = import_csv(root, table(tmp_path, rows), TAXONOMY, store, image_column="No")
    assert any("row 2, column Size (2 lines, with 'B2')" in warning for warning in report.warnings)
    assert "no row names this photograph: B2.jpg" in report.warnings


def test_a_remark_of_several_lines_is_none(root: Path, store, tmp_path: Path) -> None:
    rows = f'{HEAD},note\na.jpg,Song,Ding,,Bowl,"chipped, repaired\nfoot, glazed: a\nsee b.jpg"\nb.jpg,Yuan,Jun,,Plate,'
    report = import_csv(root, table(tmp_path, rows), TAXONOMY, store)
    assert len(report.manifest) == 2
    assert report.notes == ()


def test_photographs_without_a_row_are_counted(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number in range(9):
        put(root, f"{number}.jpg", number)
    (root / "link.jpg").symlink_to("0.jpg")
    (root / "notes.txt").write_text("no image")
    rows = f"{HEAD}\nlink.jpg,Song,Ding,,Bowl\n.\\1.jpg,Song,Ru,,Bowl\n2.jpg,Song,nowhere,,Bowl"
    report = import_csv(root, table(tmp_path, rows), TAXONOMY, store, strict=False)
    assert "no row names this photograph: 3.jpg, 4.jpg, 5.jpg, 6.jpg, 7.jpg and 1 more" in report.warnings


# Classes that are called as what is not known


@pytest.mark.parametrize("code", ["Unknown", "_", "未知"])
def test_a_class_may_be_called_unknown(code: str, store, tmp_path: Path) -> None:
    kiln = TAXONOMY.task("kiln")
    ding = kiln["Ding"].model_copy(update={"code": code})
    task = kiln.model_copy(update={"classes": (ding, kiln["Ru"])})
    taxonomy = TAXONOMY.model_copy(update={"tasks": (task,)})
    root = tmp_path / "photos"
    put(root, f"{code.lower()}/a.jpg", 1)
    put(root, "Ru/b.jpg", 2)
    found = import_folders(root, ["kiln"], taxonomy, store).manifest.records()
    assert {record.source: record.labels["kiln"] for record in found} == {
        f"{code.lower()}/a.jpg": code,
        "Ru/b.jpg": "Ru",
    }
