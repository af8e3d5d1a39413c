"""Tables, names and folders as spreadsheets, file managers, ZIP files and check-outs leave them."""

from __future__ import annotations

import csv
import io
import json
import os
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hostile_files import encoded, picture
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.tables import given_roles, read_catalogue, row_record, write_labels
from saggar.errors import InvalidInputError
from saggar.export.about import About
from saggar.export.exporting import export
from saggar.files.csv_text import from_spreadsheet_cell, read_csv_text, spreadsheet_cell
from saggar.importing.intake import import_catalogue, import_csv, import_folders, import_labelbee
from saggar.importing.report import RowsRefusedError
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
HEAD = "image,dynasty,kiln,glaze,type"
ROWS = ("a.jpg,Song,Ding,IvoryW,Bowl", "b.jpg,Yuan,Jun,MoonW,Plate")


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "b.jpg")):
        put(folder, name, number)
    return folder


def put(folder: Path, name: str | bytes, seed: int) -> None:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed + 100), "JPEG"))


def table(tmp_path: Path, data: str | bytes, name: str = "labels.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refusal(root: Path, path: Path, store: DirectoryStore) -> str:
    with pytest.raises(InvalidInputError) as caught:
        import_csv(root, path, TAXONOMY, store)
    return str(caught.value)


# sep=


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;;;", "\ufeffsep=;"])
@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_a_line_that_names_the_delimiter_is_honoured(line: str, ending: str, root: Path, store, tmp_path: Path) -> None:
    rows = [line, *(row.replace(",", ";") for row in (HEAD, *ROWS, "a.jpg;Sogn;;;"))]
    text = refusal(root, table(tmp_path, ending.join(rows)), store)
    assert "row 4, column dynasty: a.jpg: 'Sogn' is not a class" in text  # as the spreadsheet counts
    catalogue = read_catalogue(table(tmp_path, ending.join(["sep=;", "No;Title", "1;Ding ware bowl"])))
    assert (catalogue.header, catalogue.numbers) == (("No", "Title"), (2,))


def test_any_delimiter_may_be_named(root: Path, store, tmp_path: Path) -> None:
    text = "\n".join(["sep=|", *(row.replace(",", "|") for row in (HEAD, *ROWS))])
    assert len(import_csv(root, table(tmp_path, text), TAXONOMY, store).manifest) == 2


# Encodings


@pytest.mark.parametrize("word", ["钧窑", "定窑", "宋"])
def test_one_chinese_word_is_read_or_the_way_out_is_named(word: str, root: Path, store, tmp_path: Path) -> None:
    path = table(tmp_path, f"{HEAD}\n{ROWS[0]}\nb.jpg,Yuan,Jun,MoonW,Plate,\n".replace("Jun", word).encode("gbk"))
    try:
        found = read_csv_text(path).text
    except InvalidInputError as error:
        found = word if "--encoding gb18030" in str(error) else str(error)
    assert word in found
    assert word in read_csv_text(path, "gb18030").text


def test_a_euro_sign_of_windows_is_one(tmp_path: Path) -> None:
    text = f"{HEAD},note\na.jpg,宋,定窑,,,价格\nb.jpg,元,钧窑,,,\n"
    data = text.encode("gbk") + b"c.jpg,\xcb\xce,,,,\x80 12\n"
    assert read_csv_text(table(tmp_path, data)).text.endswith("c.jpg,宋,,,,€ 12\n")
    assert read_csv_text(table(tmp_path, data), "gbk").text.endswith("€ 12\n")


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8", "cp950"])
def test_a_broken_byte_is_named_by_its_own_line(encoding: str, tmp_path: Path) -> None:
    words = "定窯白釉碗,青釉盤" if encoding == "cp950" else "定窑白釉碗,青釉盘"
    data = f"name\n{words}\n{words}\n".encode(encoding) + b"x\xff\xff\n" + f"{words}\n".encode(encoding)
    with pytest.raises(InvalidInputError, match=r"line 4: byte 0xFF .* is not (GB18030|UTF-8|CP950)"):
        read_csv_text(table(tmp_path, data))


@pytest.mark.parametrize("position", [3, 40, 5000])
def test_a_nul_is_not_called_utf_16(position: int, root: Path, store, tmp_path: Path) -> None:
    text = "\n".join([HEAD, *ROWS, *["a.jpg,Song,Ding,IvoryW,Bowl"] * 300])
    data = (text[:position] + "\0" + text[position:]).encode()
    assert "UTF-16" not in refusal(root, table(tmp_path, data), store)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_still_read(encoding: str, tmp_path: Path) -> None:
    text = "名称,时代\n" + "定窑白釉刻花碗,北宋\n" * 50
    found = read_csv_text(table(tmp_path, text.encode(encoding)))
    assert (found.text, found.encoding) == (text, encoding)


# Headers


@pytest.mark.parametrize(
    "header",
    [
        "image\u00a0,dynasty,\u200bkiln,glaze,type",
        "\ufeffimage, dynasty ,kiln\u200e,glaze\u00ad,\u2060type",
        "ｉｍａｇｅ,dynasty,KILN,Glaze,type",
        "image,dynasty,kiln,glaze,type,,",
    ],
)
def test_odd_and_invisible_characters_in_a_header(header: str, root: Path, store, tmp_path: Path) -> None:
    rows = [row + ",," if header.endswith(",,") else row for row in ROWS]
    report = import_csv(root, table(tmp_path, "\n".join([header, *rows])), TAXONOMY, store)
    assert [record.labels["kiln"] for record in report.manifest.records()] == ["Ding", "Jun"]


@pytest.mark.parametrize("second", ["kiln", "Kiln", " KILN", "kiln\u200b", "ｋｉｌｎ"])
def test_a_column_that_appears_twice_is_refused(second: str, root: Path, store, tmp_path: Path) -> None:
    path = table(tmp_path, f"{HEAD},{second}\na.jpg,Song,Ding,IvoryW,Bowl,Jun\n")
    assert "column 'kiln' appears twice (columns C and F); remove one" in refusal(root, path, store)


def test_columns_of_a_catalogue_that_appear_twice(root: Path, store, tmp_path: Path) -> None:
    path = table(tmp_path, "Title,Date,title\nDing ware bowl,Song dynasty,Jun ware plate\n")
    catalogue = read_catalogue(path)
    with pytest.raises(InvalidInputError, match=r"column 'Title' appears twice \(columns 1 and 3\)"):
        given_roles(catalogue, {"name": ["Title"]})
    assert given_roles(catalogue, {"name": ["3"]}) == {2: "name"}
    with pytest.raises(InvalidInputError, match="appears twice"):
        import_catalogue(root, path, "Title", TAXONOMY, store)
    path = table(tmp_path, "No,Title,licence,Licence\na.jpg,Ding ware bowl,CC0,all rights reserved\n")
    with pytest.raises(InvalidInputError, match="column 'licence' appears twice"):
        import_catalogue(root, path, "No", TAXONOMY, store)


def test_a_title_above_the_header_and_a_second_header_are_named(root: Path, store, tmp_path: Path) -> None:
    above = table(tmp_path, "\n".join(["Our porcelain 2020,,,,", ",,,,", HEAD, *ROWS]))
    assert "the names of the columns are in row 3; remove what is above" in refusal(root, above, store)
    second = table(tmp_path, "\n".join([HEAD, ROWS[0], "Image, DYNASTY,kiln\u200b,glaze,type", ROWS[1]]))
    assert "row 3: repeats the header; remove the row" in refusal(root, second, store)


def test_a_file_that_is_no_table_of_ours_is_not_quoted(root: Path, store, tmp_path: Path) -> None:
    secret = table(tmp_path, "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1::/:/bin/sh\n", "passwd")
    text = refusal(root, secret, store)
    assert "root" not in text.replace(str(tmp_path), "")
    assert "it has: 1 column, none of such a name" in text


# Spreadsheets


def test_numbers_that_a_spreadsheet_has_damaged_join_nothing(root: Path, store, tmp_path: Path) -> None:
    for number, name in enumerate(("0012.jpg", "0013-2.jpg", "1-2.jpg", "3-12.jpg", "1E05.jpg", "12.jpg", "x.jpg")):
        put(root, name, 10 + number)
    rows = (
        "No,Title,Date",
        '"=""0012""",Ding ware bowl,Song dynasty',
        "13,Jun ware plate,Yuan dynasty",
        "Jan-02,Ru ware washer,Song dynasty",
        "12-Mar,Jun ware bowl,Song dynasty",
        "3月12日,Ding ware bowl,Song dynasty",
        "1.00E+05,Ge ware vase,Song dynasty",
        "14.0,Ge ware vase,Song dynasty",
        "2023-11-05 00:00,Ge ware vase,Song dynasty",
        "12,Cizhou ware pillow,Song dynasty",
    )
    report = import_catalogue(root, table(tmp_path, "\n".join(rows)), "No", TAXONOMY, store)
    kilns = {record.source: record.labels["kiln"] for record in report.manifest.records()}
    assert kilns == {"0012.jpg": "Ding", "12.jpg": "CiZ"}
    notes = {note.file: note.text for note in report.notes}
    for value in ("Jan-02", "12-Mar", "3月12日", "1.00E+05", "14.0", "2023-11-05 00:00"):
        assert "which a spreadsheet seems to have reformatted; import the column as text" in notes[value]
    assert "row 3 may be its own, with its zeros lost" in notes["0013-2.jpg"]
    assert notes["x.jpg"] == "no row names this photograph"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"), ("+SUM(A1)", "'+SUM(A1)"), ("-A1", "'-A1"), ("@cmd", "'@cmd"),
        ("\t=1", "'\t=1"), (" =1", "' =1"),
        ("-1200", "-1200"), ("+3.5", "+3.5"), ("-12 %", "'-12 %"), ("bowl", "bowl"), ("a=b", "a=b"),
        ("a\x07b", "a\\x07b"),
    ],
)  # fmt: skip
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert spreadsheet_cell(text) == cell
    if "\x07" not in text and not text.startswith("\t"):
        assert from_spreadsheet_cell(cell) == text


