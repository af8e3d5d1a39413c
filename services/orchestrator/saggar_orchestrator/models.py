"""The classifiers that experiments have made, and the one that serves."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import SaggarError
from saggar.rpc.refs import ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.v1 import classifier_pb2

from saggar_orchestrator.peers import Peers
from saggar_orchestrator.requests import ref_from_json, ref_to_json

_ACTIVATION_S = 60.0
_LOOK_EVERY_S = 3.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelEntry:
    """A bundle and where it comes from."""

    model_id: str
    bundle: ObjectRef
    experiment_id: str
    arm: str
    seed: int
    test_mean_macro_f1: float


def known_models(store: ObjectStore) -> list[ModelEntry]:
    """From the results of all finished experiments, best test score first; a bundle that several share stands once."""
    entries: dict[str, ModelEntry] = {}
    for key in store.list("experiments/"):
        if not key.endswith("/results.json"):
            continue
        results = json.loads(store.get(key))
        for arm in results["arms"]:
            for run in arm["runs"]:
                entries[run["model_id"]] = ModelEntry(
                    model_id=run["model_id"],
                    bundle=ref_from_json(run["bundle"]),
                    experiment_id=results["experiment"]["id"],
                    arm=arm["name"],
                    seed=run["seed"],
                    test_mean_macro_f1=run["test_mean_macro_f1"],
                )
    return sorted(entries.values(), key=lambda entry: entry.test_mean_macro_f1, reverse=True)


class Serving:
    """Which bundle the classifier serves. Written down, so that a classifier that was restarted gets it again."""

    def __init__(self, peers: Peers, note: Path) -> None:
        self._peers = peers
        self._note = note
        self._stop = threading.Event()

    def activate(self, bundle: ObjectRef) -> None:
        """UnavailableError when the classifier cannot be reached."""
        self._activate(bundle)
        self._note.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._note.with_suffix(".tmp")
        temporary.write_text(json.dumps(ref_to_json(bundle)), encoding="utf-8")
        temporary.replace(self._note)

    def watch_over(self) -> None:
        """From now on, in the background: a classifier without a model gets the one that served last."""
        threading.Thread(target=self._watch, name="serving", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def _activate(self, bundle: ObjectRef) -> None:
        request = classifier_pb2.ActivateModelRequest(bundle=ref_to_proto(bundle))
        self._peers.call("classifier", "ActivateModel", request, _ACTIVATION_S)

    def _watch(self) -> None:
        while not self._stop.wait(_LOOK_EVERY_S):
            if not self._note.exists():
                continue
            try:
                if not self._has_model():
                    self._activate(ref_from_json(json.loads(self._note.read_text(encoding="utf-8"))))
                    log.info("the classifier was without a model; gave it the one that served last")
            except SaggarError as error:
                log.debug("the classifier can't be given its model now: %s", error)

    def _has_model(self) -> bool:
        from saggar.errors import WrongStateError

        try:
            self._peers.call("classifier", "DescribeModel", classifier_pb2.DescribeModelRequest(), 3.0)
        except WrongStateError:
            return False
        return True
