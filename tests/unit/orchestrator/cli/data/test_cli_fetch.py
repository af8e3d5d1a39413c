"""`saggar data fetch` as a user meets it, down to the labels and the data set that come of it."""

import csv
import io
import json
import os
from pathlib import Path

import museum_server
import pytest
from saggar.museums.objects import CC0
from saggar.museums.registry import MUSEUMS
from saggar_orchestrator.cli.main import run


@pytest.fixture
def server(monkeypatch):
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for museum in MUSEUMS.values():  # nobody waits for a local server
        monkeypatch.setitem(vars(museum), "pause_s", 0.0)
    with museum_server.museum_server() as found:
        for key in MUSEUMS:
            monkeypatch.setenv(f"SAGGAR_{key.upper()}_URL", f"{found.url}/{key}")
        yield found


@pytest.fixture
def saggar(tmp_path, monkeypatch, capsys):
    """Runs a command in tmp_path; returns (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        code = run(["--home", "home", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def next_commands(err):
    return [line.split()[1:] for line in err.splitlines() if line.startswith("  saggar ")]


def test_fetch_says_what_came_under_which_terms_and_what_comes_next(server, saggar):
    museum_server.met(server, isPublicDomain=False)
    code, out, err = saggar("data", "fetch", "met", "--query", "bowl")
    assert (code, out) == (0, "met\t2 photographs, 2 new; 2 in the folder\n")
    assert "terms at https://metmuseum.github.io/" in err
    assert "left out: 1 object: its licence does not allow it" in err
    assert next_commands(err) == [
        ["data", "map", "met/catalogue.csv"],
        ["data", "import", "met", "--catalogue", "met/catalogue.csv", "--image-column", "image"],
    ]


def test_the_next_commands_label_import_and_credit_what_came(server, saggar):
    museum_server.met(server, count=2)
    museum_server.aic(server, count=2)
    museum_server.cleveland(server, count=2)
    for key in ("met", "aic", "cleveland"):
        code, _, err = saggar("data", "fetch", key, "--query", "bowl", "--output", "all")
        assert code == 0
    map_command, import_command = next_commands(err)
    code, out, err = saggar(*map_command, "--json")
    assert code == 0
    labels = {row["row"]: row["labels"] for row in json.loads(out)}
    rows = csv.DictReader(io.StringIO(Path("all/catalogue.csv").read_text(encoding="utf-8-sig"), newline=""))
    by_museum = {row["museum"]: labels[number] for number, row in enumerate(rows, start=2)}
    assert by_museum["met"] | {"type": ""} == {
        "dynasty": "Song",
        "kiln": "YaoZ",
        "glaze": "Celadon",
        "type": "",
    }
    assert by_museum["aic"]["dynasty"] == "Yuan"
    assert by_museum["aic"]["kiln"] == "Jun"
    assert by_museum["cleveland"]["dynasty"] == "Song"
    code, out, err = saggar(*import_command, "--json")
    assert code == 0
    told = json.loads(out)
    assert told["images"] == 6
    code, _, _ = saggar("data", "export", told["dataset"], "--format", "imagefolder", "--output", "exported")
    assert code == 0
    exported = Path("exported/images/metadata.jsonl").read_text(encoding="utf-8").splitlines()
    owners = {(row["licence"], row["credit_line"]) for row in map(json.loads, exported)}
    assert owners == {
        (CC0, "Gift of a Friend, 1929"),
        (CC0, "Bequest of Somebody"),
        (CC0, "Gift of Someone"),
    }


def test_json_is_for_programs(server, saggar):
    museum_server.met(server)
    server.faults["/images/45001.jpg"] = [museum_server.status(404)]
    code, out, _ = saggar("data", "fetch", "met", "--query", "bowl", "--limit", "2", "--output", "my bowls", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["next"][0] == "saggar data map 'my bowls/catalogue.csv'"
    assert {name: told[name] for name in ("museum", "kept", "new", "left_out", "records")} == {
        "museum": "met",
        "kept": 2,
        "new": 2,
        "left_out": {},
        "records": 2,
    }
    assert [each["object_id"] for each in told["failed"]] == ["45001"]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["louvre", "--query", "bowl"], 2, "no museum 'louvre'; known: met, cleveland, aic, npm"),
        (["met", "--query", " "], 2, "the query is empty"),
        (["met"], 2, "Missing option '--query'"),
        (["npm", "--query", "定窯"], 2, "set SAGGAR_NPM_API_KEY"),
        (["met", "--query", "bowl", "--pause", "0.001"], 2, "is too short"),
        (["met", "--query", "bowl", "--output", "/proc/nowhere"], 2, "name another folder"),
        (["met", "--query", "bowl"], 2, "has nothing for 'bowl'"),
    ],
)
def test_errors_say_what_to_do(server, saggar, arguments, code, told):
    museum_server.met(server, count=0)
    found, out, err = saggar("data", "fetch", *arguments)
    assert (found, out) == (code, "")
    assert told in err


def test_a_bad_address_in_the_environment_is_named(server, saggar, monkeypatch):
    monkeypatch.setenv("SAGGAR_MET_URL", "file:///etc")
    code, _, err = saggar("data", "fetch", "met", "--query", "bowl")
    assert code == 2
    assert "SAGGAR_MET_URL" in err


def test_the_key_of_npm_is_not_told(server, saggar, monkeypatch):
    monkeypatch.setenv("SAGGAR_NPM_API_KEY", "very-secret")
    museum_server.npm(server)
    code, out, err = saggar("data", "fetch", "npm", "--query", "定窯")
    assert code == 0
    assert "records carry no licence of their own" in err
    assert "very-secret" not in out + err
