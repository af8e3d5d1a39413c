"""The command line without services: usage, errors, data commands, home."""

import json
import subprocess
import sys

import pytest
from saggar.errors import InvalidInputError, WrongStateError
from saggar.kilnsim.collection import write_collection
from saggar_orchestrator.cli.main import COMMANDS, run
from saggar_orchestrator.cli.terminal.identities import choose
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import choose_addresses


@pytest.fixture
def saggar(tmp_path, capsys):
    """Runs a command; returns (exit code, standard output, standard error)."""

    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def test_help_names_every_command(saggar):
    code, out, _ = saggar("--help")
    assert code == 0
    for command in ("quickstart", "up", "data", "experiment", "report", "models", "classify", "doctor"):
        assert command in out


def test_nothing_heavy_is_imported_for_help():
    heavy = "{'grpc', 'pandas', 'numpy', 'dbos', 'torch', 'matplotlib', 'pydantic', 'minio', 'PIL'}"
    program = f"import sys, saggar_orchestrator.cli.main; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_version(saggar):
    code, out, _ = saggar("--version")
    assert code == 0
    assert out.startswith("saggar 0.")


@pytest.mark.parametrize("arguments", [("frob",), ("experiment", "run"), ("data", "split", "x", "--seed", "minus")])
def test_wrong_usage_is_2_and_goes_to_standard_error(saggar, arguments):
    code, out, err = saggar(*arguments)
    assert code == 2
    assert out == ""
    assert "Error" in err


def test_a_store_that_is_gone_is_not_made_anew(saggar, tmp_path):
    home = Home(tmp_path / "home")
    home.root.mkdir()
    home.database.touch()
    code, out, err = saggar("data", "describe", "0123456789abcdef")
    assert (code != 0, out) == (True, "")
    assert "is gone" in err
    assert "mount or restore it" in err
    assert not (home.root / "store").exists()


def test_a_missing_file_is_named(saggar):
    code, out, err = saggar("experiment", "run", "nowhere.yaml")
    assert (code, out) == (2, "")
    assert err == "error: nowhere.yaml: no such file; check the path\n"


def test_a_misspelt_key_stops_before_any_service_starts(saggar, tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_text("name: x\ntaxonomy: kilnsim\ndata: {kilnsim: {count: 100}}\nseads: [1]\narms: [{name: b}]\n")
    code, _, err = saggar("experiment", "run", file)
    assert code == 2
    assert f"{file}:4 seads: unknown key 'seads'; did you mean 'seeds'?" in err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("arguments", [("classify", __file__), ("review",)])
def test_without_services_the_remedy_is_told(saggar, arguments):
    code, _, err = saggar(*arguments)
    assert code == 1
    assert "start the services with `saggar --home" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("arguments", [("experiment", "list"), ("models", "list"), ("data", "list")])
def test_lists_need_no_services_and_say_how_to_begin(saggar, arguments):
    code, _, err = saggar(*arguments)
    assert code == 0, err
    assert "yet: " in err
    assert saggar(*arguments, "--json")[1].strip() == "[]"


GROUPS = ("data", "experiment", "generator", "models")


@pytest.mark.parametrize("group", ["", *GROUPS])
def test_help_fits_80_columns_and_cuts_nothing(saggar, monkeypatch, group):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = saggar(*([group] if group else []), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    listed = out[out.index("Commands:") :]
    assert "..." not in listed, listed


def test_the_list_of_commands_is_the_commands(saggar):
    for name in COMMANDS:
        code, out, err = saggar(name, "--help")
        assert code == 0, err
        assert f"saggar {name}" in out
        assert "completion" not in out  # that is the whole program's


@pytest.mark.parametrize("command", ["classify", "generator generate", "review", "data import", "experiment diff"])
def test_what_may_be_left_out_is_bracketed_once(saggar, command):
    usage = saggar(*command.split(), "--help")[1].splitlines()[0]
    assert "[[" not in usage
    assert "...]..." not in usage


def test_a_misspelt_command_is_hinted(saggar):
    code, _, err = saggar("experment", "list")
    assert code == 2
    assert "Did you mean 'experiment'?" in err


def test_a_report_that_does_not_exist(saggar):
    code, _, err = saggar("report", "nothing")
    assert code == 2
    assert "no finished experiment 'nothing'" in err
    assert "`saggar experiment list`" in err


def test_data_import_describe_split(saggar, tmp_path):
    labels = write_collection(tmp_path / "photos", count=60, seed=1, size=32)
    code, out, err = saggar(
        "data", "import", tmp_path / "photos", "--labels", labels, "--taxonomy", "kilnsim", "--json"
    )
    assert code == 0, err
    identity = json.loads(out)["dataset"]
    code, out, _ = saggar("data", "describe", identity)
    assert code == 0
    assert "of 60 objects" in out
    code, out, _ = saggar("data", "split", identity, "--seed", "3", "--json")
    assert code == 0
    assert sum(json.loads(out)["splits"].values()) >= 60
    code, out, _ = saggar("data", "describe", json.loads(out)["dataset"], "--json")
    assert set(json.loads(out)["splits"]) == {"train", "validation", "test"}


def test_a_bad_row_is_named_and_nothing_is_written(saggar, tmp_path):
    labels = write_collection(tmp_path / "photos", count=30, seed=1, size=32)
    text = labels.read_text(encoding="utf-8")
    (tmp_path / "bad.csv").write_text(text + "images/none.png,o1,Song,Ding,White,Bowl\n", encoding="utf-8")
    code, out, err = saggar(
        "data", "import", tmp_path / "photos", "--labels", tmp_path / "bad.csv", "--taxonomy", "kilnsim"
    )
    assert (code, out) == (2, "")
    assert "bad.csv" in err
    assert "images/none.png" in err
    assert not any((tmp_path / "home").rglob("*.png"))


def test_an_unknown_data_set_is_named(saggar):
    code, _, err = saggar("data", "describe", "0123456789abcdef")
    assert code == 2
    assert "no data set '0123456789abcdef'" in err


def test_the_beginning_of_an_id_will_do():
    known = ["quickstart-aa11", "quickstart-ab22", "paper-cc33"]
    assert choose(known, "paper") == "paper-cc33"
    assert choose(known, "quickstart-ab22") == "quickstart-ab22"
    assert choose(known, "x") is None
    with pytest.raises(InvalidInputError, match="begins several ids"):
        choose(known, "quickstart-a")


def test_a_home_has_one_supervisor_and_a_stale_note_is_known(tmp_path):
    home = Home(tmp_path)
    assert home.running() is None
    with home.claim():
        home.publish({"orchestrator": "127.0.0.1:1"})
        assert home.running().addresses == {"orchestrator": "127.0.0.1:1"}
        with pytest.raises(WrongStateError, match="running already"), home.claim():
            pass
    assert home.running() is None
    home.services_file.write_text('{"pid": 1, "addresses": {}}')  # as left by a supervisor that was killed
    assert home.running() is None
    with home.claim():
        assert not home.services_file.exists()


def test_addresses_are_distinct_or_in_a_row():
    free = choose_addresses(0)
    assert len(set(free.values())) == 7
    fixed = choose_addresses(6000, trainers=2)
    assert fixed["orchestrator"] == "127.0.0.1:6000"
    assert fixed["classifier"] == "127.0.0.1:6004"
    assert (fixed["review"], fixed["status"], fixed["trainer-2"]) == (
        "127.0.0.1:6005",
        "127.0.0.1:6006",
        "127.0.0.1:6007",
    )
