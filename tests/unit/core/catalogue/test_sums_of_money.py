"""Prices in catalogues: 300元 is not the Yuan dynasty, ￥1200 is no year."""

import pytest
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.readers import build_readers
from saggar.catalogue.words.money import find_money
from saggar.catalogue.words.text import fold
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
PERIODS = build_readers(TAXONOMY)["dynasty"]
SUMS = """
300元|1200 元|１２００元|￥500|￥1200|¥1,200|3万元|3萬元|人民币500元|5百元|三百元|叁佰元整|数百元|300多元
3万5千元|1,200.50元|1000-1200元|300元至500元|300～500元|100-200万元|1200美元|HK$1200|US$ 1,000-1,200|RMB 1200
CNY1200|1200 RMB|1200 yuan|300 Yuan|300元/件|估价1100-1200|价格：1200|银元300|300银元|300圓|300块|约300元
€1000-1200|1000-1200 euros|人民币壹万贰仟元整|1200元左右|500元（含税）|一千二百元|百元|参考价 1200 元
300元购入|以1200元购得
"""
OTHER_WORDS = """
元宵|元素|状元|单元|公元|公元前|美元|港元|欧元|日元|元旦|开元|乾元|元和|元和三年|唐元和
"""
DYNASTY = """
元|元代|元朝|元至正|元（1271-1368）|至正十一年|元 至正|大元|元初|1271-1368元|1271—1368年 元|12元代碗|M12 元
1341年元至正|14世纪元|元，300元|元，￥500|元1320年|延祐元年|元青花|c. 1300 Yuan|1300 Yuan dynasty|Yuan, 1300
"""


def listed(words: str) -> list[str]:
    return words.strip().replace("\n", "|").split("|")


@pytest.mark.parametrize("words", listed(SUMS))
def test_a_sum_of_money_is_no_period(words: str) -> None:
    text = fold(words)
    assert [*PERIODS.read(text, own=True), *PERIODS.read(text, own=False, title=True)] == []
    assert PERIODS.read_opening(text) == []
    assert not PERIODS.is_pure(text)


@pytest.mark.parametrize("words", listed(OTHER_WORDS))
def test_yuan_in_other_words_is_not_the_dynasty(words: str) -> None:
    assert "Yuan" not in [one.code for one in PERIODS.read(fold(words), own=True)]


@pytest.mark.parametrize("words", listed(DYNASTY))
def test_the_dynasty_stays(words: str) -> None:
    assert [one.code for one in PERIODS.read(fold(words), own=True) if one.counts] == ["Yuan"]


@pytest.mark.parametrize("words", ["宋元", "元明", "宋一元", "南宋-元", "元至明", "辽金元", "元和明"])
def test_two_dynasties_are_not_a_sum(words: str) -> None:
    (found,) = PERIODS.read(fold(words), own=True)
    assert "more than one period" in found.note


@pytest.mark.parametrize("words", ["宋，1200元", "宋300元", "宋 ￥1200", "元祐", "元丰", "元符", "公元1100年", "庆元"])
def test_song_beside_a_sum_or_with_yuan_in_its_reign(words: str) -> None:
    assert [one.code for one in PERIODS.read(fold(words), own=True) if one.counts] == ["Song"]


@pytest.mark.parametrize("words", ["H. 1234 cm, no. 12.3", "北宋（公元960—1127年）", "三彩", "宋一元", "12元代碗"])
def test_no_sum(words: str) -> None:
    assert find_money(fold(words).plain) == []


@pytest.mark.parametrize(
    "header", ["价格", "購入價", "价值", "price", "Cost (USD)", "保额", "金额（元）", "Insured value", "c4"]
)
@pytest.mark.parametrize("cells", [["300元", "1200元", "500元", "800元"], ["￥300", "￥1200", "￥1300", "￥800"]])
def test_a_column_of_prices_is_not_read(header: str, cells: list[str]) -> None:
    names, eras = ["定窑白釉碗", "汝窑洗", "官窑瓶", "建窑盏"], ["", "", "清", "宋"]
    table = [[str(i), *one] for i, one in enumerate(zip(names, eras, cells, strict=True))]
    columns, rows = map_rows(TAXONOMY, ["编号", "名称", "年代", header], table)
    read = list(rows)
    assert columns[3].role == "noise"
    assert [one.labels["dynasty"] for one in read] == [None, None, None, "Song"]
    assert [one.conflicts for one in read] == [()] * 4
    assert read[2].labels["kiln"] is None  # Guan of Qing


@pytest.mark.parametrize("header", ["价格", "Value", "amount"])
def test_bare_numbers_below_a_header_of_prices_are_no_years(header: str) -> None:
    _, rows = map_rows(TAXONOMY, ["名称", header], [["定窑碗", "1200"], ["汝窑洗", "1300"]])
    assert [one.labels["dynasty"] for one in rows] == [None, None]


def test_a_sum_in_running_text_tells_no_period() -> None:
    for words in ("购于1982年,300元", "定窑白釉碗，1982年入藏，300元", "Bought for 1,200 yuan."):
        (read,) = map_rows(TAXONOMY, ["名称", "备注"], [["定窑白釉碗", words]])[1]
        assert read.labels["dynasty"] is None


def test_what_is_said_of_a_thing_s_value_is_read() -> None:
    columns, _ = map_rows(
        TAXONOMY, ["名称", "历史价值"], [["定窑碗", "此碗为宋代定窑的代表作，造型端庄，工艺精湛，" * 3]]
    )
    assert columns[1].role == "description"
