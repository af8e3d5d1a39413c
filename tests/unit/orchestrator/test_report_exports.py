"""Tables and figures of a report as files."""

import csv
import io
import json
import re

import pytest
from orchestrator_results import picture, results
from PIL import Image
from saggar_orchestrator.pages import plots, report
from saggar_orchestrator.pages.exports import as_csv, as_latex, write_comparison, write_exports
from saggar_orchestrator.pages.report.several import render_several
from saggar_orchestrator.pages.tables import Table, tables
from web_page import words


@pytest.fixture(scope="module")
def values():
    return results()


@pytest.fixture(scope="module")
def drawn(values):
    with plots.collecting() as found:
        report.render(values, picture)
    return found


def test_every_table_is_a_rectangle_of_what_was_found(values):
    made = {table.name: table for table in tables(values)}
    assert {"scores", "differences", "splits", "training_sets", "imbalance", "classes", "runs", "epochs"} <= set(made)
    for table in made.values():
        assert all(len(row) == len(table.columns) for row in table.rows), table.name
        assert len(set(table.columns)) == len(table.columns)
    scores = [dict(zip(made["scores"].columns, row, strict=True)) for row in made["scores"].rows]
    glaze = next(row for row in scores if row["arm"] == "90:10" and row["task"] == "glaze")
    arm = values["arms"][2]
    assert glaze["macro_f1"] == arm["tasks"][2]["macro_f1"]["mean"]
    assert glaze["accuracy_sd"] == arm["tasks"][2]["accuracy"]["sd"]
    differences = [dict(zip(made["differences"].columns, row, strict=True)) for row in made["differences"].rows]
    assert len(differences) == 10
    assert differences[0]["low"] == values["arms"][1]["differences"]["macro_f1"]["dynasty"]["low"]


def test_an_arm_that_was_not_compared_is_so_in_every_file(values, tmp_path):
    base, second, third = values["arms"]
    unused = {name: value for name, value in second.items() if name not in {"differences", "groups", "confusions"}}
    unused |= {"kind": "synthetic", "by_origin": base["by_origin"], "share_reached": 0.0, "unused": True}
    found = values | {"arms": [base, unused, third]}
    write_exports(found, {}, tmp_path)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "tables" / "differences.csv").read_text())))
    said = "no generated image was used, so nothing was compared"
    assert [row for row in rows if row["arm"] == "95:5"] == [
        dict.fromkeys(rows[0], "") | {"arm": "95:5", "verdict": said}
    ]
    assert len(rows) == 6
    assert f"95:5 & -- & -- & -- & -- & -- & -- & {said}" in (tmp_path / "tables" / "differences.tex").read_text()
    write_comparison([found, values], tmp_path / "both")
    both = list(csv.DictReader(io.StringIO((tmp_path / "both" / "tables" / "compared_differences.csv").read_text())))
    assert [(row["arm"], row["macro_f1_difference"]) for row in both if row["verdict"] == said] == [("95:5", "")]
    assert f"example, 95:5: {said}." in words(render_several([found, values]))


def test_csv_reads_back_whole_and_runs_nothing():
    table = Table("t", "T", ("arm", "value"), (("=HYPERLINK(1)", 0.123456789), ('定, "x"', None), ("-a", -1)))
    rows = list(csv.reader(io.StringIO(as_csv(table))))
    assert rows == [
        ["arm", "value"], ["'=HYPERLINK(1)", "0.123456789"], ['定, "x"', ""], ["'-a", "-1"],
    ]  # fmt: skip


def test_latex_is_escaped():
    table = Table("t", "All of 95 %", ("arm_name", "f1"), (("95 % & more_", 0.12345), ("x", None)))
    text = as_latex(table)
    assert r"\caption{All of 95 \%}" in text
    assert "arm name & f1" in text
    assert r"95 \% \& more\_ & 0.123" in text
    assert r"x & --" in text
    assert r"\toprule" in text
    assert r"\begin{tabular}{lr}" in text


def test_figures_are_whole_files(drawn):
    assert {"scores", "differences", "lorenz", "learning", "tasks", "classes-type", "confusion-type"} <= set(drawn)
    for name, (svg, png) in drawn.items():
        assert svg.startswith("<?xml"), name
        assert "currentColor" not in svg
        with Image.open(io.BytesIO(png)) as image:
            assert image.width > 700, name


def test_a_figure_is_laid_out_alike_in_both_files(drawn):
    svg, png = drawn["scores"]
    width, height = (float(each) for each in re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    bar = r'<path d="M (\S+) (\S+) \nL (\S+) \S+ \nL \S+ (\S+) \nL [^"]+" clip-path="[^"]+" style="fill: #(\w{6})"'
    bars = re.findall(bar, svg)
    assert len(bars) > 9
    with Image.open(io.BytesIO(png)) as image:
        for left, bottom, right, top, colour in bars:
            x, y = (float(left) + float(right)) / 2 / width, (float(bottom) + float(top)) / 2 / height
            found = image.getpixel((int(x * image.width) + 8, int(y * image.height)))  # beside the whisker
            assert found[:3] == tuple(bytes.fromhex(colour))


def test_all_of_it_lies_in_two_folders(values, drawn, tmp_path):
    written = write_exports(values, drawn, tmp_path)
    assert all(path.stat().st_size for path in written)
    every = json.loads((tmp_path / "tables" / "tables.json").read_text(encoding="utf-8"))
    assert every["splits"]["rows"][0] == {"split": "train", "photographs": 536, "objects": 500}
    assert (tmp_path / "tables" / "scores.tex").exists()
    assert (tmp_path / "figures" / "scores.svg").exists()
    assert {path.suffix for path in written} == {".csv", ".tex", ".json", ".svg", ".png"}
