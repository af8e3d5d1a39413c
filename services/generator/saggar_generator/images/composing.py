"""Images composed of two photographs: read from the store, framed alike, and put together by glaze transfer."""

from __future__ import annotations

import numpy as np
from saggar.images import decode
from saggar.job_settings.generation import GenerationSettings
from saggar.store import ObjectRef, ObjectStore

from saggar_generator.images.photographs.framing import framed
from saggar_generator.images.synthesis import Picture
from saggar_generator.requests import GlazeTransfer
from saggar_generator.transfer.glaze import Donor, transferred


def compose_image(store: ObjectStore, transfer: GlazeTransfer, seed: int, settings: GenerationSettings) -> Picture:
    """Raises NotFoundError when a photograph is missing, InvalidInputError when one cannot be decoded, or when no pot
    stands out.
    """

    def donor(ref: ObjectRef) -> Donor:
        image = decode(store.read(ref), ref.key)
        return Donor(np.asarray(framed(image, settings.width_px, settings.height_px, "pad").convert("RGB")), ref.key)

    pixels, _, _ = transferred(
        [donor(ref) for ref in transfer.forms], [donor(ref) for ref in transfer.glazes], seed % (1 << 63)
    )
    return Picture(pixels, 0)
