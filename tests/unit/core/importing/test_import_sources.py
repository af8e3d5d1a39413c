"""Import from folders and from a catalogue; near-duplicates become one object."""

import io

import numpy as np
import pytest
from hostile_files import encoded, picture
from PIL import Image
from saggar.dataset import leakage
from saggar.dataset.manifest import validate
from saggar.dataset.split import split
from saggar.errors import InvalidInputError, NotFoundError
from saggar.importing.intake import import_csv, import_folders
from saggar.importing.report import Note, RowsRefusedError, summed_up, write_report
from saggar.importing.tables.label_rows import spellings
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import Task, load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")
BLACK = TAXONOMY.task("glaze")["black_or_brown"]


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def put(root, name, seed=None, **options):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed if seed is not None else sum(name.encode())), "JPEG", **options))


def labels(report):
    return {record.source: record.labels for record in report.manifest.records()}


# Folders


def test_a_folder_per_class(root, store):
    for name in (
        "white/a.jpg",
        "White/b.jpg",
        "painted/c.JPG",
        f"{BLACK.names.zh_hans}/d.jpg",
        "unknown/e.jpg",
        "white/deep/f.jpg",
    ):
        put(root, name)
    (root / "white" / "notes.txt").write_text("by hand")
    (root / "white" / ".DS_Store").write_text("")
    report = import_folders(root, ["glaze"], TAXONOMY, store)
    assert report.manifest.tasks == ("glaze",)
    found = {name: row["glaze"] for name, row in labels(report).items()}
    assert found["white/a.jpg"] == found["White/b.jpg"] == found["white/deep/f.jpg"] == "white"
    assert found["painted/c.JPG"] == "painted"
    assert found[f"{BLACK.names.zh_hans}/d.jpg"] == BLACK.code
    assert found["unknown/e.jpg"] is None
    assert [(note.file, note.kind) for note in report.notes] == [("white/notes.txt", "skipped")]


def test_a_level_of_folders_per_task(root, store):
    for name in ("Song/white/a.jpg", "Song/painted/b.jpg", "Yuan/unknown/c.jpg", "Yuan/d.jpg"):
        put(root, name)
    report = import_folders(root, ["dynasty", "glaze"], TAXONOMY, store)
    assert labels(report) == {
        "Song/white/a.jpg": {"dynasty": "Song", "glaze": "white"},
        "Song/painted/b.jpg": {"dynasty": "Song", "glaze": "painted"},
        "Yuan/d.jpg": {"dynasty": "Yuan", "glaze": None},
        "Yuan/unknown/c.jpg": {"dynasty": "Yuan", "glaze": None},
    }
    swapped = import_folders(root, ["dynasty"], TAXONOMY, store)
    validate(swapped.manifest, TAXONOMY.model_copy(update={"tasks": TAXONOMY.tasks[:1]}))


def test_a_folder_that_is_no_class_is_refused_with_a_guess(root, store):
    for name in ("white/a.jpg", "painted/b.jpg", "paintd/c.jpg"):
        put(root, name)
    with pytest.raises(RowsRefusedError) as caught:
        import_folders(root, ["glaze"], TAXONOMY, store)
    assert "paintd/c.jpg: 'paintd' is not a class of glaze; did you mean 'painted'?" in str(caught.value)
    assert caught.value.importable == 2
    assert not list(store.list(""))


def test_wrong_layouts_are_told(root, store):
    put(root, "a.jpg")
    with pytest.raises(InvalidInputError, match=r"no photographs in folders <glaze>/ found; check"):
        import_folders(root, ["glaze"], TAXONOMY, store)
    with pytest.raises(InvalidInputError, match="has no task 'glace'"):
        import_folders(root, ["glace"], TAXONOMY, store)
    with pytest.raises(NotFoundError, match="no such folder"):
        import_folders(root / "nowhere", ["glaze"], TAXONOMY, store)


