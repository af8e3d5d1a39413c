"""Hostile requests to one classifier, from a process of their own:

python classifier_attack.py ADDRESS KEY FLOOD_KEY SEED

Fuzzed messages of both protocols, tensors that lie about themselves, bombs and halves of pictures, numbers at their
limits, senders that never send, calls that are given up, and a flood from the key that may call 60 times a minute.
Prints JSON: how many requests came to which status, and which were wrong.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
from hostile_calls import REFUSED, SENSIBLE, hostile_calls, photograph, pictures
from saggar.v1 import classifier_pb2
from saggar_classifier.protocols.inference import grpc_service_pb2 as pb

Code = grpc.StatusCode
CLASSIFY = "/saggar.v1.ClassifierService/Classify"
STREAM = "/saggar.v1.ClassifierService/ClassifyStream"
INFER = "/inference.GRPCInferenceService/ModelInfer"
_FUZZED = 4  # messages with hostile fields, to each method of the contract
_RANDOM = 6  # random bytes, to each method of the standard protocol
_SLOW, _GIVEN_UP, _FLOOD = 20, 150, 120

Call = tuple[str, str, bytes, frozenset[grpc.StatusCode]]  # kind, method, request, statuses that are right


class Attack:
    """Sends, and counts what comes back."""

    def __init__(self, address: str, key: str, flood_key: str, seed: int) -> None:
        self.codes: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._channel = grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)])
        self._key = [("x-api-key", key)]
        self._flood_key = [("x-api-key", flood_key)]
        self._random = random.Random(seed)
        self._seed = seed

    def run(self) -> None:
        slow = [threading.Thread(target=self._slow_sender, daemon=True) for _ in range(_SLOW)]
        for thread in slow:
            thread.start()
        self._give_up()
        self._flood()
        for kind, method, data, right in (*self._messages(), *self._photographs(), *self._tensors(), *self._noise()):
            self._note(kind, method, right, lambda m=method, d=data: self._channel.unary_unary(m)(d, 60, self._key))
        for thread in slow:
            thread.join(30)
        self._channel.close()

    def _note(self, kind: str, method: str, right: frozenset[grpc.StatusCode], call: Any) -> None:
        code, text = Code.OK, ""
        try:
            call()
        except grpc.RpcError as error:
            code, text = error.code(), error.details() or ""
        self.codes[code.name] += 1
        if code not in right:
            self.wrong.append(f"{method} {kind}: {code.name} {text[:200]}")

    def _messages(self) -> Iterator[Call]:
        for each in hostile_calls("classifier", _FUZZED, self._seed):
            if each.streaming == (False, False):
                yield each.kind, each.method, each.data, each.right

    def _photographs(self) -> Iterator[Call]:
        for number, data in enumerate(pictures()):
            request = classifier_pb2.ClassifyRequest(image=data)
            right = SENSIBLE if number == 2 else REFUSED
            yield f"picture {number}", CLASSIFY, request.SerializeToString(), right
        whole = photograph()
        numbers: list[dict[str, Any]] = [
            *({"top_k": value} for value in (0, -1, -(2**31))),
            *({"neighbours": value} for value in (-1, 51, 2**31 - 1)),
            *(
                {name: value}
                for name in ("coverage", "least_probability")
                for value in (-0.1, 1.5, float("nan"), 1e308)
            ),
        ]
        for fields in numbers:
            request = classifier_pb2.ClassifyRequest(image=whole, **fields)
            yield f"{fields}", CLASSIFY, request.SerializeToString(), REFUSED
        greedy = classifier_pb2.ClassifyRequest(image=whole, top_k=2**31 - 1, neighbours=50)
        yield "all of it", CLASSIFY, greedy.SerializeToString(), frozenset({Code.OK})
        many = classifier_pb2.ClassifyBatchRequest(requests=[greedy] * 65)
        yield "65 at once", CLASSIFY.replace("Classify", "ClassifyBatch", 2), many.SerializeToString(), SENSIBLE
        for _ in range(40):
            cut = whole[: self._random.randrange(2, len(whole))]
            spoilt = bytearray(whole)
            for _ in range(20):
                spoilt[self._random.randrange(len(spoilt))] = self._random.randrange(256)
            for kind, data, right in (("half a picture", cut, REFUSED), ("spoilt", bytes(spoilt), SENSIBLE)):
                yield kind, CLASSIFY, classifier_pb2.ClassifyRequest(image=data).SerializeToString(), right

    def _tensors(self) -> Iterator[Call]:
        for kind, request in _infer_requests():
            yield kind, INFER, request.SerializeToString(), REFUSED

    def _noise(self) -> Iterator[Call]:
        right = SENSIBLE | {Code.UNIMPLEMENTED}
        for method in pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods:
            if not method.client_streaming:
                for _ in range(_RANDOM):
                    data = self._random.randbytes(self._random.randrange(1, 200))
                    yield "noise", f"/inference.GRPCInferenceService/{method.name}", data, right

    def _slow_sender(self) -> None:
        """Opens a stream and sends one byte's worth in three seconds."""
        done = threading.Event()

        def never() -> Iterator[bytes]:
            done.wait(3)
            yield classifier_pb2.ClassifyStreamRequest(id="late").SerializeToString()

        try:
            for _ in self._channel.stream_stream(STREAM)(never(), 30, self._key):
                pass
            self.codes["OK"] += 1
        except grpc.RpcError as error:
            self.codes[error.code().name] += 1
            if error.code() is not Code.RESOURCE_EXHAUSTED:
                self.wrong.append(f"slow sender: {error.code().name} {error.details()}")

    def _give_up(self) -> None:
        data = classifier_pb2.ClassifyRequest(image=photograph()).SerializeToString()
        calls = []
        for _ in range(_GIVEN_UP):
            calls.append(self._channel.unary_unary(CLASSIFY).future(data, 30, self._key))
            time.sleep(0.001)
            calls[-1].cancel()
        self.codes["CANCELLED"] += len(calls)

    def _flood(self) -> None:
        data = classifier_pb2.ClassifyRequest(image=photograph()).SerializeToString()
        right = frozenset({Code.OK, Code.RESOURCE_EXHAUSTED})
        before = self.codes["RESOURCE_EXHAUSTED"]
        for _ in range(_FLOOD):
            self._note("flood", CLASSIFY, right, lambda: self._channel.unary_unary(CLASSIFY)(data, 30, self._flood_key))
        if self.codes["RESOURCE_EXHAUSTED"] - before < _FLOOD // 2:
            self.wrong.append(f"flood: {self.codes['RESOURCE_EXHAUSTED'] - before} of {_FLOOD} calls were refused")


