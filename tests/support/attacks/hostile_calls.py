"""Hostile gRPC requests, made from the contract itself: every method of every service, with what nobody should send.

`hostile_calls` gives them, each with the statuses that are right; `Fleet` runs all five services as processes, as they
are installed; `answer` makes a call. Used by
tests/rpc/transport/test_hostile_calls.py (short) and bench/services/hostile.py (long).
"""

from __future__ import annotations

import io
import math
import os
import random
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from PIL import Image
from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore, put_image
from saggar.v1 import classifier_pb2, generator_pb2, orchestrator_pb2, qc_pb2, trainer_pb2

SERVICES: dict[str, ServiceDescriptor] = {
    name: module.DESCRIPTOR.services_by_name[f"{name.capitalize()}Service"]
    for name, module in (
        ("classifier", classifier_pb2),
        ("trainer", trainer_pb2),
        ("qc", qc_pb2),
        ("generator", generator_pb2),
        ("orchestrator", orchestrator_pb2),
    )
}
Code = grpc.StatusCode
REFUSED = frozenset({Code.INVALID_ARGUMENT})
# What a request that can be read may come to. Never INTERNAL, UNKNOWN, or no answer.
SENSIBLE = REFUSED | {
    Code.OK,
    Code.NOT_FOUND,
    Code.FAILED_PRECONDITION,
    Code.ALREADY_EXISTS,
    Code.DATA_LOSS,
    Code.RESOURCE_EXHAUSTED,
    Code.UNAVAILABLE,
}
NO_MESSAGES = (b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x08", b"\x0a\x05abc", b"\x00" * 9, b"\x0b" * 120)
TEXTS = (
    "",
    "\0",
    "a" * 100_000,
    "../../../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/mem",
    "store:../../etc/passwd",
    "store:images/aa/none.png",
    "file:///etc/passwd",
    "http://127.0.0.1:1/x",
    "{{7*7}} ${HOME} $(id) `id`",
    "'; drop table workflow_status; --",
    "\u202egnp.exe\u200b\ufeff",
    "NaN",
    "-1",
    "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
    "[" * 5000,
    "\U0001f3fa" * 1000,
)
WHOLES = (0, 1, -1, 2**31 - 1, -(2**31), 7)
LONG_WHOLES = (*WHOLES, 2**63 - 1, -(2**63))
NATURALS = (0, 1, 2**32 - 1)
NUMBERS = (0.0, -1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324)
_DEEPEST = 4
_TEXT_KEYS = ("images/aa/x.png", "../x", "manifests/none.parquet")


@dataclass(frozen=True)
class HostileCall:
    service: str
    method: str  # /saggar.v1.X/Y
    streaming: tuple[bool, bool]  # of requests, of responses
    kind: str
    data: bytes
    right: frozenset[grpc.StatusCode]


def png_of(width: int, height: int) -> bytes:
    """A PNG that says that it is so large, in a few hundred bytes."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\0\0\0\0"
    body = zlib.compress(b"\0" * min(10_000_000, (width + 1) * height), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def photograph() -> bytes:
    file = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(file, "JPEG")
    return file.getvalue()


def pictures() -> tuple[bytes, ...]:
    whole = photograph()
    return (
        b"",
        b"no picture",
        whole,
        whole[: len(whole) // 2],
        png_of(1, 300_000),
        png_of(64_000_000, 1),
        png_of(60_000, 60_000),
        b"PK\x03\x04" + bytes(1000),
        b"RIFF\xff\xff\xff\xffWEBPVP8 " + bytes(100),
        b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 500,
        bytes(17 * 2**20),
    )


class Fuzzer:
    """Messages whose fields hold what nobody should send. Equal seeds make equal messages."""

    def __init__(self, seed: int, known: Message | None = None) -> None:
        """`known`: a reference to an object that exists, and is not what any method asks for."""
        self._random = random.Random(seed)
        self._known = known
        self._pictures = pictures()

    def message(self, kind: Descriptor, depth: int = 0) -> Message:
        made: Message = GetMessageClass(kind)()
        if kind.name == "ObjectRef":
            return self._reference(made)
        for each in kind.fields:
            if self._random.random() < 0.75 and not (depth > _DEEPEST and each.message_type):
                self._fill(made, each, depth)
        return made

    def _reference(self, made: Any) -> Message:
        if self._known is not None and self._random.random() < 0.4:
            made.CopyFrom(self._known)
            return made
        made.uri = self._random.choice([f"store:{self._random.choice(_TEXT_KEYS)}", *TEXTS])
        made.sha256 = self._random.choice(["ab" * 32, "AB" * 32, "", "x" * 64])
        made.size_bytes = self._random.choice([0, 1, -1, 2**62, 17 * 2**20])
        made.media_type = self._random.choice(["image/png", "", "\0"])
        return made

    def _fill(self, made: Message, each: FieldDescriptor, depth: int) -> None:
        if each.message_type and each.message_type.GetOptions().map_entry:
            self._fill_map(getattr(made, each.name), each.message_type, depth)
        elif each.is_repeated:
            values = getattr(made, each.name)
            if each.message_type:
                values.extend(self.message(each.message_type, depth + 1) for _ in range(self._random.choice([0, 1, 3])))
            else:
                values.extend(self._scalar(each) for _ in range(self._random.choice([0, 1, 300])))
        elif each.message_type:
            getattr(made, each.name).CopyFrom(self.message(each.message_type, depth + 1))
        else:
            setattr(made, each.name, self._scalar(each))

    def _fill_map(self, values: Any, entry: Descriptor, depth: int) -> None:
        key, value = (entry.fields_by_name[name] for name in ("key", "value"))
        for _ in range(self._random.choice([0, 1, 5])):
            if value.message_type:
                values[self._scalar(key)].CopyFrom(self.message(value.message_type, depth + 1))
            else:
                values[self._scalar(key)] = self._scalar(value)

    def _scalar(self, each: FieldDescriptor) -> Any:
        if each.type == FieldDescriptor.TYPE_BYTES:
            return self._random.choice(self._pictures)
        return self._random.choice(_VALUES.get(each.type, WHOLES))


_VALUES: dict[int, tuple[Any, ...]] = {
    FieldDescriptor.TYPE_STRING: TEXTS,
    FieldDescriptor.TYPE_BOOL: (True, False),
    FieldDescriptor.TYPE_ENUM: (0, 1, 99, -1),
    FieldDescriptor.TYPE_FLOAT: NUMBERS,
    FieldDescriptor.TYPE_DOUBLE: NUMBERS,
    FieldDescriptor.TYPE_UINT32: NATURALS,
    FieldDescriptor.TYPE_UINT64: NATURALS,
    FieldDescriptor.TYPE_FIXED64: NATURALS,
    FieldDescriptor.TYPE_INT64: LONG_WHOLES,
    FieldDescriptor.TYPE_SINT64: LONG_WHOLES,
    FieldDescriptor.TYPE_SFIXED64: LONG_WHOLES,
}


def hostile_calls(service: str, messages: int, seed: int = 0, known: Message | None = None) -> Iterator[HostileCall]:
    """For each method: bytes that are no message, an empty message, and `messages` with hostile fields."""
    for method in SERVICES[service].methods:
        fuzzer = Fuzzer(hash_of(method, seed), known)

        def call(
            kind: str, data: bytes, right: frozenset[grpc.StatusCode], of: MethodDescriptor = method
        ) -> HostileCall:
            path = f"/{of.containing_service.full_name}/{of.name}"
            return HostileCall(service, path, (of.client_streaming, of.server_streaming), kind, data, right)

        for data in NO_MESSAGES:
            yield call("no message", data, REFUSED)
        yield call("empty", b"", SENSIBLE)
        for _ in range(messages):
            yield call("hostile fields", fuzzer.message(method.input_type).SerializeToString(), SENSIBLE)
        yield call("cut", fuzzer.message(method.input_type).SerializeToString()[:-1], SENSIBLE)
        yield call("larger than any", bytes(21 * 2**20), frozenset({Code.RESOURCE_EXHAUSTED}))
    name = SERVICES[service].full_name
    for path in (f"/{name}/Nothing", f"/{name}/", "/", "/saggar.v1.Nothing/Do", f"/{name}/../Classify"):
        yield HostileCall(service, path, (False, False), "no method", b"", frozenset({Code.UNIMPLEMENTED}))


def hash_of(method: MethodDescriptor, seed: int) -> int:
    return zlib.crc32(f"{method.full_name} {seed}".encode())


def answer(channel: grpc.Channel, call: HostileCall, timeout_s: float = 120.0) -> tuple[grpc.StatusCode, str]:
    """What the service says; of a stream, its first message is enough.

    A connection that comes to its age ends once the service has answered, whether the sender of a message that was
    refused has read it or not: gRPC's clients ask again then, and so does this.
    """
    code, text = _answer(channel, call, timeout_s)
    if code is Code.UNAVAILABLE and "max_age" in text:
        return _answer(channel, call, timeout_s)
    return code, text


def _answer(channel: grpc.Channel, call: HostileCall, timeout_s: float) -> tuple[grpc.StatusCode, str]:
    requests, responses = call.streaming
    kind = f"{'stream' if requests else 'unary'}_{'stream' if responses else 'unary'}"
    method = getattr(channel, kind)(call.method)
    try:
        made = method(iter([call.data]) if requests else call.data, timeout=timeout_s)
        if responses:
            next(iter(made), None)
            made.cancel()
    except grpc.RpcError as error:
        return error.code(), error.details() or ""
    return Code.OK, ""


@dataclass
class Fleet:
    """All five services as processes, on one store below `folder`."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        try:
            for name in SERVICES:
                self._begin(name)
            for name in SERVICES:
                self.addresses[name] = self._address(name)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    @property
    def store(self) -> DirectoryStore:
        return DirectoryStore(self.folder / "store")

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def memory_mib(self, name: str) -> float:
        status = Path(f"/proc/{self.processes[name].pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def put_text(self) -> Any:
        """A stored object that is no manifest, bundle or photograph."""
        return self.store.put("datasets/hostile/notes.txt", b"nothing of use", "text/plain")

    def put_photograph(self) -> Any:
        return put_image(self.store, photograph(), "jpg")

    def _begin(self, name: str) -> None:
        env = os.environ | {
            "SAGGAR_STORE": str(self.folder / "store"),
            "SAGGAR_HOME": str(self.folder / "home"),
            "SAGGAR_ADDRESS_FILE": str(self.folder / f"{name}.address"),
            "SAGGAR_LISTEN": "127.0.0.1:0",
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "SAGGAR_DRAIN_SECONDS": "0",
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"saggar_{name}"], env=env, cwd=self.folder, stdout=log, stderr=log
            )

    def _address(self, name: str) -> str:
        file, deadline = self.folder / f"{name}.address", time.monotonic() + 600
        while not file.exists():
            assert self.processes[name].poll() is None, self.log(name)
            assert time.monotonic() < deadline, f"{name} does not start: {self.log(name)}"
            time.sleep(0.1)
        wait_ready(file.read_text(), 600)
        return file.read_text()
