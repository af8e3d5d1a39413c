"""What every store promises: references, keys, media types and the `ObjectStore` protocol."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Protocol, runtime_checkable

from saggar.errors import AlreadyExistsError, DataCorruptionError, InvalidInputError, NotFoundError

OCTETS = "application/octet-stream"
CHECKPOINTS = "checkpoints/"

# A key's extension decides its media type, so that a directory needs no side-car files.
_MEDIA_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".npy": OCTETS,
    ".onnx": OCTETS,
    ".parquet": "application/vnd.apache.parquet",
    ".png": "image/png",
    ".pt": OCTETS,
    ".safetensors": OCTETS,
    ".svg": "image/svg+xml",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".txt": "text/plain; charset=utf-8",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
}
# ASCII that is safe in file names, in URLs and in S3 keys; no leading dot, so that stores can keep files of
# their own.
_SEGMENT = re.compile(r"[A-Za-z0-9_=+@:,~-][A-Za-z0-9._=+@:,~-]{0,199}")
_LONGEST_KEY = 900  # S3 allows 1024 bytes


@dataclass(frozen=True)
class ObjectRef:
    """One object of a store: where it is (`key`, e.g. `images/ab/ab12....png`) and what it must contain."""

    key: str
    sha256: str  # lower-case hexadecimal
    size_bytes: int
    media_type: str  # IANA

    def to_json(self) -> dict[str, Any]:
        return {"key": self.key, "sha256": self.sha256, "size_bytes": self.size_bytes, "media_type": self.media_type}

    @classmethod
    def from_json(cls, value: Any) -> ObjectRef:
        """From what `to_json` gave. Raises DataCorruptionError when it is anything else."""
        match value:
            case {"key": str(key), "sha256": str(sha256), "size_bytes": int(size), "media_type": str(media_type)}:
                if len(value) == 4:
                    return cls(key, sha256, size, media_type)
        raise DataCorruptionError(
            f"{str(value)[:200]} is not the reference of a stored object (key, sha256, size_bytes, media_type); "
            "restore the file that it was read from, or run the step that made it again"
        )


@dataclass(frozen=True)
class Entry:
    """An object as a store lists it. `modified`: when it was last written or found again by a writer, seconds since
    1970 by the store's clock, to the hour.
    """

    key: str
    size_bytes: int
    modified: float


RENEWED_S = 3600.0  # an object that is older and put once more is as good as new


class ObjectStore(Protocol):
    """Keys to bytes. Safe to use from several threads and processes at once.

    Every method raises InvalidInputError for a key that `check_key` refuses, UnavailableError when the store
    cannot be reached (retry later), and WrongStateError when it refuses us (permissions, credentials, no
    bucket).
    """

    def put(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        """Writes the whole object or nothing. Equal bytes under the same key: no-op.

        Raises AlreadyExistsError when `key` holds other bytes, StorageFullError when no room is left.
        """
        ...

    def put_file(self, key: str, path: Path, media_type: str) -> ObjectRef:
        """As `put`, from a local file. NotFoundError when `path` is missing."""
        ...

    def get(self, key: str) -> bytes:
        """The object's bytes. NotFoundError when there is none.

        DataCorruptionError when an image (`images/<aa>/<sha256>.<ext>`) is not the one that its key names.
        """
        ...

    def read(self, ref: ObjectRef) -> bytes:
        """As `get`; DataCorruptionError when size or checksum differ from the reference, before reading where the
        size does.
        """
        ...

    def fetch(self, key: str, path: Path) -> None:
        """Copies the object to a local file, which appears whole or not at all. Raises as `get`."""
        ...

    def exists(self, key: str) -> bool: ...

    def stat(self, key: str) -> ObjectRef:
        """The object's reference. NotFoundError when there is none."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """All keys that start with `prefix` (any string, not only whole folders), sorted."""
        ...

    def delete(self, key: str) -> None:
        """Removes the object if it is there. For checkpoints and tests only."""
        ...

    def replace(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        """As `put`, but takes the place of what was there, atomically. InvalidInputError outside
        `checkpoints/`.
        """
        ...


@runtime_checkable
class ListedStore(ObjectStore, Protocol):
    """A store that says how large its objects are and how old."""

    def entries(self, prefix: str) -> Iterator[Entry]:
        """As `list`, with sizes and ages."""
        ...


def check_key(key: str) -> None:
    """Raises InvalidInputError unless `key` is relative, without `..`, and made of portable characters."""
    segments = key.split("/")
    if len(key) > _LONGEST_KEY or not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise InvalidInputError(
            f"'{key[:200]}' is not a store key; use letters, digits and . _ = + @ : , ~ - in parts of "
            f"at most 200 "
            "characters, separated by single slashes, none of which starts with a dot"
        )


def check_prefix(prefix: str) -> None:
    """As `check_key`, for the beginning of a key: the last part may be unfinished or empty."""
    check_key(f"{prefix}x" if prefix == "" or prefix.endswith("/") else prefix)


def check_replaceable(key: str) -> None:
    """Raises InvalidInputError unless `key` is a checkpoint's."""
    check_key(key)
    if not key.startswith(CHECKPOINTS):
        raise InvalidInputError(
            f"'{key}' cannot be replaced: only keys under {CHECKPOINTS} can; choose a new key for a new version"
        )


def media_type_of(key: str, otherwise: str = OCTETS) -> str:
    """Media type by the key's extension; `otherwise` when the extension is not a known one."""
    return _MEDIA_TYPES.get(PurePosixPath(key).suffix.lower(), otherwise)


def ref_of(key: str, data: bytes, media_type: str) -> ObjectRef:
    """The reference of `data` under `key`."""
    return ObjectRef(key, hashlib.sha256(data).hexdigest(), len(data), media_type_of(key, media_type))


def not_found(key: str, where: str) -> NotFoundError:
    return NotFoundError(
        f"{where} has no object {key}; check the key and that this is the store it was written to", key
    )


def taken(key: str, where: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        f"{where} already has other content under {key}; nothing is overwritten: choose another key"
    )
