"""One, two and three replicas of the generator, one of them killed at work: the same images, each once."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from dns_server import dns_server
from generator_process import generator_process
from saggar.errors import CancelledError
from saggar.rpc.channel import open_channel
from saggar.store import DirectoryStore
from saggar.v1 import generator_pb2, generator_pb2_grpc
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.progress import Cancellation
from tiny_pipeline import save_tiny_pipeline

COUNT = 36


def prompts(first: int) -> list[generator_pb2.PromptItem]:
    return [
        generator_pb2.PromptItem(prompt_id=f"p{number}", prompt="white bowl", seed=number)
        for number in range(first, first + COUNT)
    ]


def order(base: str) -> Order:
    return Order(base, settings=generator_pb2.GenerationSettings(steps=8, batch_size=2))


def generated(base, addresses, items, on_image=lambda _: None):
    """The image of each prompt id by way of these replicas, round robin, and their shards."""
    peers = Peers({"generator": "ipv4:" + ",".join(addresses)}, patience_s=120)
    seen = []

    def report(progress):
        if progress.done > len(seen):
            seen.append(progress.done)
            on_image(progress.done)

    try:
        images = generate_in_shards(
            Calls(peers, Cancellation()), order(base), items, shard_size=4, parallel=3, report=report
        )
    finally:
        peers.close()
    return {identity: image.image.sha256 for identity, image in images.items()}


def describe(address):
    with open_channel(address) as channel:
        stub = generator_pb2_grpc.GeneratorServiceStub(channel)
        return stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_replicas_make_the_same_images_and_each_once(tmp_path: Path) -> None:
    base = str(save_tiny_pipeline(tmp_path / "base"))
    shared, alone = tmp_path / "shared", tmp_path / "alone"
    with ExitStack() as stack:
        replicas = [stack.enter_context(generator_process(shared, tmp_path / f"r{n}")) for n in range(3)]
        addresses = [address for address, _ in replicas]
        made_before_the_kill = []

        def kill_one(done: int) -> None:
            if done == 5:
                made_before_the_kill.extend(DirectoryStore(shared).list("generated/"))
                replicas[0][1]()

        three = generated(base, addresses, prompts(0), kill_one)
        assert 0 < len(made_before_the_kill) < COUNT, "the kill came too late to test anything"
        two = generated(base, addresses, prompts(COUNT))  # the dead one's address is still among them
        loaded = [describe(address).loaded_base_model for address in addresses[1:]]
    with generator_process(alone, tmp_path / "one") as (address, _):
        one = generated(base, [address], prompts(0)) | generated(base, [address], prompts(COUNT))
    assert three | two == one
    assert sorted(one) == sorted(f"p{number}" for number in range(2 * COUNT))
    for store in (DirectoryStore(shared), DirectoryStore(alone)):
        assert len(list(store.list("generated/"))) == 2 * COUNT
        assert len(list(store.list("images/"))) == 2 * COUNT
    assert all(loaded), "a replica had nothing to do"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_replica_that_joins_in_mid_run_gets_work_within_thirty_seconds(tmp_path: Path) -> None:
    """Three replicas behind one name; the third one's address is published when the first images are there."""
    base = str(save_tiny_pipeline(tmp_path / "base"))
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    with ExitStack() as stack:
        first = stack.enter_context(generator_process(tmp_path / "store", tmp_path / "r0"))[0]
        port = first.rpartition(":")[2]
        for host in hosts[1:]:
            stack.enter_context(generator_process(tmp_path / "store", tmp_path / host, f"{host}:{port}"))
        name = stack.enter_context(dns_server(hosts[:2]))
        peers = Peers({"generator": f"dns://127.0.0.1:{name.port}/generator.test:{port}"}, patience_s=120)
        stack.callback(peers.close)
        cancellation, joined_at, waited_s = Cancellation(), [], []

        def progress(event):
            if event.done and not joined_at:
                assert not describe(f"{hosts[2]}:{port}").loaded_base_model  # nobody knows of it yet
                name.addresses.append(hosts[2])
                joined_at.append(time.monotonic())
                threading.Thread(target=watch, daemon=True).start()

        def watch():
            while not waited_s:
                described = describe(f"{hosts[2]}:{port}")
                waited = time.monotonic() - joined_at[0]
                if described.jobs_running or described.loaded_base_model or waited > 60:
                    waited_s.append(waited)
                    cancellation.cancel()
                time.sleep(0.1)

        many = [
            generator_pb2.PromptItem(prompt_id=f"p{number}", prompt="white bowl", seed=number)
            for number in range(40_000)
        ]
        with pytest.raises(CancelledError):
            generate_in_shards(Calls(peers, cancellation), order(base), many, shard_size=4, parallel=6, report=progress)
    print(f"a replica that joined got work after {waited_s[0]:.1f} s ({name.questions} questions to the name service)")
    assert waited_s[0] < 30
