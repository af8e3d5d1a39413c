"""Files that try to crash, hang or fool an import: each is named in the report with its reason."""

import csv
import io
import resource
import time

import pytest
from hostile_files import NOTED, REFUSED, content_files, encoded, make_odd_files, picture
from saggar.decoding import decode
from saggar.errors import InvalidInputError
from saggar.importing.intake import import_csv, import_folders
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")
GOOD = {"good.jpg": "Song,white,bowl", "fine.jpg": "Yuan,painted,vase"}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """The folder, the CSV, and what must become of each row."""
    folder = tmp_path_factory.mktemp("hostile")
    root = folder / "images"
    root.mkdir()
    expected = {}
    for name, (data, outcome, reason) in content_files().items():
        (root / name).write_bytes(data)
        expected[name] = (outcome, reason)
    expected |= make_odd_files(root, folder / "secret.jpg")
    for number, name in enumerate(GOOD):
        (root / name).write_bytes(encoded(picture(30 + number), "JPEG"))
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "dynasty", "glaze", "type", "note"])
        rows.writerows([name, *labels.split(","), "x" * 3000] for name, labels in GOOD.items())
        rows.writerows([name, "Song", "white", "bowl", ""] for name in expected)
    return root, folder / "labels.csv", expected


@pytest.fixture(scope="module")
def report(collection, tmp_path_factory):
    root, labels, _ = collection
    store = DirectoryStore(tmp_path_factory.mktemp("store"))
    started, before = time.process_time(), peak_kib()
    found = import_csv(root, labels, TAXONOMY, store, strict=False)
    return found, store, (time.process_time() - started, peak_kib() - before)


def peak_kib():
    """Of this process, whatever other tests it has run."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_there_are_enough_of_them(collection):
    assert len(collection[2]) >= 60


def test_every_hostile_file_is_named_with_its_reason(collection, report):
    found, _, _ = report
    lines = list(csv.DictReader(io.StringIO(found.to_csv().decode("utf-8-sig"))))
    told = {}
    for line in lines:
        told.setdefault(line["row"], []).append((line["outcome"], line["reason"]))
    for row, (name, (outcome, reason)) in enumerate(collection[2].items(), start=4):
        assert any(o == outcome and reason in r for o, r in told[str(row)]), (name, told[str(row)])


def test_refused_files_stay_out_and_all_others_come_in(collection, report):
    found, store, _ = report
    accepted = {name for name, (outcome, _) in collection[2].items() if outcome == NOTED} | set(GOOD)
    assert {record.source for record in found.manifest.records()} == accepted
    assert len(found.refused) == sum(outcome == REFUSED for outcome, _ in collection[2].values())
    for record in found.manifest.records():
        assert decode(store.get(record.image), record.source).size == (record.width_px, record.height_px)


def test_nothing_that_is_hidden_in_an_image_gets_into_the_store(report):
    _, store, _ = report
    for key in store.list("images/"):
        data = store.get(key)
        for payload in (b"PK\x03\x04", b"<script", b"<?php", b"alert(1)"):
            assert payload not in data


def test_it_takes_no_longer_than_decoding_does(report):
    seconds, more_kib = report[2]
    assert seconds < 30
    assert more_kib < 1_500_000


def test_a_strict_import_refuses_them_all_and_writes_nothing(collection, tmp_path):
    root, labels, expected = collection
    store = DirectoryStore(tmp_path)
    with pytest.raises(InvalidInputError) as caught:
        import_csv(root, labels, TAXONOMY, store)
    assert f"{sum(o == REFUSED for o, _ in expected.values())} problems; nothing was imported" in str(caught.value)
    assert not list(store.list(""))


def test_cells_of_the_report_are_harmless_in_a_spreadsheet(report):
    text = report[0].to_csv().decode("utf-8-sig")
    assert "\0" not in text
    assert all(not cell.startswith(("=", "+", "@")) for row in csv.reader(io.StringIO(text)) for cell in row)


def test_folders_of_hostile_files(collection, tmp_path):
    """The same files found by walking: odd things are refused by name, and nothing hangs."""
    root = tmp_path / "by-class"
    for glaze in ("white", "celadon"):
        (root / glaze).mkdir(parents=True)
    (root / "white" / "good.jpg").write_bytes(encoded(picture(31), "JPEG"))
    (root / "celadon" / "fine.jpg").write_bytes(encoded(picture(32), "JPEG"))
    make_odd_files(root / "white", tmp_path / "secret.jpg")
    (root / "celadon" / "loop").symlink_to(root)
    found = import_folders(root, ["glaze"], TAXONOMY, DirectoryStore(tmp_path / "store"), strict=False)
    assert len(found.manifest) == 2
    assert {each.file for each in found.refused} == {
        f"white/{name}.jpg" for name in ("out", "zero-device", "self", "pipe", "sparse")
    }
