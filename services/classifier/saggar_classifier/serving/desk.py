"""Where photographs are classified: decoded and given to the model, by as many threads as there are processors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.errors import BusyError

from saggar_classifier.answers.answering import LEAST_PROBABILITY, Answer, Probabilities, Question, answer
from saggar_classifier.networks.batching import due_in
from saggar_classifier.serving.models import ModelSlot, Outputs, ServedModel
from saggar_classifier.serving.observer import Observer, Observers, Remark, Timing
from saggar_classifier.turns.slots import Caller, WorkSlots

LARGE_BYTES = 1 << 20  # photographs above this let smaller ones go first
LARGE_BATCH = 8  # prepared images, likewise


@dataclass(frozen=True)
class Photograph:
    """An encoded photograph. `decoded` gives its pixels, with at least so many on the shorter side; None: all.

    `read_s`: what it took to read it from the store.
    """

    size_bytes: int
    decoded: Callable[[int | None], Image.Image]
    read_s: float = 0.0


class Desk:
    """Bounded work with the model in `slot`. Safe to use from many threads."""

    def __init__(self, slot: ModelSlot, count: int, observer: Observer | None = None) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(count, thread_name_prefix="classify")  # for batches and streams
        self._slot = slot
        self._slots = WorkSlots(count)
        self._observer = observer or Observers()

    @property
    def waiting(self) -> int:
        """Photographs that wait for their turn."""
        return self._slots.waiting

    def answer(
        self, photograph: Photograph, model: ServedModel, caller: Caller, question: Question
    ) -> tuple[Answer, Timing]:
        """What is asked of one photograph, once it is its turn.

        Raises as `WorkSlots.slot`, and whatever decoding, the network, and `question` raise.
        """
        with self._failures_told():
            model.speaker.rules(question.coverage)  # refused before it costs any work
            arrived = time.perf_counter()
            with self._slots.slot(caller, large=photograph.size_bytes > LARGE_BYTES):
                begun = time.perf_counter()
                outputs = self._outputs(photograph, model, caller)
                seen = time.perf_counter()
                found = answer(model.speaker, outputs.probabilities, outputs.features, question)
                said = time.perf_counter()
        decoded_s = photograph.read_s + seen - begun - outputs.network_s
        timing = Timing(begun - arrived, decoded_s, outputs.network_s, said - seen)
        self._observer.answered(
            Remark(
                model.model_id,
                {task: each.classes[0].entry.code for task, each in found.tasks.items()},
                frozenset(task for task, each in found.tasks.items() if each.abstention),
                found.novelty.not_porcelain if found.novelty else None,
                timing,
            )
        )
        return found, timing

    def classify(self, photograph: Photograph, model: ServedModel, caller: Caller) -> Probabilities:
        """Probabilities [C] per task, and no more. Raises as `answer`."""
        with self._failures_told():
            arrived = time.perf_counter()
            with self._slots.slot(caller, large=photograph.size_bytes > LARGE_BYTES):
                begun = time.perf_counter()
                outputs = self._outputs(photograph, model, caller)
                seen = time.perf_counter()
        tasks = model.card.taxonomy.tasks
        self._observer.answered(
            Remark(
                model.model_id,
                {task.name: task.codes[int(outputs.probabilities[task.name].argmax())] for task in tasks},
                frozenset(task for task, values in outputs.probabilities.items() if values.max() < LEAST_PROBABILITY),
                None,
                Timing(begun - arrived, seen - begun - outputs.network_s, outputs.network_s, 0.0),
            )
        )
        return outputs.probabilities

    def run(self, images: npt.NDArray[np.float32], model: ServedModel, caller: Caller) -> Probabilities:
        """Probabilities [N, C] per task of prepared images [N, 3, S, S]. Raises as `answer`."""
        large = len(images) > LARGE_BATCH
        with self._failures_told(), self._slots.slot(caller, large=large), self._noted(caller):
            return model.network.predict(images)

    def _outputs(self, photograph: Photograph, model: ServedModel, caller: Caller) -> Outputs:
        image = photograph.decoded(model.card.input_spec.enough_px)
        with self._noted(caller):
            return model.classify(image)

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            self._observer.failed(error)
            raise

    @contextmanager
    def _noted(self, caller: Caller) -> Iterator[None]:
        """Around a run of the network, which knows until when its answer is of use."""
        worked = False
        try:
            with due_in(caller.time_remaining()):
                yield
            worked = True
        except BusyError:
            worked = True  # it refused what would come too late
            raise
        finally:
            self._slot.note(worked=worked)
