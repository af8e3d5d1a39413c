"""Imported data sets in experiments, narrowed or lacking labels."""

import json

from orchestrator_bench import BASELINE, run
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.rpc.refs import ref_from_proto
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar.v1 import orchestrator_pb2 as pb


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