def test_where_nothing_is_left_the_reasons_are_told(root, store):
    for name in ("white/a.jpg", "painted/b.jpg"):
        put(root, name)
        (root / name).write_bytes(b"no photograph")
    with pytest.raises(RowsRefusedError, match=r"2 problems; nothing was imported(.|\n)*white/a.jpg: is not a JPEG"):
        import_folders(root, ["glaze"], TAXONOMY, store, strict=False)


# Catalogue and image folder


def catalogue(tmp_path, *rows, header="No.,dynasty,glaze,type"):
    path = tmp_path / "catalogue.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def test_photographs_are_found_by_their_number(root, store, tmp_path):
    for name in (
        "A12.jpg", "more/a12-2.JPG", "A12 (3).jpg", "A121.jpg", "A12-2-b.jpg",
        "1985.7.jpg", "stray.jpg", "B9.jpg",
    ):  # fmt: skip
        put(root, name)
    table = catalogue(
        tmp_path, "A12,Song,white,bowl", "A121,Yuan,painted,bowl", "1985.7,Song,white,vase",
        "Z1,Song,white,bowl", ",Song,white,bowl", "A12-2-b,Yuan,white,jar", "B9.jpg,Song,white,jar",
        "No.,Dynasty,glaze,type",
    )  # fmt: skip
    report = import_csv(root, table, TAXONOMY, store, image_column="no.")
    objects = {record.source: record.object_id for record in report.manifest.records()}
    assert {name for name, owner in objects.items() if owner == "A12"} == {
        "A12.jpg",
        "more/a12-2.JPG",
        "A12 (3).jpg",
    }
    assert objects["A121.jpg"] == "A121"
    assert objects["A12-2-b.jpg"] == "A12-2-b"
    assert objects["1985.7.jpg"] == "1985.7"
    assert len(objects["B9.jpg"]) == 64
    skipped = {(note.row, note.file): note.text for note in report.notes if note.kind == "skipped"}
    assert skipped == {
        (0, "stray.jpg"): "no row names this photograph",
        (5, "Z1"): "no photograph is named 'Z1'",
        (6, ""): "names no photograph",
        (9, ""): "repeats the header",
    }


def test_object_ids_of_the_catalogue_go_before_its_numbers(root, store, tmp_path):
    put(root, "A1.jpg")
    put(root, "A2.jpg")
    table = catalogue(
        tmp_path, "A1,Song,white,bowl,pair", "A2,Yuan,painted,jar,pair", header="No.,dynasty,glaze,type,group"
    )
    report = import_csv(root, table, TAXONOMY, store, image_column="No.")
    assert report.manifest.frame["object_id"].tolist() == ["pair", "pair"]


def test_a_column_that_names_nothing_is_told(root, store, tmp_path):
    put(root, "A1.jpg")
    table = catalogue(tmp_path, "x,Song,white,bowl", "y,Yuan,painted,jar")
    with pytest.raises(InvalidInputError, match=r"'No\.' \(the first value: 'x'; the first file: A1\.jpg\)"):
        import_csv(root, table, TAXONOMY, store, image_column="No.")
    with pytest.raises(InvalidInputError, match="column 'number' is missing"):
        import_csv(root, table, TAXONOMY, store, image_column="number")


# Near-duplicates


@pytest.fixture
def duplicates(root, tmp_path):
    """Six objects; of the first there are a smaller copy and a copy in another format with other labels."""
    for number in range(6):
        put(root, f"{number}.jpg", seed=number)
    first = Image.open(root / "0.jpg")
    first.resize((48, 36)).save(root / "small.png")
    first.save(root / "again.webp", quality=80)
    rows = [f"{n}.jpg,{'Song' if n % 2 else 'Yuan'},{'white' if n < 4 else 'painted'},bowl,g{n}" for n in range(5)]
    rows += ["5.jpg,Song,white,vase,g1", "small.png,Yuan,white,bowl,g5", "again.webp,Song,,bowl,g1"]
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["image,dynasty,glaze,type,group", *rows]))
    return path


