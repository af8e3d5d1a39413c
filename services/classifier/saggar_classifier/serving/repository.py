"""Keeps the served model the one that was activated last, on every replica, by watching the store."""

from __future__ import annotations

import logging
import threading

from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError, SaggarError, UnavailableError
from saggar.store import ObjectRef, ObjectStore

from saggar_classifier.networks.choosing import Wish
from saggar_classifier.serving import active
from saggar_classifier.serving.models import ModelSlot, ServedModel, load_model

log = logging.getLogger(__name__)

NO_MODEL = "no model is active; activate one (`saggar models activate`)"
_USELESS = (NotFoundError, DataCorruptionError, InvalidInputError)  # trying the same bundle again cannot help


class Repository:
    """Loads bundles beside the served one, checks them, and puts them into `slot`. A bad one never gets there."""

    def __init__(self, store: ObjectStore, slot: ModelSlot, limit_s: float, wish: Wish | None = None) -> None:
        """`limit_s`: how long a model may take for the built-in image; `wish`: what is to run it."""
        self._store = store
        self._slot = slot
        self._limit_s = limit_s
        self._wish = wish
        self._seen: tuple[int, bytes] | None = None  # number and note of the activation that was dealt with
        self._loading = threading.Lock()
        self.problem = ""  # why the latest activation is not served

    def pin(self, key: str) -> None:
        """Serve the bundle at `key`; raises where it cannot be served."""
        with self._loading:
            self._serve(self._store.stat(key))

    def pin_later(self, key: str, every_s: float, stopped: threading.Event) -> None:
        """As `pin`, again and again until it is served or `stopped`: for a store that was out of reach."""
        while not stopped.wait(every_s):
            try:
                self.pin(key)
            except UnavailableError:
                continue
            except SaggarError as error:
                if str(error) != self.problem:
                    self.problem = str(error)
                    log.error("%s", self.problem)  # noqa: TRY400 the text says it all
            else:
                self.problem = ""
                return

    def activate(self, bundle: ObjectRef) -> ServedModel:
        """Serve `bundle`, and make it the one that every replica serves. Raises as `load_model`."""
        with self._loading:
            self._store.stat(bundle.key)  # one that is loaded may have been deleted since: no other replica has it
            model = self._load(bundle)
            number = active.remember(self._store, bundle)
            self._slot.activate(model)
            self._seen, self.problem = (number, active.note_of(bundle)), ""
        log.info("serving model %s", model.model_id)
        return model

    def look(self) -> None:
        """Serve the latest activation, if it is another. What is wrong with it goes into `problem` and the log.

        A store that was emptied or replaced counts its activations anew: another number, or another bundle under
        the same one, is another activation. A bundle that is not there is looked for again, for it may be on its way
        back from a backup. Raises UnavailableError and WrongStateError of the store: the next look may find it again.
        """
        with self._loading:
            number = active.newest(self._store)
            if number == 0:
                self._emptied()
                return
            found = (number, active.note(self._store, number))
            if found == self._seen:
                return
            try:
                model = self._serve(active.bundle_of(found[1], number))
            except _USELESS as error:
                kept = self._slot.model
                serving = f"; model {kept.model_id} goes on serving" if kept else ""
                problem = f"the model of activation {number} cannot be served: {error}{serving}"
                if problem != self.problem:
                    log.error("%s", problem)  # noqa: TRY400 the text says it all
                self.problem = problem
                if isinstance(error, NotFoundError):
                    return
            else:
                self.problem = ""
                log.info("serving model %s, by activation %d", model.model_id, number)
            self._seen = found

    def _emptied(self) -> None:
        """No activation is written down: none yet, or the store lost them. What is served goes on serving."""
        if self._seen is None:
            return
        self._seen = None
        kept = self._slot.model
        serving = f"; model {kept.model_id} goes on serving" if kept else ""
        self.problem = f"the store no longer says which model is active{serving}; activate it again"
        log.error("%s", self.problem)

    def watch(self, every_s: float, stopped: threading.Event) -> None:
        """Looks every `every_s` seconds until `stopped`, and tries again a model that failed."""
        complaints: dict[str, str] = {}

        def try_again() -> None:
            self._slot.try_again(self._limit_s)

        actions = {"look for activations": self.look, "use the model": try_again}
        while not stopped.wait(every_s):
            for doing, action in actions.items():
                try:
                    action()
                except Exception as error:
                    if complaints.get(doing) != str(error):
                        log.warning("cannot %s: %s", doing, error, exc_info=not isinstance(error, SaggarError))
                    complaints[doing] = str(error)
                else:
                    complaints.pop(doing, None)
            if self._slot.model is None:
                why = complaints.get("look for activations", "") or self.problem or NO_MODEL
                self._slot.readiness.set(ready=False, reason=why)

    def _serve(self, bundle: ObjectRef) -> ServedModel:
        model = self._load(bundle)
        self._slot.activate(model)
        return model

    def _load(self, bundle: ObjectRef) -> ServedModel:
        return self._slot.loaded(bundle) or load_model(self._store, bundle, self._limit_s, self._wish)