def test_formulas_of_a_catalogue_are_quoted_in_what_map_writes(tmp_path: Path) -> None:
    path = table(tmp_path, 'No,Title,Date\n1,"=HYPERLINK(""http://x"",""Ding ware bowl"")",Song dynasty\n')
    catalogue = read_catalogue(path)
    columns, rows = map_rows(TAXONOMY, catalogue.header, catalogue.rows)
    out = tmp_path / "out.csv"
    write_labels(out, rows, columns, catalogue)
    (row,) = csv.DictReader(io.StringIO(out.read_text("utf-8-sig")))
    assert row["name"].startswith("'=HYPERLINK")
    assert row["row"] == "2"


def test_rows_are_counted_alike_by_map_and_import(root: Path, store, tmp_path: Path) -> None:
    path = table(tmp_path, "\nNo,Title,Date\n\na.jpg,Ding ware bowl,Song dynasty\nnowhere.jpg,Jun plate,Yuan dynasty\n")
    catalogue = read_catalogue(path)
    _, rows = map_rows(TAXONOMY, catalogue.header, catalogue.rows)
    assert [row_record(row, catalogue)["row"] for row in rows] == [4, 5]
    with pytest.raises(RowsRefusedError, match=r"row 5, column image: nowhere\.jpg"):
        import_catalogue(root, path, "No", TAXONOMY, store)


