"""Where photographs are classified: decoded and given to the model, by as many threads as there are processors."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from saggar_classifier.serving.models import ModelSlot, Probabilities, ServedModel
from saggar_classifier.serving.slots import Caller, WorkSlots

# A JPEG is decoded to no less than this times the side that the network takes, where it is larger. Then its pixels
# differ from those of the whole by a quarter of a grey level in the mean, and a camera's takes a quarter of the time.
DRAFT_MARGIN = 2

Photograph = Callable[[int], Image.Image]  # decodes it, with at least so many pixels on the shorter side


class Desk:
    """Bounded work with the model in `slot`. Safe to use from many threads."""

    def __init__(self, slot: ModelSlot, count: int) -> None:
        self.count = count
        self.pool = ThreadPoolExecutor(count, thread_name_prefix="classify")  # for batches and streams
        self._slot = slot
        self._slots = WorkSlots(count)

    def classify(self, photograph: Photograph, model: ServedModel, caller: Caller) -> Probabilities:
        """Probabilities [C] per task, once it is this photograph's turn.

        Raises as `WorkSlots.slot`, and whatever `photograph` and the network raise.
        """
        with self._slots.slot(caller):
            image = photograph(DRAFT_MARGIN * model.card.input_spec.size_px)
            worked = False
            try:
                probabilities = model.classify(image)
                worked = True
            finally:
                self._slot.note(worked=worked)
        return probabilities
