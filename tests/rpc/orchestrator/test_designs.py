"""Folds, controls, photographs given back, shares chosen on validation."""

import base64
import json
import sqlite3

from orchestrator_bench import SUCCEEDED, run
from orchestrator_fakes import EXPERIMENT
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef
from saggar.stored_datasets import read_manifest
from saggar.v1 import orchestrator_pb2 as pb


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
