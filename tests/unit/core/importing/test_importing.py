import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from saggar.dataset.manifest import validate
from saggar.errors import InvalidInputError, NotFoundError
from saggar.importing.intake import ImportReport, import_csv
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")
HEADER = "image,dynasty,glaze,type,group"


class Collection:
    """A folder with photographs 0.jpg to 5.png and a CSV that the test writes."""

    def __init__(self, root: Path) -> None:
        self.images = root / "images"
        self.images.mkdir()
        self.csv = root / "labels.csv"
        self.store = DirectoryStore(root / "store")
        for i in range(6):
            (self.images / f"{i}.{'png' if i == 5 else 'jpg'}").write_bytes(picture(i, "PNG" if i == 5 else "JPEG"))

    def write(self, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> None:
        self.csv.write_bytes("\n".join([header, *rows, ""]).encode(encoding))

    def load(self, **settings) -> ImportReport:
        return import_csv(self.images, self.csv, TAXONOMY, self.store, **settings)

    def refusal(self, **settings) -> str:
        """The error's text; nothing may have been written."""
        with pytest.raises(InvalidInputError) as caught:
            self.load(**settings)
        assert not list(self.store.list("images/"))
        return str(caught.value)


def picture(seed: int, kind: str = "JPEG", size: tuple[int, int] = (24, 16)) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


GOOD = (
    "0.jpg,Song,white,bowl,g0",
    "1.jpg,Yuan,painted,vase,g1",
    "2.jpg,Song,,bowl,g1",
    "5.png,,white,,",
)


@pytest.fixture
def collection(tmp_path):
    return Collection(tmp_path)


def test_photographs_and_labels_come_in(collection):
    collection.write(*GOOD)
    seen = []
    report = collection.load(progress=lambda *step: seen.append(step))
    manifest = report.manifest
    validate(manifest, TAXONOMY)
    records = list(manifest.records())
    assert [r.labels for r in records][1:3] == [
        {"dynasty": "Yuan", "glaze": "painted", "type": "vase"},
        {"dynasty": "Song", "glaze": None, "type": "bowl"},
    ]
    assert [r.object_id for r in records][:3] == ["g0", "g1", "g1"]
    assert records[3].object_id == records[3].image.split("/")[2].removesuffix(".png")  # the image's hash
    assert [r.source for r in records] == ["0.jpg", "1.jpg", "2.jpg", "5.png"]
    assert {(r.origin, r.split, r.width_px, r.height_px) for r in records} == {("real", None, 24, 16)}
    for record in records:  # the file's own bytes
        assert collection.store.get(record.image) == (collection.images / record.source).read_bytes()
    assert (report.refused, report.dropped) == ((), 0)
    assert seen[0] == ("checking photographs", 1, 4)
    assert seen[-1] == ("storing photographs", 4, 4)


def test_a_second_import_changes_nothing(collection):
    collection.write(*GOOD)
    first = collection.load()
    keys = list(collection.store.list(""))
    assert collection.load() == first
    assert list(collection.store.list("")) == keys
    reference = write_manifest(collection.store, first.manifest)
    assert read_manifest(collection.store, reference) == first.manifest


def test_all_problems_are_named_at_once(collection):
    (collection.images / "cut.jpg").write_bytes(picture(9)[:-80])
    (collection.images / "empty.jpg").write_bytes(b"")
    (collection.images / "folder.jpg").mkdir()
    (collection.images / "text.jpg").write_text("no picture")
    collection.write(
        *GOOD,
        "missing.jpg,Song,white,bowl,",
        "cut.jpg,Song,white,bowl,",
        "empty.jpg,Song,white,bowl,",
        "folder.jpg,Song,white,bowl,",
        "text.jpg,Song,white,bowl,",
        "3.jpg,Sogn,whte,telescope,",
        ",Song,white,bowl,",
        "0.jpg,Song,painted,bowl,g0",
        "4.jpg,Song,white",
        "4.jpg,Song,white,bowl,g,too,many",
        HEADER,
    )
    with pytest.raises(InvalidInputError) as caught:
        collection.load()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{collection.csv}: 13 problems; nothing was imported:"
    expected = [
        "row 6, column image: missing.jpg: no such file in the folder of images",
        "row 7, column image: cut.jpg: the image is truncated or damaged",
        "row 8, column image: empty.jpg: is empty",
        "row 9, column image: folder.jpg: is a folder",
        "row 10, column image: text.jpg: is not a JPEG, PNG, WebP, TIFF, GIF, BMP, AVIF or HEIC image",
        "row 11, column dynasty: 3.jpg: 'Sogn' is not a class of dynasty; did you mean 'Song'?",
        "row 11, column glaze: 3.jpg: 'whte' is not a class of glaze; did you mean 'white'?",
        "row 11, column type: 3.jpg: 'telescope' is not a class of type; known: bowl, plate,",
        "row 12, column image: names no file",
        "row 13, column glaze: 0.jpg: the same image as row 2, with other labels: glaze is 'white' there",
        "row 14: 4.jpg: has 3 cells where the header has 5; a value that holds a comma must be in quotation",
        "row 15: 4.jpg: has 7 cells where the header has 5",
        "row 16: repeats the header; remove the row",
    ]
    for line, text in zip(lines[1:], expected, strict=True):
        assert line.startswith("  " + text)
    assert [v.field for v in caught.value.violations][5] == "row 11, column dynasty"
    assert not list(collection.store.list(""))


def test_a_lenient_import_leaves_bad_rows_out(collection):
    collection.write(*GOOD, "missing.jpg,Song,white,bowl,", "3.jpg,Song,pink,bowl,")
    report = collection.load(strict=False)
    assert len(report.manifest) == 4
    assert [(r.row, r.file, r.column) for r in report.refused] == [
        (6, "missing.jpg", "image"),
        (7, "3.jpg", "glaze"),
    ]


def test_many_problems_are_counted(collection):
    collection.write(*GOOD, *[f"3.jpg,Song,w{i}h,bowl," for i in range(75)])
    text = collection.refusal()
    assert "75 problems" in text
    assert text.endswith("\n  and 25 more")
    assert len(text.splitlines()) == 52


MISSING = "no such file in the folder of images; add it or remove the row (75 times)"


def test_a_letter_of_another_script_in_a_label_is_told(collection):
    collection.write(*GOOD, "3.jpg,Song,white,b\u043ewl,")
    with pytest.raises(InvalidInputError) as caught:
        collection.load()
    letter = "it has '\u043e' (U+043E cyrillic small letter o) among Latin letters"
    assert f"'b\u043ewl' is not a class of type: {letter}; did you mean 'bowl'?" in str(caught.value)


def test_the_same_problem_on_many_rows_is_one_line(collection):
    collection.write(*GOOD, *["3.jpg,Song,whte,bowl,"] * 29, *[f"x{i}.jpg,Song,white,bowl," for i in range(75)])
    lines = collection.refusal().splitlines()
    assert lines[0].endswith("104 problems; nothing was imported:")
    assert lines[1:] == [
        "  rows 6, 7, 8 and 26 more, column glaze: 'whte' is not a class of glaze; did you mean 'white'? (29 times)",
        "  rows 35, 36, 37 and 72 more, column image: x0.jpg, x1.jpg, x2.jpg and 72 more: " + MISSING,
    ]


def test_a_label_may_be_given_by_its_name(collection):
    collection.write(*GOOD, "3.jpg,宋代,WHITE,高足杯,")
    by_name = list(collection.load().manifest.records())
    collection.write(*GOOD, "3.jpg,Song,white,stemcup,")
    assert list(collection.load().manifest.records()) == by_name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("../secret.jpg", "leads out of the folder"),
        ("../nothing-there.jpg", "leads out of the folder"),
        ("a/../../secret.jpg", "leads out of the folder"),
        ("link.jpg", "leads out of the folder"),
        ("loop.jpg", "cannot be read"),
        ("{root}/secret.jpg", "is an absolute path"),
        ("C:\\photos\\1.jpg", "is an absolute path"),
        ("3.png", "did you mean '3.jpg'?"),
        ("3.JPG", "did you mean '3.jpg'?"),
        ("photos/3.jpg", "there is no folder 'photos' in it"),
        ("3.jpg/x.jpg", "no such file"),
        ("x" * 300 + ".jpg", "cannot be read"),
        (".", "is a folder"),
        ("pipe.jpg", "is not a regular file"),
        ("huge.jpg", "MiB; save it smaller"),
    ],
)
def test_names_that_lead_nowhere_or_elsewhere(collection, tmp_path, name, text):
    (tmp_path / "secret.jpg").write_bytes(picture(1))
    (collection.images / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (collection.images / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(collection.images / "pipe.jpg")
    with (collection.images / "huge.jpg").open("wb") as file:
        file.truncate(300 * 2**20)  # sparse
    collection.write(*GOOD, f"{name.format(root=tmp_path)},Song,white,bowl,")
    found = collection.refusal()
    assert text in found
    assert "row 6, column image" in found


def test_links_within_the_folder_and_backslashes_are_fine(collection):
    (collection.images / "sub").mkdir()
    (collection.images / "sub" / "a.jpg").write_bytes(picture(40))
    (collection.images / "link.jpg").symlink_to(collection.images / "3.jpg")
    (collection.images / "e\u0301.jpg").write_bytes(picture(41))  # decomposed, as macOS writes it
    collection.write(*GOOD, "sub\\a.jpg,Song,white,bowl,", "link.jpg,Song,white,bowl,", "\u00e9.jpg,Song,white,bowl,")
    assert len(collection.load().manifest) == 7


def test_an_unreadable_file_is_named(collection):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (collection.images / "3.jpg").chmod(0)
    collection.write(*GOOD, "3.jpg,Song,white,bowl,")
    assert "row 6, column image: 3.jpg: cannot be read (Permission denied)" in collection.refusal()


def test_another_extension_is_stored_as_what_it_is(collection):
    (collection.images / "A.JPG").write_bytes(picture(50, "PNG"))
    (collection.images / "B.JPEG").write_bytes(picture(51))
    collection.write(*GOOD, "A.JPG,Song,white,bowl,", "B.JPEG,Song,white,bowl,")
    report = collection.load()
    assert [r.image[-4:] for r in report.manifest.records()][-2:] == [".png", ".jpg"]
    assert [w for w in report.warnings if "extension" in w] == [
        "name has another extension than the content, PNG: A.JPG"
    ]


def test_equal_rows_are_merged_with_a_warning(collection):
    (collection.images / "copy.jpg").write_bytes((collection.images / "0.jpg").read_bytes())
    collection.write(*GOOD, GOOD[0], "copy.jpg,Song,white,bowl,other")
    report = collection.load()
    assert len(report.manifest) == 4
    assert [(n.row, n.kind, n.text) for n in report.notes if n.row] == [
        (6, "merged", "the same image as row 2"),
        (
            7,
            "merged",
            "the same image as row 2 (0.jpg); its object id ('other', not 'g0') was dropped",
        ),
    ]
    assert any(w.startswith("2 rows merged: row 6 (0.jpg): the same image as row 2") for w in report.warnings)


def test_one_row_is_called_one_row(collection):
    collection.write(*GOOD, GOOD[0])
    (warning,) = (w for w in collection.load().warnings if " merged" in w)
    assert warning.startswith("1 row merged: ")


def test_blank_is_not_equal_to_a_label(collection):
    collection.write(*GOOD, "0.jpg,Song,,bowl,g0")
    assert "glaze is 'white' there and blank here" in collection.refusal()


def test_the_filter_counts_what_it_drops_and_never_looks_at_its_photographs(collection):
    collection.write(*GOOD, "missing.jpg,Tang,white,bowl,", "3.jpg,Song,black_or_brown,jar,")
    report = collection.load(where={"dynasty": ["Song", "Yuan"]})
    assert [r.source for r in report.manifest.records()] == ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]
    assert report.dropped == 2
    assert "2 rows left out by the filter (dynasty in Song, Yuan)" in report.warnings
    collection.write(*GOOD, "3.jpg,Sogn,white,bowl,")  # a typo is not dropped in silence
    with pytest.raises(InvalidInputError, match=r"did you mean 'Song'\?"):
        collection.load(where={"dynasty": ["Song", "Yuan"]})


def test_a_filter_must_fit_the_taxonomy(collection):
    collection.write(*GOOD)
    assert "where: 'song' is not a class of dynasty; did you mean 'Song'?" in collection.refusal(
        where={"dynasty": ["song"]}
    )
    assert "no task 'kiln'" in collection.refusal(where={"kiln": ["Ding"]})
    assert "needs a list of classes" in collection.refusal(where={"dynasty": "Song"})
    assert "no row to import; the filter dropped 4 rows" in collection.refusal(where={"dynasty": ["Qing"]})
    report = collection.load(where={"dynasty": ["Yuan"]})
    assert report.dropped == 3
    assert not [
        warning for warning in report.warnings if warning.startswith("dynasty:")
    ]  # one class is what it asks for


def test_classes_without_photographs_are_a_warning(collection):
    collection.write(*GOOD)
    warnings = collection.load().warnings
    assert "dynasty: classes without a photograph: Tang, Jin, Ming, Qing; they cannot be learnt" in warnings
    assert "glaze: objects whose photographs have different labels: g1" not in warnings  # one is unknown
    assert "type: objects whose photographs have different labels: g1" in warnings


def test_classes_that_the_filter_leaves_out_are_not_missed(collection):
    collection.write(*GOOD)
    warnings = collection.load(where={"dynasty": ["Song", "Yuan"]}).warnings
    assert not [warning for warning in warnings if warning.startswith("dynasty: classes without")]


def test_a_task_with_one_class_is_a_warning(collection):
    collection.write("0.jpg,Song,white,bowl,", "1.jpg,Song,,vase,")
    report = collection.load()
    assert report.manifest.tasks == ("dynasty", "glaze", "type")
    told = [warning for warning in report.warnings if "nothing to tell apart" in warning]
    assert [warning.partition(":")[0] for warning in told] == ["dynasty", "glaze"]
    assert all("an experiment leaves it out with `tasks: [type]`" in warning for warning in told)


@pytest.mark.parametrize(("encoding", "name"), [("gb18030", "GB18030"), ("big5", "Big5")])
def test_an_encoding_that_was_recognised_is_told(collection, encoding, name):
    rows = [row + "," for row in GOOD]
    rows[0] = "0.jpg,Song,white,bowl,g0,青瓷碗的口"
    collection.write(*rows, header=HEADER + ",文字", encoding=encoding)
    assert any(f"not UTF-8; read as {name}. If" in warning for warning in collection.load().warnings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters(collection, encoding, delimiter):
    (collection.images / "青瓷碗.jpg").write_bytes(picture(60))
    rows = [row + "," for row in (*GOOD, "青瓷碗.jpg,Song,white,bowl,g7")]
    rows[0] = "0.jpg,Song,white,bowl,g0,宋代定窑白釉碗"
    header = HEADER + ",说明"
    collection.write(
        *[r.replace(",", delimiter) for r in rows], header=header.replace(",", delimiter), encoding=encoding
    )
    report = collection.load()
    assert [r.source for r in report.manifest.records()][-1] == "青瓷碗.jpg"
    assert any("not used: 说明" in w for w in report.warnings)
    assert any("read as GB18030" in w for w in report.warnings) == (encoding == "gb18030")


@pytest.mark.parametrize("word", ["Künstlerschale, blau", "Théière", "Größe"])
def test_western_encodings_are_not_guessed(collection, word):
    collection.write(*GOOD, f'3.jpg,Song,white,bowl,"{word}"', encoding="latin-1")
    text = collection.refusal()
    assert "line 6: the encoding is not clear" in text
    assert "save it as UTF-8" in text


def test_broken_utf_16_is_named(collection):
    collection.csv.write_bytes("\n".join([HEADER, *GOOD]).encode("utf-16") + b"\x00")
    assert "starts as UTF-16 and is broken at byte" in collection.refusal()


def test_rows_count_as_a_spreadsheet_counts(collection):
    """A quoted line break does not start a row; blank rows count, and so do those above the header."""
    collection.csv.write_text(
        "\n,,,,,\nimage,dynasty,glaze,type,group,note\n"
        '0.jpg,Song,white,bowl,g0,"two\nlines, and ""quotes"""\n\n,,,,,\n1.jpg,Yuan,pink,vase,g1,\n'
    )
    assert "row 7, column glaze: 1.jpg: 'pink' is not a class" in collection.refusal()


def test_the_header_may_be_in_any_case_and_order(collection):
    rows = ["g0,bowl,white,Song,0.jpg", "g1,vase,painted,Yuan,1.jpg"]
    collection.write(*rows, header="OBJECT_ID, Type ,GLAZE,Dynasty,Image")
    assert [r.object_id for r in collection.load().manifest.records()] == ["g0", "g1"]


@pytest.mark.parametrize(
    ("header", "texts"),
    [
        ("image,dynasty,glase,type", ["column 'glaze' is missing; rename 'glase'?"]),
        (
            "file,dynasty,type",
            ["column 'image' is missing; rename 'file'?", "column 'glaze' is missing; add it (cells may"],
        ),
        ("image,dynasty,glaze,type,Glaze", ["column 'glaze' appears twice (columns C and E); remove one"]),
        ("0.jpg,Song,white,bowl", ["row 1 must name the columns; it has: 4 columns, none of such a name"]),
        ("image|dynasty|glaze|type", ["its columns are parted by '|'"]),
        ("image,dynasty;glaze;type", ["column 'image' is missing"]),
        ("image,glaze,x;image;glaze", ["can be read with comma and with semicolon"]),
    ],
)
def test_headers_that_cannot_be_used(collection, header, texts):
    collection.write(*GOOD, header=header)
    found = collection.refusal()
    assert any(text in found for text in texts)


def test_object_id_goes_before_group(collection):
    collection.write("0.jpg,Song,white,bowl,g,o1", "1.jpg,Yuan,painted,vase,g,o2", header=HEADER + ",object_id")
    report = collection.load()
    assert [r.object_id for r in report.manifest.records()] == ["o1", "o2"]
    assert any("not used: group" in w for w in report.warnings)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "is empty"),
        (b"\n \r\n", "is empty"),
        (b",,\n", "has no rows"),
        (HEADER.encode(), "no row to import"),
        (b"PK\x03\x04rest", "is a spreadsheet workbook, not a CSV"),
        (HEADER.encode() + b'\n0.jpg,"Song,white,bowl,g\n', "row 2: not valid CSV"),
        (HEADER.encode() + b'\n0.jpg,"Song"x,white,bowl,g\n', "row 2: not valid CSV"),
        (
            HEADER.encode() + b"\n0.jpg,Song,white,bowl," + b"g" * 200_000 + b"\n",
            "row 2: a value has more than 131,072",
        ),
    ],
)
def test_files_that_are_no_table(collection, data, text):
    collection.csv.write_bytes(data)
    assert text in collection.refusal()


