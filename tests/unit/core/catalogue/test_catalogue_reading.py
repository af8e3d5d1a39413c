"""Single texts: what the readers of dynasties, kilns, glazes and types make of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.catalogue.readers import build_readers
from saggar.catalogue.words.text import fold
from saggar.catalogue.words.years import find_years
from saggar.taxonomy import load_taxonomy

READERS = build_readers(load_taxonomy("song-yuan-porcelain"))


def codes(task: str, text: str, **how: bool) -> list[str | None]:
    return [one.code for one in READERS[task].read(fold(text), **how) if one.counts]


# --- text


def test_folding_keeps_the_way_back() -> None:
    text = fold("北宋 鈞窯，Ch’ün ware（ＡＤ 1100）")
    assert "北宋 钧窑" in text.plain
    assert "ch'un ware(ad 1100)" in text.plain
    place = text.plain.index("ch'un")
    assert text.quote(place, place + 5) == "Ch’ün"


def test_variants_that_the_conversion_leaves_alone_are_folded_too() -> None:
    assert fold("白瓷盌、缾、香鑪、盃、窰").plain == "白瓷碗、瓶、香炉、杯、窑"


@given(st.text(max_size=60))
def test_any_text_can_be_read_and_is_quoted_as_it_stands(words: str) -> None:
    text = fold(words)
    assert len(text.origin) == len(text.plain)
    found = [
        *READERS["dynasty"].read(text, own=True),
        *READERS["kiln"].read(text, own=True),
        *READERS["glaze"].read(text, own=True),
        *READERS["type"].read(text),
    ]
    for one in found:
        assert all(part in words for part in one.words.split(", "))


# --- periods


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("宋", "Song"),
        ("北宋", "Song"),
        ("南宋", "Song"),
        ("宋代", "Song"),
        ("宋朝（960-1279）", "Song"),
        ("北宋（公元960—1127年）", "Song"),
        ("元", "Yuan"),
        ("元 至正", "Yuan"),
        ("大元", "Yuan"),
        ("Northern Song dynasty (960–1127)", "Song"),
        ("S. Song", "Song"),
        ("Sung", "Song"),
        ("Yüan dynasty", "Yuan"),
        ("China, Yuan dynasty (1271–1368)", "Yuan"),
        ("960-1279", "Song"),
        ("c. 1127-1279", "Song"),
        ("A.D. 1086–1125", "Song"),
        ("1271-1368", "Yuan"),
        ("1279–1368 CE", "Yuan"),
        ("12th century", "Song"),
        ("11th to early 12th century", "Song"),
        ("1100s", "Song"),
        ("十二世纪", "Song"),
        ("11至12世纪", "Song"),
        ("early 14th century", "Yuan"),
        ("1320", "Yuan"),
        ("Probably Song", "Song"),
        ("宋？", "Song"),
        ("宣和", "Song"),
    ],
)
def test_periods_of_an_era_column(cell: str, code: str) -> None:
    assert codes("dynasty", cell, own=True) == [code]


@pytest.mark.parametrize(
    "cell",
    [
        "明",
        "清乾隆",
        "Ming dynasty",
        "Qing dynasty, Qianlong mark and period",
        "Jin dynasty (1115–1234)",
        "金",
        "宋-元",
        "宋元",
        "Song or Yuan dynasty",
        "Southern Song–Yuan dynasty",
        "Five Dynasties (907–960) or Northern Song dynasty (960–1127)",
        "北宋—金",
        "宋末元初",
        "13th century",
        "14th century",
        "公元前206年",
        "221 B.C.",
        "Goryeo dynasty",
        "not Song",
        "非宋",
        "in the style of the Song dynasty",
        "仿宋",
        "18th century",
        "未详",
    ],
)
def test_no_period_of_the_taxonomy(cell: str) -> None:
    assert set(codes("dynasty", cell, own=True)) <= {None}


@pytest.mark.parametrize(
    "name",
    [
        "Jar with song birds",
        "Dish, gift of Song Trust",
        "Portrait of Yuan Shikai",
        "元宝形枕",
        "金彩盘",
        "明器灶",
        "公元馆旧藏",
        "宣和款盘",
        "Bowl with Qianlong inscription",
    ],
)
def test_words_that_only_look_like_periods(name: str) -> None:
    assert codes("dynasty", name, own=False) == []


@pytest.mark.parametrize(
    ("title", "code", "words"),
    [
        ("Covered jar, Yuan", "Yuan", "Yuan"),
        ("Lobed bowl, c. 1050", "Song", "c. 1050"),
        ("Dish (Song); carved", "Song", "Song"),
        ("龙泉窑青釉碗，元", "Yuan", "元"),
        ("Ewer, dated 1162, Jin", None, "Jin"),
        ("Bowl, Yuan–Ming", None, "Yuan–Ming"),
        ("Jar from the 18th century", None, "18th century"),
    ],
)
def test_a_part_of_a_name_that_is_a_period(title: str, code: str | None, words: str) -> None:
    (found,) = READERS["dynasty"].read(fold(title), own=False, title=True)
    assert (found.code, found.words) == (code, words)


def test_a_bare_number_in_a_name_is_no_year() -> None:
    assert READERS["dynasty"].read(fold("Ewer, 1023"), own=False, title=True) == []
    assert READERS["dynasty"].read(fold("Bowl, Song"), own=False) == []


def test_years_of_two_columns_of_words() -> None:
    assert [(s.first, s.last) for s in find_years(fold("late 12th–13th century"), single=False)] == [(1167, 1300)]
    assert [(s.first, s.last) for s in find_years(fold("1120-27"), single=False)] == [(1120, 1127)]
    assert find_years(fold("H. 1234 cm, no. 12.345"), single=True) == []


# --- kilns


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("均窑月白釉洗", "Jun"),
        ("宋定窑工匠", "Ding"),
        ("霍县窑白釉碗", "Huo"),
        ("建阳窑黑釉盏", "Jian"),
        ("湖田窯影青盤", "Jing"),
        ("宋代官窑青釉洗", "Guan"),
        ("南宋時期官窯瓶", "Guan"),
        ("Ding ware", "Ding"),
        ("Bowl, Ting ware", "Ding"),
        ("Chün ware dish", "Jun"),
        ("Lung-ch’üan celadon", "Long"),
        ("Ching-te-chen", "Jing"),
        ("Made at the Yaozhou kilns", "YaoZ"),
        ("Kuan (Guan) ware", "Guan"),
        ("Ru guanyao", "Ru"),
        ("Shufu ware", "Jing"),
        ("Jingdezhen ware in imitation of Ding ware", "Jing"),
    ],
)
def test_kilns(text: str, code: str) -> None:
    assert codes("kiln", text, own=False) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "仿定窑白釉瓶",
        "仿宋官窑洗",
        "仿钧釉瓶",
        "后仿汝窑",
        "磁州窑型罐",
        "龙泉窑系碗",
        "定窑风格",
        "Ding-type dish",
        "Guan type vase",
        "Bowl in the style of Ding ware",
        "Style of Ru ware",
        "Vase, after Guan ware",
        "in imitation of Song-dynasty Guan ware",
        "Cizhou ware style",
        "not Ding ware",
        "formerly attributed to Ge ware",
        "Bowl with gilding",
        "Guanyin",
        "Jar (guan)",
        "Censer in the form of a ding",
        "In June, Jun.",
        "彭城窑罐",
        "越窑青釉碗",
        "清乾隆官窑",
        "正德官窑",
        "Song Ge Trust",
    ],
)
def test_not_a_kiln_of_the_taxonomy(text: str) -> None:
    assert set(codes("kiln", text, own=False)) <= {None}


def test_two_kilns_are_none() -> None:
    found = READERS["kiln"].read(fold("Longquan ware or Jingdezhen ware"), own=False)
    assert found[0].code is None
    assert "more than one kiln" in found[0].note


def test_an_imitation_is_told_as_what_it_is() -> None:
    found = READERS["kiln"].read(fold("仿定窯白釉碗"), own=False)
    assert (found[0].words, found[0].code, found[0].counts) == ("定窯", None, False)
    assert "imitation of Ding" in found[0].note


# --- glazes


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("青釉碗", "Celadon"),
        ("粉青釉瓶", "Celadon"),
        ("青白釉碗", "BluishW"),
        ("影青碗", "BluishW"),
        ("青花碗", "BlueW"),
        ("灰青釉洗", "GreyC"),
        ("天青釉盘", "BlueG"),
        ("天藍釉盤", "SkyB"),
        ("月白色釉洗", "MoonW"),
        ("牙白釉盘", "IvoryW"),
        ("黑釉月白斑罐", "Black"),
        ("白釉绿彩罐", "White"),
        ("紫定瓶", "Brown"),
        ("黄绿釉枕", "GreenY"),
        ("porcelain with ivory-white glaze", "IvoryW"),
        ("White porcelain with celadon glaze", "Celadon"),
        ("white-glazed stoneware", "White"),
        ("Qingbai ware: white porcelain with pale blue glaze", "BluishW"),
        ("painted in underglaze cobalt blue under transparent glaze", "BlueW"),
        ("dark brown glaze with hare's-fur markings", "Black"),
        ("black and white slip under a clear glaze", "Tran"),
    ],
)
def test_glazes(text: str, code: str) -> None:
    assert codes("glaze", text, own=False) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "孔雀绿釉瓶",
        "红釉盘",
        "哥釉瓶",
        "青花釉里红罐",
        "里天蓝外玫瑰紫釉盘",
        "三彩枕",
        "white slip over a gray body",
        "stoneware with green enamel",
        "a black bird on a white ground",
        "porcelain with red glaze",
    ],
)
def test_no_glaze_of_the_taxonomy(text: str) -> None:
    assert set(codes("glaze", text, own=False)) <= {None}


@pytest.mark.parametrize(("cell", "code"), [("白", "White"), ("天青", "BlueG"), ("酱色", "Brown"), ("black", "Black")])
def test_bare_colours_of_a_column_of_glazes(cell: str, code: str) -> None:
    assert codes("glaze", cell, own=True) == [code]
    assert cell == "天青" or codes("glaze", cell, own=False) == []


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("碗敞口，圈足内施酱釉，通体施青黄色釉。", "YellowG"),
        ("盘内外施白釉，口沿无釉。", "White"),
        ("通体满施淡天青色釉，釉质莹润。", "BlueG"),
        ("胎上施白色化妆土，其上施黄釉。", None),
        ("Bowl with carved lotus. Covered in a celadon glaze, unglazed at the foot.", "Celadon"),
    ],
)
def test_glazes_of_descriptions(text: str, code: str | None) -> None:
    assert [one.code for one in READERS["glaze"].read_description(fold(text))] == [code]


# --- types


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("白釉刻花莲瓣纹盘口瓶", "Vase"),
        ("青釉盘", "Plate"),
        ("青釉折腰盤", "Plate"),
        ("定窑白釉盖罐", "Jar"),
        ("青白釉带盖瓶", "Vase"),
        ("黑釉兔毫盏", "TeaB"),
        ("白釉荷叶式盏托", "TeaB-S"),
        ("菱花式三足花盆托", "PlanS"),
        ("渣斗式花盆（口磨）", "Plan"),
        ("孩儿枕（残）", "Pillow"),
        ("青釉碗残片", "Bowl"),
        ("青釉簋式炉", "Censer"),
        ("白瓷 碗 2件", "Bowl"),
        ("Bowl with Fish and a Vase", "Bowl"),
        ("Pair of Ewers", "Pot"),
        ("Tea Bowl Stand", "TeaB-S"),
        ("Stand for a tea bowl", "TeaB-S"),
        ("Vase in the Shape of a Bronze Zun", "Vase"),
        ("Bowl-shaped censer", "Censer"),
        ("Brush washer", "Washer"),
        ("Flower pot", "Plan"),
        ("Fragment of a dish", "Dish"),
        ("Qingbai ware: lobed dish", "Dish"),
        ("Jar with lid", "Jar"),
        ("Meiping", "Vase"),
    ],
)
def test_types(name: str, code: str) -> None:
    assert codes("type", name) == [code]


@pytest.mark.parametrize(
    "name",
    [
        "青釉壶盖",
        "鼻烟壶",
        "盘龙纹砚",
        "花瓶形灯",
        "Jar lid",
        "Bowl mold",
        "Snuff bottle",
        "Figure",
        "注壶、温碗",
        "Cup and saucer",
    ],
)
def test_no_type_of_the_taxonomy(name: str) -> None:
    assert set(codes("type", name)) <= {None}
