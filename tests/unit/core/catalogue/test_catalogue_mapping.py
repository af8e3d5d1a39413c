"""Whole tables: columns found by content, labels, conflicts, catalogues in the styles of several museums."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from saggar.catalogue.mapping import MappedRow, map_rows
from saggar.catalogue.tables import Catalogue, given_roles, read_catalogue, row_record, write_labels
from saggar.errors import AlreadyExistsError, InvalidInputError
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
REPOSITORY = Path(__file__).resolve().parents[4]
STYLES = sorted((REPOSITORY / "tests" / "data" / "catalogues").glob("*.csv"))


def read(header: list[str], *rows: list[str], **told: Any) -> list[MappedRow]:
    return list(map_rows(TAXONOMY, header, rows, **told)[1])


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.stem)
def test_catalogues_in_the_styles_of_several_museums(path: Path) -> None:
    """Columns called "=task" hold what a person reads in the row."""
    table = read_catalogue(path)
    places = [i for i, name in enumerate(table.header) if not name.startswith("=")]
    wanted = [table.header.index(f"={task}") for task in TAXONOMY.task_names]
    rows = [[row[i] for i in places] for row in table.rows]
    _, mapped = map_rows(TAXONOMY, [table.header[i] for i in places], rows)
    got = [[one.labels[task] or "" for task in TAXONOMY.task_names] for one in mapped]
    assert [(row[:3], labels) for row, labels in zip(rows, got, strict=True)] == [
        (row[:3], [whole[i] for i in wanted]) for row, whole in zip(rows, table.rows, strict=True)
    ]


@pytest.mark.parametrize(
    "header", [["Titel", "Datierung"], ["Désignation", "Époque"], ["Titolo", "Datazione"], ["作品名", "時代"]]
)
def test_headers_in_other_languages(header: list[str]) -> None:
    columns, rows = map_rows(TAXONOMY, header, [["Ding ware", "Song"], ["Jun ware", "Yuan"]])
    assert [column.role for column in columns] == ["name", "period"]
    assert [row.labels["kiln"] for row in rows] == ["Ding", "Jun"]


HEADER = ["名称", "时代", "窑口", "简介"]


def test_era_column_against_description_is_a_conflict() -> None:
    (row,) = read(HEADER, ["定窑白釉杯", "宋", "定窑", "定窑白釉杯，元，高3厘米。里外施白釉。"])
    assert row.labels["dynasty"] == "Song"
    assert [conflict.task for conflict in row.conflicts] == ["dynasty"]
    assert "时代 says '宋' (Song), but 简介 says '元' (Yuan)" in row.conflicts[0].text
    (calm,) = read(HEADER, ["定窑白釉杯", "宋", "定窑", "定窑白釉杯，宋，高3厘米。里外施白釉。"])
    assert calm.conflicts == ()
    assert calm.confidence["dynasty"] > row.confidence["dynasty"]


def test_kiln_column_against_name_is_a_conflict_that_the_description_settles() -> None:
    (row,) = read(HEADER, ["龙泉窑青釉洗", "元", "钧窑", "龙泉窑青釉洗，元，高7厘米。"])
    assert row.labels["kiln"] == "Long"
    assert [conflict.task for conflict in row.conflicts] == ["kiln"]


def test_unknown_kiln_column_gives_way_to_the_name() -> None:
    (row,) = read(HEADER, ["龙泉窑五孔盖瓶", "宋", "未知", "通体施青釉。"])
    assert dict(row.labels) == {"dynasty": "Song", "kiln": "Long", "glaze": "Celadon", "type": "Vase"}
    assert row.conflicts == ()


def test_imitation_keeps_the_kiln_where_it_was_made() -> None:
    rows = read(HEADER, ["仿钧釉瓶", "清", "景德镇窑", ""], ["仿定窑白釉瓶", "清", "未知", ""])
    assert [row.labels["kiln"] for row in rows] == ["Jing", None]
    assert rows[1].evidence["kiln"][0].finding.note.startswith("an imitation of Ding")


def test_imperial_kiln_of_a_later_reign_is_not_guan() -> None:
    rows = read(HEADER, ["青釉瓶", "清乾隆", "官窑", ""], ["青釉瓶", "南宋", "官窑", ""])
    assert [row.labels["kiln"] for row in rows] == [None, "Guan"]


def test_repeated_header_rows_keep_their_number_and_have_no_labels() -> None:
    rows = read(HEADER, ["青釉碗", "宋", "龙泉窑", ""], HEADER, ["白釉碗", "元", "定窑", ""])
    assert [row.row for row in rows] == [0, 1, 2]
    assert set(rows[1].labels.values()) == {None}
    assert rows[1].notes == ("repeats the header",)
    assert rows[2].labels["kiln"] == "Ding"


def test_rows_that_are_short_long_or_blank() -> None:
    rows = read(HEADER, ["青釉碗"], ["", "", "", ""], [], ["青釉碗", "宋", "", "", "more", "cells"])
    assert [row.labels["type"] for row in rows] == ["Bowl", None, None, "Bowl"]


def test_doubt_lowers_the_confidence() -> None:
    sure, doubtful = read(["Title", "Period"], ["Bowl", "Song dynasty"], ["Bowl", "probably Song dynasty"])
    assert sure.labels["dynasty"] == doubtful.labels["dynasty"] == "Song"
    assert doubtful.confidence["dynasty"] < sure.confidence["dynasty"] <= 1
    assert sure.confidence["kiln"] is None


def test_implausible_combinations_are_noted() -> None:
    (row,) = read(["Title", "Period"], ["Ding ware blue-and-white bowl", "Song dynasty"])
    assert row.notes
    assert read(["Title", "Period"], ["Ding ware bowl, white glaze", "Song dynasty"])[0].notes == ()


def test_donors_and_books_are_not_read() -> None:
    header = ["Title", "Donor", "Bibliography", "x"]
    (row,) = read(header, ["Bowl", "Gift of the Yuan dynasty society", "Ding Ware, fig. 3", "Bequest, Jun ware fund"])
    assert dict(row.labels) == {"dynasty": None, "kiln": None, "glaze": None, "type": "Bowl"}


def test_columns_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.csv"
    path.write_text("a,b\nbowl,Song\ndish,Yuan\n", encoding="utf-8")
    table = read_catalogue(path)
    columns, rows = map_rows(TAXONOMY, table.header, table.rows, given_roles(table, {"noise": ["b"], "name": ["1"]}))
    assert [column.role for column in columns] == ["name", "noise"]
    assert [row.labels["dynasty"] for row in rows] == [None, None]
    with pytest.raises(InvalidInputError, match="no column 'c'; it has: a, b"):
        given_roles(table, {"name": ["c"]})


def test_other_taxonomies_and_tasks_of_no_known_kind() -> None:
    visual = list(map_rows(load_taxonomy("palace-visual"), HEADER, [["天青釉盏", "明洪武", "", ""]])[1])
    assert dict(visual[0].labels) == {"dynasty": "Ming", "glaze": "celadon_or_sky_blue", "type": "bowl"}
    pattern = TAXONOMY.task("type").model_copy(update={"name": "pattern", "kind": None})
    own = TAXONOMY.model_copy(update={"tasks": (pattern,), "combinations": ()})
    assert [row.labels for row in map_rows(own, ["Title"], [["Bowl"], ["Bowl and jar"]])[1]] == [
        {"pattern": "Bowl"},
        {"pattern": None},
    ]


@pytest.mark.parametrize(("delimiter", "encoding"), [(",", "utf-8-sig"), (";", "gb18030"), ("\t", "utf-16")])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "catalogue.csv"
    rows = [HEADER, ["定窑白釉碗", "北宋", "定窑", "通体施白釉。"], ["青釉盘", "元", "龙泉窑", "施青釉。"]]
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    table = read_catalogue(path)
    assert table.header == tuple(HEADER)
    assert len(table.rows) == 2


def test_labels_are_written_once_and_never_over_corrections(tmp_path: Path) -> None:
    path, output = tmp_path / "catalogue.csv", tmp_path / "labels.csv"
    path.write_text("Title,Period\nDing ware bowl,Song dynasty\n", encoding="utf-8")
    table = read_catalogue(path)
    columns, rows = map_rows(TAXONOMY, table.header, table.rows)
    mapped = list(rows)
    write_labels(output, mapped, columns, table)
    with output.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["row"], row["name"], row["dynasty"], row["kiln"]) == ("2", "Ding ware bowl", "Song", "Ding")
    assert row["kiln_words"] == "Ding"
    with pytest.raises(AlreadyExistsError, match="exists; name another file"):
        write_labels(output, mapped, columns, table)


def test_record_of_a_row() -> None:
    (row,) = read(["Title", "Period"], ["Ding ware bowl", "Song dynasty"])
    record = json.loads(json.dumps(row_record(row, Catalogue("c.csv", "utf-8", ("Title", "Period"), (), (2,)))))
    assert record["row"] == 2
    assert record["labels"] == {"dynasty": "Song", "kiln": "Ding", "glaze": None, "type": "Bowl"}
    assert record["evidence"]["kiln"] == [{"column": "Title", "words": "Ding", "code": "Ding"}]
    assert record["evidence"]["glaze"] == record["conflicts"] == []


def test_a_real_catalogue_against_labels_given_by_hand(project_data: Path) -> None:
    """The project's measure: precision of at least 0.98, recall of at least 0.95 on Song and Yuan rows."""
    catalogue = project_data / "catalogue" / "palace_museum_ceramics.csv"
    command = [sys.executable, str(REPOSITORY / "bench" / "collections" / "mapper.py"), str(catalogue)]
    subprocess.run([*command, "--check-sample"], check=True, capture_output=True)
    told = json.loads(subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout)
    assert told["rows"] == 1408
    assert told["conflicts_not_reported"] == []
    inside = [score for score in told["scores"] if score["rows"] == "Song, Yuan"]
    assert {score["set"] for score in inside} == {"tuned", "held-out"}
    for score in inside:
        assert score["precision"] >= 0.98, score
        assert score["recall"] >= 0.95, score


@pytest.mark.parametrize("path", STYLES, ids=lambda path: path.stem)
def test_neither_order_nor_headers_of_columns_matter(path: Path) -> None:
    table = read_catalogue(path)
    places = [i for i, name in enumerate(table.header) if not name.startswith("=")]

    def labels(order: list[int], header: list[str]) -> list[Any]:
        return [one.labels for one in map_rows(TAXONOMY, header, [[row[i] for i in order] for row in table.rows])[1]]

    as_it_stands = labels(places, [table.header[i] for i in places])
    assert labels(places[::-1], [table.header[i] for i in places[::-1]]) == as_it_stands
    assert labels(places, [f"c{i}" for i in places]) == as_it_stands