def _infer_requests() -> Iterator[tuple[str, pb.ModelInferRequest]]:
    """Tensors that are not what they say."""

    def asked(name: str, kind: str, shape: tuple[int, ...], raw: list[bytes], **more: Any) -> pb.ModelInferRequest:
        tensor = pb.ModelInferRequest.InferInputTensor(name=name, datatype=kind, shape=shape)
        return pb.ModelInferRequest(model_name="active", inputs=[tensor], raw_input_contents=raw, **more)

    pixels = np.zeros((1, 3, 32, 32), "<f4")
    for value in (np.nan, np.inf, -np.inf):
        bad = pixels.copy()
        bad[0, 1, 2, 3] = value
        yield f"{value}", asked("images", "FP32", (1, 3, 32, 32), [bad.tobytes()])
    for shape in ((0, 3, 32, 32), (-1, 3, 32, 32), (65, 3, 32, 32), (2**62, 3, 32, 32), (1, 3, 33, 32), (1,), ()):
        yield f"shape {shape}", asked("images", "FP32", shape, [pixels.tobytes()])
    for kind in ("INT8", "FP64", "BYTES", "", "x" * 1000):
        yield f"datatype {kind[:9]}", asked("images", kind, (1, 3, 32, 32), [pixels.tobytes()])
    for raw in (b"", b"\0", pixels.tobytes()[:-1], pixels.tobytes() * 2):
        yield f"{len(raw)} bytes", asked("images", "FP32", (1, 3, 32, 32), [raw])
    for size in (1, 2**31, 2**32 - 1):
        yield f"element of {size}", asked("encoded", "BYTES", (1,), [struct.pack("<I", size)])
    yield "three for one", asked("encoded", "BYTES", (1,), [struct.pack("<I", 0) * 3])
    yield "no picture", asked("encoded", "BYTES", (1,), [struct.pack("<I", 4) + b"none"])
    yield "two contents", asked("images", "FP32", (1, 3, 32, 32), [pixels.tobytes()] * 2)
    yield "another input", asked("../images", "FP32", (1, 3, 32, 32), [pixels.tobytes()])
    output = pb.ModelInferRequest.InferRequestedOutputTensor(name="weights")
    yield "another output", asked("images", "FP32", (1, 3, 32, 32), [pixels.tobytes()], outputs=[output])
    for parameter in (pb.InferParameter(int64_param=-1), pb.InferParameter(string_param="soon")):
        yield "timeout", asked("images", "FP32", (1, 3, 32, 32), [pixels.tobytes()], parameters={"timeout": parameter})


def main() -> int:
    address, key, flood_key, seed = sys.argv[1:]
    attack = Attack(address, key, flood_key, int(seed))
    attack.run()
    found = {"requests": attack.codes.total(), "statuses": dict(attack.codes.most_common()), "wrong": attack.wrong}
    print(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
