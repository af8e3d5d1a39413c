"""Photographs in a folder: find the file that a table names, and verify it."""

from __future__ import annotations

import hashlib
import stat
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath

from saggar.errors import InvalidInputError

LARGEST_MIB = 256

_EXTENSIONS = {"jpg": "jpg", "jpeg": "jpg", "png": "png", "webp": "webp", "tif": "tif", "tiff": "tif"}


@dataclass(frozen=True)
class Photograph:
    """A file that was read whole and decoded once. `extension` is what its bytes are, whatever its name."""

    path: Path
    sha256: str
    extension: str
    width_px: int
    height_px: int

    @property
    def misnamed(self) -> bool:
        return _EXTENSIONS.get(self.path.suffix.lower().removeprefix(".")) != self.extension


def inspect(path: Path, name: str) -> Photograph:
    """Reads and decodes `path`; `name` is what the table calls it. Raises InvalidInputError."""
    from saggar.images import decode

    data = read(path, name)
    image = decode(data, name)
    digest = hashlib.sha256(data).hexdigest()
    return Photograph(path, digest, _format(data), image.width, image.height)


def read(path: Path, name: str) -> bytes:
    """The file's bytes. Raises InvalidInputError when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{name}: cannot be read ({error.strerror or error}); check its permissions"
        ) from None


def locate(root: Path, name: str) -> Path:
    """The regular file `name` under `root` (resolved). Raises InvalidInputError that says what to do.

    Backslashes are taken for slashes where there is no file of the literal name; names are compared in both
    composed and decomposed Unicode. Links that lead out of the folder are refused.
    """
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.is_absolute() or windows.drive:
        raise InvalidInputError(f"{name}: is an absolute path; write it relative to the folder of images")
    if "\0" in name:
        raise InvalidInputError(f"{name!r}: has a NUL character; write the file's plain name")
    for spelling in _spellings(name):
        try:
            path = (root / spelling).resolve()
            if not path.is_relative_to(root):
                raise InvalidInputError(
                    f"{name}: leads out of the folder of images; copy the photograph into it and name that"
                )
            status = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, RuntimeError) as error:  # a name too long, a link to itself, no permission
            raise InvalidInputError(f"{name}: cannot be read ({error}); check name and permissions") from None
        return _regular(path, status.st_mode, status.st_size, name)
    raise InvalidInputError(f"{name}: no such file in the folder of images{_hint(root, name)}")


def _spellings(name: str) -> list[str]:
    spellings = [name, name.replace("\\", "/")]
    spellings += [unicodedata.normalize(form, s) for form in ("NFC", "NFD") for s in tuple(spellings)]
    return list(dict.fromkeys(spellings))


def _regular(path: Path, mode: int, size: int, name: str) -> Path:
    if stat.S_ISDIR(mode):
        raise InvalidInputError(f"{name}: is a folder; name the image file in it")
    if not stat.S_ISREG(mode):  # reading a pipe or a device may never end
        raise InvalidInputError(f"{name}: is not a regular file; replace it by an image")
    if size > LARGEST_MIB * 2**20:
        raise InvalidInputError(
            f"{name}: {size / 2**20:,.0f} MiB; save it smaller: at most {LARGEST_MIB} are read"
        )
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


def _format(data: bytes) -> str:
    """Extension for the bytes of an image that `saggar.images.decode` has accepted."""
    if data.startswith(b"\xff\xd8"):
        return "jpg"
    if data.startswith(b"\x89PNG"):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return "tif"
