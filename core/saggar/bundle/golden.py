"""The golden sample: an input and the logits that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from saggar.errors import DataCorruptionError
from saggar.files.npz import npz_bytes, read_npz

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Golden:
    """An input and the logits that the network gives for it: whoever opens the model can see that it still does."""

    image: Float32  # [3, S, S], prepared
    logits: Mapping[str, Float32]  # task -> [C]

    def to_bytes(self) -> bytes:
        """As .npz, the same bytes for the same arrays."""
        return npz_bytes({"image": self.image} | {f"logits_{task}": values for task, values in self.logits.items()})

    @staticmethod
    def from_bytes(data: bytes, source: str) -> Golden:
        """What `to_bytes` wrote; raises DataCorruptionError when it is anything else."""
        try:
            arrays = {name: np.asarray(values, np.float32) for name, values in read_npz(data).items()}
            image = arrays.pop("image")
        except (KeyError, ValueError) as error:
            raise DataCorruptionError(f"{source}: not a golden sample ({error}); train the bundle again") from error
        return Golden(image, {name.removeprefix("logits_"): values for name, values in arrays.items()})
