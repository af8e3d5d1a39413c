"""Chinese tables in one encoding or in two: what is recognised, and which line is named where two were joined."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.errors import InvalidInputError
from saggar.files.tables.csv_file import open_csv
from saggar.files.tables.csv_text import read_csv_text
from saggar.files.text_encoding import decoded_text

HONG_KONG = "圖,朝代,窯口,備註\n0.jpg,宋,定窯,嘅㗎啲咗\n1.jpg,元,鈞窯,香港藝術館嘅藏品\n2.jpg,宋,汝窯,深水埗\n"
SIMPLIFIED = ("宋,定窑,白釉,碗,故宫博物院藏品", "元,钧窑,月白釉,盘,上海博物馆", "宋,汝窑,天青釉,洗,台北故宫")
TRADITIONAL = ("宋,定窯,白釉,碗,故宮博物院藏品", "元,鈞窯,月白釉,盤,上海博物館", "宋,汝窯,天青釉,洗,臺北故宮")
HEAD = "image,dynasty,kiln,glaze,type,credit_line\n"


def joined(lines: tuple[str, ...], encoding: str, other: str, where: int) -> bytes:
    """A table of `lines`, with `other`, in UTF-8, in line `where`."""
    parts = [f"{i}.jpg,{line}\n".encode(encoding) for i, line in enumerate(lines)]
    parts.insert(where - 2, f"9.jpg,{other}\n".encode())
    return HEAD.encode() + b"".join(parts)


# Hong Kong


@pytest.mark.parametrize("encoding", [None, "big5", "big5hkscs", "cp950"])
def test_big5_of_hong_kong_is_read(encoding: str | None, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(HONG_KONG.encode("big5hkscs"))
    found = read_csv_text(path, encoding)
    assert (found.text, found.encoding) == (HONG_KONG, "big5hkscs")
    assert [row.cells[1:3] for row in open_csv(path, encoding).rows()] == [
        ("宋", "定窯"),
        ("元", "鈞窯"),
        ("宋", "汝窯"),
    ]


def test_big5_of_windows_is_read_by_the_name_of_big5(tmp_path: Path) -> None:
    text = "name,price\n青花恒,€ 12\n宋定窯白釉碗裏,€ 9\n"
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("cp950"))
    assert read_csv_text(path, "big5").text == text
    assert [row.cells for row in open_csv(path, "big5").rows()] == [("青花恒", "€ 12"), ("宋定窯白釉碗裏", "€ 9")]


def test_traditional_text_without_hong_kongs_characters_is_big5_as_before() -> None:
    assert decoded_text("名稱,朝代\n定窯白釉碗,北宋\n".encode("cp950"), "t.csv")[1] == "cp950"


FREQUENT = st.text(st.sampled_from("宋元定窯白釉碗盤瓶青花龍泉官汝器形口沿足底刻花印"), min_size=2, max_size=9)
OF_HONG_KONG = st.text(st.sampled_from("嘅㗎啲咗喺埗咁嚟冇佢"), min_size=1, max_size=3)


@given(st.lists(st.tuples(FREQUENT, OF_HONG_KONG), min_size=1, max_size=9))
def test_big5_of_hong_kong_is_never_taken_for_another(rows: list[tuple[str, str]]) -> None:
    """Refused at worst."""
    text = "name,note\n" + "\n".join(map(",".join, rows))
    try:
        found = decoded_text(text.encode("big5hkscs"), "t.csv")[0]
    except InvalidInputError:
        return
    assert found == text


def test_big5_with_characters_of_its_users_is_not_called_gb18030() -> None:
    """0xFA40 and on are free for characters that a museum makes for itself: they are in no standard."""
    data = "名稱,朝代,備註\n定窯白釉碗,北宋,故宮".encode("cp950") + b"\xfa\x40\xfa\x41\xfa\x42\xfa\x43\n"
    with pytest.raises(InvalidInputError, match=r"the encoding is not clear|is not CP950"):
        decoded_text(data, "t.csv")


# Two encodings in one file


@pytest.mark.parametrize(
    ("lines", "encoding", "name"),
    [
        (SIMPLIFIED, "gb18030", "GB18030"),
        (SIMPLIFIED, "gbk", "GB18030"),
        (TRADITIONAL, "gb18030", "GB18030"),
        (TRADITIONAL, "cp950", "Big5"),
    ],
)
@pytest.mark.parametrize(
    "other",
    [
        "Song,Ding,,Bowl,南宋官窑博物馆藏",
        "Song,Ding,,Bowl,官窑",
        "Song,Ding,,Bowl,故宫博物院",  # an odd number of characters: their bytes end within one of GBK
        "宋,建窑,黑釉,盏,福建博物院",
        'Song,Ding,,Bowl,"浙江省博物馆, 杭州"',
    ],
)
@pytest.mark.parametrize("where", [2, 5])
@pytest.mark.parametrize("named", [False, True])
def test_a_line_of_utf_8_within_another_encoding_is_named(
    lines: tuple[str, ...], encoding: str, name: str, other: str, where: int, named: bool
) -> None:
    data = joined(lines, encoding, other, where)
    with pytest.raises(InvalidInputError) as caught:
        decoded_text(data, "t.csv", encoding if named else None)
    assert f"t.csv: line {where} is UTF-8, and the rest of the file is {name}; save all of it in one" in str(
        caught.value
    )


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_several_lines_are_named_as_editors_count_them(end: str) -> None:
    rows = [f"{i}.jpg,宋,定窑,白釉,碗,故宫".encode("gbk") for i in range(9)]
    rows += [f"{i}.jpg,元,钧窑,月白釉,盘,上海博物馆".encode() for i in range(5)]
    data = end.encode().join([HEAD.strip().encode(), *rows])
    with pytest.raises(InvalidInputError, match=r"t\.csv: lines 11, 12, 13 and others are UTF-8, and the rest"):
        decoded_text(data, "t.csv")


def test_a_cell_of_utf_8_in_a_line_of_gbk_is_found() -> None:
    data = f"{HEAD}0.jpg,宋,定窑,白釉,碗,".encode("gbk") + "南宋官窑博物馆\n".encode()
    with pytest.raises(InvalidInputError, match=r"line 2 is UTF-8, and the rest of the file is GB18030"):
        decoded_text(data, "t.csv")


@pytest.mark.parametrize("encoding", ["gb18030", "cp950"])
@pytest.mark.parametrize("named", [False, True])
@given(
    words=st.lists(st.text(st.sampled_from("".join(TRADITIONAL).replace(",", "")), min_size=1, max_size=6), min_size=3)
)
def test_a_text_of_one_encoding_is_never_called_two(encoding: str, named: bool, words: list[str]) -> None:
    text = "name\n" + "\n".join(words)
    try:
        told = decoded_text(text.encode(encoding), "t.csv", encoding if named else None)[0]
    except InvalidInputError as error:
        told = str(error)
    assert "and the rest of the file" not in told
    assert told == text or not named


@pytest.mark.parametrize("word", ["茅", "漏", "谩", "卯", "掳", "茅茅", "每每", "联通", "鋀"])
def test_words_of_gbk_that_may_be_read_as_utf_8_are_no_alarm(word: str) -> None:
    data = ("".join(f"{i}.jpg,{line}\n" for i, line in enumerate(SIMPLIFIED)) + f"9.jpg,{word},,,,\n").encode("gb18030")
    assert word in decoded_text(data, "t.csv")[0]
