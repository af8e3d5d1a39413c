"""`saggar data import` as a user meets it."""

import csv
import io
import json

import pytest
from hostile_files import encoded, picture
from saggar_orchestrator.cli.main import run


@pytest.fixture
def saggar(tmp_path, capsys):
    """Runs a command; returns (exit code, standard output, standard error)."""

    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    for seed, name in enumerate(("white/a.jpg", "white/b.jpg", "painted/c.jpg", "painted/d.jpg")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(picture(seed), "JPEG"))
    return root


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("", "has no task ''; known"),
        ("glaze//type", "has no task ''; known"),
        ("glaze/glaze", "the layout has the task 'glaze' twice"),
    ],
)
def test_a_layout_that_names_no_tasks_is_told(saggar, photos, layout, said):
    code, out, err = import_with(saggar, photos, "--layout", layout)
    assert (code, out) == (2, "")
    assert said in err


def import_with(saggar, photos, *arguments):
    return saggar("data", "import", photos, "--taxonomy", "palace-visual", *arguments)


def test_bad_files_stop_it_and_the_way_on_is_told(saggar, photos, tmp_path):
    (photos / "white" / "cut.jpg").write_bytes((photos / "white" / "a.jpg").read_bytes()[:400])
    report = tmp_path / "problems.csv"
    code, out, err = import_with(saggar, photos, "--layout", "glaze", "--report", report)
    assert (code, out) == (2, "")
    assert "1 problem; nothing was imported:" in err
    assert "white/cut.jpg: the image is truncated or damaged" in err
    assert "fix these, or add --keep-going to import the other 4" in err
    assert "refused,,white/cut.jpg" in report.read_text(encoding="utf-8-sig")
    assert not list((tmp_path / "home").rglob("*.jpg"))


def test_a_wrong_folder_and_a_catalogue_are_told_apart_from_bad_rows(saggar, photos, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("image,dynasty,glaze,type\nx/a.jpg,Song,,\nx/b.jpg,Song,,\n")
    code, _, err = import_with(saggar, photos, "--labels", table)
    assert code == 2
    assert f"none of the files is in {photos}; name the folder that the paths start from" in err
    table.write_text("image,dynasty,glaze,type\nx/a.jpg,Song,,\nwhite/b.jpg,Song,,\n")
    assert "none of the files" not in import_with(saggar, photos, "--labels", table)[2]
    table.write_text("Inventory,Title,Date\n1,A bowl,Song\n")
    code, _, err = import_with(saggar, photos, "--labels", table)
    assert code == 2
    assert f"goes in with --catalogue {table}\n" in err
    table.write_text("image,dynasty,type\nwhite/a.jpg,Song,\n")
    assert "--catalogue" not in import_with(saggar, photos, "--labels", table)[2]


def test_keep_going_imports_the_others_and_keeps_a_report(saggar, photos, tmp_path):
    (photos / "white" / "cut.jpg").write_bytes((photos / "white" / "a.jpg").read_bytes()[:400])
    code, out, err = import_with(saggar, photos, "--layout", "glaze", "--keep-going", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["images"], told["objects"]) == (4, 4)
    assert [(each["row"], each["file"]) for each in told["refused"]] == [(None, "white/cut.jpg")]
    kept = tmp_path / "home" / "store" / told["report"]
    assert kept.parent.name == told["dataset"]
    lines = list(csv.DictReader(io.StringIO(kept.read_text(encoding="utf-8-sig"))))
    assert [(line["outcome"], line["file"]) for line in lines] == [("refused", "white/cut.jpg")]
    assert "refused: white/cut.jpg: the image is truncated" in err
    code, out, err = import_with(saggar, photos, "--layout", "glaze", "--keep-going")  # again, for people
    assert out == f"{told['dataset']}\t4 photographs imported\n"
    assert told["report"] in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "give one of --labels, --catalogue, --layout, --labelbee and --accepted"),
        (("--layout", "glaze", "--labelbee", "x.json"), "give one of"),
        (("--layout", "glaze", "--image-column", "no"), "go with --labels or --catalogue"),
    ],
)
def test_sources_that_do_not_go_together(saggar, photos, arguments, told):
    code, out, err = import_with(saggar, photos, *arguments)
    assert (code, out) == (2, "")
    assert told in " ".join(err.replace("│", " ").split())


