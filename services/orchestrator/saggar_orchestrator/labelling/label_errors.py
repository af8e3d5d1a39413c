"""Labels that a model which has not seen the photograph contradicts: confident learning, by cleanlab.

Northcutt, Jiang and Chuang 2021, doi:10.1613/jair.1.12125. How many labels are wrong is counted from the photographs
of which the model is surer than it usually is of that class; as many of the least probable labels are suspected. On
planted errors this order found more than the others that cleanlab has (docs/results/doubts.md).
"""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import numpy.typing as npt
from saggar.errors import WrongStateError

_FEWEST = 2  # photographs of a class, below which nothing can be said of its labels

Indices = npt.NDArray[np.int64]


def check_installed() -> None:
    """Raises WrongStateError, with the remedy, where cleanlab is not there."""
    if importlib.util.find_spec("cleanlab") is None:
        raise WrongStateError("saggar data doubts needs cleanlab: pip install 'saggar-orchestrator[doubts]'")


def suspected(labels: Indices, probabilities: npt.NDArray[np.float32]) -> Indices:
    """[K] rows of those whose label is probably wrong, the surest first.

    `labels`: [N] class numbers, -1 unknown; `probabilities`: [N, C] by models that have not seen the photographs.
    """
    counts = np.bincount(labels[labels >= 0], minlength=probabilities.shape[1])
    classes = np.flatnonzero(counts >= _FEWEST)
    rows = np.flatnonzero(np.isin(labels, classes))
    if len(classes) < 2:
        return np.empty(0, np.int64)
    from cleanlab.filter import find_label_issues  # type: ignore[import-untyped]

    among = np.clip(probabilities[rows][:, classes].astype(np.float64), 1e-6, None)  # of classes that occur
    among /= among.sum(axis=1, keepdims=True)
    given = np.searchsorted(classes, labels[rows])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes with few photographs, which are everywhere here
        found = find_label_issues(
            given,
            among,
            filter_by="low_self_confidence",
            return_indices_ranked_by="self_confidence",
            n_jobs=1,
        )
    return rows[np.asarray(found, np.int64)]
