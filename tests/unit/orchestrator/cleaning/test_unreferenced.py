"""What nothing in a store refers to: found by what names what, on both stores."""

import json
import os
import time
import uuid
from urllib.parse import urlsplit

import pandas as pd
import pytest
from minio import Minio
from saggar.store import DirectoryStore, open_store
from saggar_orchestrator.cleaning import Circumstances, Cleaned, take_out, unreferenced

ENDPOINT = os.environ.get("SAGGAR_TEST_S3_ENDPOINT", "")
KEYS = os.environ.get("SAGGAR_TEST_S3_ACCESS_KEY", ""), os.environ.get("SAGGAR_TEST_S3_SECRET_KEY", "")
DAY_S = 24 * 3600.0


@pytest.fixture(params=["directory", "s3"])
def store(request, tmp_path):
    if request.param == "directory":
        yield DirectoryStore(tmp_path / "store")
        return
    if not ENDPOINT:
        pytest.skip("no S3 server; set SAGGAR_TEST_S3_ENDPOINT")
    parts, name = urlsplit(ENDPOINT), f"saggar-test-{uuid.uuid4().hex[:12]}"
    client = Minio(parts.netloc, *KEYS, secure=parts.scheme == "https", region="us-east-1")
    client.make_bucket(name)
    yield open_store(f"s3://{name}?endpoint={ENDPOINT}", *KEYS)
    for item in client.list_objects(name, recursive=True):
        client.remove_object(name, item.object_name)
    client.remove_bucket(name)


def put(store, key, value=None):
    """An object, whose content is its key's where it has none of its own; returns its reference."""
    data = key.encode() if value is None else json.dumps(value).encode()
    return store.put(key, data, "application/octet-stream").to_json()


def image(store, number):
    sha256 = f"{number:064x}"
    return put_raw(store, f"images/{sha256[:2]}/{sha256}.png")["key"]


def put_raw(store, key):
    return store.put(key, key.encode(), "image/png").to_json()


def manifest(store, identity, images, origin="synthetic"):
    frame = pd.DataFrame({"image": images, "origin": [origin] * len(images), "label_glaze": ["White"] * len(images)})
    return store.put(f"datasets/{identity}/manifest.parquet", frame.to_parquet(), "application/octet-stream").to_json()


def later(store, days=2.0, **circumstances):
    """Keys that nothing refers to, some days from now."""
    under = Circumstances(now=time.time() + days * DAY_S, older_than_s=DAY_S, **circumstances)
    return {entry.key for entry in unreferenced(store, under)}


@pytest.fixture
def worked(store):
    """What an experiment has left: by the name of each its key."""
    drawn, other = image(store, 1), image(store, 2)
    mixed = manifest(store, "aaaaaaaaaaaaaaaa", [drawn])
    bundle = put(store, "bundles/bbbbbbbbbbbbbbbb/bundle.json", {"training": {}})
    put(store, "bundles/bbbbbbbbbbbbbbbb/model.onnx")
    put(store, "results/trainer/cccc.json", {"bundle": bundle})
    put(store, "generated/11/1111.json", {"image": {"key": drawn}})
    put(store, "generated/22/2222.json", {"image": {"key": other}})
    put(store, f"features/e1/plain/00/{drawn.rpartition('/')[2][:-4]}.npy")
    put(store, f"features/e1/plain/00/{other.rpartition('/')[2][:-4]}.npy")
    put(store, "steps/0123456789abcdef.json", {"kind": "mix", "inputs": {}, "result": {"manifest": mixed}})
    put(store, "steps/fedcba9876543210.json", {"kind": "train", "inputs": {}, "result": {"bundle": bundle}})
    put(store, "checkpoints/trainer/dddd/state.safetensors")
    put(store, "experiments/one/specification.json", {"experiment": {}})
    return store


NOTHING_NAMES = {
    f"images/00/{2:064x}.png",
    "generated/22/2222.json",
    f"features/e1/plain/00/{2:064x}.npy",
    "checkpoints/trainer/dddd/state.safetensors",
}


def test_what_results_name_by_step_is_kept_with_all_that_it_names(worked):
    steps = [{"step_id": "0123456789abcdef"}, {"step_id": "fedcba9876543210"}]
    put(worked, "experiments/one/results.json", {"steps": steps})
    assert later(worked) == NOTHING_NAMES


