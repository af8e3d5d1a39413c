"""Copies, fakes, doubts and denials, in names and in columns of their own."""

import pytest
from saggar.catalogue.mapping import MappedRow, map_rows
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")


def row(name: str, era: str = "", **more: str) -> MappedRow:
    header, cells = ["名称", "年代", *more], [name, era, *more.values()]
    return next(map_rows(TAXONOMY, header, [cells], given={0: "name", 1: "period"})[1])


COPIES = [
    "汝窑洗（赝品）",
    "汝窑洗（仿品）",
    "汝窑洗（伪）",
    "汝窯洗（贗品）",
    "汝窯洗（偽）",
    "汝窯洗（複製品）",
    "汝窯洗（後仿）",
    "汝窑洗（仿）",
    "汝窑洗（清仿）",
    "汝窑洗（现代仿品）",
    "汝窑（仿）洗",
    "（仿）汝窑洗",
    "汝窑洗[复制品]",
    "汝窑洗【高仿】",
    "汝窑洗，赝品",
    "汝窑洗 仿品",
    "汝窑洗赝品",
    "汝窑洗复制品",
    "汝窑仿古瓷",
    "汝窑洗（仿古）",
    "复制品：汝窑洗",
    "赝品汝窑洗",
    "伪汝窑洗",
    "伪宋代汝窑洗",
    "复制汝窑洗",
    "仿制北宋汝窑洗",
    "Ru ware washer (replica)",
    "Ru ware washer (fake)",
    "Ru ware washer (imitation)",
    "Ru ware washer (copy)",
    "Ru ware washer [reproduction]",
    "Ru ware washer (modern copy)",
    "Ru ware washer (not genuine)",
    "Ru ware washer, imitation of",
    "Ru ware washer, replica",
    "Ru ware washer, later Song copy",
    "Ru ware washer - forgery",
    "Ru ware washer replica",
    "Replica of a Ru ware washer",
    "Reproduction of a small lobed Ru ware washer",
    "Forgery of Ru ware",
    "Fake Ru ware washer",
    "Facsimile of a Ru ware washer",
]


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_is_not_of_the_kiln_and_its_period_is_in_doubt(name: str) -> None:
    read = row(name, "宋")
    assert (read.labels["kiln"], read.labels["dynasty"]) == (None, "Song")
    assert read.confidence["dynasty"] == pytest.approx(0.588)
    assert "copy or a fake" in " ".join(one.finding.note for one in read.evidence["kiln"])
    assert read.evidence["dynasty"][0].finding.note == "in doubt: the thing is a copy or a fake"


@pytest.mark.parametrize(
    "name",
    ["类汝窑洗", "旧题汝窑洗", "旧定为汝窑洗", "舊題汝窯洗", "曾被认为是汝窑洗", "Washer, formerly called Ru ware"],
)
def test_what_only_looks_like_the_kiln_or_was_once_given_to_it(name: str) -> None:
    assert row(name, "宋").labels["kiln"] is None


@pytest.mark.parametrize(
    "name",
    [
        "疑似汝窑洗",
        "疑為汝窯洗",
        "疑似汝窑天青釉洗",
        "汝窑洗（存疑）",
        "汝窑洗（待定）",
        "汝窑洗（待考）",
        "汝窑洗（窑口待考）",
        "汝窑洗（疑为赝品）",
        "汝窑洗（真伪待定）",
        "汝窑洗？",
        "汝窑洗，存疑",
        "Ru ware washer (attribution uncertain)",
        "Ru ware washer (?)",
        "Suspected Ru ware washer",
        "Ru ware washer (fake?)",
    ],
)
def test_a_doubt_keeps_the_kiln_and_lowers_the_confidence(name: str) -> None:
    read = row(name, "宋")
    assert read.labels["kiln"] == "Ru"
    assert read.confidence["kiln"] < 0.6
    assert read.evidence["kiln"][0].finding.note == "in doubt"
    assert read.confidence["dynasty"] == 0.98


def test_a_doubt_of_both_lowers_both() -> None:
    read = row("疑似宋代汝窑洗", "宋")
    assert (read.labels["kiln"], read.labels["dynasty"]) == ("Ru", "Song")
    assert (read.confidence["kiln"], read.confidence["dynasty"]) == (0.573, 0.588)


