"""Names, folders and exports as file managers, ZIP files, check-outs and other tools leave them."""

import json
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from photo_folders import HEAD, ROWS, TAXONOMY, put, refusal, table
from saggar.errors import InvalidInputError
from saggar.export.about import About
from saggar.export.exporting import export
from saggar.importing.intake import import_catalogue, import_csv, import_folders, import_labelbee
from saggar.importing.report import RowsRefusedError

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
        "~snapshot/a.jpg", "@Snapshot/b.jpg", "Ding/CaptureOne/Cache/Thumbnails/c.jpg", "__pycache__/d.jpg",
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