def test_of_a_deleted_experiment_all_goes(worked):
    everything = {key for key in worked.list("") if not key.startswith("experiments/")}
    assert later(worked) == everything


def test_what_is_young_is_kept_with_all_that_it_names(worked):
    assert later(worked, days=0.5) == set()


def test_what_a_database_or_a_plan_mentions_is_kept(worked):
    assert later(worked, mentioned=(["0123456789abcdef"], {"result": "fedcba9876543210"})) == NOTHING_NAMES
    assert "bundles/bbbbbbbbbbbbbbbb/model.onnx" not in later(worked, mentioned=("bbbbbbbbbbbbbbbb",))


def test_beside_steps_under_way_nothing_goes_that_workers_may_find_again(worked):
    gone = later(worked, steps_under_way=True)
    assert gone == {"datasets/aaaaaaaaaaaaaaaa/manifest.parquet"} | set(worked.list("steps/")) - {
        "steps/fedcba9876543210.json"  # what it names is left
    }


def test_checkpoints_are_kept_while_an_experiment_may_go_on(worked):
    assert "checkpoints/trainer/dddd/state.safetensors" not in later(worked, resumable=True)


def test_what_people_brought_is_never_in_question(store):
    photograph = image(store, 3)
    manifest(store, "photographs", [photograph], origin="real")
    put(store, "datasets/photographs/import-1.csv")
    put(store, "adapters/imported/imported.safetensors")
    put(store, "adapters/imported/adapter.json", {})
    judged = image(store, 4)
    put(store, "reviews/r1/review.json", {"items": [{"image": judged.removeprefix("images/")}]})
    put(store, "classifier/active/1.json", put(store, "bundles/serving/bundle.json", {}))
    put(store, "bundles/serving/model.onnx")
    stray = image(store, 5)  # of an import that was broken off
    assert later(store) == {stray}


def test_an_experiment_that_names_a_data_set_or_an_adapter_by_id_keeps_it(store):
    drawn = image(store, 1)
    manifest(store, "aaaaaaaaaaaaaaaa", [drawn])
    put(store, "adapters/abcdef0123456789/adapter.json", {})
    settings = {"data": {"dataset": "aaaaaaaaaaaaaaaa"}, "generation": {"further_adapters": {"abcdef0123456789": 0.5}}}
    put(store, "experiments/one/specification.json", {"experiment": settings})
    assert later(store) == set()


def test_damaged_objects_do_not_stop_it(store):
    store.put("experiments/one/results.json", b"{", "application/json")
    store.put("datasets/broken/manifest.parquet", b"no table", "application/octet-stream")
    assert later(store) == set()  # what cannot be read may be what people brought


def test_what_was_put_again_meanwhile_stays(store, monkeypatch):
    for number in (1, 2):
        image(store, number)
    under = Circumstances(now=time.time() + 2 * DAY_S, older_than_s=DAY_S)
    first, second = unreferenced(store, under)
    aged = [first, type(second)(second.key, second.size_bytes, second.modified - 1)]  # as if it was put since
    assert take_out(store, aged, lambda _: None) == [first]
    assert list(store.list("")) == [second.key]


def test_sizes_are_told_by_folder(store):
    image(store, 1)
    put(store, "plans/1.json", {})
    found = unreferenced(store, Circumstances(now=time.time() + 2 * DAY_S, older_than_s=DAY_S))
    counted = Cleaned.of(found, deleted=False, is_partial=False)
    assert [(each.name, each.objects) for each in counted.folders] == [("images", 1), ("plans", 1)]
    assert sum(each.size_bytes for each in counted.folders) == sum(entry.size_bytes for entry in store.entries(""))


def test_adapters_that_a_training_kept_stay_with_it(store):
    final = put(store, "adapters/ffffffffffffffff/adapter.json", {"adapter_id": "ffffffffffffffff"})
    put(store, "adapters/ffffffffffffffff/kept/0000250.json", {"adapter": "eeeeeeeeeeeeeeee", "step": 250})
    for identity in ("eeeeeeeeeeeeeeee", "dddddddddddddddd"):
        put(store, f"adapters/{identity}/adapter.json", {"adapter_id": identity})
        put(store, f"adapters/{identity}/adapter.safetensors")
    lost = {f"adapters/dddddddddddddddd/{name}" for name in ("adapter.json", "adapter.safetensors")}
    assert later(store, mentioned=(final,)) == lost
