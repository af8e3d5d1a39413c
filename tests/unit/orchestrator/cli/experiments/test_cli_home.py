"""What a home holds is listed, found by the beginning of its id, and shown again, without any service."""

import json
import subprocess
import sys

import pytest
from orchestrator_results import picture, results
from saggar.kilnsim.collection import write_collection
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.findings.wording import in_short
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.pages import report

FILE = """\
name: small
title: A small one
taxonomy: kilnsim
data: {kilnsim: {count: 100}}
seeds: [0, 1, 2]
arms: [{name: baseline}, {name: "95:5", synthetic: {count: 4}}]
"""


def put_experiment(store, folder, *, finished, text=FILE):
    """An experiment in the store, as the orchestrator leaves it; its id."""
    experiment, taxonomy = parse_experiment(text, "file", folder)
    experiment = resolve_paths(experiment, folder)
    source = fingerprint(experiment, store)
    identity = experiment_id(experiment, taxonomy, source)
    record = {
        "experiment": experiment.model_dump(mode="json"),
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "source": source,
        "text": text,
        "created_at": "2026-01-02T03:04:05Z",
    }

    def put(name, data):
        store.put(f"experiments/{identity}/{name}", data, "application/json")

    put("specification.json", json.dumps(record).encode())
    if finished:
        values = results()
        values["experiment"] |= {"id": identity, "title": "A small one"}
        put("results.json", json.dumps(values).encode())
        put("report.html", report.render(values, picture).encode())
    return identity


@pytest.fixture
def saggar(tmp_path, capsys):
    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    call.home = Home(tmp_path / "home")
    call.folder = tmp_path
    call.store = DirectoryStore(tmp_path / "home" / "store")
    return call


def test_experiments_are_listed_with_title_size_duration_and_headline(saggar):
    identity = put_experiment(saggar.store, saggar.folder, finished=True)
    code, out, err = saggar("experiment", "list", "--json")
    assert code == 0, err
    (entry,) = json.loads(out)
    assert entry["experiment"] == identity
    assert (entry["title"], entry["state"]) == ("A small one", "succeeded")
    assert entry["size"].endswith("photographs, 2 arms x 3 seeds")
    assert entry["seconds"] > 0
    assert "90:10" in entry["headline"]
    code, out, err = saggar("experiment", "show", "sma")
    assert code == 0, err
    assert out.startswith(f"{identity}: succeeded")
    assert "mean macro-F1" in out


def test_a_finished_experiment_runs_again_without_services(saggar, monkeypatch):
    identity = put_experiment(saggar.store, saggar.folder, finished=True)
    (saggar.folder / "file.yaml").write_text(FILE)

    def none_is_started(*_):
        raise AssertionError

    monkeypatch.setattr("saggar_orchestrator.local.supervisor.Supervisor.start", none_is_started)
    code, out, err = saggar("experiment", "run", saggar.folder / "file.yaml")
    assert code == 0, err
    assert f"{identity} was finished already" in err
    assert f"report: {saggar.home.reports / identity}.html" in out
    assert saggar("experiment", "resume", "small")[0] == 0


WORKFLOWS = """
import sys
from dbos import DBOS, SetWorkflowID
from saggar_orchestrator.workflow.database.serializing import JsonSerializer

database, interrupted, failed = sys.argv[1:]
url = f"sqlite:///{database}"
DBOS(config={"name": "test", "system_database_url": url, "log_level": "ERROR", "serializer": JsonSerializer()})

@DBOS.workflow(name="experiment")
def experiment(identity):
    if identity == failed:
        return {"state": "failed", "error": "no space left", "error_kind": "StorageFullError"}
    return {"state": "cancelled", "error": "x"}

DBOS.launch()
for identity in (interrupted, failed):
    with SetWorkflowID(f"{identity}.1"):
        DBOS.start_workflow(experiment, identity).get_result()
DBOS.destroy()
"""  # in a process of its own: DBOS is global, and its logger keeps the test's standard error


