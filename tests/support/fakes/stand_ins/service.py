"""What stand-ins of the worker services share: what they were asked, what they are told to do, and their store."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
import uuid
from collections import Counter, defaultdict
from contextlib import contextmanager

from saggar.errors import CancelledError
from saggar.taxonomy import load_taxonomy
from saggar.v1 import (
    common_pb2,
)

TAXONOMY = load_taxonomy("kilnsim")


class FakeService:
    """`calls` counts work by RPC; `errors[rpc]` are raised by the next calls, in turn."""

    def __init__(self, store, image_seconds=0.0, epoch_seconds=0.0, epochs=2):
        self.store = store
        self.calls = Counter()
        self.generated = Counter()  # prompt id -> how often it was really made
        self.errors = defaultdict(list)
        self.taxonomies = {}  # of bundles, by their hash
        self.image_seconds = image_seconds
        self.epoch_seconds = epoch_seconds  # with it trainings keep checkpoints and notes of what they did
        self.epochs = int(epochs)
        self.hold = {}  # rpc -> event that its work waits for
        self.active = None
        self.base_hash = "a" * 64
        self.people_done = threading.Event()
        self.rejects = 10  # one image in so many
        self.uses = {}  # what the last request's adapters were, with their weights
        self.adapted = {}  # key of an image that adapters took part in -> their ids with their weights
        self.kids = {}  # (adapter's id, weight) -> KID of images made with it alone; others: 0.01
        self.bare_kid, self.kid_spread = 0.02, 0.0  # without an adapter; half an interval's width
        self.compared = []  # (images, photographs) of every comparison, as manifests
        self.strengths = {}  # prompt id -> of the photograph that it starts from; 0: of none
        self.controls = {}  # network and photograph, by prompt
        self.control_net_hash = "c" * 64
        self.fresh = defaultdict(set)  # rpc -> tokens under which work was asked for again
        self.avoided = {}  # prompt -> negative prompt, as they were asked for

    def _begin(self, rpc):
        self.calls[rpc] += 1
        if self.errors[rpc]:
            raise self.errors[rpc].pop(0)

    def _wait(self, rpc, emit, cancelled):
        gate = self.hold.get(rpc)
        while gate is not None and not gate.is_set() and not cancelled.is_set():
            emit(common_pb2.Progress(stage="held", done=1, total=2, unit="steps"))
            gate.wait(0.05)

    def _put(self, folder, name, value):
        data = json.dumps(value, sort_keys=True).encode()
        identity = hashlib.sha256(data).hexdigest()[:16]
        return self.store.put(f"{folder}/{identity}/{name}", data, "application/json")

    @contextmanager
    def _noted(self, item):
        """Keeps when a piece of work began, in which process, and when it ended or was broken off."""
        if not self.epoch_seconds:
            yield
            return
        name, begun = uuid.uuid4().hex, {"began": time.time(), "process": os.getpid()}
        self._note(f"{item}/begun-{name}", begun)
        try:
            yield
        except CancelledError:
            self._note(f"{item}/broken-{name}", begun | {"ended": time.time()})
            raise
        self._note(f"{item}/ended-{name}", begun | {"ended": time.time()})

    def _note(self, key, values):
        self.store.put(f"{key}.json", json.dumps(values).encode(), "application/json")
