"""Photographs in a folder: find the file that a table names, verify it, and say what is kept of it."""

from __future__ import annotations

import io
import ntpath
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from saggar.decoding import END_MISSING, IMPORTED, MORE_PICTURES, Decoded, ended_jpeg, read_image
from saggar.duplicates.perceptual import perceptual_hash, thumbnail
from saggar.errors import InvalidInputError
from saggar.files.image_end import first_picture, image_end

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LARGEST_MIB = 256
NO_SUCH_FILE = "no such file in the folder of images"
EXTENSIONS = {
    "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "mpo": "JPEG", "png": "PNG", "apng": "PNG",
    "webp": "WEBP", "tif": "TIFF", "tiff": "TIFF", "gif": "GIF", "bmp": "BMP", "avif": "AVIF", "heic": "HEIF",
    "heif": "HEIF", "hif": "HEIF",
}  # fmt: skip

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
    meant = EXTENSIONS.get(path.suffix.lower().removeprefix("."))
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


def locate(root: Path, name: str) -> Path:
    """The regular file `name` under `root` (resolved). Raises InvalidInputError that says what to do.

    Backslashes are taken for slashes where there is no file of the literal name; names are compared in both
    composed and decomposed Unicode. Links that lead out of the folder are refused.
    """
    if "://" in name:
        raise InvalidInputError(f"{name}: is a web address; download the photograph and name the file")
    if name.startswith("/") or ntpath.isabs(name) or ntpath.splitdrive(name)[0]:
        raise InvalidInputError(f"{name}: is an absolute path; write it relative to the folder of images")
    if "\0" in name:
        raise InvalidInputError(f"{name!r}: has a NUL character; write the file's plain name")
    within = os.path.join(root, "")  # noqa: PTH118 pathlib would take a tenth of an import's time
    for spelling in _spellings(name):
        try:
            path = os.path.realpath(within + spelling)
            if not (path + "/").startswith(within):
                raise InvalidInputError(
                    f"{name}: leads out of the folder of images; copy the photograph into it and name that"
                )
            status = os.stat(path)  # noqa: PTH116 as above
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, RuntimeError) as error:  # a name too long, a link to itself, no permission
            raise InvalidInputError(f"{name}: cannot be read ({error}); check name and permissions") from None
        return _regular(Path(path), status.st_mode, status.st_size, name)
    raise InvalidInputError(f"{name}: {NO_SUCH_FILE}{_hint(root, name)}")


def _spellings(name: str) -> Iterator[str]:
    yield name
    spellings = [name, name.replace("\\", "/")]
    spellings += [unicodedata.normalize(form, s) for form in ("NFC", "NFD") for s in tuple(spellings)]
    yield from dict.fromkeys(spellings[1:])


def _regular(path: Path, mode: int, size: int, name: str) -> Path:
    if stat.S_ISDIR(mode):
        raise InvalidInputError(f"{name}: is a folder; name the image file in it")
    if not stat.S_ISREG(mode):  # reading a pipe or a device may never end
        raise InvalidInputError(f"{name}: is not a regular file; replace it by an image")
    if size > LARGEST_MIB * 2**20:
        raise InvalidInputError(f"{name}: {size / 2**20:,.0f} MiB; save it smaller: at most {LARGEST_MIB} are read")
    return path


def _hint(root: Path, name: str) -> str:
    """What the file may be called instead: other case, other extension."""
    wanted = PurePosixPath(name.replace("\\", "/"))
    folder = (root / wanted.parent).resolve()
    if not folder.is_relative_to(root) or not folder.is_dir():
        return f"; there is no folder '{wanted.parent}' in it" if str(wanted.parent) != "." else ""
    by_name, by_stem = _names(folder)
    found = by_name.get(wanted.name.casefold()) or by_stem.get(wanted.stem.casefold())
    return f"; did you mean '{wanted.with_name(found)}'?" if found else "; add it or remove the row"


@lru_cache(maxsize=8)
def _names(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Names in `folder` by lower-case name and by lower-case stem."""
    names = sorted(entry.name for entry in folder.iterdir())
    return {n.casefold(): n for n in names}, {PurePosixPath(n).stem.casefold(): n for n in names}
