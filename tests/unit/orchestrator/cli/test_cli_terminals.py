"""Terminals and pipes of every kind: encodings, readers that leave, names that are not UTF-8, windows of 80 columns."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from saggar.kilnsim.collection import write_collection
from saggar.v1 import common_pb2, orchestrator_pb2
from saggar_orchestrator.cli.experiments.following.display import JsonEvents, Live, describe_progress, time_left
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.cli.terminal.output import write_page

PROGRAM = "import sys; from saggar_orchestrator.cli.main import run; sys.exit(run(sys.argv[1:]))"


def saggar(*arguments, encoding="utf-8", stdout=subprocess.PIPE):
    """The command line in a process of its own, whose output is in `encoding`."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "COLUMNS": "80"}
    command = [sys.executable, "-c", PROGRAM, *map(os.fsencode, arguments)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, env=environment, check=False)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogue") / "catalogue.csv"
    path.write_text("名称,窑口\n定窑白釉碗,定窑\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "gbk", "utf-8"])
def test_an_output_of_any_encoding_gets_all_the_text(catalogue, encoding):
    plain = saggar("data", "map", str(catalogue), encoding=encoding)
    assert plain.returncode == 0, plain.stderr
    assert b"Traceback" not in plain.stderr
    told = saggar("data", "map", str(catalogue), "--json", encoding=encoding)
    assert told.returncode == 0, told.stderr
    said = json.loads(told.stdout.decode(encoding))
    assert said == json.loads(saggar("data", "map", str(catalogue), "--json").stdout)
    if encoding == "ascii":
        assert b"\\u7a91\\u53e3" in plain.stderr  # the column's name, escaped
    if encoding == "gbk":
        assert "窑口" in plain.stderr.decode("gbk")


CLOSED = (">&-", "2>&-", "<&-", ">&- 2>&-", "<&- >&-", "<&- >&- 2>&-", "2</dev/null")


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize(
    ("arguments", "code"), [("models list", 0), ("data list --json", 0), ("--help", 0), ("nosuch", 2), ("review x", 2)]
)
def test_a_command_works_with_streams_that_are_closed(tmp_path, closed, arguments, code):
    program = f"{sys.executable} -c 'from saggar_orchestrator.cli.main import main; main()'"
    command = f"exec {program} --home {tmp_path / 'home'} {arguments} {closed}"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False)
    assert done.returncode == code, done.stderr
    assert b"looks like a bug" not in done.stderr
    if ">&-" not in closed.replace("2>&-", "") and code == 0:
        assert done.stdout


def test_nothing_that_is_opened_later_takes_the_place_of_a_closed_stream(tmp_path):
    program = (
        "import os, subprocess, sys; from saggar_orchestrator.cli.terminal.output import open_what_is_closed; "
        "open_what_is_closed(); file = open(sys.argv[1], 'w'); print('a result'); subprocess.run(['echo', 'a child']); "
        "file.write('whole')"
    )
    kept = tmp_path / "file"
    command = f'exec {sys.executable} -c "$1" {kept} >&- 2>&-'
    subprocess.run(["/bin/sh", "-c", command, "sh", program], check=True)
    assert kept.read_text() == "whole"


def test_a_file_name_that_is_not_utf_8_is_escaped(tmp_path):
    name = os.fsencode(str(tmp_path)) + b"/\xb6\xa8.yaml"  # GBK
    missing = saggar(b"experiment", b"run", name)
    assert missing.returncode == 2
    assert b"\\xb6\\xa8.yaml: no such file" in missing.stderr
    missing.stderr.decode("utf-8")


def test_a_page_with_such_a_name_is_valid(tmp_path):
    write_page(tmp_path / "page.html", "photograph \udcb6.jpg")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == "photograph \\udcb6.jpg"


