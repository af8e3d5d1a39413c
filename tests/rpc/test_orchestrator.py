"""The orchestrator behind its real server, with stand-ins for the worker services."""

import base64
import json
import sqlite3
import threading
import time
from collections import Counter
from contextlib import contextmanager

import pytest
from orchestrator_fakes import EXPERIMENT, SERVICES, serve_fakes
from saggar.errors import BusyError, InvalidInputError, NotFoundError, UnavailableError, WrongStateError
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_from_proto
from saggar.rpc.server import start_server
from saggar.store import DirectoryStore, ObjectRef
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import load_taxonomy
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.servicer import OrchestratorServicer
from saggar_orchestrator.workflow.engine import Engine
from saggar_orchestrator.workflow.run import Resources

# Enough for what happens between services: one seed, one synthetic arm; or the baseline alone.
SHORT = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]").partition('  - name: "90:10"')[0]
BASELINE = SHORT.partition('  - name: "95:5"')[0]

REUSED, SUCCEEDED, FAILED = pb.STEP_STATE_REUSED, pb.STEP_STATE_SUCCEEDED, pb.STEP_STATE_FAILED


class Bench:
    """A store, the stand-ins, and an orchestrator that can be started several times on one database."""

    def __init__(self, folder):
        self.folder = folder
        self.store = DirectoryStore(folder / "store")
        self.fakes, self._peers_server = serve_fakes(self.store)

    @contextmanager
    def orchestrator(self, database="workflows", patience_s=20.0):
        peers = Peers(dict.fromkeys(SERVICES, self._peers_server.address), patience_s)
        resources = Resources(self.store, peers, self.folder / "collections", parallel_shards=2)
        engine = Engine(resources, self.database_url(database))

        def register(server):
            servicer = OrchestratorServicer(engine, self.store, peers)
            orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(servicer, server)
            return ("saggar.v1.OrchestratorService",)

        running = start_server(register, warm_up=engine.launch)
        try:
            with open_channel(running.address) as channel:
                yield orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        finally:
            engine.close()
            running.stop()
            peers.close()

    def database_url(self, name):
        return f"sqlite:///{self.folder}/{name}.sqlite"

    def stop(self):
        self._peers_server.stop()


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A bench on which the experiment has run: its steps, its end, its results and the calls that it took."""
    made = Bench(tmp_path_factory.mktemp("finished"))
    with made.orchestrator() as stub:
        made.steps, made.ended = run(stub)
    assert made.ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, made.ended.error
    made.results = json.loads(made.store.read(ref_from_proto(made.ended.results)))
    made.took = Counter(made.fakes.calls)
    yield made
    made.stop()


def start(stub, text=EXPERIMENT):
    return stub.RunExperiment(pb.RunExperimentRequest(specification=text, source_name="small.yaml", base_path="/"))


def follow(stub, identity):
    """(last state of every step by title, how the experiment ended)."""
    steps = {}
    for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
        if event.HasField("ended"):
            return steps, event.ended
        steps[event.step.title] = event.step
    raise AssertionError("the stream ended without a last event")


def run(stub, text=EXPERIMENT):
    return follow(stub, start(stub, text).experiment.experiment_id)


def test_an_experiment_runs_to_its_report(finished):
    assert {step.state for step in finished.steps.values()} == {SUCCEEDED}
    arms = finished.results["arms"]
    assert [arm["name"] for arm in arms] == ["baseline", "95:5", "90:10"]
    assert arms[1]["share_reached"] == pytest.approx(0.05, abs=0.01)
    assert arms[2]["share_reached"] == pytest.approx(0.10, abs=0.01)
    html = finished.store.read(ref_from_proto(finished.ended.report)).decode()
    assert "90:10 against baseline" in html
    assert "random initial weights" in html
    # One adapter and one set of images for both arms; a training per arm and seed.
    assert finished.took["TrainAdapter"] == 1
    assert finished.took["Train"] == 6
    assert set(finished.fakes.generated.values()) == {1}


def test_only_training_photographs_reach_adapter_and_generation(finished):
    steps = [json.loads(finished.store.get(key)) for key in finished.store.list("steps/")]
    by_kind = {step["kind"]: step["result"] for step in steps}
    split = read_manifest(finished.store, ObjectRef.from_json(by_kind["split"]["manifest"]))
    chosen = read_manifest(finished.store, ObjectRef.from_json(by_kind["select"]["manifest"]))
    held_out = set(split.select(split=("validation", "test")).frame["image"])
    assert held_out
    assert not held_out & set(chosen.frame["image"])
    mixes = [step["result"] for step in steps if step["kind"] == "mix"]
    assert len(mixes) == 2
    for mix in mixes:
        mixed = read_manifest(finished.store, ObjectRef.from_json(mix["manifest"]))
        assert set(mixed.select(split=("validation", "test")).frame["origin"]) == {"real"}


def test_the_same_file_again_is_returned_at_once(finished):
    calls = Counter(finished.fakes.calls)
    with finished.orchestrator() as stub:
        again = start(stub)
    assert again.existed
    assert again.experiment == finished.ended
    assert finished.fakes.calls == calls


def test_the_winner_is_chosen_by_validation(finished):
    results = finished.results
    means = {a["name"]: sum(r["validation_macro_f1"] for r in a["runs"]) / 2 for a in results["arms"]}
    assert results["winner"]["arm"] == max(means, key=means.get)
    assert results["winner"]["seed"] == 1  # the stand-in's validation score grows with the seed


def test_models_are_listed_best_first_and_served(finished):
    with finished.orchestrator() as stub:
        models = stub.ListModels(pb.ListModelsRequest()).models
        assert len(models) == 6
        scores = [m.validation_macro_f1 for m in models]
        assert scores == sorted(scores, reverse=True)
        assert not any(m.active for m in models)
        stub.ServeModel(pb.ServeModelRequest(model_id=models[3].model_id))
        listed = stub.ListModels(pb.ListModelsRequest()).models
        assert [m.model_id for m in listed if m.active] == [models[3].model_id]
        assert [e.name for e in stub.ListExperiments(pb.ListExperimentsRequest()).experiments] == ["small"]


def test_a_changed_file_repeats_only_what_changed(finished):
    calls = Counter(finished.fakes.calls)
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0, 1, 2]").replace("name: small", "name: larger")
    with finished.orchestrator() as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    more = finished.fakes.calls - calls
    assert more == Counter(Train=3, Evaluate=3, ResolveBaseModel=1)
    assert steps["train adapter"].state == REUSED
    assert steps["train baseline, seed 2"].state == SUCCEEDED


def test_without_its_database_all_steps_are_found_in_the_store(finished):
    calls = Counter(finished.fakes.calls)
    text = EXPERIMENT.replace("name: small", "name: renamed")  # another experiment with equal work
    with finished.orchestrator(database="another") as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert finished.fakes.calls - calls == Counter(ResolveBaseModel=1)
    made_anew = {title for title, step in steps.items() if step.state != REUSED}
    assert made_anew == {"find base model", "gather results", "write report"}


def test_another_base_model_under_the_same_name_trains_the_adapter_anew(finished):
    renamed = EXPERIMENT.replace("name: small", "name: small-again")
    calls = Counter(finished.fakes.calls)
    finished.fakes.base_hash = "b" * 64
    with finished.orchestrator() as stub:
        steps, ended = run(stub, renamed)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train baseline, seed 0"].state == REUSED
    assert steps["train adapter"].state == SUCCEEDED
    assert steps["generate images"].state == SUCCEEDED
    assert finished.fakes.calls["TrainAdapter"] == calls["TrainAdapter"] + 1


def test_bad_input_of_a_peer_fails_at_once_and_resume_goes_on(bench):
    bench.fakes.errors["TrainAdapter"] = [InvalidInputError("rank is 0; it must be at least 1")]
    with bench.orchestrator() as stub:
        steps, ended = run(stub, SHORT)
        assert ended.state == pb.EXPERIMENT_STATE_FAILED
        assert "rank is 0" in ended.error
        assert ended.error_kind == "InvalidInputError"
        assert steps["train adapter"].state == FAILED
        described = stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id=ended.experiment_id))
        assert {s.title: s.state for s in described.steps}["train adapter"] == FAILED
        calls = Counter(bench.fakes.calls)
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=ended.experiment_id))
        steps, ended = follow(stub, ended.experiment_id)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train baseline, seed 0"].state == REUSED
    assert bench.fakes.calls["Train"] == calls["Train"] + 1


def test_a_peer_that_is_away_or_busy_is_called_again(bench):
    bench.fakes.errors["Train"] = [UnavailableError("restarting"), BusyError("queue full", retry_after_s=0.1)]
    with bench.orchestrator() as stub:
        _, ended = run(stub, BASELINE)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert bench.fakes.calls["Train"] == 3


def test_patience_ends(bench):
    bench.fakes.errors["Train"] = [UnavailableError("gone")] * 50
    with bench.orchestrator(patience_s=0.5) as stub:
        _, ended = run(stub, BASELINE)
    assert ended.state == pb.EXPERIMENT_STATE_FAILED
    assert "trainer" in ended.error
    assert "gone" in ended.error


def test_cancel_stops_the_running_step_and_resume_continues(bench):
    gate = threading.Event()
    bench.fakes.hold["TrainAdapter"] = gate
    with bench.orchestrator() as stub:
        identity = start(stub, SHORT).experiment.experiment_id
        for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
            if event.step.title == "train adapter" and event.step.progress.stage == "held":
                break
        cancelled = stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity)).experiment
        assert cancelled.state == pb.EXPERIMENT_STATE_CANCELLED
        with pytest.raises(WrongStateError, match="nothing to cancel"):
            stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity))
        gate.set()
        resumed = stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity)).experiment
        assert resumed.state == pb.EXPERIMENT_STATE_RUNNING
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["import photographs"].state == REUSED


def test_a_stopped_orchestrator_continues_at_the_next_start(bench):
    gate = threading.Event()
    bench.fakes.hold["TrainAdapter"] = gate
    with bench.orchestrator() as stub:
        identity = start(stub, SHORT).experiment.experiment_id
        deadline = time.monotonic() + 200
        while not bench.fakes.calls["TrainAdapter"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    gate.set()
    trained = bench.fakes.calls["Train"]
    with bench.orchestrator() as stub:
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["train adapter"].state == SUCCEEDED
    assert bench.fakes.calls["Train"] == trained + 1  # the baseline's is not repeated


def test_a_bad_file_is_refused_with_its_lines(bench):
    with bench.orchestrator() as stub, pytest.raises(InvalidInputError) as caught:
        start(stub, EXPERIMENT.replace("shard_size", "shard_sise"))
    assert "small.yaml:8 generation.shard_sise" in str(caught.value)
    assert "did you mean 'shard_size'" in str(caught.value)
    assert caught.value.violations


def test_unknown_ids_are_named(bench):
    with bench.orchestrator() as stub:
        for call in (
            lambda: stub.DescribeExperiment(pb.DescribeExperimentRequest(experiment_id="nothing")),
            lambda: stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id="nothing")),
            lambda: list(stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id="nothing"))),
            lambda: stub.ServeModel(pb.ServeModelRequest(model_id="nothing")),
        ):
            with pytest.raises(NotFoundError, match="nothing"):
                call()


def test_an_experiment_waits_for_reviewers_and_takes_what_they_leave(bench):
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nplan: {spare_share: 0}\nreview: {policy: all, controls: 0}")
    with bench.orchestrator() as stub:
        identity = start(stub, text).experiment.experiment_id
        for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
            assert not event.HasField("ended"), event.ended.error
            if event.step.progress.stage.startswith("waiting for people"):
                assert event.step.title == "review by people"
                break
    with bench.orchestrator() as stub:  # another session finds it waiting still
        bench.fakes.people_done.set()
        steps, ended = follow(stub, identity)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert steps["review by people"].state == SUCCEEDED
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    first, *further = results["reviews"]
    assert first["rejected_count"] == -(-first["reviewed_count"] // 3)
    assert first["masked_by_task"] == {"glaze": 1}
    assert 1 <= len(further) <= 2  # images in place of the rejected are judged too, twice at most
    assert all(review["reviewed_count"] < first["reviewed_count"] for review in further)
    assert "Review by people" in bench.store.read(ref_from_proto(ended.report)).decode()
    records = [json.loads(bench.store.get(key)) for key in bench.store.list("steps/")]
    reviews = next(r["result"]["reviews"] for r in records if "reviews" in r["result"])
    rejected = {
        source
        for review in reviews
        for source in read_manifest(bench.store, ObjectRef.from_json(review["rejected"])).frame["source"]
    }
    assert len(rejected) == sum(review["rejected_count"] for review in reviews)
    for mix in (r["result"] for r in records if r["kind"] == "mix"):
        mixed = read_manifest(bench.store, ObjectRef.from_json(mix["manifest"])).frame
        assert not set(mixed["source"]) & rejected


def test_a_cancelled_experiment_closes_its_review_and_an_ended_service_does_not(bench):
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nplan: {spare_share: 0}\nreview: {policy: all, controls: 0}")

    def until_people_are_asked(stub, identity, times):
        while bench.fakes.calls["OpenReview"] < times:  # the story that is watched begins with former attempts
            time.sleep(0.05)
        for event in stub.WatchExperiment(pb.WatchExperimentRequest(experiment_id=identity), timeout=250):
            assert not event.HasField("ended"), event.ended.error
            if event.step.progress.stage.startswith("waiting for people"):
                return

    with bench.orchestrator() as stub:
        identity = start(stub, text).experiment.experiment_id
        until_people_are_asked(stub, identity, 1)
    assert bench.fakes.calls["CloseReview"] == 0
    with bench.orchestrator() as stub:
        until_people_are_asked(stub, identity, 2)
        stub.CancelExperiment(pb.CancelExperimentRequest(experiment_id=identity))
        assert bench.fakes.calls["CloseReview"] == 1
        asked = bench.fakes.calls["OpenReview"]
        stub.ResumeExperiment(pb.ResumeExperimentRequest(experiment_id=identity))
        until_people_are_asked(stub, identity, asked + 1)
        assert bench.fakes.calls["OpenReview"] == asked + 1  # which opens it again
        assert bench.fakes.opened.experiment == f"small ({identity[:8]})"
        bench.fakes.people_done.set()
        assert follow(stub, identity)[1].state == pb.EXPERIMENT_STATE_SUCCEEDED


def test_rejected_images_are_made_up_for(bench):
    """Half of all images are rejected, and no spares are planned."""
    bench.fakes.rejects = 2
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nplan: {spare_share: 0, top_up_rounds: 6}")
    with bench.orchestrator() as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    for arm in results["arms"][1:]:
        assert steps[f"top up {arm['name']}"].state == SUCCEEDED
        screening = arm["screening"]
        assert arm["share_reached"] == pytest.approx(arm["share_asked"], abs=0.01)
        assert screening["accepted_count"] >= screening["wanted"]
        assert screening["planned"] < screening["accepted_count"] + screening["rejected_count"]
        assert [each["accepted"] for each in screening["rounds"]][-1] == screening["accepted_count"]
    assert set(bench.fakes.generated.values()) == {1}  # arms share images
    assert "topped up" in bench.store.read(ref_from_proto(ended.report)).decode()


def test_a_limit_ends_the_topping_up(bench):
    bench.fakes.rejects = 1  # all of them
    text = EXPERIMENT.replace("seeds: [0, 1]", "seeds: [0]\nplan: {spare_share: 0, top_up_rounds: 1}")
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    assert [len(arm["screening"]["rounds"]) for arm in results["arms"][1:]] == [1, 1]
    assert [arm["by_origin"].get("synthetic", 0) for arm in results["arms"][1:]] == [0, 0]


def test_an_imported_data_set_is_used_as_it_is(bench, tmp_path):
    labels = write_collection(tmp_path / "drawn", 160, 3, 32)
    report = import_csv(labels.parent, labels, load_taxonomy("kilnsim"), bench.store)
    identity = write_manifest(bench.store, report.manifest).key.split("/")[1]
    text = BASELINE.replace("kilnsim: {count: 160, seed: 3, size_px: 32}", f"dataset: {identity}")
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
        _, narrow = run(stub, text.replace("dataset:", "where: {type: [Bowl]}\n  dataset:"))
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    assert results["data"]["images"] == len(report.manifest)
    assert results["data"]["source"] == {"kind": "dataset", "dataset": identity}
    assert narrow.state == pb.EXPERIMENT_STATE_SUCCEEDED, narrow.error
    narrowed = json.loads(bench.store.read(ref_from_proto(narrow.results)))
    assert narrowed["data"]["images"] == report.manifest.counts("type")["Bowl"]
    assert "type" not in [task["name"] for task in narrowed["taxonomy"]["tasks"]]  # nothing to tell apart


def test_classes_that_where_leaves_out_leave_their_task(bench, tmp_path):
    labels = write_collection(tmp_path / "drawn", 160, 3, 32)
    report = import_csv(labels.parent, labels, load_taxonomy("kilnsim"), bench.store)
    identity = write_manifest(bench.store, report.manifest).key.split("/")[1]
    text = BASELINE.replace(
        "kilnsim: {count: 160, seed: 3, size_px: 32}",
        f"dataset: {identity}\n  where: {{type: [Bowl, Vase, Plate]}}",
    )
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    (kind,) = [task for task in results["taxonomy"]["tasks"] if task["name"] == "type"]
    assert kind["codes"] == ["Bowl", "Plate", "Vase"]


def test_a_data_set_without_labels_of_a_task_says_what_to_write(bench, tmp_path):
    labels = write_collection(tmp_path / "drawn", 160, 3, 32)
    taxonomy = load_taxonomy("kilnsim").narrowed(["glaze", "type"])
    manifest = import_csv(labels.parent, labels, taxonomy, bench.store).manifest
    identity = write_manifest(bench.store, manifest).key.split("/")[1]
    text = BASELINE.replace("kilnsim: {count: 160, seed: 3, size_px: 32}", f"dataset: {identity}")
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_FAILED
    assert "put `tasks: [glaze, type]` into the experiment" in ended.error


def test_an_adapter_for_some_tasks_beside_another_of_the_store(bench):
    card = b'{"adapter_id": "abcd1234", "base_model": "nano"}'
    other = bench.store.put("adapters/abcd1234/adapter.json", card, "application/json")
    text = SHORT.replace("adapter: {images: 20, steps: 5}", "adapter: {images: 20, steps: 5, tasks: [glaze]}")
    text = text.replace("{shard_size: 8}", "{shard_size: 8, adapter_weight: 0.5, further_adapters: {abcd1234: 0.25}}")
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
        _, failed = run(stub, text.replace("abcd1234", "0000ffff"))
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert bench.fakes.uses["abcd1234"] == (f"store:{other.key}", 0.25)
    assert bench.fakes.uses["adapter"][1] == 0.5
    records = [json.loads(bench.store.get(key)) for key in bench.store.list("steps/")]
    chosen = next(record["result"]["manifest"] for record in records if record["kind"] == "select")
    captions = set(read_manifest(bench.store, ObjectRef.from_json(chosen)).frame["caption"])
    assert any("glaze" in caption for caption in captions)
    assert not any("dynasty" in caption or "kiln" in caption for caption in captions)
    assert failed.state == pb.EXPERIMENT_STATE_FAILED
    assert "no adapter '0000ffff'" in failed.error


def test_cracked_is_left_out_for_crackled_wares_unless_told_otherwise(bench):
    text = SHORT.replace("{shard_size: 8}", '{shard_size: 8, negative_prompt: "dim, cracked"}')
    text += "plan: {combinations: [{kiln: Guan}, {kiln: Ding}], most_confused: 0}\n"
    found = []
    for wanted in (text, text.replace("{shard_size", "{keep_cracked: true, shard_size")):
        bench.fakes.avoided.clear()
        with bench.orchestrator() as stub:
            _, ended = run(stub, wanted)
        assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
        by_kiln = {prompt.split()[0]: negative for prompt, negative in bench.fakes.avoided.items()}
        told = json.loads(bench.store.read(ref_from_proto(ended.results)))["synthesis"]["cracked"]
        made = Counter(prompt_id.split(".")[1] for prompt_id in bench.fakes.generated)
        found.append((by_kiln, told))
        assert (told["images"], told["of"]) == (made["Guan"], made.total())
    (dropped, first), (kept, second) = found
    assert dropped == {"Guan": "dim", "Ding": "dim, cracked"}
    assert kept == dict.fromkeys(("Guan", "Ding"), "dim, cracked")
    assert (first["wares"], first["left_out"], second["left_out"]) == (["Guan"], True, False)


def test_images_start_from_photographs_though_the_same_were_made_from_noise(bench):
    with bench.orchestrator() as stub:
        run(stub, SHORT)
        assert set(bench.fakes.strengths.values()) == {0.0}
        bench.fakes.strengths.clear()
        _, ended = run(stub, SHORT.replace("{shard_size: 8}", "{shard_size: 8, photograph_strength: 0.6}"))
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert {round(value, 6) for value in bench.fakes.strengths.values()} == {0.6}


def test_folds_controls_and_given_back_photographs_end_in_one_report(bench):
    """Every object is tested once; each fold has an adapter and images of its own; controls match their arm."""
    arms = """\