@pytest.mark.parametrize(
    "name",
    [
        "汝窑洗（非赝品）",
        "汝窑洗，并非仿品",
        "Ru ware washer (not a fake)",
        "Ru ware washer with a copy of the catalogue",
        "Ru ware washer, copy of an archaic bronze",
        "汝窑仿古尊",
        "仿生汝窑瓜形洗",
        "汝窑洗（年代存疑）",
        "汝窑洗（伪装）",
        "Ru ware washer (copy of the catalogue)",
        "汝窑洗（清宫旧藏）",
        "汝窑洗（残）",
    ],
)
def test_words_that_only_look_like_marks_of_a_copy(name: str) -> None:
    read = row(name, "宋")
    assert (read.labels["kiln"], read.confidence["kiln"]) == ("Ru", 0.956)
    assert read.confidence["dynasty"] == 0.98


@pytest.mark.parametrize(
    "era",
    [
        "宋以前",
        "宋之前",
        "宋以后",
        "宋之後",
        "宋以後",
        "宋代以前",
        "宋朝之后",
        "宋前",
        "宋末以后",
        "早于宋",
        "晚于宋",
        "晚於北宋",
        "先于宋",
        "宋元以前",
        "宋、元之后",
        "早于宋元",
        "宋代以后仿",
        "伪宋",
        "宋（伪）",
        "宋（仿）",
        "宋（清仿）",
        "宋代仿品",
        "earlier than Song",
        "later than the Song dynasty",
        "prior to Song",
        "pre-Song",
        "Song (fake)",
        "960年以前",
        "早于1100年",
        "before 1127",
    ],
)
def test_denials_behind_and_before_a_period(era: str) -> None:
    read = row("青釉洗", era)
    assert read.labels["dynasty"] is None
    assert all(one.finding.note for one in read.evidence["dynasty"])


@pytest.mark.parametrize(
    "era",
    [
        "宋（存疑）",
        "宋（待考）",
        "疑似宋",
        "疑為宋",
        "宋存疑",
        "宋（？）",
        "宋（年代待定）",
        "宋或以后",
        "Song (uncertain)",
        "Song or later",
        "1100年（存疑）",
    ],
)
def test_doubts_of_a_period(era: str) -> None:
    read = row("青釉洗", era)
    assert read.labels["dynasty"] == "Song"
    assert read.confidence["dynasty"] < 0.6
    assert read.evidence["dynasty"][0].finding.note == "in doubt"


@pytest.mark.parametrize(
    "era",
    [
        "宋，以前藏于热河",
        "宋以前藏于热河",
        "宋（之前由私人收藏）",
        "北宋前期",
        "北宋前后",
        "宋后期",
        "北宋以来",
        "南宋前半叶",
    ],
)
def test_words_that_only_look_like_before_and_after(era: str) -> None:
    read = row("青釉洗", era)
    assert (read.labels["dynasty"], read.confidence["dynasty"]) == ("Song", 0.98)


@pytest.mark.parametrize("remark", ["赝品", "鉴定为仿品", "现代复制品", "fake", "modern reproduction"])
def test_a_remark_in_a_column_of_its_own_speaks_of_the_whole_row(remark: str) -> None:
    read = row("汝窑洗", "宋", 备注=remark)
    assert (read.labels["kiln"], read.labels["type"]) == (None, "Washer")
    assert read.confidence["dynasty"] == pytest.approx(0.588)
    assert read.notes == (f"备注 says '{remark}' (a copy or a fake)",)


def test_a_doubt_in_a_column_of_its_own() -> None:
    both, one = row("汝窑洗", "宋", 备注="存疑"), row("汝窑洗", "宋", 备注="年代存疑")
    assert (both.confidence["kiln"], both.confidence["dynasty"]) == (0.573, 0.588)
    assert (one.confidence["kiln"], one.confidence["dynasty"]) == (0.956, 0.588)
    assert one.notes == ("备注 says '年代存疑' (in doubt)",)


def test_the_kiln_where_a_copy_was_made_stands_and_the_one_copied_is_in_doubt() -> None:
    assert row("汝窑洗（仿品）", "清", 窑口="景德镇窑").labels["kiln"] == "Jing"
    assert row("景德镇窑（仿）汝窑洗", "清").labels["kiln"] == "Jing"
    again = row("汝窑洗（仿品）", "宋", 窑口="汝窑")
    assert again.confidence["kiln"] == pytest.approx(0.588)
    assert again.evidence["kiln"][0].finding.note == "in doubt: denied elsewhere"
