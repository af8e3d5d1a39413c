"""How many shards are under way at once, against several stand-ins of the generator."""

import threading
import time

import pytest
from orchestrator_fakes import serve_fakes
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore
from saggar.v1 import generator_pb2
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.progress import Cancellation


@pytest.fixture
def replicas(tmp_path):
    """Five generators on one store, whose work waits for `gate`: (fakes, peers, gate)."""
    gate, store = threading.Event(), DirectoryStore(tmp_path / "store")
    served = [serve_fakes(store) for _ in range(5)]
    for fakes, _ in served:
        fakes.hold["Generate"] = gate
    peers = Peers({"generator": ",".join(server.address for _, server in served)}, patience_s=30)
    yield [fakes for fakes, _ in served], peers, gate
    gate.set()
    peers.close()
    for _, server in served:
        server.stop()


def generate(peers, count):
    prompts = [generator_pb2.PromptItem(prompt_id=f"p{n}", prompt="white bowl", seed=n) for n in range(count)]
    calls = Calls(peers, Cancellation())
    return generate_in_shards(calls, Order("nano"), prompts, shard_size=2, parallel=2, report=lambda _: None)


def test_every_replica_has_a_shard_whatever_the_least_number(replicas):
    fakes, peers, gate = replicas
    images = {}
    work = threading.Thread(target=lambda: images.update(generate(peers, 20)))
    work.start()
    deadline = time.monotonic() + 60
    while not all(each.calls["Generate"] for each in fakes) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert [each.calls["Generate"] for each in fakes] == [1] * 5
    gate.set()
    work.join(60)
    assert sorted(images) == sorted(f"p{n}" for n in range(20))


def test_after_a_refused_shard_no_other_is_begun(replicas):
    fakes, peers, gate = replicas
    gate.set()
    for each in fakes:
        each.errors["Generate"] = [InvalidInputError("no such base model")] * 20
    with pytest.raises(InvalidInputError, match="no such base model"):
        generate(peers, 100)
    assert sum(each.calls["Generate"] for each in fakes) < 25  # of 50
