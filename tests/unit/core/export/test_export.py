"""Exports: Croissant, read by MLCommons' own library; image folders; datasheets."""

import hashlib
import json
import re
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from hostile_files import encoded, picture
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import AlreadyExistsError, DataCorruptionError, InvalidInputError, StorageFullError
from saggar.export.about import About
from saggar.export.datasheet import BLANK, datasheet
from saggar.export.exporting import export
from saggar.export.rows import exported, label_columns, rows
from saggar.store import DirectoryStore, put_image

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
TASKS = ("dynasty", "source")  # a task may be called as a column is
ABOUT = About(
    dataset="8f3a0c11aa22bb33",
    name="Bowls | of Song",
    published=date(2026, 3, 1),
    description="Bowls for tests.",
    creator="A Museum",
    url="https://museum.example/bowls",
    cite_as="@misc{bowls}",
)
BARE = About("8f3a0c11aa22bb33", "Bowls", date(2026, 3, 1))


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def manifest(store):
    """Two photographs of one object, one of another in PNG, a synthetic and an augmented one."""
    keys = [put_image(store, encoded(picture(i), "JPEG"), "jpg").key for i in range(3)]
    keys.append(put_image(store, encoded(picture(3), "PNG"), "png").key)
    sizes = {"width_px": 96, "height_px": 72}
    owned = {"licence": CC0, "credit_line": "Gift of A. Friend", "object_url": "https://museum.example/1"}
    rows = [
        Record(
            keys[0],
            "0012",
            {"dynasty": "Song", "source": "book"},
            "train",
            source="a/甲.jpg",
            **owned,
            **sizes,
        ),
        Record(keys[1], "0012", {"dynasty": "Song", "source": None}, "train", source="b.jpg", **owned, **sizes),
        Record(keys[3], "NA", {"dynasty": None, "source": None}, "test", source="c.png", **owned, **sizes),
        Record(keys[2], "p-1", {"dynasty": "Yuan"}, "train", "synthetic", 96, 72, "p-1", caption="Yuan bowl"),
        Record(keys[0], "0012", {"dynasty": "Song"}, "train", "augmented", augmentation_seed=5, source="a"),
    ]
    return Manifest.from_records(rows, TASKS)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# Image folder -----------------------------------------------------------------------------------------------


