"""Tables as spreadsheets and catalogues leave them: delimiters, encodings, headers, damaged cells, tasks."""

import csv
import io
from pathlib import Path

import pytest
from photo_folders import HEAD, ROWS, TAXONOMY, put, refusal, table
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.tables import given_roles, read_catalogue, row_record, write_labels
from saggar.errors import InvalidInputError
from saggar.files.tables.csv_text import from_spreadsheet_cell, read_csv_text, spreadsheet_cell
from saggar.importing.intake import import_catalogue, import_csv, import_folders
from saggar.importing.report import RowsRefusedError
from saggar.taxonomy import load_taxonomy

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


EUC_JP = f"{HEAD},note\na.jpg,Song,Ding,,,東京国立博物館\nb.jpg,Yuan,Jun,,,東京国立博物館所蔵の白磁\n".encode("euc_jp")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((b"Jun", "鈞窯の白".encode("euc_jp")), "is not a class of kiln"),
        ((b"b.jpg", b"gone.jpg"), "gone.jpg"),
        ((b"dynasty", "時代".encode("euc_jp")), "column 'dynasty' is missing"),
        ((b"Song,Ding,,,", b",,,,"), ""),
    ],
)
def test_a_refusal_says_how_an_encoding_was_recognised(change, told: str, root: Path, store, tmp_path: Path) -> None:
    """Japanese is taken for Chinese: that Saggar guessed is where to look."""
    data = EUC_JP.replace(*change)
    if not told:
        data, told = data.replace(b"Yuan,Jun,,,", b",,,,"), "no row has a label of"
    text = refusal(root, table(tmp_path, data), store)
    assert told in text
    assert "\nthe file is not UTF-8; read as GB18030. If Chinese text looks wrong, name its encoding: --enc" in text
    assert text.count("read as") == 1
    with pytest.raises(InvalidInputError) as caught:
        import_csv(root, table(tmp_path, data), TAXONOMY, store, encoding="euc_jp")
    assert "read as" not in str(caught.value)


def test_a_catalogue_that_is_refused_says_how_its_encoding_was_recognised(root: Path, store, tmp_path: Path) -> None:
    data = "No,Title\n1,東京国立博物館所蔵の白磁\n2,東京国立博物館\n".encode("euc_jp")
    for column, told in ((None, "no column names photographs"), ("No", "no photograph in "), ("Nr", "no column 'Nr'")):
        with pytest.raises(InvalidInputError, match=f"{told}(.|\n)*\nthe file is not UTF-8; read as GB18030") as caught:
            import_catalogue(root, table(tmp_path, data), column, TAXONOMY, store)
        assert str(caught.value).count("read as") == 1


def test_labels_from_hong_kong_are_read(root: Path, store, tmp_path: Path) -> None:
    rows = ("a.jpg,宋,定窯,白釉,碗,香港藝術館嘅㗎啲", "b.jpg,元,鈞窯,,盤,深水埗")
    data = "\n".join([f"{HEAD},note", *rows]).encode("big5hkscs")
    report = import_csv(root, table(tmp_path, data), TAXONOMY, store)
    assert [record.labels["kiln"] for record in report.manifest.records()] == ["Ding", "Jun"]
    assert any("not UTF-8; read as Big5 (HKSCS). If" in warning for warning in report.warnings)
    text = refusal(root, table(tmp_path, data.replace("鈞窯".encode("big5"), "鈞搖".encode("big5"))), store)
    assert "'鈞搖' is not a class of kiln" in text
    assert "read as Big5 (HKSCS)" in text


def test_a_taxonomy_that_fits_is_named_beside_the_encoding(root: Path, store, tmp_path: Path) -> None:
    rows = ("image,dynasty,glaze,type", "a.jpg,唐,white,bowl", "b.jpg,明,painted,vase")
    text = refusal(root, table(tmp_path, "\n".join([*rows, "a.jpg,唐,white,碗"]).encode("gbk")), store)
    assert "read as GB18030" in text
    assert "all columns and labels fit taxonomy palace-visual" in text


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
    text = refusal(root, table(tmp_path, f"{HEAD}\na.jpg,Song,,,Bowl\na.jpg,Yuan,,,Bowl"), store)
    assert "with other labels" in text  # kilnsim has both labels too, and would not help
    assert "fit taxonomy" not in text
    rows.append("b.jpg,Ming,pianted,vase")
    assert "fit taxonomy" not in refusal(root, table(tmp_path, "\n".join(rows)), store)
    with pytest.raises(RowsRefusedError) as caught:
        import_csv(root, table(tmp_path, "image,dynasty,glaze,type\nnowhere.jpg,Tang,white,bowl"), other, store)
    assert "fit taxonomy" not in str(caught.value)