def test_missing_files_and_folders_are_named(collection, tmp_path):
    with pytest.raises(NotFoundError, match=r"labels\.csv: no such file"):
        collection.load()
    collection.write(*GOOD)
    with pytest.raises(NotFoundError, match="nowhere: no such folder"):
        import_csv(tmp_path / "nowhere", collection.csv, TAXONOMY, collection.store)
    with pytest.raises(InvalidInputError, match="is a file; name the folder"):
        import_csv(collection.csv, collection.csv, TAXONOMY, collection.store)
    with pytest.raises(InvalidInputError, match="is a folder, not a CSV file"):
        import_csv(collection.images, collection.images, TAXONOMY, collection.store)


def test_real_photographs(project_data, tmp_path):
    folder = project_data / "real_porcelain"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder}")
    store = DirectoryStore(tmp_path)
    report = import_csv(folder, folder / "labels.csv", TAXONOMY, store, where={"dynasty": ["Song", "Yuan"]})
    assert len(report.manifest) == 245
    assert report.dropped == 1220 - 245
    assert sum(report.manifest.counts("type").values()) == 244
    validate(report.manifest, TAXONOMY)


def test_an_encoding_that_was_asked_for_is_no_surprise(collection):
    collection.write("0.jpg,Song,white,bowl,g0,宋代定窑白釉碗", header=HEADER + ",说明", encoding="gb18030")
    assert not any("not UTF-8" in w for w in collection.load(encoding="gb18030").warnings)
    assert any("not UTF-8" in w for w in collection.load().warnings)
