"""Licence, credit line and page of an object come along on import."""

import csv

import pytest
from hostile_files import encoded, picture
from saggar.importing.intake import import_catalogue, import_csv
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"


@pytest.fixture
def photos(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(3):
        (tmp_path / "photos" / f"A{number}.jpg").write_bytes(encoded(picture(number), "JPEG"))
    return tmp_path / "photos"


def written(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def owners(report):
    return {
        record.source: (record.licence, record.credit_line, record.object_url) for record in report.manifest.records()
    }


@pytest.mark.parametrize("licence", ["licence", "License"])
def test_from_a_csv(photos, tmp_path, licence):
    table = written(
        tmp_path / "labels.csv",
        ["image", "dynasty", "glaze", "type", licence, "Credit_Line", "object_url"],
        [
            ["A0.jpg", "Song", "white", "bowl", CC0, "Gift of A, B", "https://museum.example/0"],
            ["A1.jpg", "Tang", "black_or_brown", "plate", " ", "", ""],
            ["A2.jpg", "Song", "white", "bowl", CC0, "", ""],
        ],
    )
    taxonomy = load_taxonomy("palace-visual")
    found = import_csv(photos, table, taxonomy, DirectoryStore(tmp_path / "store"))
    assert owners(found) == {
        "A0.jpg": (CC0, "Gift of A, B", "https://museum.example/0"),
        "A1.jpg": (None, None, None),
        "A2.jpg": (CC0, None, None),
    }
    assert not any("not used" in warning for warning in found.warnings)


def test_from_a_catalogue_with_inventory_numbers(photos, tmp_path):
    catalogue = written(
        tmp_path / "catalogue.csv",
        ["No.", "title", "date", "credit_line", "licence"],
        [
            ["A0", "White-glazed bowl, Ding ware", "Song dynasty", "Gift of A", CC0],
            ["A1", "Celadon vase, Longquan ware", "Yuan dynasty", "", ""],
            ["A2", "White-glazed dish, Ding ware", "Song dynasty", "Bequest of B", CC0],
        ],
    )
    taxonomy = load_taxonomy("song-yuan-porcelain")
    found = import_catalogue(photos, catalogue, "no.", taxonomy, DirectoryStore(tmp_path / "store"))
    assert owners(found) == {
        "A0.jpg": (CC0, "Gift of A", None),
        "A1.jpg": (None, None, None),
        "A2.jpg": (CC0, "Bequest of B", None),
    }
    assert found.manifest.frame["object_id"].tolist() == ["A0", "A1", "A2"]