def test_imagefolder_has_a_folder_per_split_with_metadata(manifest, store, tmp_path):
    told = export(manifest, store, ABOUT, "imagefolder", tmp_path / "out")
    assert told == ("images without a licence on record: 1; ask their owners before you pass them on",)
    found = {each["file_name"]: each for each in lines(tmp_path / "out" / "train" / "metadata.jsonl")}
    assert len(found) == 3  # no augmented one
    for name, row in found.items():
        data = (tmp_path / "out" / "train" / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert row["synthetic"] is name.startswith("synthetic-") is (row["origin"] == "synthetic")
    first = next(row for row in found.values() if row["source"] == "a/甲.jpg")
    assert (first["object_id"], first["dynasty"], first["label_source"]) == ("0012", "Song", "book")
    assert (first["licence"], first["credit_line"]) == (CC0, "Gift of A. Friend")
    (test,) = lines(tmp_path / "out" / "test" / "metadata.jsonl")
    assert (test["dynasty"], test["object_id"], test["caption"]) == ("", "NA", "")
    assert (tmp_path / "out" / "test" / test["file_name"]).suffix == ".png"


def test_columns_have_one_type_in_all_splits(manifest, store, tmp_path):
    """Else the reader of image folders refuses them."""
    export(manifest, store, ABOUT, "imagefolder", tmp_path / "out")
    rows = [row for split in ("train", "test") for row in lines(tmp_path / "out" / split / "metadata.jsonl")]
    assert len({tuple((name, type(value)) for name, value in row.items()) for row in rows}) == 1


def test_tasks_that_are_called_as_columns_are_get_other_names():
    assert label_columns(("glaze", "image", "split")) == {
        "glaze": "glaze",
        "image": "label_image",
        "split": "label_split",
    }


def test_the_card_names_licences_and_synthetic_images(manifest, store, tmp_path):
    export(manifest, store, ABOUT, "imagefolder", tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert 'pretty_name: "Bowls | of Song"' in card
    assert "license: other" in card  # one image has none on record
    assert "tags: [porcelain, ceramics, synthetic]" in card
    assert "Synthetic images: 1. A model has drawn them" in card
    assert f"- CC0-1.0: {CC0}" in card
    assert "images without a licence on record: 1" in card
    real = manifest.select(origin="real")
    export(real, store, ABOUT, "imagefolder", tmp_path / "real")
    card = (tmp_path / "real" / "README.md").read_text(encoding="utf-8")
    assert "license: cc0-1.0" in card
    assert "synthetic" not in card


def test_a_data_set_without_a_split_is_one_folder(manifest, store, tmp_path):
    whole = manifest.with_columns(split=None)
    export(whole, store, ABOUT, "imagefolder", tmp_path / "out")
    assert len(lines(tmp_path / "out" / "images" / "metadata.jsonl")) == 4
    half = manifest.with_columns(split=["train", None, "test", "train", "train"])
    with pytest.raises(InvalidInputError, match="1 of 4 images have no split"):
        export(half, store, ABOUT, "imagefolder", tmp_path / "half")


def test_an_image_that_stands_twice_has_two_files(manifest, store, tmp_path):
    twice = manifest.concat(manifest.select(origin="synthetic"))
    export(twice, store, ABOUT, "imagefolder", tmp_path / "out")
    names = [row["file_name"] for row in lines(tmp_path / "out" / "train" / "metadata.jsonl")]
    assert len(set(names)) == len(names) == 4
    assert all((tmp_path / "out" / "train" / name).exists() for name in names)


# Croissant --------------------------------------------------------------------------------------------------


@pytest.fixture
def croissant(tmp_path, monkeypatch):
    """MLCommons' library, with its cache in a folder of the test."""
    import mlcroissant
    from etils import epath
    from mlcroissant._src.operation_graph.operations import extract

    monkeypatch.setattr(extract, "EXTRACT_PATH", epath.Path(tmp_path / "unpacked"))
    return mlcroissant


of_others = pytest.mark.filterwarnings("ignore")  # mlcroissant uses what rdflib and pandas deprecate


@of_others
def test_croissant_is_valid_and_gives_the_records_back(manifest, store, tmp_path, croissant):
    remarks = export(manifest, store, ABOUT, "croissant", tmp_path / "out")
    assert remarks == ("images without a licence on record: 1; ask their owners before you pass them on",)
    found = croissant.Dataset(jsonld=str(tmp_path / "out" / "croissant.json"))
    issues = found.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])
    assert found.metadata.ctx.is_v1_1()
    records = {each["records/file_name"].decode(): each for each in found.records("records")}
    assert len(records) == 4
    for name, record in records.items():
        assert record["records/image"].size == (96, 72)
        assert record["records/synthetic"] is name.startswith("synthetic-")
    by_source = {each["records/source"].decode(): each for each in records.values()}
    assert by_source["a/甲.jpg"]["records/object_id"] == b"0012"
    assert by_source["a/甲.jpg"]["records/dynasty"] == b"Song"
    assert by_source["a/甲.jpg"]["records/label_source"] == b"book"
    assert by_source["c.png"]["records/object_id"] == b"NA"
    assert by_source["c.png"]["records/split"] == b"test"
    assert by_source["c.png"]["records/dynasty"] == b""
    assert by_source["p-1"]["records/origin"] == b"synthetic"
    assert by_source["b.jpg"]["records/licence"] == CC0.encode()


@of_others
def test_readers_do_not_mix_data_sets_up(manifest, store, tmp_path, croissant):
    """mlcroissant unpacks an archive once per name, wherever it lies."""
    parts = {"aaaa": manifest.select(split="test"), "bbbb": manifest.select(split="train")}
    for name, part in parts.items():
        export(part, store, replace(ABOUT, dataset=name), "croissant", tmp_path / name)
        found = croissant.Dataset(jsonld=str(tmp_path / name / "croissant.json"))
        names = {each["records/file_name"].decode() for each in found.records("records")}
        assert names == {row.file_name for row in rows(exported(part))}


