"""What an experiment asks the generator for, and what it does about images that were rejected."""

import json
from collections import Counter

import pytest
from orchestrator_bench import SHORT, SUCCEEDED, run
from orchestrator_fakes import EXPERIMENT
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef
from saggar.stored_datasets import read_manifest
from saggar.v1 import orchestrator_pb2 as pb


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


def test_a_glaze_can_have_a_weight_of_its_own(bench):
    rule = "weights: [{labels: {glaze: White}, weight: 0.7}]"
    text = SHORT.replace("{shard_size: 8}", f"{{shard_size: 8, {rule}}}")
    text += "plan: {combinations: [{glaze: White}, {glaze: MoonW}], most_confused: 0}\n"
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    asked = {prompt.endswith(" <lora:adapter:0.7>"): prompt for prompt in bench.fakes.avoided}
    assert asked.keys() == {True, False}
    assert "white glaze" in asked[True]
    assert "moon white glaze" in asked[False]


def test_images_follow_training_photographs_through_a_control_net(bench, tmp_path):
    text = SHORT.replace("{shard_size: 8}", f"{{shard_size: 8, control_net: {{path: {tmp_path}, condition: outline}}}}")
    with bench.orchestrator() as stub:
        _, ended = run(stub, text)
        made = sum(bench.fakes.generated.values())
        bench.fakes.control_net_hash = "d" * 64  # another network in the same folder
        run(stub, text.replace("name: ", "name: again-"))
    assert ended.state == pb.EXPERIMENT_STATE_SUCCEEDED, ended.error
    assert set(bench.fakes.controls) == set(bench.fakes.generated)
    nets, photographs = zip(*bench.fakes.controls.values(), strict=True)
    assert {(net.path, net.condition, net.scale) for net in nets} == {(str(tmp_path), "outline", 1.0)}
    assert all(bench.store.exists(uri.removeprefix("store:")) for uri in photographs)
    records = [json.loads(bench.store.get(key)) for key in bench.store.list("steps/")]
    assert made
    assert sum(record["kind"] == "generate" for record in records) == 2
