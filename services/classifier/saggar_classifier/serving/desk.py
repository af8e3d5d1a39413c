"""Where photographs are classified: decoded and given to the model, by as many threads as there are processors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from saggar_classifier.serving.models import ModelSlot, Probabilities, ServedModel
from saggar_classifier.serving.slots import Caller, WorkSlots

# A JPEG is decoded to no less than this times the side that the network takes, where it is larger. Then its pixels
# differ from those of the whole by a quarter of a grey level in the mean, and a camera's takes a quarter of the time.
DRAFT_MARGIN = 2

LARGE_BYTES = 1 << 20  # photographs above this let smaller ones go first
LARGE_BATCH = 8  # prepared images, likewise


@dataclass(frozen=True)
class Photograph:
    """An encoded photograph. `decoded` gives its pixels, with at least so many on the shorter side."""

    size_bytes: int
    decoded: Callable[[int], Image.Image]


class Desk:
    """Bounded work with the model in `slot`. Safe to use from many threads."""

    def __init__(self, slot: ModelSlot, count: int) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(count, thread_name_prefix="classify")  # for batches and streams
        self._slot = slot
        self._slots = WorkSlots(count)

    def classify(self, photograph: Photograph, model: ServedModel, caller: Caller) -> Probabilities:
        """Probabilities [C] per task, once it is this photograph's turn.

        Raises as `WorkSlots.slot`, and whatever decoding and the network raise.
        """
        with self._slots.slot(caller, large=photograph.size_bytes > LARGE_BYTES):
            image = photograph.decoded(DRAFT_MARGIN * model.card.input_spec.size_px)
            with self._noted():
                return model.classify(image)

    def run(self, images: npt.NDArray[np.float32], model: ServedModel, caller: Caller) -> Probabilities:
        """Probabilities [N, C] per task of prepared images [N, 3, S, S]. Raises as `classify`."""
        with self._slots.slot(caller, large=len(images) > LARGE_BATCH), self._noted():
            return model.network.predict(images)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        worked = False
        try:
            yield
            worked = True
        finally:
            self._slot.note(worked=worked)