def test_an_unfinished_experiment_is_read_from_the_database(saggar):
    """Of a home whose services were killed: what DBOS keeps is read as it is."""
    interrupted = put_experiment(saggar.store, saggar.folder, finished=False)
    failed = put_experiment(
        saggar.store, saggar.folder, finished=False, text=FILE.replace("name: small", "name: other")
    )
    made = subprocess.run(
        [sys.executable, "-c", WORKFLOWS, str(saggar.home.database), interrupted, failed],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    states = {entry["experiment"]: entry for entry in json.loads(saggar("experiment", "list", "--json")[1])}
    assert states[failed]["state"] == "failed"
    assert states[failed]["headline"] == "no space left"
    assert states[interrupted]["state"] == "cancelled"
    code, out, _ = saggar("experiment", "show", "other")
    assert code == 0
    assert "no space left" in out
    assert "train baseline, seed 2\twaiting" in out


def test_never_begun_is_interrupted(saggar):
    put_experiment(saggar.store, saggar.folder, finished=False)
    (entry,) = json.loads(saggar("experiment", "list", "--json")[1])
    assert entry["state"] == "interrupted"
    assert "resume" in entry["headline"]


def test_models_are_ordered_by_validation_and_the_active_one_is_marked(saggar):
    put_experiment(saggar.store, saggar.folder, finished=True)
    models = json.loads(saggar("models", "list", "--json")[1])
    scores = [model["validation_macro_f1"] for model in models]
    assert len(models) > 2
    assert scores == sorted(scores, reverse=True)
    assert not any(model["active"] for model in models)
    chosen = models[1]["model"]
    note = {"key": f"bundles/{chosen}/bundle.json", "sha256": "0" * 64, "size_bytes": 1, "media_type": "x"}
    saggar.store.put("classifier/active/000000000003.json", json.dumps(note).encode(), "application/json")
    models = json.loads(saggar("models", "list", "--json")[1])
    assert [model["model"] for model in models if model["active"]] == [chosen]
    assert [model["model"] for model in models if model["proposed"]] == ["21abcdef01234567"]
    assert models[0]["test_interval"] == [0.5, 0.75]
    lines = saggar("models", "list")[1].splitlines()
    assert lines[0].split("\t")[5] == "test (95 % interval)"
    assert lines[1].split("\t")[5].endswith("(0.500 to 0.750)")
    assert {line.split("\t")[-1] for line in lines[1:]} == {"active, proposed", ""}


def test_data_sets_are_listed_and_found_by_a_beginning(saggar):
    labels = write_collection(saggar.folder / "photos", count=40, seed=1, size=32)
    arguments = ("data", "import", saggar.folder / "photos", "--labels", labels, "--taxonomy", "kilnsim", "--json")
    identity = json.loads(saggar(*arguments)[1])["dataset"]
    (entry,) = json.loads(saggar("data", "list", "--json")[1])
    assert entry["dataset"] == identity
    assert entry["objects"] == 40
    assert entry["split"] == "no"
    code, out, err = saggar("data", "split", identity[:6], "--json")
    assert code == 0, err
    divided = json.loads(out)["dataset"]
    assert {e["dataset"]: e["split"] for e in json.loads(saggar("data", "list", "--json")[1])} == {
        identity: "no",
        divided: "yes",
    }
    code, _, err = saggar("data", "describe", "zzzz")
    assert code == 2
    assert f"there are: {', '.join(sorted((identity, divided)))}" in err


def test_what_experiments_made_of_data_is_left_out_of_the_list(saggar):
    labels = write_collection(saggar.folder / "photos", count=20, seed=1, size=32)
    arguments = ("data", "import", saggar.folder / "photos", "--labels", labels, "--taxonomy", "kilnsim", "--json")
    imported = json.loads(saggar(*arguments)[1])["dataset"]
    divided = json.loads(saggar("data", "split", imported, "--json")[1])["dataset"]

    def reference(identity):
        key = f"datasets/{identity}/manifest.parquet"
        return {"manifest": saggar.store.stat(key).to_json()}

    for kind, inputs, result in (
        ("import", {"source": "x"}, reference(imported)),
        ("split", {"manifest": reference(imported)["manifest"]["sha256"]}, reference(divided)),
    ):
        record = {"kind": kind, "inputs": inputs, "result": result}
        saggar.store.put(f"steps/{kind}.json", json.dumps(record).encode(), "application/json")
    assert [e["dataset"] for e in json.loads(saggar("data", "list", "--json")[1])] == [imported]
    every = json.loads(saggar("data", "list", "--all", "--json")[1])
    assert {e["dataset"] for e in every} == {imported, divided}


def test_an_arm_is_summed_up_once():
    values = results()
    for arm, verdict in zip(values["arms"][1:], ("unclear", "helped"), strict=True):
        for difference in arm["differences"]["macro_f1"].values():
            difference["verdict"] = "unclear"
        arm["differences"]["macro_f1"]["type"]["verdict"] = verdict
    assert in_short(values) == "90:10: type helped; 95:5: cannot tell"


def test_an_archive_needs_no_database_for_what_is_finished(saggar):
    identity = put_experiment(saggar.store, saggar.folder, finished=True)
    saggar.home.database.write_bytes(b"no database")
    assert [record.experiment_id for record in Archive(saggar.home).records()] == [identity]


@pytest.mark.parametrize("damage", ["another version", "cut", "no JSON", "a list"])
def test_damaged_results_are_listed_and_named_with_the_remedy(saggar, damage):
    identity = put_experiment(saggar.store, saggar.folder, finished=True)
    path = saggar.home.root / "store" / "experiments" / identity / "results.json"
    text = path.read_text(encoding="utf-8")
    damaged = {
        "another version": json.dumps(json.loads(text) | {"schema": 0}), "cut": text[: len(text) // 2],
        "no JSON": "", "a list": "[1]",
    }  # fmt: skip
    path.write_text(damaged[damage], encoding="utf-8")
    (entry,) = json.loads(saggar("experiment", "list", "--json")[1])
    assert entry["state"] == "succeeded"
    remedy = f"saggar experiment delete {identity}"
    assert remedy in entry["headline"]
    code, out, err = saggar("experiment", "show", "small")
    assert code == 0, err
    assert remedy in out
    for command in (("report", "small", "--output", saggar.folder / "report"), ("models", "list")):
        code, _, err = saggar(*command)
        assert code == 1, (command, err)
        assert remedy in err
    assert not (saggar.folder / "report").exists()
    assert saggar("experiment", "delete", "small", "--yes")[0] == 0
    assert json.loads(saggar("experiment", "list", "--json")[1]) == []


def test_a_report_in_chinese_has_the_taxonomys_names(saggar, monkeypatch):
    put_experiment(saggar.store, saggar.folder, finished=True)
    monkeypatch.setattr("saggar.store.directory.DirectoryStore.get", _with_pictures(DirectoryStore.get))
    code, out, err = saggar("report", "small", "--output", saggar.folder / "report", "--language", "zh")
    assert code == 0, err
    page = saggar.folder / "report" / "report.zh.html"
    assert out.strip() == str(page)
    assert "月白釉" in page.read_text(encoding="utf-8")
    assert (saggar.folder / "report" / "tables" / "scores.csv").exists()


def _with_pictures(get):
    """The store's reading, with the pictures of invented results for images that are not there."""
    return lambda store, key: picture(key) if key.startswith("images/") else get(store, key)
