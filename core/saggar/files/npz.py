"""Named arrays as one .npz, and back; nothing in it is ever executed."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def npz_bytes(arrays: Mapping[str, npt.NDArray[Any]]) -> bytes:
    """The same bytes for the same arrays, not compressed."""
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez(buffer, **named)
    return buffer.getvalue()


def read_npz(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """What `npz_bytes` wrote; raises ValueError for anything else, however it is damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError, NotImplementedError, AttributeError) as error:
        raise ValueError(str(error) or "it is empty") from error
