"""`saggar data export` as a user meets it."""

import json

import pytest
from hostile_files import encoded, picture
from saggar_orchestrator.cli.main import run


@pytest.fixture
def saggar(tmp_path, monkeypatch, capsys):
    """Runs a command in tmp_path; returns (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(["--home", "home", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def dataset(saggar, tmp_path):
    """Four photographs, imported from folders."""
    for seed, name in enumerate(("white/a.jpg", "white/b.jpg", "painted/c.jpg", "painted/d.jpg")):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(encoded(picture(seed), "JPEG"))
    code, out, _ = saggar("data", "import", "photos", "--taxonomy", "palace-visual", "--layout", "glaze", "--json")
    assert code == 0
    return json.loads(out)["dataset"]


def test_each_format_is_written(saggar, dataset, tmp_path):
    code, out, err = saggar("data", "export", dataset, "--format", "croissant", "--output", "c")
    assert (code, out) == (0, "c\t4 images\n")
    assert "note: Croissant requires licence, creator, url: to be said before croissant.json is published" in err
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "croissant.json",
        f"images-{dataset}.zip",
        "records.parquet",
    ]
    code, out, _ = saggar("data", "export", dataset, "--format", "imagefolder", "--output", "i", "--json")
    assert code == 0
    assert json.loads(out) == {
        "dataset": dataset,
        "format": "imagefolder",
        "output": "i",
        "images": 4,
        "synthetic": 0,
        "remarks": ["images without a licence on record: 4; ask their owners before you pass them on"],
    }
    assert len(list((tmp_path / "i" / "images").glob("*.jpg"))) == 4
    code, out, _ = saggar("data", "export", dataset, "--format", "datasheet", "--output", "d", "--creator", "A Museum")
    assert code == 0
    assert "A Museum" in (tmp_path / "d" / "datasheet.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nothing", "--format", "croissant", "--output", "x"], "no data set 'nothing'; there are"),
        (["{id}", "--format", "zip", "--output", "x"], "'zip' is not one of"),
        (["{id}", "--format", "datasheet"], "Missing option '--output'"),
        (["{id}", "--format", "datasheet", "--output", "photos"], "photos: exists; name another folder"),
    ],
)
def test_errors_say_what_to_do(saggar, dataset, arguments, told):
    code, out, err = saggar("data", "export", *(each.format(id=dataset) for each in arguments))
    assert (code, out) == (2, "")
    assert told in err
