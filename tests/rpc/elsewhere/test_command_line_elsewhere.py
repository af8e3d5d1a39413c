"""The command line beside an orchestrator that runs elsewhere: other processes, another home, no way to the store."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from orchestrator_fakes import EXPERIMENT
from saggar.kilnsim import write_collection
from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore
from saggar_orchestrator.local.supervisor import choose_addresses

FAKES = Path(__file__).resolve().parents[2] / "support" / "fakes" / "orchestrator_fakes.py"
SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
CLI = [sys.executable, "-c", "from saggar_orchestrator.cli.main import main; main()"]
pytestmark = pytest.mark.slow


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("SAGGAR_")}


class Server:
    """An orchestrator and stand-ins of its workers, in a session of their own."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "home").mkdir()
        addresses = choose_addresses(0)
        self.address, self.workers = addresses["orchestrator"], addresses["generator"]
        self.store = DirectoryStore(folder / "store")
        environment = clean_environment() | {
            "SAGGAR_LISTEN": self.address,
            "SAGGAR_HOME": str(folder / "home"),
            "SAGGAR_STORE": str(folder / "store"),
            "SAGGAR_DRAIN_SECONDS": "1",
        }
        environment |= {f"SAGGAR_{n.upper()}": self.workers for n in ("generator", "qc", "trainer", "classifier")}
        commands = (
            [sys.executable, str(FAKES), str(folder / "store"), self.workers, "0"],
            [sys.executable, "-m", "saggar_orchestrator"],
        )
        self.log = (folder / "log").open("ab")
        self.processes = [
            subprocess.Popen(each, env=environment, stdout=self.log, stderr=self.log, start_new_session=True)
            for each in commands
        ]
        for address in (self.address, self.workers):
            wait_ready(address, 120)

    def stop(self):
        for process in self.processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.stop()


class Client:
    def __init__(self, server, folder):
        self.folder = folder
        self.home = folder / "home"
        self.environment = clean_environment() | {
            "SAGGAR_HOME": str(self.home),
            "SAGGAR_ORCHESTRATOR": server.address,
            "SAGGAR_CLASSIFIER": server.workers,
        }

    def __call__(self, *arguments, **more):
        return subprocess.run(
            [*CLI, *map(str, arguments)],
            env=self.environment | more,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def json(self, *arguments):
        return self.json_with(arguments)

    def json_with(self, arguments, **more):
        done = self(*arguments, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def client(server, tmp_path_factory):
    return Client(server, tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="module")
def identity(client):
    """Of an experiment that was run from the client's machine."""
    (client.folder / "small.yaml").write_text(SHORT)
    done = client("experiment", "run", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert "starting them" not in done.stderr  # services of its own
    return client.json("experiment", "list")[0]["experiment"]


def test_an_experiment_runs_there_and_its_report_comes_here(client, identity, server):
    assert not (client.home / "store").exists()
    assert not (client.home / "workflows.sqlite").exists()
    page = client.home / "reports" / f"{identity}.html"
    assert page.read_bytes() == server.store.get(f"experiments/{identity}/report.html")


def test_running_it_again_finds_it_finished(client, identity):
    done = client("experiment", "run", "small.yaml")
    assert done.returncode == 0, done.stderr
    assert f"{identity} was finished already" in done.stderr


def test_results_steps_and_models_are_the_servers(client, identity, server):
    shown = client.json("experiment", "show", identity[:6])
    assert shown["results"] == json.loads(server.store.get(f"experiments/{identity}/results.json"))
    assert {step["state"] for step in shown["steps"]} == {"succeeded"}
    models = client.json("models", "list")
    assert {model["experiment"] for model in models} == {identity}


def test_a_plan_knows_what_the_server_has_done(client, identity):
    del identity
    steps = client.json("experiment", "plan", "small.yaml")["steps"]
    assert {step["state"] for step in steps} <= {"reused", "again"}
    assert sum(step["state"] == "reused" for step in steps) > 5


def test_a_report_with_its_tables_comes_as_files(client, identity, tmp_path):
    done = client("report", identity, "--output", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000
    assert any((tmp_path / "out" / "tables").iterdir())


@pytest.fixture(scope="module")
def photographs(client):
    write_collection(client.folder / "pieces", 60, 5, 32)
    return client.folder / "pieces"


def test_a_folder_of_this_machine_is_imported_there_and_exported_here(client, server, photographs, tmp_path):
    imported = client.json(
        "data", "import", photographs, "--labels", photographs / "labels.csv", "--taxonomy", "kilnsim"
    )
    count = len(list((photographs / "images").iterdir()))
    assert imported["images"] == count
    assert server.store.exists(f"datasets/{imported['dataset']}/manifest.parquet")
    assert imported["dataset"] in [each["dataset"] for each in client.json("data", "list")]
    done = client("data", "export", imported["dataset"], "--format", "imagefolder", "--output", tmp_path / "export")
    assert done.returncode == 0, done.stderr
    assert len([path for path in (tmp_path / "export").rglob("*") if path.suffix in {".png", ".jpg"}]) == count


def test_photographs_that_an_experiment_names_here_go_along(client, photographs):
    text = SHORT.replace(
        "  kilnsim: {count: 160, seed: 3, size_px: 32}", f"  images: {photographs.name}\n"
        f"  labels: {photographs.name}/labels.csv"
    )  # fmt: skip
    (client.folder / "own.yaml").write_text(text)
    done = client("experiment", "run", "--detach", "own.yaml")
    assert done.returncode == 0, done.stderr
    assert "photographs: data set" in done.stderr
    shown = client.json("experiment", "show", done.stdout.strip())
    assert shown["state"] in {"running", "failed", "succeeded"}
    client("experiment", "cancel", done.stdout.strip())
    gone = client("experiment", "delete", "--yes", done.stdout.strip())
    assert gone.returncode == 0, gone.stderr
    assert done.stdout.strip() not in [each["experiment"] for each in client.json("experiment", "list")]


def test_files_that_cannot_go_along_are_named(client):
    (client.folder / "kiln.yaml").write_text("id: x\n")
    (client.folder / "other.yaml").write_text(SHORT.replace("taxonomy: kilnsim", "taxonomy: kiln.yaml"))
    done = client("experiment", "run", "other.yaml")
    assert done.returncode == 2
    assert "kiln.yaml is a file of this machine" in done.stderr


def test_services_are_never_started_beside_a_server(client):
    done = client("up")
    assert done.returncode == 2
    assert "`saggar up` starts services here" in done.stderr
    assert not (client.home / "run").exists()


def test_a_server_that_is_away_is_named_and_nothing_is_started(client):
    done = client("--server", "127.0.0.1:1", "experiment", "list")
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert not (client.home / "run").exists()


def test_a_service_whose_address_is_not_known_is_asked_for_by_its_variable(client):
    done = client("generator", "status")
    assert done.returncode == 1
    assert "SAGGAR_GENERATOR" in done.stderr


def test_what_is_no_address_is_refused(client):
    done = client("--server", "museum", "models", "list")
    assert done.returncode == 2
    assert "give host:port" in done.stderr


def test_a_classifier_elsewhere_needs_no_orchestrator(client, identity, photographs):
    model = client.json("models", "list")[0]["model"]
    assert identity
    assert client("models", "activate", model).returncode == 0
    answers = client.json_with(
        ["classify", next((photographs / "images").iterdir())], SAGGAR_ORCHESTRATOR="", SAGGAR_HOME="none"
    )
    assert answers[0]["predictions"]
    assert not (client.folder / "none").exists()
