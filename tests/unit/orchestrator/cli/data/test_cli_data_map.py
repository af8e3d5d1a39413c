"""`saggar data map` as a user calls it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from saggar_orchestrator.cli.main import run

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def saggar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.csv"
    path.write_text(
        "Title,Period,Medium\n"
        "Ding ware dish with lotus,Northern Song dynasty (960–1127),Porcelain with ivory-white glaze\n"
        "Ding-type bowl,Ming dynasty,Porcelain\n",
        encoding="utf-8",
    )
    return path


def test_json_has_a_row_each_in_order(saggar: Call, catalogue: Path) -> None:
    code, out, err = saggar("data", "map", catalogue, "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["row"] for row in rows] == [2, 3]  # as spreadsheets number them: 1 is the header
    assert rows[0]["labels"] == {"dynasty": "Song", "kiln": "Ding", "glaze": "IvoryW", "type": "Dish"}
    assert rows[1]["labels"] == {"dynasty": None, "kiln": None, "glaze": None, "type": "Bowl"}
    assert "Period: dynasties or years" in err


def test_a_missing_header_is_told(saggar: Call, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text('1,"Bowl, Ding ware",Northern Song dynasty\n2,Jar,Yuan dynasty\n', encoding="utf-8")
    code, _, err = saggar("data", "map", path)
    assert code == 0
    assert "the first row looks like an object" in err
    path.write_text("Title,Period\nJar,Yuan dynasty\n", encoding="utf-8")
    assert "looks like an object" not in saggar("data", "map", path)[2]


def test_a_catalogue_without_rows(saggar: Call, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("Title,Period\n", encoding="utf-8")
    code, out, err = saggar("data", "map", path, "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "no rows below the header" in err


def test_a_column_has_one_content(saggar: Call, catalogue: Path) -> None:
    code, _, err = saggar("data", "map", catalogue, "--name-column", "Title", "--era-column", "1")
    assert code == 2
    assert "column '1' is given two roles" in err


def test_table_for_people_and_csv_to_correct(saggar: Call, catalogue: Path, tmp_path: Path) -> None:
    output = tmp_path / "labels.csv"
    code, out, err = saggar("data", "map", catalogue, "--output", output)
    assert code == 0
    assert "dynasty\t1\t1\t0" in out
    assert f"labels written to {output}" in err
    assert output.read_text(encoding="utf-8-sig").splitlines()[1].startswith("2,Ding ware dish with lotus,Song,Ding")
    code, out, err = saggar("data", "map", catalogue, "--output", output)
    assert (code, out) == (2, "")
    assert "exists; name another file" in err


def test_columns_and_encoding_can_be_given(saggar: Call, catalogue: Path) -> None:
    catalogue.write_bytes("t;w\nJardinière, Jun ware;Ding ware\n".encode("windows-1252"))
    code, _, err = saggar("data", "map", catalogue)
    assert code == 2
    assert "--encoding" in err
    code, out, _ = saggar(
        "data",
        "map",
        catalogue,
        "--encoding",
        "windows-1252",
        "--name-column",
        "t",
        "--ignore-column",
        "w",
        "--json",
    )
    assert code == 0
    assert json.loads(out)[0]["labels"] == {"dynasty": None, "kiln": "Jun", "glaze": None, "type": "Plan"}


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("Title\nBowl\n", ("--kiln-column", "Kiln"), "no column 'Kiln'; it has: Title"),
        ("Title\nBowl\n", ("--taxonomy", "porcelaine"), "no taxonomy 'porcelaine'"),
        ("", (), "is empty"),
        (",,\n1,2,3\n", (), "has no header"),
        ('Title\n"Bowl\n', (), "row 2: not valid CSV"),
    ],
)
def test_wrong_input_is_2_and_says_what_to_do(
    saggar: Call, catalogue: Path, text: str, options: tuple[str, ...], says: str
) -> None:
    catalogue.write_text(text, encoding="utf-8")
    code, out, err = saggar("data", "map", catalogue, *options)
    assert (code, out) == (2, "")
    assert says in err


def test_a_header_alone_has_no_rows(saggar: Call, catalogue: Path) -> None:
    catalogue.write_text("Title,Period\n", encoding="utf-8")
    assert saggar("data", "map", catalogue, "--json")[:2] == (0, "[]\n")
    assert saggar("data", "map", catalogue)[0] == 0


def test_where_next_to_nothing_is_found_the_encoding_is_told(saggar: Call, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes("名称,所蔵\n白磁の碗,東京国立博物館\n青磁の鉢,東京国立博物館\n".encode("euc_jp"))
    code, _, err = saggar("data", "map", path)
    assert code == 0
    assert f"of 8 labels were found; {path} is not UTF-8; read as GB18030. If Chinese text looks wrong, name" in err
    path.write_bytes("名称,时代\n定窑白釉碗,北宋\n钧窑天青釉盘,元\n".encode("gbk"))
    assert "read as" not in saggar("data", "map", path)[2]


def test_a_catalogue_from_hong_kong(saggar: Call, tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_bytes("名稱,時代,備註\n定窯白釉碗,北宋,嘅㗎啲咗\n鈞窯盤,元,深水埗\n".encode("big5hkscs"))
    code, out, err = saggar("data", "map", path, "--json")
    assert (code, [row["labels"]["kiln"] for row in json.loads(out)]) == (0, ["Ding", "Jun"])
    assert "2 rows, big5hkscs" in err
