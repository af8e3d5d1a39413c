"""Objects of which images are: several photographs of one are no independent draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Objects = npt.NDArray[np.int_]  # [N] equal where rows are of one object


def numbered(ids: Sequence[str]) -> Objects:
    """[N] a number for each id, by first appearance; an empty id is like no other."""
    numbers: dict[str | int, int] = {}
    return np.array([numbers.setdefault(own or row, len(numbers)) for row, own in enumerate(ids)], dtype=np.int_)
