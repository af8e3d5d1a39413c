"""The tutorials' commands, letter for letter, with stand-ins for the services that train and generate."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_command_line_elsewhere import Server, clean_environment

TUTORIALS = Path(__file__).resolve().parents[3] / "docs" / "tutorials"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def shell(server, tmp_path_factory):
    """Runs a script in an empty folder, where `saggar` and `python` are those of the tests."""
    folder = tmp_path_factory.mktemp("shell")
    program = folder / "bin" / "saggar"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom saggar_orchestrator.cli.main import main\nmain()\n")
    program.chmod(0o755)
    environment = clean_environment() | {
        "PATH": os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "SAGGAR_HOME": str(folder / "home"),
        "SAGGAR_ORCHESTRATOR": server.address,
        "SAGGAR_CLASSIFIER": server.workers,
        "COLUMNS": "200",
    }
    work = folder / "work"
    work.mkdir()

    def run(script):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    run.work = work
    return run


def commands(name):
    page = (TUTORIALS / name).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```sh\n(.*?)```", page, flags=re.DOTALL))


def test_the_researchers(shell):
    done = shell(commands("researcher.md"))
    assert done.returncode == 0, done.stdout + done.stderr
    report = (shell.work / "report" / "report.html").read_text(encoding="utf-8")
    assert "cannot tell" in report
    assert "next: saggar" in done.stdout + done.stderr
