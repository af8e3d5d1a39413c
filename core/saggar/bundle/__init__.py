"""The classifier bundle: what the trainer writes, and what qc, trainer, classifier and command line read.

`bundles/<id>/bundle.json` is its card and is written last; docs/bundles.md describes every file beside it. The id is
made from the content, so equal trainings give the same bundle.

The ONNX model takes `images` [N, 3, S, S] float32 and gives `logits_<task>` [N, C] for every task, `features` [N, D],
the pooled backbone, and `maps` [N, F, h, w], what is pooled: in an ensemble the maps of all networks, and the features
of the first, which novelty and neighbours go by. The card turns logits into probabilities.
"""

from saggar.bundle.card import BundleCard, Cost, DataNote, Measured, ReducedNote, TaskScore
from saggar.bundle.golden import Golden
from saggar.bundle.model import BundleModel
from saggar.bundle.neighbours import Neighbour, Neighbours, make_neighbours
from saggar.bundle.reading import fetch_onnx, read_card, read_golden, read_neighbours, read_novelty
from saggar.bundle.writing import Certainty, Companions, write_bundle
from saggar.certainty.calibration import softmax

__all__ = [
    "BundleCard",
    "BundleModel",
    "Certainty",
    "Companions",
    "Cost",
    "DataNote",
    "Golden",
    "Measured",
    "Neighbour",
    "Neighbours",
    "ReducedNote",
    "TaskScore",
    "fetch_onnx",
    "make_neighbours",
    "read_card",
    "read_golden",
    "read_neighbours",
    "read_novelty",
    "softmax",
    "write_bundle",
]
