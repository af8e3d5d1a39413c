"""`saggar classify` against a stand-in of the classifier: an answer or an error for every file."""

import json
import os

import numpy as np
import pytest
from fake_classifier import FakeClassifier
from orchestrator_fakes import SERVICES, serve_fakes
from PIL import Image
from saggar.errors import UnavailableError
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home


@pytest.fixture
def classify(tmp_path, capsys):
    made = Home(tmp_path / "home")
    fakes, server = serve_fakes(DirectoryStore(made.store))
    fakes.active = "0123456789abcdef"

    def call(*arguments):
        code = run(["--home", str(made.root), "classify", *map(str, arguments)])
        return code, *capsys.readouterr()

    with made.claim():
        made.publish(dict.fromkeys(SERVICES, server.address))
        yield call
    server.stop()


@pytest.fixture
def folder(tmp_path):
    photographs = tmp_path / "photographs"
    for place in ("", "deeper", "@eaDir", "__MACOSX"):
        (photographs / place).mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(1).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    for name in ("a.png", "deeper/b.JPG", "@eaDir/c.png", "__MACOSX/._a.png", "._a.png"):
        Image.fromarray(pixels).save(photographs / name, "JPEG" if name.endswith("JPG") else "PNG")
    (photographs / "bad.png").write_bytes(b"no picture")
    (photographs / "notes.txt").write_text("not asked for")
    return photographs


def test_one_bad_file_loses_nothing(classify, folder):
    code, out, err = classify(folder / "bad.png", folder / "a.png", folder / "absent.jpg", folder / "deeper" / "b.JPG")
    assert code == 1
    assert f"{folder / 'a.png'}\n" in out
    assert f"{folder / 'deeper' / 'b.JPG'}\n" in out
    assert f"{folder / 'bad.png'}: " in err
    assert f"{folder / 'absent.jpg'}: no such file" in err
    assert err.rstrip().endswith("error: 2 of 4 files could not be classified")


def test_json_has_an_entry_for_every_file_in_its_order(classify, folder):
    files = [folder / "bad.png", folder / "a.png", folder / "absent.jpg"]
    code, out, _ = classify(*files, "--json")
    entries = json.loads(out)
    assert code == 1
    assert [entry["image"] for entry in entries] == [str(file) for file in files]
    assert ["error" in entry for entry in entries] == [True, False, True]
    assert entries[1]["predictions"]


class Leaving(FakeClassifier):
    """Goes away after `left` answers."""

    def __init__(self, left):
        super().__init__()
        self.left = left

    def Classify(self, request, context):  # noqa: N802
        self.left -= 1
        if self.left < 0:
            raise UnavailableError("the store is out of reach")
        return super().Classify(request, context)


@pytest.mark.parametrize("left", [0, 1, 2])
def test_json_is_whole_when_the_classifier_goes_away(tmp_path, capsys, left):
    home, names = Home(tmp_path / "home"), ["0.png", "1.png", "2.png"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    server = start_server(Leaving(left).register, ServiceSettings())
    with home.claim():
        home.publish(dict.fromkeys(SERVICES, server.address))
        code = run(["--home", str(home.root), "classify", *(str(tmp_path / name) for name in names), "--json"])
    server.stop()
    out, err = capsys.readouterr()
    entries = json.loads(out)
    assert code == 1
    assert "the store is out of reach" in err
    assert [entry["image"] for entry in entries] == [str(tmp_path / name) for name in names]
    assert ["error" in entry for entry in entries] == [number >= left for number in range(3)]
    assert entries[left]["error"] == "the store is out of reach"
    assert all(each["error"] == "not asked about: the store is out of reach" for each in entries[left + 1 :])


def test_a_folder_is_its_photographs(classify, folder):
    (folder / "bad.png").unlink()
    code, out, err = classify(folder, "--json")
    assert code == 0, err
    assert [entry["image"] for entry in json.loads(out)] == [str(folder / "a.png"), str(folder / "deeper" / "b.JPG")]


def test_a_folder_without_photographs_is_named(classify, tmp_path):
    (tmp_path / "empty").mkdir()
    code, out, err = classify(tmp_path / "empty")
    assert (code, out) == (2, "")
    assert f"{tmp_path / 'empty'}: no photograph in this folder" in err


def test_a_file_too_large_for_the_contract_is_not_sent(classify, tmp_path):
    with (tmp_path / "large.jpg").open("wb") as file:
        file.truncate(17 * 2**20)
    code, _, err = classify(tmp_path / "large.jpg")
    assert code == 1
    assert "17 MiB; a photograph may have 16 MiB at most" in err


def test_what_is_no_file_or_empty_is_refused_and_the_rest_is_answered(classify, folder):
    os.mkfifo(folder / "pipe.png")
    (folder / "empty.png").write_bytes(b"")
    code, out, err = classify(folder, "/dev/zero", "https://example.org/a.jpg")
    assert code == 1
    assert out.count("a.png") == 1
    for complaint in (
        "pipe.png: is a device, a pipe or a socket",
        "/dev/zero: is a device",
        "empty.png: is empty",
        "--catalogue",
    ):
        assert complaint in err


def test_links_to_folders_are_named_and_not_followed(classify, folder, tmp_path):
    (folder / "round").symlink_to(folder)
    _, out, err = classify(folder)
    assert "round/" not in out
    assert "round: is a link to a folder and not followed" in err


def test_file_names_steer_no_terminal(classify, folder):
    (folder / "a.png").rename(folder / "定\u3000窑\x1b[31m\n.png")
    _, out, _ = classify(folder)
    assert "定\u3000窑\\x1b[31m\\x0a.png" in out


@pytest.mark.parametrize("options", [("--top", 10**10), ("--output", "x.csv")])
def test_options_that_cannot_be_meant_are_refused(classify, folder, options):
    code, _, err = classify(folder, *options)
    assert code == 2
    assert options[0] in err