@pytest.mark.parametrize("arguments", [("--help",), ("data", "map", "CATALOGUE", "--json")])
def test_a_reader_that_leaves_is_no_error(catalogue, arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = saggar(*(str(catalogue) if a == "CATALOGUE" else a for a in arguments), stdout=closed)
    assert done.returncode == 0, done.stderr
    assert b"Broken pipe" not in done.stderr
    assert b"Exception" not in done.stderr


def test_quiet_leaves_progress_out_and_errors_in(catalogue, capsys):
    assert run(["--quiet", "data", "map", str(catalogue)]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == ""
    assert run(["--quiet", "data", "map", "nowhere.csv"]) == 2
    assert "nowhere.csv" in capsys.readouterr().err
    assert run(["data", "map", str(catalogue)]) == 0
    assert "row" in capsys.readouterr().err


def step(position, state, title="train 95:5, seed 0", **progress):
    kind = orchestrator_pb2.StepState.Value(f"STEP_STATE_{state.upper()}")
    return orchestrator_pb2.Step(
        position=position, title=title, state=kind, progress=common_pb2.Progress(**progress), seconds=30,
        error="generator: no space left\nsecond line" if state == "failed" else "",
    )  # fmt: skip


def drawn(display, width):
    page = io.StringIO()
    Console(width=width, file=page).print(display.table())
    return page.getvalue().splitlines()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_row_is_wider_than_the_window_or_wraps(width):
    display = Live()
    states = ["succeeded", "reused", "failed", "running", "waiting"]
    for position, state in enumerate(states):
        display.update(
            step(
                position, state, title="train 定窑 and a very long name of an arm, seed 1234567890 " * 2,
                stage="training, after a long wait for the generator", done=30, total=1000, unit="epochs",
                metrics={"loss": 1.2345, "validation_macro_f1": 0.5},
            )
        )  # fmt: skip
    lines = drawn(display, width)
    assert len(lines) == len(states)
    assert all(len(line) <= width for line in lines)


def test_before_the_first_step_it_says_what_it_waits_for():
    assert any("waiting for the orchestrator" in line for line in drawn(Live(), 80))


def test_progress_in_words():
    running = step(0, "running", stage="sampling", done=20, total=80, unit="images", metrics={"images_per_s": 0.66})
    assert describe_progress(running) == "sampling 20/80 images, images per s 0.66"
    assert time_left(running, 30.0) == "90 s left" or time_left(running, 30.0) == "2 min left"
    assert time_left(step(0, "running", done=1, total=80), 30.0) == ""
    assert time_left(step(0, "running", done=40, total=80), 600.0) == "10 min left"


def test_events_are_json_lines_and_none_is_repeated(capsys):
    events = JsonEvents()
    events.update(step(0, "running", done=1, total=4))
    later = step(0, "running", done=1, total=4)
    later.seconds += 10
    events.update(later)
    events.update(step(0, "succeeded", done=4, total=4))
    events.end(orchestrator_pb2.Experiment(experiment_id="quick-1", state=orchestrator_pb2.EXPERIMENT_STATE_SUCCEEDED))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["step", "step", "ended"]
    assert [line.get("state") for line in lines] == ["running", "succeeded", "succeeded"]


def test_completion_knows_the_ids_of_the_home(tmp_path):
    home = tmp_path / "home"
    labels = write_collection(tmp_path / "photos", count=20, seed=1, size=32)
    arguments = ["--home", str(home), "data", "import", str(tmp_path / "photos"), "--labels", str(labels)]
    assert run([*arguments, "--taxonomy", "kilnsim"]) == 0
    (identity,) = [each.name for each in (home / "store" / "datasets").iterdir()]
    environment = {
        **os.environ,
        "_SAGGAR_COMPLETE": "complete_bash",
        "COMP_WORDS": f"saggar --home {home} data describe {identity[:3]}",
        "COMP_CWORD": "5",
    }
    program = Path(sys.executable).with_name("saggar")
    done = subprocess.run([program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout.split() == [identity]
