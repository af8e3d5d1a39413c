"""A photograph's file: verify it, and say what is kept of it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saggar.decoding import END_MISSING, IMPORTED, MORE_PICTURES, Decoded, ended_jpeg, read_image
from saggar.duplicates.perceptual import perceptual_hash, thumbnail
from saggar.errors import InvalidInputError
from saggar.files.pictures.image_end import first_picture, image_end
from saggar.files.pictures.image_names import promised_format

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_STORED = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
_LOSSY = ("JPEG", "HEIF", "AVIF")  # stored as JPEG where the original cannot be: as PNG they grow tenfold
_QUALITY = 95


@dataclass(frozen=True)
class Photograph:
    """A file that was read whole and decoded once.

    `key` and the size in pixels are those of what the store gets. `notes` tells what is odd about the file.
    """

    path: Path
    key: str
    width_px: int
    height_px: int
    phash: str | None = None
    notes: tuple[str, ...] = ()
    has_position: bool = False

    @property
    def sha256(self) -> str:
        """Of the bytes that the store gets."""
        return self.key.rpartition("/")[2].partition(".")[0]


def inspect(path: Path, name: str, keep: Callable[[bytes, str], str]) -> Photograph:
    """Reads and decodes `path`; `name` is what the table calls it. Raises InvalidInputError.

    `keep` gets the bytes that the store is to have and their extension, and returns their key.
    """
    data = read(path, name)
    decoded = read_image(data, name, IMPORTED, grey_will_do=True)
    kept, extension, notes = _kept(data, decoded)
    meant = promised_format(path.name)
    if meant != decoded.format:
        notes = (f"name has another extension than the content, {decoded.format}", *notes)
    return Photograph(
        path=path,
        key=keep(kept, extension),
        width_px=decoded.image.width,
        height_px=decoded.image.height,
        phash=perceptual_hash(decoded.image),
        notes=(*notes, *decoded.notes),
        has_position=decoded.has_position and decoded.same_everywhere,
    )


def small_copy(photograph: Photograph, name: str) -> npt.NDArray[np.float32]:
    """[32, 32, 3] its thumbnail, for comparison with another's."""
    return thumbnail(read_image(read(photograph.path, name), name, IMPORTED).image)


def _kept(data: bytes, decoded: Decoded) -> tuple[bytes, str, tuple[str, ...]]:
    """What is stored of a file, its extension, and what to tell of it.

    The file's own bytes where every viewer shows them alike, up to the image's end; a new file of the upright
    sRGB pixels otherwise.
    """
    if decoded.same_everywhere:
        end = image_end(data, decoded.format)
        if end is None:
            whole = ended_jpeg(data) if END_MISSING in decoded.notes else None
            return whole or data, _STORED[decoded.format], () if whole else (END_MISSING,)
        if MORE_PICTURES in decoded.notes:
            return first_picture(data, end), _STORED[decoded.format], ()
        if not data[end:].strip(b"\0 \t\r\n"):
            return data, _STORED[decoded.format], ()
        note = "bytes after the image's end left out (another file?)"
        return data[:end], _STORED[decoded.format], (note,)
    out = io.BytesIO()
    if decoded.format in _LOSSY:
        decoded.image.save(out, "JPEG", quality=_QUALITY, subsampling=0)
        return out.getvalue(), "jpg", (f"stored as JPEG, was {decoded.format}",)
    decoded.image.save(out, "PNG", compress_level=3)
    return out.getvalue(), "png", (f"stored as PNG, was {decoded.format}",)


def read(path: Path, name: str) -> bytes:
    """The file's bytes. Raises InvalidInputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{name}: cannot be read ({error.strerror or error}); check its permissions") from None
