"""Object ids in other spellings are one object; cells that name no object, and rounded numbers, join nothing."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from photo_folders import TAXONOMY, put, table
from saggar.files.object_ids import canonical_id, differences, visible
from saggar.files.tables.spreadsheet_damage import is_reformatted
from saggar.importing.intake import import_csv
from saggar.importing.report import ImportReport, RowsRefusedError
from saggar.importing.tables.object_ids import names_no_object

HEADER = "image,object_id,dynasty,kiln,glaze,type"


def imported(tmp_path: Path, store, ids: list[str], *, strict: bool = True) -> ImportReport:
    root = tmp_path / "photos"
    for number in range(len(ids)):
        put(root, f"{number}.jpg", number)
    quoted = [text.replace('"', '""') for text in ids]
    rows = [f'{n}.jpg,"{text}",Song,{("Ding", "Ru")[n % 2]},,Bowl' for n, text in enumerate(quoted)]
    return import_csv(root, table(tmp_path, "\n".join([HEADER, *rows])), TAXONOMY, store, strict=strict)


def owners(report: ImportReport) -> list[str]:
    return report.manifest.frame["object_id"].tolist()


@pytest.mark.parametrize(
    ("first", "second", "how"),
    [
        ("Städel-1", unicodedata.normalize("NFD", "Städel-1"), "Unicode form"),
        ("A 12", "A\u00a012", "blanks"),
        ("A 12", "A\u3000 12\u2003", "blanks"),
        ("A 12", "A\n12", "blanks"),
        ("A12", "Ａ１２", "full-width"),
        ("a12", "Ａ１２", "full-width or other forms of letters, letter case"),
        ("A12", "a12", "letter case"),
        ("Gefäß-3", "GEFÄSS-3", "letter case"),
        ("A12", "A\u200b12\ufeff", "invisible characters"),
        ("A12", "A\ufe0f12\u2060", "invisible characters"),
        ("1985-7", "1985\u20137", "dashes"),
        ("1985-7", "1985\u22127", "dashes"),
        ("A12", "\u041012", "letters of another script"),
        ("0012", "'0012", "apostrophe"),
        ("故瓷００１", "故瓷001", "full-width"),
    ],
)
def test_another_spelling_is_the_same_object_and_is_told(
    first: str, second: str, how: str, store, tmp_path: Path
) -> None:
    report = imported(tmp_path, store, [first, second, "other", second])
    assert owners(report) == [first, first, "other", first]
    (warning,) = [each for each in report.warnings if "differ in spelling alone" in each]
    assert f"'{visible(first)}' and '{visible(second.strip())}'" in warning
    assert "3 rows)" in warning
    assert how in warning
    assert [(note.row, note.kind) for note in report.notes] == [(3, "joined"), (5, "joined")]
    assert f"is taken for '{visible(first)}'" in report.to_csv().decode("utf-8-sig")


def test_spaces_around_an_id_are_no_other_spelling(store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, ["A12", "A12 ", "\u3000A12", "b"])
    assert owners(report) == ["A12", "A12", "A12", "b"]
    assert not any("spelling" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("one", "other"), [("A12", "A122"), ("A12", "A1²"), ("A1①", "A11"), ("0012", "12"), ("1985.7", "1985-7")]
)
def test_other_ids_are_other_objects(one: str, other: str, store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, [one, other, "x1"])
    assert owners(report) == [one, other, "x1"]
    assert not any("object id" in warning for warning in report.warnings)


def test_a_blank_within_an_id_is_pointed_out(store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, ["A 12", "A12", "B1"])
    assert owners(report) == ["A 12", "A12", "B1"]
    assert any("are taken for several objects: 'A 12' and 'A12'" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    "cell",
    [
        *("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#WERT!", "#NV", "Err:502", "####"),
        *("-", "--", "\u2014", "\u2013", "_", ".", "…", "?", "??", "？", "0?", "/", "*", "□", "()"),
        *("n/a", "NA", "N.A.", "None", "null", "NaN", "Unknown", "(unknown)", "unknown?", "[none]", "tbd", "s/n", "-1"),
        *("无", "無", "未知", "不详", "不詳", "未编号", "（无）", "неизвестно", "0", "0.0", "\u200b"),
    ],
)
def test_a_cell_that_names_no_object_joins_nothing(cell: str, store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, [cell, cell, "A1", "A1"])
    first, second, *others = owners(report)
    assert first != second
    assert len(first) == len(second) == 64  # the images' hashes
    assert others == ["A1", "A1"]
    (warning,) = [each for each in report.warnings if "name no object, in 2 rows" in each]
    assert f"'{visible(cell)}' (2)" in warning
    assert [(note.row, note.kind) for note in report.notes] == [(2, "noted"), (3, "noted")]


@pytest.mark.parametrize("cell", ["X", "A", "N12", "无12", "12?", "-12", "#12", "No. 4", "🐉", "10", "xx", "None-1"])
def test_an_odd_id_is_an_id(cell: str) -> None:
    assert not names_no_object(cell)


def test_zero_is_an_id_among_running_numbers(store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, ["0", "0", "1", "1", "2"])
    assert owners(report) == ["0", "0", "1", "1", "2"]


@pytest.mark.parametrize("cell", ["1.00E+05", "1.23457E+11", "1,23457E+11", "1e+05", "1.2E5", "123456789012345000"])
def test_a_number_that_a_spreadsheet_has_rounded_is_refused(cell: str, store, tmp_path: Path) -> None:
    ids = [cell, cell, "4", "5"]
    with pytest.raises(RowsRefusedError) as caught:
        imported(tmp_path, store, ids)
    text = str(caught.value)
    assert f"rows 2, 3, column object_id: object id '{cell}' is what a spreadsheet leaves of a long number" in text
    assert "with this column as text" in text
    report = imported(tmp_path, store, ids, strict=False)
    assert owners(report) == ["4", "5"]
    assert [refusal.row for refusal in report.refused] == [2, 3]


def test_long_numbers_that_kept_their_digits_are_ids(store, tmp_path: Path) -> None:
    ids = ["1234567890123450", "1234567890123450", "1234567890123456"]
    assert owners(imported(tmp_path, store, ids)) == ids
    assert owners(imported(tmp_path, store, ["12E3", "12E3", "x1"])) == ["12E3", "12E3", "x1"]


@pytest.mark.parametrize("cell", ["12-Mar", "3月12日", "2023-11-05 00:00"])
def test_dates_in_place_of_ids_are_told(cell: str, store, tmp_path: Path) -> None:
    report = imported(tmp_path, store, [cell, cell, "1.23457E+11"])
    assert owners(report) == [cell, cell, "1.23457E+11"]
    assert any(
        f"a spreadsheet seems to have reformatted: '{cell}', '1.23457E+11'" in warning for warning in report.warnings
    )


@pytest.mark.parametrize(
    "cell", ["Jan-02", "12-MAR", "3月12日", "1.00E+05", "14.0", "1,234", "###", "#NAME?", "#N/A", "2023-11-05 0:00"]
)
def test_what_spreadsheets_make_of_numbers_is_known(cell: str) -> None:
    assert is_reformatted(f" {cell} ")
    assert not is_reformatted(f"{cell}-2")


@given(st.text(max_size=12))
def test_the_form_that_ids_are_compared_in_is_its_own(text: str) -> None:
    plain = canonical_id(text)
    assert canonical_id(plain) == plain
    assert canonical_id(f" {text}\u200b") == plain
    for form in ("NFC", "NFD"):
        assert canonical_id(unicodedata.normalize(form, text)) == plain


@given(st.text("aAﬀÄä \u00a0\u200b１1-–'", max_size=6), st.text("aAﬀÄä \u00a0\u200b１1-–'", max_size=6))
def test_spellings_of_one_object_differ_in_something(one: str, other: str) -> None:
    if canonical_id(one) == canonical_id(other) and one != other:
        assert differences(one, other)