CATALOGUE = """Inventory no.,File,Period,Glaze,Shape,Notes,licence
1978.1,white/a.jpg,Song,white,bowl,,CC0
1978.2,painted/c.jpg,Yuan,blue and white,vase,,CC0
1978.3,white/b.jpg,Song,white,plate,,CC0
"""


def test_what_map_writes_is_imported_once_it_is_corrected(saggar, photos, tmp_path):
    catalogue, labels = tmp_path / "my pieces.csv", tmp_path / "labels.csv"
    catalogue.write_text(CATALOGUE, encoding="utf-8-sig")
    code, _, err = saggar("data", "map", "--taxonomy", "palace-visual", catalogue, "--output", labels)
    assert code == 0, err
    assert "File: photographs" in err
    assert f"saggar data import PHOTOGRAPHS --labels {labels} --taxonomy palace-visual\n" in err
    code, out, err = import_with(saggar, photos, "--labels", labels, "--json", "--keep-going")
    assert code == 0, err
    assert json.loads(out)["images"] == 3
    assert "not used" not in err
    code, out, err = import_with(saggar, photos, "--labels", catalogue)
    assert code == 2
    assert f"--catalogue {catalogue}" in err
    code, out, err = import_with(saggar, photos, "--catalogue", catalogue, "--json", "--keep-going")
    assert code == 0, err
    assert json.loads(out)["images"] == 3


def test_map_says_when_no_column_names_photographs(saggar, photos, tmp_path):
    catalogue, labels = tmp_path / "pieces.csv", tmp_path / "labels.csv"
    catalogue.write_text("No,Title,Period\na,white bowl,Song\nc,white vase,Yuan\n", encoding="utf-8")
    code, _, err = saggar("data", "map", "--taxonomy", "palace-visual", catalogue, "--output", labels)
    assert code == 0, err
    assert "no column names photographs" in err
    labels.unlink()
    code, _, err = saggar(
        "data", "map", "--taxonomy", "palace-visual", catalogue, "--output", labels, "--image-column", "No"
    )
    assert code == 0, err
    assert "--image-column image" in err
    code, out, err = import_with(saggar, photos, "--labels", labels, "--image-column", "image", "--json")
    assert code == 0, err
    assert json.loads(out)["images"] == 2
    code, _, err = saggar("data", "map", "--taxonomy", "palace-visual", catalogue, "--image-column", "Nr")
    assert (code, "no column 'Nr'; it has: No, Title, Period" in err) == (2, True)
    code, _, err = import_with(saggar, photos, "--catalogue", catalogue)
    assert code == 2
    assert "no column names photographs by their files; --image-column names one" in err


def test_a_catalogue_is_read_for_its_labels(saggar, photos, tmp_path):
    catalogue = tmp_path / "catalogue.csv"
    catalogue.write_text(
        "编号,名称,年代\nA-1,定窑白釉碗,宋\nA-2,青花云龙纹瓶,元\nA-3,白釉盘,宋\nA-9,青花碗,明\n",
        encoding="utf-8",
    )
    for number, old in enumerate(("white/a.jpg", "painted/c.jpg", "white/b.jpg"), start=1):
        (photos / old).rename(photos / f"a-{number}.jpg")
    code, out, err = import_with(saggar, photos, "--catalogue", catalogue, "--image-column", "编号", "--json")
    assert code == 0, err
    told = json.loads(out)
    assert (told["images"], told["refused"]) == (3, [])
    assert "no photograph is named 'A-9': A-9" in err
    assert "no row names this photograph: painted/d.jpg" in err
    code, out, _ = saggar("data", "describe", told["dataset"], "--json")
    counts = {task: found["counts"] for task, found in json.loads(out)["tasks"].items()}
    assert counts["dynasty"] == {"Song": 2, "Yuan": 1}
    assert counts["type"]["bowl"] == 1