# Names


def test_names_that_are_no_utf_8_are_read_as_gb18030(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, "Ding/碗一.jpg".encode("gbk"), 1)
    put(root, "定窑".encode("gbk") + b"/\xc5\xcc\xb6\xfe.jpg", 2)
    put(root, "Ru/深/".encode() + "青花瓶.jpg".encode("gbk"), 3)  # a folder in UTF-8, a file that is not
    report = import_folders(root, ["kiln"], TAXONOMY, store)
    labels = {record.source: record.labels["kiln"] for record in report.manifest.records()}
    assert labels == {"Ding/碗一.jpg": "Ding", "定窑/盘二.jpg": "Ding", "Ru/深/青花瓶.jpg": "Ru"}
    assert report.manifest.to_parquet()
    report.to_csv().decode("utf-8-sig")
    about = About(dataset="x", name="x", published=date(2026, 11, 28))
    export(report.manifest, store, about, "imagefolder", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        str(path).encode("utf-8")
    rows = f"{HEAD}\nDing/碗一.jpg,Song,Ding,,Bowl\nRu/深/青花瓶.jpg,Yuan,Ru,,Vase"
    assert len(import_csv(root, table(tmp_path, rows), TAXONOMY, store).manifest) == 2


def test_names_that_are_nothing_known_are_refused_by_an_escaped_name(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, "Ding/a.jpg", 1)
    put(root, "Ru/b.jpg", 2)
    put(root, b"Ru/\xff\xfe.jpg", 3)
    with pytest.raises(RowsRefusedError) as caught:
        import_folders(root, ["kiln"], TAXONOMY, store)
    assert r"Ru/\xff\xfe.jpg: no such file in the folder of images; its name is neither UTF-8 nor GB18030" in str(
        caught.value
    )
    str(caught.value).encode("utf-8")
    report = import_folders(root, ["kiln"], TAXONOMY, store, strict=False)
    report.to_csv().decode("utf-8-sig")
    assert len(report.manifest) == 2


def test_an_error_can_be_sent_whatever_it_names() -> None:
    assert str(InvalidInputError("b\udcd0.jpg: \ud800 is gone")) == r"b\xd0.jpg: \ud800 is gone"


def test_each_part_of_a_path_has_its_own_unicode_form(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    nfd, nfc = (lambda s: unicodedata.normalize("NFD", s)), (lambda s: unicodedata.normalize("NFC", s))
    put(root, f"{nfd('Städel')}/{nfc('Schüssel')}.jpg", 1)
    put(root, f"{nfc('Käßchen')}/{nfd('größer')}/{nfc('Öl')}.jpg", 2)
    rows = ["Städel/Schüssel.jpg,Song,Ding,,Bowl", "Käßchen\\größer/Öl.jpg,Yuan,Ru,,Box"]
    for form in (nfd, nfc):
        path = table(tmp_path, form("\n".join([HEAD, *rows])))
        assert len(import_csv(root, path, TAXONOMY, store).manifest) == 2


@pytest.mark.parametrize(
    ("there", "wanted", "told"),
    [
        ("Ding\u2011ware.jpg", "Ding-ware", "U+2011 non-breaking hyphen"),
        ("Ru\u2013bowl.jpg", "Ru-bowl", "U+2013 en dash"),
        ("Jun\u200cvase.jpg", "Junvase", "U+200C zero width non-joiner"),
        ("Ding-ware.jpg", "Ding\u2212ware", "U+2212 minus sign"),
        ("Ａ12.jpg", "A12", ""),
    ],
)
def test_look_alikes_are_hinted_at(there: str, wanted: str, told: str, root: Path, store, tmp_path: Path) -> None:
    put(root, there, 9)
    text = refusal(root, table(tmp_path, "\n".join([HEAD, *ROWS, f"{wanted}.jpg,Song,Ding,,Bowl"])), store)
    assert f"did you mean '{there}'?" in text
    assert told in text
    rows = ["No,Title,Date", "a.jpg,Ding ware bowl,Song dynasty", f"{wanted},Jun ware plate,Yuan dynasty"]
    report = import_catalogue(root, table(tmp_path, "\n".join(rows)), "No", TAXONOMY, store)
    assert any(f"'{there}' looks the same" in note.text and told in note.text for note in report.notes)


def test_what_file_managers_leave_behind_is_told_once(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    put(root, "Ding/A1.jpg", 1)
    put(root, "Ru/A2.jpg", 2)
    litter = (
        "Ding/@eaDir/A1.jpg/SYNOPHOTO_THUMB_M.jpg", "@eaDir/x.jpg", "__MACOSX/Ding/A1.jpg", "$RECYCLE.BIN/$R1.jpg",
        "#recycle/old.jpg", "lost+found/x.jpg", "System Volume Information/y.jpg", "@Recycle/z.jpg", "#snapshot/s.jpg",
        "Ding/Thumbs.db", "Ding/desktop.ini", "Ding/~$list.jpg", "Ru/A2.jpg.part", "Ru/A3.jpg.crdownload",
        "Ru/old.jpg~", "Ding/SYNOFILE_THUMB_M.jpg", "photos.lrdata/preview.jpg",
    )  # fmt: skip
    for number, name in enumerate((*litter, "Ding/._A1.jpg", "Ru/.DS_Store", ".Trash-1000/x.jpg")):
        put(root, name, 50 + number)
    report = import_folders(root, ["kiln"], TAXONOMY, store)
    assert [record.source for record in report.manifest.records()] == ["Ding/A1.jpg", "Ru/A2.jpg"]
    assert sum("left behind by a file manager" in warning for warning in report.warnings) == 1
    assert not any("Thumbs.db" in w or "@eaDir" in w for w in report.warnings if "left behind" not in w)
    rows = "No,Title,Date\nA1,Ding ware bowl,Song dynasty\nA2,Jun ware plate,Yuan dynasty\n"
    report = import_catalogue(root, table(tmp_path, rows), "No", TAXONOMY, store)
    assert [record.source for record in report.manifest.records()] == ["Ding/A1.jpg", "Ru/A2.jpg"]


def test_links_out_of_the_folder_are_one_message_with_the_way_out(store, tmp_path: Path) -> None:
    root, annex = tmp_path / "photos", tmp_path / "annex"
    put(root, "Ding/a.jpg", 1)
    for number in range(7):
        put(annex, f"{number}.jpg", number)
        (root / "Ding" / f"A{number}.jpg").symlink_to(annex / f"{number}.jpg")
    (root / "Ding" / "loop").symlink_to(".")
    (root / "Ding" / "self.jpg").symlink_to("self.jpg")
    (root / "Ding" / "gone.jpg").symlink_to("nowhere.jpg")
    (root / "Ru").symlink_to(annex)
    with pytest.raises(RowsRefusedError) as caught:
        import_folders(root, ["kiln"], TAXONOMY, store)
    lines = str(caught.value).splitlines()
    assert "9 problems" in lines[0]
    assert len(lines) == 4
    assert "A0.jpg, Ding/A1.jpg, Ding/A2.jpg and 4 more: leads out of the folder" in lines[1]
    assert "`cp -rL` copies what links lead to" in lines[1]
    assert "(7 times)" in lines[1]
    assert any("it is a link to a file that is not there" in line for line in lines)
    report = import_folders(root, ["kiln"], TAXONOMY, store, strict=False)
    assert any(w.startswith("a link to a folder, which is not followed") and "Ru" in w for w in report.warnings)


def test_labels_are_compared_without_unicode_forms_and_look_alikes(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        put(root, name, number)
    rows = [
        HEAD,
        f"a.jpg,SONG,{unicodedata.normalize('NFD', 'Chün')},blue\u2011and\u2013white,bowl\u200b",
        "b.jpg,Ｙｕａｎ,ding,moon  white,\u00a0Plate",
        "c.jpg,Yuan,Ding,MoonW,Plate",
    ]
    report = import_csv(root, table(tmp_path, "\n".join(rows)), TAXONOMY, store)
    first, second, _ = report.manifest.records()
    assert first.labels == {"dynasty": "Song", "kiln": "Jun", "glaze": "BlueW", "type": "Bowl"}
    assert second.labels == {"dynasty": "Yuan", "kiln": "Ding", "glaze": "MoonW", "type": "Plate"}


# Tasks and taxonomies


def test_ten_bowls_of_one_dynasty_come_in(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number in range(10):
        put(root, f"{number}.jpg", number)
    glazes = ("IvoryW", "White")
    rows = [f"{n}.jpg,Song,,{glazes[n % 2]},Bowl" for n in range(10)]
    report = import_csv(root, table(tmp_path, "\n".join([HEAD, *rows])), TAXONOMY, store)
    assert report.manifest.tasks == ("dynasty", "glaze", "type")
    assert report.manifest.counts("dynasty") == {"Song": 10}
    assert "kiln: no row has a label, so the data set leaves this task out" in report.warnings
    alone = [warning for warning in report.warnings if "nothing to tell apart" in warning]
    assert alone[0] == (
        "dynasty: only 'Song' occurs, and there is nothing to tell apart: an experiment leaves it out with "
        "`tasks: [glaze]`"
    )
    assert not any("classes without a photograph" in w and w.startswith("dynasty") for w in report.warnings)
    report = import_csv(
        root, table(tmp_path, "\n".join([HEAD, *(f"{n}.jpg,Song,,,Bowl" for n in range(10))])), TAXONOMY, store
    )
    assert report.manifest.tasks == ("dynasty", "type")
    with pytest.raises(InvalidInputError, match="no row has a label of dynasty, kiln, glaze, type"):
        import_csv(root, table(tmp_path, f"{HEAD}\n1.jpg,,,,"), TAXONOMY, store)


def test_the_taxonomy_that_fits_is_named(store, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for number, name in enumerate(("a.jpg", "b.jpg", "white/c.jpg", "painted/d.jpg")):
        put(root, name, number)
    other = load_taxonomy("palace-visual")
    rows = ["image,dynasty,glaze,type", "a.jpg,Tang,white,bowl", "b.jpg,Ming,painted,vase"]
    text = refusal(root, table(tmp_path, "\n".join(rows)), store)
    assert "all columns and labels fit taxonomy palace-visual: name it (--taxonomy palace-visual)" in text
    with pytest.raises(RowsRefusedError, match="--taxonomy palace-visual") as caught:
        import_folders(root, ["glaze"], load_taxonomy("kilnsim"), store)
    assert len(caught.value.refused) == 1  # `white` is a class of kilnsim too
    rows.append("b.jpg,Ming,pianted,vase")
    assert "fit taxonomy" not in refusal(root, table(tmp_path, "\n".join(rows)), store)
    with pytest.raises(RowsRefusedError) as caught:
        import_csv(root, table(tmp_path, "image,dynasty,glaze,type\nnowhere.jpg,Tang,white,bowl"), other, store)
    assert "fit taxonomy" not in str(caught.value)


# LabelBee and its successor


@pytest.mark.parametrize(
    ("tool", "tags"),
    [
        ("step_1", {"result": {"kiln": ["Ding"]}}),
        ("tagTool", {"result": {"kiln": "Ding"}}),
        ("tagTool", {"value": {"kiln": ["Ding"]}}),
        ("annotations", {"value": {"kiln": ["Ding"]}}),
    ],
)
def test_tags_of_every_version_are_read(tool: str, tags: dict, root: Path, store, tmp_path: Path) -> None:
    def entry(name: str, kiln: str) -> dict:
        own = json.loads(json.dumps(tags).replace("Ding", kiln))
        step = {"toolName": "tagTool", "result": [own]}
        return {"fileName": name, "url": "", "result": json.dumps({tool: [step] if tool == "annotations" else step})}

    for encoding in ("utf-8", "utf-8-sig"):
        path = table(tmp_path, json.dumps([entry("a.jpg", "Ding"), entry("b.jpg", "Jun")]).encode(encoding), "e.json")
        report = import_labelbee(root, path, TAXONOMY, store)
        assert [record.labels["kiln"] for record in report.manifest.records()] == ["Ding", "Jun"]


@pytest.mark.parametrize(
    "tags",
    [
        {"kiln": {"a": 1}}, {"kiln": [["Ding"]]}, {"kiln": [{"value": "Ding"}]}, {"kiln": ["Ding", "Jun"]},
        [1], "Ding", 3,
        {"kiln": True}, {"kiln": [None, 7]},
    ],
)  # fmt: skip
def test_tags_of_another_shape_are_refused_and_nothing_breaks(tags: object, root: Path, store, tmp_path: Path) -> None:
    def entry(name: str, tag: object) -> dict:
        return {"fileName": name, "result": {"tagTool": {"toolName": "tagTool", "result": [{"result": tag}]}}}

    entries = [entry("a.jpg", tags), entry("b.jpg", {"kiln": "Jun"}), entry("a.jpg", {"kiln": "Ding"})]
    path = table(tmp_path, json.dumps(entries), "e.json")
    report = import_labelbee(root, path, TAXONOMY, store, strict=False)
    assert len(report.manifest) == 2
    assert [refusal.row for refusal in report.refused][:1] in ([1], [])


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("file:///C:/photos/a.jpg", "a.jpg"),
        ("https://x/photos/a.jpg?sig=1", "a.jpg"),
        ("https://x/%E5%9B%BE%201.jpg?sig=1#f", "图 1.jpg"),
        ("D:\\photos\\a.jpg", "a.jpg"),
        ("https://[broken/a.jpg", "a.jpg"),
    ],
)
def test_addresses_of_an_export_are_read(url: str, file: str, root: Path, store, tmp_path: Path) -> None:
    put(root, "图 1.jpg", 7)
    step = {"toolName": "tagTool", "result": [{"result": {"kiln": "Ding"}}]}
    entries = [{"url": url, "fileName": "", "result": {"tagTool": step}}]
    report = import_labelbee(root, table(tmp_path, json.dumps(entries), "e.json"), TAXONOMY, store, strict=False)
    assert [record.source for record in report.manifest.records()] == [file]


def test_an_export_in_a_chinese_encoding_is_read(root: Path, store, tmp_path: Path) -> None:
    step = {"toolName": "tagTool", "result": [{"result": {"kiln": "定窑", "glaze": "牙白釉"}}]}
    entries = [{"fileName": "a.jpg", "result": {"tagTool": step}}]
    data = json.dumps(entries, ensure_ascii=False).encode("gb18030")
    report = import_labelbee(root, table(tmp_path, data, "e.json"), TAXONOMY, store)
    assert [dict(record.labels) for record in report.manifest.records()] == [{"kiln": "Ding", "glaze": "IvoryW"}]
