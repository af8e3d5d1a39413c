"""Two replicas of the classifier, busy for a while: models are swapped, one request in twenty is hostile."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from classifier_process import ClassifierProcess
from hostile_calls import REFUSED, pictures
from saggar.client import Classifier, Question
from saggar.errors import SaggarError
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore, ObjectRef
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

_HOSTILE = 20  # one in so many requests
_CALLERS = 3
_BATCH = 8
_REST_S = 12.0  # until free memory has been given back
_CLASSIFY = "/saggar.v1.ClassifierService/Classify"


class Soak:
    """`run` it once; afterwards `report` says what happened."""

    def __init__(self, store: DirectoryStore, bundles: Sequence[ObjectRef], images: Sequence[bytes]) -> None:
        """`bundles` are swapped in turn; `images` are what honest callers send."""
        self._store = store
        self._bundles = bundles
        self._images = images
        self._over = threading.Event()
        self._count = threading.Lock()
        self._sent: Counter[str] = Counter()
        self._models: Counter[str] = Counter()
        self._failed: list[str] = []
        self._wrong: list[str] = []
        self._samples: list[list[tuple[float, float, int, int]]] = []
        self._rest: list[float] = []  # MiB of each replica once nobody asks any more

    def run(self, folder: Path, seconds: float, swap_every_s: float, sample_every_s: float = 1.0) -> None:
        with (
            ClassifierProcess(self._store.root, folder, log_level="error") as one,
            ClassifierProcess(self._store.root, folder, log_level="error") as two,
        ):
            replicas = (one, two)
            addresses = [each.address() for each in replicas]
            self._activate(addresses[0], 0)
            for address in addresses:
                _until_it_serves(address)
            target = f"ipv4:{','.join(addresses)}"
            threads = [
                *(threading.Thread(target=self._call, args=(target, addresses, number)) for number in range(_CALLERS)),
                threading.Thread(target=self._stream, args=(target,)),
                threading.Thread(target=self._swap, args=(addresses, swap_every_s)),
            ]
            for thread in threads:
                thread.start()
            began = time.monotonic()
            self._samples = [[] for _ in replicas]
            while time.monotonic() - began < seconds:
                for samples, each in zip(self._samples, replicas, strict=True):
                    at = time.monotonic() - began
                    samples.append((at, each.memory_mib(), each.descriptors(), each.threads()))
                self._over.wait(sample_every_s)
            self._over.set()
            for thread in threads:
                thread.join()
            time.sleep(_REST_S)
            self._rest = [each.memory_mib() for each in replicas]
            self._failed += [f"a replica ended with {code}" for each in replicas if (code := each.leave()) != 0]

    def report(self) -> dict[str, Any]:
        """Counts, failures, and per replica memory, its slope over the second half, descriptors and threads."""
        return {
            "requests": dict(self._sent),
            "answers_by_model": dict(self._models),
            "failed_valid_requests": len(self._failed),
            "first_failures": self._failed[:5],
            "hostile_answered_wrongly": self._wrong[:5],
            "replicas": [
                _summary(samples) | {"at_rest_mib": round(rest)}
                for samples, rest in zip(self._samples, self._rest, strict=True)
            ],
        }

    def _call(self, target: str, addresses: Sequence[str], number: int) -> None:
        bad = [classifier_pb2.ClassifyRequest(image=data).SerializeToString() for data in pictures()]
        del bad[2]  # the one that is a photograph
        with Classifier(target) as client, grpc.insecure_channel(addresses[number % 2]) as raw:
            turn = number
            while not self._over.is_set():
                turn += 1
                if turn % _HOSTILE == 0:
                    self._attack(raw, bad[turn // _HOSTILE % len(bad)])
                else:
                    self._ask(client, self._images[turn % len(self._images)])

    def _ask(self, client: Classifier, image: bytes) -> None:
        try:
            found = client.classify(image, Question(neighbours=1))
        except SaggarError as error:
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._answered("valid", found.model_id)

    def _attack(self, channel: grpc.Channel, data: bytes) -> None:
        code = grpc.StatusCode.OK
        try:
            channel.unary_unary(_CLASSIFY)(data, 60)
        except grpc.RpcError as error:
            code = error.code()
        with self._count:
            self._sent["hostile"] += 1
        if code not in {*REFUSED, grpc.StatusCode.RESOURCE_EXHAUSTED}:
            self._wrong.append(code.name)

    def _stream(self, target: str) -> None:
        with Classifier(target) as client:
            while not self._over.is_set():
                try:
                    for found in client.classify_many([*self._images[:_BATCH]]):
                        if isinstance(found, SaggarError):
                            self._fail(f"in a stream, {type(found).__name__}: {found}")
                        else:
                            self._answered("streamed", found.model_id)
                except SaggarError as error:
                    self._fail(f"a stream, {type(error).__name__}: {error}")

    def _swap(self, addresses: Sequence[str], every_s: float) -> None:
        turn = 0
        while not self._over.wait(every_s):
            turn += 1
            try:
                self._activate(addresses[turn % 2], turn)
            except SaggarError as error:
                self._fail(f"activation, {type(error).__name__}: {error}")

    def _activate(self, address: str, turn: int) -> None:
        with open_channel(address) as channel:
            stub: Any = classifier_pb2_grpc.ClassifierServiceStub(channel)
            bundle = ref_to_proto(self._bundles[turn % len(self._bundles)])
            stub.ActivateModel(classifier_pb2.ActivateModelRequest(bundle=bundle), timeout=60)
        with self._count:
            self._sent["activations"] += 1

    def _answered(self, kind: str, model_id: str) -> None:
        with self._count:
            self._sent[kind] += 1
            self._models[model_id] += 1

    def _fail(self, text: str) -> None:
        with self._count:
            self._failed.append(text)


def _until_it_serves(address: str) -> None:
    with Classifier(address, attempts=1) as client:
        deadline = time.monotonic() + 60
        while True:
            try:
                client.describe()
            except SaggarError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                return


def _summary(samples: Sequence[tuple[float, float, int, int]]) -> dict[str, Any]:
    at, memory, descriptors, threads = (np.array(values) for values in zip(*samples, strict=True))
    half = at >= at[-1] / 2
    slope = np.polyfit(at[half] / 60, memory[half], 1)[0] if half.sum() > 2 else 0.0
    return {
        "memory_mib": [round(float(memory[0])), round(float(memory[-1]))],
        "largest_mib": round(float(memory.max())),
        "slope_of_second_half_mib_per_minute": round(float(slope), 2),
        "descriptors_middle_and_end": [int(np.median(descriptors[half][:5])), int(np.median(descriptors[-5:]))],
        "threads_middle_and_end": [int(np.median(threads[half][:5])), int(np.median(threads[-5:]))],
    }