arms:
  - name: baseline
  - {name: plain, training: {logit_adjustment: loss}}
  - {name: "10 %", synthetic: {share: 0.1}}
  - {name: masked, extends: "10 %", synthetic_task_weights: {glaze: 0}}
  - {name: control, control: {of: "10 %"}}
  - {name: photographs, give_back: 8}
"""
    text = EXPERIMENT.partition("arms:")[0].replace("seeds: [0, 1]", "seeds: [0]") + arms
    text = text.replace("kilnsim: {count: 160", "folds: 2\n  withhold: 12\n  kilnsim: {count: 160")
    with bench.orchestrator() as stub:
        steps, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    assert results["evidence"]["folds"] == 2
    assert results["evidence"]["images"] == results["data"]["images"]  # out-of-fold: nearly every one is tested
    assert sum(results["data"]["test_images_by_split"]) == results["data"]["images"]
    arms = {arm["name"]: arm for arm in results["arms"]}
    assert [(run["seed"], run["fold"]) for run in arms["baseline"]["runs"]] == [(0, 0), (0, 1)]
    assert arms["control"]["control_images"] == arms["10 %"]["by_origin"]["synthetic"]
    assert "synthetic" not in arms["control"]["by_origin"]
    assert arms["masked"]["by_origin"] == arms["10 %"]["by_origin"]
    given = arms["photographs"]["by_origin"]["real"] - arms["baseline"]["by_origin"]["real"]
    assert 8 <= given <= 12
    assert arms["10 %"]["worth"]["photographs"] >= 0
    assert arms["baseline"]["worth"] is None
    assert (results["devices"], results["versions"]["torch"]) == (["cpu, 1 thread"], "2.9")
    assert bench.fakes.calls["TrainAdapter"] == 2
    assert steps["fold 2 of 2: train masked, seed 0"].state == SUCCEEDED
    records = [json.loads(bench.store.get(key)) for key in bench.store.list("steps/")]
    trained = [record["inputs"]["settings"] for record in records if record["kind"] == "train"]
    assert len({(one["manifest"]) for one in (r["inputs"] for r in records if r["kind"] == "train")}) > 6
    assert all(one["steps_per_epoch"] > 0 for one in trained)
    by_fold = {one["steps_per_epoch"] for one in trained}
    assert len(by_fold) <= 2  # equal for all arms of a fold
    assert any(one.get("synthetic_task_weights") == {"glaze": 0.0} for one in trained)
    selected = [record["result"]["manifest"] for record in records if record["kind"] == "select"]
    splits = [record["result"]["manifest"] for record in records if record["kind"] == "split"]
    for photographs, split in zip(selected, splits, strict=True):
        used = set(read_manifest(bench.store, ObjectRef.from_json(photographs)).frame["object_id"])
        parts = [read_manifest(bench.store, ObjectRef.from_json(one)).select(split="test") for one in splits]
        assert any(not used & set(part.frame["object_id"]) for part in parts)  # of its own fold, none is tested
        assert split


def test_a_share_is_chosen_on_validation_and_no_pickle_is_kept(bench):
    text = EXPERIMENT.partition("arms:")[0].replace("seeds: [0, 1]", "seeds: [0]") + (
        "arms:\n  - name: baseline\n"
        "  - {name: best, synthetic: {share: auto, candidates: [0, 0.05, 0.1], tuning_seeds: [7, 8]}}\n"
    )
    with bench.orchestrator() as stub:
        steps, ended = run(stub, text)
        listed = stub.ListExperiments(pb.ListExperimentsRequest()).experiments[0]
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert bench.fakes.calls["Evaluate"] == 3  # the baseline on validation and test, the chosen share on test
    results = json.loads(bench.store.read(ref_from_proto(ended.results)))
    (chosen,) = results["arms"][1]["share_chosen"]
    assert chosen["share"] in {0, 0.05, 0.1}
    assert [len(one["scores"]) for one in chosen["candidates"]] == [2, 2, 2]
    assert steps["choose share of best"].state == SUCCEEDED
    assert (listed.title, listed.photographs) == ("small", results["data"]["images"])
    assert listed.seconds > 0
    assert listed.headline

    with sqlite3.connect(bench.folder / "workflows.sqlite") as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        values = [value for table in tables for row in database.execute(f'SELECT * FROM "{table}"') for value in row]  # noqa: S608
    assert "saggar_json" in values
    assert "py_pickle" not in values
    for value in values:
        raw = value if isinstance(value, bytes) else _decoded(value)
        assert not raw.startswith(b"\x80\x04"), raw[:40]


def _decoded(value):
    """The bytes that a text may stand for."""
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else b""
    except ValueError:
        return b""
