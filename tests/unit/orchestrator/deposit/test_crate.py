"""An experiment as an RO-Crate: whole, linked both ways, and of these bytes."""

import hashlib
import json
import zipfile

import pytest
from orchestrator_results import picture, results
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.deposit.crate import METADATA, PROFILES, Deposit
from saggar_orchestrator.pages import report

ARGUMENTS = ("--licence", "CC-BY-4.0", "--author", "A. Curator")


def put_experiment(store):
    """A finished experiment in the store, with a file of predictions for each training."""
    values = results()
    for arm in values["arms"]:
        for one in arm["runs"]:
            data = f"{arm['name']} {one['seed']}".encode()
            reference = store.put(f"runs/{hashlib.sha256(data).hexdigest()}.parquet", data, "application/octet-stream")
            one["predictions"] = reference.to_json()
    identity = values["experiment"]["id"]
    store.put(f"experiments/{identity}/results.json", json.dumps(values).encode(), "application/json")
    store.put(f"experiments/{identity}/report.html", report.render(values, picture).encode(), "text/html")
    return identity


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    put_experiment(DirectoryStore(folder / "store"))
    return folder


@pytest.fixture(scope="module")
def crate(home):
    place = home / "out" / "deposit.zip"
    code = run(["--home", str(home), "deposit", "exam", "--output", str(place), *ARGUMENTS])
    assert code == 0
    return zipfile.ZipFile(place)


@pytest.fixture(scope="module")
def graph(crate):
    return {entity["@id"]: entity for entity in json.loads(crate.read(METADATA))["@graph"]}


def references(value):
    if isinstance(value, dict):
        if set(value) == {"@id"}:
            yield value["@id"]
        else:
            for one in value.values():
                yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def test_every_file_is_described_with_its_size_and_nothing_else(crate, graph):
    parts = {one["@id"] for one in graph["./"]["hasPart"]}
    assert parts == set(crate.namelist()) - {METADATA}
    assert {"experiment.yaml", "report.html", "results.json", "tables/tables.json"} <= parts
    for name in parts:
        assert int(graph[name]["contentSize"]) == crate.getinfo(name).file_size
    assert crate.testzip() is None


def test_a_page_says_what_is_in_it(crate, graph):
    page = crate.read("README.md").decode()
    assert all(f"`{name}`" in page for name in ("report.html", "results.json", "experiment.yaml", METADATA))
    assert graph["README.md"]["about"] == {"@id": "./"}
    assert graph["README.md"]["encodingFormat"] == "text/markdown"


def test_what_is_named_is_described_or_on_the_web(graph):
    named = {name for entity in graph.values() for name in references(entity)}
    assert {name for name in named if name not in graph and "://" not in name} == set()


def test_every_training_is_an_action_with_its_arm_seed_and_predictions(crate, graph):
    actions = [entity for entity in graph.values() if entity["@type"] == "CreateAction"]
    assert len(actions) == 9
    assert {one["@id"] for one in graph["./"]["mentions"]} == {one["@id"] for one in actions}
    said = set()
    for action in actions:
        assert action["instrument"] == graph["./"]["mainEntity"] == {"@id": "experiment.yaml"}
        arm, seed = (graph[one["@id"]]["value"] for one in action["object"])
        (made,) = references(action["result"])
        assert crate.read(made).decode() == f"{arm} {seed}"
        said.add((arm, seed))
    assert said == {(arm, seed) for arm in ("baseline", "95:5", "90:10") for seed in (0, 1, 2)}


def test_parameters_and_values_name_each_other(graph):
    for entity in graph.values():
        for example in references(entity.get("workExample", [])):
            assert graph[example]["exampleOfWork"] == {"@id": entity["@id"]}
    assert len(list(references(graph["#output-predictions"]["workExample"]))) == 9


def test_root_says_licence_author_and_profiles(graph):
    root = graph["./"]
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC-BY-4.0"}
    assert graph["#author"]["name"] == "A. Curator"
    assert list(references(root["conformsTo"])) == list(PROFILES)


def test_a_file_that_exists_is_kept(home, crate, capsys):
    place = home / "out" / "deposit.zip"
    before = place.read_bytes()
    assert run(["--home", str(home), "deposit", "exam", "--output", str(place), *ARGUMENTS]) == 2
    assert "name another file" in capsys.readouterr().err
    assert place.read_bytes() == before


def test_predictions_that_are_gone_leave_no_half_file(tmp_path, capsys):
    store = DirectoryStore(tmp_path / "store")
    put_experiment(store)
    for key in list(store.list("runs/")):
        store.delete(key)
    place = tmp_path / "out" / "deposit.zip"
    assert run(["--home", str(tmp_path), "deposit", "example", "--output", str(place), *ARGUMENTS]) != 0
    assert "runs/" in capsys.readouterr().err
    assert list(place.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"licence": "my own"}, "no licence"),
        ({"licence": "javascript:alert(1)"}, "no licence"),
        ({"author": " "}, "author"),
        ({"orcid": "0000-0001"}, "no ORCID"),
    ],
)
def test_what_is_no_licence_author_or_orcid_is_refused(wrong, words):
    with pytest.raises(InvalidInputError, match=words):
        Deposit(**({"licence": "CC-BY-4.0", "author": "A. Curator"} | wrong))