def test_croissant_says_whose_it_is_and_what_its_files_are(manifest, store, tmp_path):
    export(manifest, store, ABOUT, "croissant", tmp_path / "out")
    text = json.loads((tmp_path / "out" / "croissant.json").read_text(encoding="utf-8"))
    assert text["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert (text["license"], text["citeAs"], text["url"]) == ([CC0], ABOUT.cite_as, ABOUT.url)
    assert text["creator"]["name"] == "A Museum"
    assert text["description"].startswith("Bowls for tests. 3 photographs of 2 ceramic objects")
    assert "Synthetic images: 1." in text["description"]
    assert "synthetic data" in text["keywords"]
    for each in text["distribution"]:
        if each["@type"] == "cr:FileObject":
            data = (tmp_path / "out" / each["contentUrl"]).read_bytes()
            assert each["sha256"] == hashlib.sha256(data).hexdigest()
            assert each["contentSize"] == f"{len(data)} B"
        else:
            assert each["includes"] == ["images/*.jpg", "images/*.png"]
            assert each["encodingFormat"] == ["image/jpeg", "image/png"]


@of_others
def test_croissant_without_what_people_know_is_readable_and_says_what_is_missing(manifest, store, tmp_path, croissant):
    bare = manifest.with_columns(licence=None)
    remarks = export(bare, store, BARE, "croissant", tmp_path / "out")
    assert remarks[0].startswith("Croissant requires licence, creator, url:")
    found = croissant.Dataset(jsonld=str(tmp_path / "out" / "croissant.json"))
    assert not found.metadata.ctx.issues.errors
    text = json.loads((tmp_path / "out" / "croissant.json").read_text(encoding="utf-8"))
    assert not {"license", "creator", "url", "citeAs"} & set(text)


def test_equal_data_sets_give_equal_archives(manifest, store, tmp_path):
    for name in ("one", "two"):
        export(manifest, store, ABOUT, "croissant", tmp_path / name)
    for name in ("images-8f3a0c11aa22bb33.zip", "records.parquet", "croissant.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / "images-8f3a0c11aa22bb33.zip") as archive:
        assert archive.testzip() is None


def test_tables_are_written_in_batches(manifest, store, tmp_path, monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("saggar.export.croissant._BATCH", 3)
    export(manifest, store, ABOUT, "croissant", tmp_path / "out")
    table = pq.ParquetFile(tmp_path / "out" / "records.parquet")
    assert (table.num_row_groups, table.metadata.num_rows) == (2, 4)


# Datasheet --------------------------------------------------------------------------------------------------


def test_datasheet_has_figures_and_marked_blanks(manifest):
    page = datasheet(manifest, BARE)
    assert page.startswith("# Datasheet: Bowls\n")
    sections = re.findall(r"^## (.+)$", page, re.MULTILINE)
    assert sections == [
        "Motivation",
        "Composition",
        "Collection",
        "Preprocessing, cleaning, labelling",
        "Uses",
        "Distribution",
        "Maintenance",
    ]
    assert "| photographs | 3 |" in page
    assert "| dynasty | 1 | 20% |" in page  # unknown
    assert "train 4, test 1 images" in page
    assert "**Synthetic images: 1.** A model has drawn them" in page
    assert "Augmented records: 1." in page
    assert "Records with a credit line: 3 (1 different)" in page
    assert f"| CC0-1.0 | {CC0} | 4 |" not in page
    assert f"| CC0-1.0 | {CC0} | 3 |" in page
    assert "| unknown |  | 2 |" in page
    assert f"**{page.count(BLANK)} answers are marked" in page
    assert not re.search(r"\$[a-z]", page)
    assert "\n\n\n" not in page


def test_datasheet_takes_what_is_said(manifest):
    page = datasheet(manifest.select(origin="real"), ABOUT)
    assert "**Who made it, and for whom?**\n\nA Museum" in page
    assert "@misc{bowls}" in page
    assert page.count(BLANK) < datasheet(manifest, BARE).count(BLANK)
    assert "synthetic" not in page.casefold()
    assert "unknown |  |" not in page


def test_no_question_stands_without_an_answer(manifest):
    page = datasheet(manifest, ABOUT)
    for question, answer in re.findall(r"^\*\*(.+\?)\*\*\n\n(.*)$", page, re.MULTILINE):
        assert answer.strip(), question
        assert not answer.startswith(("## ", "**Wh")), question


def test_a_dollar_in_a_name_does_no_harm(manifest):
    page = datasheet(manifest, About("id", "$5 $blank bowls", date(2026, 3, 1)))
    assert page.startswith("# Datasheet: $5 $blank bowls\n")


# All of it or nothing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["croissant", "imagefolder"])
def test_a_damaged_image_leaves_nothing_behind(manifest, store, tmp_path, kind):
    key = manifest.frame["image"].iloc[1]
    (store.root / key).write_bytes(b"other")
    with pytest.raises(DataCorruptionError, match=re.escape(key)):
        export(manifest, store, ABOUT, kind, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_a_folder_that_is_in_use_is_left_alone(manifest, store, tmp_path):
    (tmp_path / "out").mkdir()
    export(manifest, store, ABOUT, "datasheet", tmp_path / "out")
    with pytest.raises(AlreadyExistsError, match="exists; name another folder"):
        export(manifest, store, ABOUT, "datasheet", tmp_path / "out")
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(AlreadyExistsError):
        export(manifest, store, ABOUT, "datasheet", tmp_path / "file")
    with pytest.raises(InvalidInputError, match="cannot be written"):
        export(manifest, store, ABOUT, "datasheet", tmp_path / "file" / "below")


def test_a_full_disk_is_said(manifest, store, tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("saggar.files.wholefile.os.fsync", full)
    with pytest.raises(StorageFullError, match="no room left"):
        export(manifest, store, ABOUT, "imagefolder", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_nothing_to_export_is_said(manifest, store, tmp_path):
    for kind in ("croissant", "imagefolder"):
        with pytest.raises(InvalidInputError, match="no photographs and no synthetic images"):
            export(manifest.select(origin="augmented"), store, ABOUT, kind, tmp_path / kind)


def test_progress_is_told(manifest, store, tmp_path):
    told = []
    export(
        manifest, store, ABOUT, "croissant", tmp_path / "out", progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
