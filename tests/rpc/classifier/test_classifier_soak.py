"""The short form of bench/services/soak.py: no failed valid request over hot swaps, no leaked thread or descriptor."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from classifier_process import ClassifierProcess
from saggar.store import DirectoryStore
from saggar.v1 import classifier_pb2
from soak_run import Soak
from test_classifier import BLUE, RED, bundle
from test_classifier_answers import certain_bundle

OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]

pytestmark = pytest.mark.slow


@pytest.mark.timeout(300)
def test_models_are_swapped_under_load_without_a_failed_request(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    bundles = [bundle(store), bundle(store, 1), certain_bundle(store)]
    soak = Soak(store, bundles, [RED, BLUE] * 8)
    soak.run(tmp_path, seconds=20, swap_every_s=2)
    found = soak.report()
    assert found["first_failures"] == []
    assert found["hostile_answered_wrongly"] == []
    assert set(found["answers_by_model"]) == {ref.key.split("/")[1] for ref in bundles}
    assert min(found["requests"][kind] for kind in ("valid", "streamed", "hostile")) > 20
    assert found["requests"]["activations"] >= 5
    for replica in found["replicas"]:
        middle, end = replica["descriptors_middle_and_end"]
        assert end <= middle + 10, replica
        middle, end = replica["threads_middle_and_end"]
        assert end <= middle + 10, replica
        assert replica["at_rest_mib"] < replica["memory_mib"][0] + 60, replica


@pytest.mark.timeout(120)
def test_large_requests_leave_no_memory_behind(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    large = classifier_pb2.ClassifyRequest(image=bytes(17 * 2**20)).SerializeToString()
    with ClassifierProcess(store.root, tmp_path, model=bundle(store).key, log_level="error") as served:
        address = served.address()

        def send(_: int) -> None:
            with grpc.insecure_channel(address, OWN_CONNECTION) as channel:
                for _ in range(10):
                    with pytest.raises(grpc.RpcError, match=r"17\.0 MiB"):
                        channel.unary_unary("/saggar.v1.ClassifierService/Classify")(large, 60)

        before = served.memory_mib()
        with ThreadPoolExecutor(6) as senders:
            list(senders.map(send, range(6)))
        deadline = time.monotonic() + 30
        while served.memory_mib() > before + 40 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert served.memory_mib() < before + 40
