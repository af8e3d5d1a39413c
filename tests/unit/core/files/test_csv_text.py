from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.tables.csv_file import open_csv
from saggar.files.tables.csv_text import csv_rows, read_csv_text

SIMPLIFIED = "名称,时代,窑口\n定窑白釉刻花碗,北宋,定窑\n青釉盘,元,龙泉窑\n"
TRADITIONAL = "名稱,時代,窯口\n定窯白釉刻花碗,北宋,定窯\n青釉盤,元,龍泉窯\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SIMPLIFIED, "utf-8"),
        (SIMPLIFIED, "utf-8-sig"),
        (SIMPLIFIED, "utf-16"),
        (SIMPLIFIED, "utf-16-le"),
        (SIMPLIFIED, "utf-16-be"),
        (SIMPLIFIED, "gb18030"),
        (SIMPLIFIED, "gbk"),
        (TRADITIONAL, "gb18030"),
        (TRADITIONAL, "big5"),
        (TRADITIONAL, "cp950"),
        ("Title,Ware\nBowl,定窯\n", "big5"),
        ("Title,Ware\nBowl,定窑\n", "gb18030"),
    ],
)
def test_encodings_of_chinese_tables_are_recognised(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    assert read_csv_text(path).text == text


FREQUENT = st.text(
    st.sampled_from("宋元定窯白釉碗盤瓶青花龍泉北南時代名稱官汝鈞器形口沿足底刻花印紋，。"),
    min_size=8,
    max_size=60,
)


@given(FREQUENT)
def test_big5_is_never_taken_for_gb18030(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    """Refused at worst, never read as something else."""
    path = tmp_path_factory.mktemp("big5") / "table.csv"
    path.write_bytes(f"name\n{words}\n".encode("big5"))
    try:
        text = read_csv_text(path).text
    except InvalidInputError:
        return
    assert text == f"name\n{words}\n"


def test_western_accents_are_not_taken_for_chinese_and_can_be_named(tmp_path: Path) -> None:
    text = "Title,Date\nJardinière à décor gravé,XIIe siècle\n"
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("windows-1252"))
    with pytest.raises(InvalidInputError, match=r"line 2: the encoding is not clear.*--encoding"):
        read_csv_text(path)
    found = read_csv_text(path, "windows-1252")
    assert (found.text, found.encoding) == (text, "windows-1252")


def test_wrong_or_unknown_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("名称\n碗\n".encode("gb18030"))
    with pytest.raises(InvalidInputError, match=r"line 1: byte 0xC3 \(number 0 of the file\) is not UTF-8"):
        read_csv_text(path, "utf-8")


@pytest.mark.parametrize(
    "name",
    ["latin-chinese", "", "rot13", "base64", "hex", "zlib", "idna", "unicode_escape", "undefined", "utf\0", "é" * 9],
)
def test_what_is_no_encoding_of_text_is_told(tmp_path: Path, name: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"name\nbowl\n")
    with pytest.raises(InvalidInputError, match=r"is not a known encoding; try"):
        read_csv_text(path, name)


def test_missing_file_folder_empty_file_and_workbook(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no such file"):
        read_csv_text(tmp_path / "absent.csv")
    with pytest.raises(InvalidInputError, match="is a folder"):
        read_csv_text(tmp_path)
    (tmp_path / "empty.csv").write_bytes(b" \n")
    with pytest.raises(InvalidInputError, match="is empty"):
        read_csv_text(tmp_path / "empty.csv")
    (tmp_path / "book.csv").write_bytes(b"PK\x03\x04rest")
    with pytest.raises(InvalidInputError, match="workbook"):
        read_csv_text(tmp_path / "book.csv")


def test_rows_keep_blank_cells_and_skip_empty_lines() -> None:
    rows = list(csv_rows('a,b\n\n,\n"x\ny",2\n', ",", "table.csv"))
    assert [row.cells for row in rows] == [("a", "b"), ("", ""), ("x\ny", "2")]
    assert [row.number for row in rows] == [1, 3, 4]


def test_open_quotation_mark_is_named() -> None:
    with pytest.raises(InvalidInputError, match=r"table\.csv: row 2: not valid CSV"):
        list(csv_rows('a,b\n"x,2\n', ",", "table.csv"))


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_lines_that_end_with_what_is_no_line_end_to_tables_are_told(tmp_path: Path, end: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"image,glaze{end}a.png,white{end}", encoding="utf-8")
    with pytest.raises(InvalidInputError, match=f"lines end with U\\+{ord(end):04X}.*ordinary line ends"):
        open_csv(path)
    path.write_text(f"image,glaze\na.png,white{end}and blue\n", encoding="utf-8")
    assert [row.cells[1] for row in open_csv(path).rows()] == [f"white{end}and blue"]


# Byte order marks and invisible characters

QUOTED = '"image","credit_line"\r\n"a.jpg","Museum, of X"\r\n"b.jpg","Ding, ""ware"""\r\n'
CELLS = [("image", "credit_line"), ("a.jpg", "Museum, of X"), ("b.jpg", 'Ding, "ware"')]
INVISIBLE = ["\ufeff", "\ufeff\ufeff", "\u200b", "\ufeff\u200b", "\u2060", "\u200e"]


def cells_of(path: Path, encoding: str | None) -> list[list[tuple[str, ...]]]:
    """As read whole, and row by row."""
    found = read_csv_text(path, encoding)
    table = open_csv(path, encoding)
    return [
        [row.cells for row in csv_rows(found.text, ",", "t.csv")],
        [table.header, *(row.cells for row in table.rows())],
    ]


@pytest.mark.parametrize("mark", INVISIBLE)
@pytest.mark.parametrize("encoding", [None, "utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "gb18030"])
def test_what_is_invisible_before_a_quoted_header_is_passed_over(
    tmp_path: Path, mark: str, encoding: str | None
) -> None:
    path = tmp_path / "table.csv"
    written = {None: "utf-8", "utf-8-sig": "utf-8"}.get(encoding, encoding)
    path.write_bytes(f"{mark}{QUOTED}".encode(written))
    assert cells_of(path, encoding) == [CELLS, CELLS]


@pytest.mark.parametrize("mark", INVISIBLE)
@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_what_is_invisible_beside_quotation_marks_is_passed_over(
    tmp_path: Path, mark: str, encoding: str | None
) -> None:
    path = tmp_path / "table.csv"
    for text in (
        QUOTED.replace('\r\n"', f'\r\n{mark}"'),
        QUOTED.replace(',"', f',{mark}"'),
        QUOTED.replace('",', f'"{mark},'),
        QUOTED.replace('"\r\n', f'"{mark}\r\n'),
    ):
        path.write_bytes(text.encode())
        assert cells_of(path, encoding) == [CELLS, CELLS]


@pytest.mark.parametrize("encoding", [None, "utf-8"])
def test_files_with_marks_that_were_joined_have_none_in_their_cells(tmp_path: Path, encoding: str | None) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("\ufeffimage,kiln\na.jpg,Ding\n\ufeffb.jpg,Ru\n".encode())
    expected = [("image", "kiln"), ("a.jpg", "Ding"), ("b.jpg", "Ru")]
    assert cells_of(path, encoding) == [expected, expected]


def test_text_within_quotation_marks_keeps_its_invisible_characters(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes('image,note\na.jpg,"x \u200b""y"", z\u200d"\nb.jpg,\u200bplain\u200b\n'.encode())
    expected = [("image", "note"), ("a.jpg", 'x \u200b"y", z\u200d'), ("b.jpg", "\u200bplain\u200b")]
    assert cells_of(path, None) == [expected, expected]


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_a_mark_before_a_line_that_names_the_delimiter(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(f'{mark}sep=;\n"image";"kiln"\n"a.jpg";"Ding"\n'.encode())
    for encoding in (None, "utf-8"):
        table = open_csv(path, encoding)
        assert (table.delimiter, table.header, [row.cells for row in table.rows()]) == (
            ";", ("image", "kiln"), [("a.jpg", "Ding")],
        )  # fmt: skip
