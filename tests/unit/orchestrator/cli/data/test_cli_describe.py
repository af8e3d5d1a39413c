"""`saggar data describe` and `advise`, from the command line."""

import json
import re

import pytest
from saggar.kilnsim.collection import write_collection
from saggar_orchestrator.cli.main import run
from web_page import check, words


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collection")
    labels = write_collection(folder / "photos", count=60, seed=1, size=32)
    home = folder / "home"
    assert run(["--home", str(home), "data", "import", str(folder / "photos"), "--labels", str(labels),
                "--taxonomy", "kilnsim"]) == 0  # fmt: skip
    return home, next((home / "store" / "datasets").iterdir()).name


@pytest.fixture
def saggar(imported, capsys):
    home, identity = imported

    def call(*arguments):
        capsys.readouterr()
        code = run(["--home", str(home), "data", *(identity if a == "ID" else str(a) for a in arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.mark.parametrize("command", ["describe", "advise"])
def test_terminal_page_and_json(saggar, tmp_path, command):
    code, out, err = saggar(command, "ID")
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80
    page = tmp_path / "page.html"
    code, out, err = saggar(command, "ID", "--html", page, "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["taxonomy"] == "kilnsim"
    text = page.read_text(encoding="utf-8")
    assert check(text) == []
    assert found["dataset"] in words(text)


def test_options_change_the_numbers(saggar):
    _, out, _ = saggar("describe", "ID", "--below", "2", "--to", "3", "--split-seed", "5", "--json")
    training = json.loads(out)["training"]
    assert (training["below"], training["to"], training["split_seed"]) == (2, 3, 5)
    _, out, _ = saggar("advise", "ID", "--hours", "4", "--no-review", "--json")
    verdicts = {task["task"]: task["verdict"] for task in json.loads(out)["tasks"]}
    assert verdicts == {"dynasty": "not now", "kiln": "not now", "glaze": "leave out", "type": "not now"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("describe", "0123456789abcdef"), "no data set '0123456789abcdef'; there are"),
        (("describe", ""), "is empty"),
        (("advise", "../.."), "no data set '../..'; there are"),
        (("describe", "a b"), "no data set 'a b'; there are"),
        (("describe", "ID", "--below", "9", "--to", "3"), "must be 1 <= below <= to"),
        (("advise", "ID", "--taxonomy", "palace-visual"), "does not fit taxonomy palace-visual"),
        (("advise", "ID", "--taxonomy", "nowhere.yaml"), "nowhere.yaml: no such file"),
        (("advise", "ID", "--disagreement", "2"), "--disagreement"),
    ],
)
def test_wrong_input_is_2_and_says_what_to_do(saggar, arguments, said):
    code, out, err = saggar(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


def test_a_page_that_cannot_be_written_is_named(saggar, tmp_path):
    code, _, err = saggar("describe", "ID", "--html", tmp_path / "nowhere" / "page.html")
    assert code == 2
    assert f"cannot write {tmp_path / 'nowhere' / 'page.html'}: No such file or directory" in err


@pytest.mark.parametrize(
    ("command", "options", "written"),
    [
        ("describe", ["--html", "FILE"], ""),
        ("advise", ["--html", "FILE"], ""),
        ("export", ["--format", "datasheet", "--output", "FILE"], "datasheet.md"),
        ("export", ["--format", "croissant", "--output", "FILE"], "croissant.json"),
    ],
)
def test_an_abbreviated_id_is_shown_whole(saggar, imported, tmp_path, command, options, written):
    _, identity = imported
    place = tmp_path / "made"
    named = [str(place) if option == "FILE" else option for option in options]
    code, out, err = saggar(command, identity[:3], *named)
    assert code == 0, err
    assert command == "export" or out.startswith(identity)
    text = (place / written).read_text(encoding="utf-8")
    assert identity in text
    assert not re.search(rf"\b{identity[:3]}\b", text)
