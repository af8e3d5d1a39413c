"""What a bundle keeps of its training photographs, so that answers can show the pieces that are most alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from saggar.bundle.neighbour_index import build_index
from saggar.bundle.neighbours import ABOUT, EXACT_UP_TO, Neighbours, make_neighbours
from saggar.dataset.manifest import Manifest

from saggar_trainer.data.rows import Indices


def neighbours_of(features: npt.NDArray[np.float32], labels: Mapping[str, Indices], manifest: Manifest) -> Neighbours:
    """Of the real training photographs of `manifest`, in its order: features [N, F] and labels by task [N]."""
    records = list(manifest.select(split="train", origin="real").records())
    about = {name: [getattr(record, name) or "" for record in records] for name in ABOUT}
    found = make_neighbours(features, labels, about)
    return replace(found, index=build_index(found.features)) if len(found) > EXACT_UP_TO else found
