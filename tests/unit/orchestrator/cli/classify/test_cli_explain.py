"""`saggar explain`: a PNG with a tile per task, and errors that say what to do."""

import io
import json

import numpy as np
import pytest
from colour_bundle import TAXONOMY, colour_bundle
from PIL import Image
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home


def bundle(*arguments, **options) -> str:
    return colour_bundle(*arguments, **options)[0]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Home(tmp_path / "home")


@pytest.fixture
def photograph(tmp_path):
    """Red on the left, grey on the right."""
    pixels = np.full((64, 64, 3), 90, np.uint8)
    pixels[:, :32] = (250, 20, 20)
    path = tmp_path / "瓷瓶.png"
    Image.fromarray(pixels).save(path)
    return path


def test_a_png_shows_where_the_answer_comes_from(home, photograph, capsys, tmp_path):
    model = bundle(DirectoryStore(home.store))
    code = run(["--home", str(home.root), "explain", str(photograph), "--model", model[:6], "--json"])
    said = json.loads(capsys.readouterr().out)
    assert code == 0
    assert said["model"] == model
    for task in TAXONOMY.tasks:
        (first,) = said["tasks"][task.name]
        assert first["code"] == task.codes[0]
        heat = np.array(first["heat"])
        assert heat.shape == (4, 4)
        assert heat[:, :2].min() > 0
        assert heat[:, 2:].max() < heat[:, :2].min() / 50  # a pixel at the edge is of both
    picture = Image.open(tmp_path / "瓷瓶.explained.png").convert("RGB")
    assert picture.width > 2 * picture.height  # the photograph and two tasks beside each other


def test_more_classes_are_more_rows_and_the_output_is_named(home, photograph, capsys, tmp_path):
    model = bundle(DirectoryStore(home.store))
    target = tmp_path / "there.png"
    code = run(
        ["--home", str(home.root), "explain", str(photograph), "--model", model, "--top", "2", "--output", str(target)]
    )
    out, err = capsys.readouterr()
    assert code == 0
    assert TAXONOMY.tasks[0].classes[0].names.en in out
    assert str(target) in err
    assert Image.open(io.BytesIO(target.read_bytes())).height > 900


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no model serves; name one with --model"),
        (["--model", "ffff"], "no model 'ffff'"),
        (["--model", "{model}", "--output", "/nowhere/x.png"], "/nowhere/x.png: cannot be written"),
        (["--model", "{older}"], "written before maps were part of bundles"),
    ],
    ids=["none", "unknown", "unwritable", "older"],
)
def test_what_cannot_be_explained_says_why(home, photograph, capsys, arguments, told):
    store = DirectoryStore(home.store)
    names = {"model": bundle(store), "older": bundle(store, maps=False)}
    code = run(["--home", str(home.root), "explain", str(photograph), *(a.format(**names) for a in arguments)])
    assert code in {1, 2}
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("content", [None, b"no picture"], ids=["absent", "no photograph"])
def test_a_file_that_is_no_photograph_is_named(home, capsys, tmp_path, content):
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    code = run(["--home", str(home.root), "explain", str(path), "--model", bundle(DirectoryStore(home.store))])
    assert code == 2 if content else code in {1, 2}
    assert str(path) in capsys.readouterr().err