def test_near_duplicates_become_one_object(root, store, duplicates):
    report = import_csv(root, duplicates, TAXONOMY, store)
    assert report.manifest.frame["object_id"].tolist() == [
        "g0",
        "g0",
        "g2",
        "g3",
        "g4",
        "g0",
        "g0",
        "g0",
    ]  # fmt: skip  g1 comes along: again.webp is of it
    joined = {note.file: note.text for note in report.notes if note.kind == "joined"}
    assert joined["small.png"].startswith("nearly the same picture as row 2 (0.jpg): now one object (")
    assert joined["again.webp"].endswith("; their labels differ in dynasty")
    assert any(warning.startswith("2 near-duplicates joined: row 8 (small.png)") for warning in report.warnings)
    assert "dynasty: objects whose photographs have different labels: g0" in report.warnings
    leakage.check(split(report.manifest, 0))


def test_importing_again_changes_nothing(root, store, duplicates):
    (root / "cut.jpg").write_bytes((root / "0.jpg").read_bytes()[:500])
    with duplicates.open("a") as file:
        file.write("\ncut.jpg,Song,white,bowl,g9")

    def once():
        report = import_csv(root, duplicates, TAXONOMY, store, strict=False)
        reference = write_manifest(store, report.manifest)
        return reference, write_report(store, reference, report)

    first = once()
    paths = {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()}
    assert once() == first
    assert {path: path.stat().st_mtime_ns for path in store.root.rglob("*") if path.is_file()} == paths
    text = store.get(first[1].key).decode("utf-8-sig")
    assert text.splitlines()[0] == "outcome,row,file,column,reason"
    assert "refused,10,cut.jpg,image,the image is truncated or damaged" in text


def test_doubtful_pairs_are_told_apart_by_their_pixels(root, store, tmp_path):
    """Hashes that differ in a few bits more than is sure: joined only where the pixels are alike."""
    base = np.asarray(picture(1, (256, 192)), np.float32)
    rng = np.random.default_rng(5)
    coarse = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize((256, 192))
    found = {}
    for share in (0.0, 0.04, -0.1):  # some more bits from the first than is sure
        mixed = base * (1 - share) + np.asarray(coarse, np.float32) * share
        out = io.BytesIO()
        Image.fromarray(mixed.clip(0, 255).round().astype(np.uint8)).save(out, "PNG")
        (root / f"{share}.png").write_bytes(out.getvalue())
        found[share] = f"{share}.png,{'Song' if share else 'Yuan'},white,bowl"
    put(root, "other.jpg", seed=77)
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(["image,dynasty,glaze,type", *found.values(), "other.jpg,Song,painted,vase"]))
    objects = import_csv(root, path, TAXONOMY, store).manifest.frame["object_id"].tolist()
    assert objects[0] == objects[1]
    assert len(set(objects)) == 3


def test_positions_are_told(root, store, duplicates):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    put(root, "3.jpg", seed=3, exif=exif)
    warnings = import_csv(root, duplicates, TAXONOMY, store).warnings
    assert any(w.startswith("1 photograph with GPS in EXIF") and "3.jpg" in w for w in warnings)


def test_a_row_without_a_photograph_is_named_by_its_number():
    notes = [Note(6, "", "skipped", "names no photograph"), Note(0, "a.txt", "skipped", "not called so")]
    assert list(summed_up(notes)) == ["names no photograph: row 6", "not called so: a.txt"]


def test_a_name_of_two_classes_is_no_label():
    white, painted = load_taxonomy("palace-visual").task("glaze").classes[:2]
    both = [
        white.model_copy(update={"variants": ("pale",)}),
        painted.model_copy(update={"variants": ("Pale", white.code)}),
    ]
    task = Task.model_construct(name="glaze", classes=tuple(both))
    assert "pale" not in spellings(task)
    assert spellings(task)[white.code] == white.code
