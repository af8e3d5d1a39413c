"""Objects on their way into the store: what has come so far lies in a folder, and is put there once it is whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from saggar.errors import (
    AlreadyExistsError,
    DataCorruptionError,
    InvalidInputError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.store import ObjectRef, ObjectStore, sha256_of_key

WRITABLE = ("images/", "datasets/", "taxonomies/")
LARGEST_BYTES = 1 << 30  # photographs have 512 MiB at most, manifests of 10^7 rows less than one GiB
_KEPT_S = 24 * 3600.0
_ROOM_LEFT_BYTES = 1 << 30  # the workflow database is on the same disk
_CHUNK = 1 << 20


class Uploads:
    """Unfinished uploads in `folder`, a file for each object: whoever sends the same object goes on with it."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._writing: set[str] = set()
        self._lock = threading.Lock()

    def received(self, ref: ObjectRef) -> tuple[int, bool]:
        """(bytes that have come, whether the store has the whole object).

        Raises WrongStateError where callers may not write, AlreadyExistsError where the key holds other bytes, and
        StorageFullError for what is too large.
        """
        self._check(ref)
        if self._is_stored(ref):
            return ref.size_bytes, True
        try:
            return min(self._file(ref).stat().st_size, ref.size_bytes), False
        except FileNotFoundError:
            return 0, False

    def write(self, ref: ObjectRef, offset: int, pieces: Iterator[bytes]) -> ObjectRef:
        """Takes the bytes from `offset` on, and puts the object into the store when they are all there.

        Raises as `received`; UnavailableError where something else has come than `offset` says; DataCorruptionError
        where the whole does not match its checksum (then nothing of it is kept).
        """
        self._check(ref)
        if self._is_stored(ref):
            return ref
        with self._alone(ref):
            file = self._file(ref)
            self._take(file, ref, offset, pieces)
            digest = _sha256(file)
            if digest != ref.sha256:
                file.unlink()
                raise DataCorruptionError(
                    f"{ref.key}: {ref.size_bytes:,} bytes have come whose sha256 is {digest}, and not {ref.sha256}; "
                    "send the file again, from its beginning"
                )
            kept = self._store.put_file(ref.key, file, ref.media_type)
            file.unlink()
            return kept

    def _take(self, file: Path, ref: ObjectRef, offset: int, pieces: Iterator[bytes]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        count = file.stat().st_size if file.exists() else 0
        if offset > count or offset < 0:
            raise UnavailableError(f"{ref.key}: {count:,} bytes have come, and not {offset:,}; go on from there")
        with file.open("r+b" if count else "wb") as target:
            target.truncate(offset)
            target.seek(offset)
            count = offset
            for piece in pieces:
                count += len(piece)
                if count > ref.size_bytes:
                    raise InvalidInputError(f"{ref.key}: more bytes than the {ref.size_bytes:,} that were announced")
                target.write(piece)
        if count < ref.size_bytes:
            raise UnavailableError(f"{ref.key}: {count:,} of {ref.size_bytes:,} bytes have come; go on from there")

    def _check(self, ref: ObjectRef) -> None:
        if not ref.key.startswith(WRITABLE):
            raise WrongStateError(
                f"{ref.key} cannot be written through the orchestrator, only {', '.join(WRITABLE)} can; to write "
                "elsewhere name the store itself in SAGGAR_STORE"
            )
        named = sha256_of_key(ref.key)
        if ref.key.startswith("images/") and named != ref.sha256:
            raise InvalidInputError(f"{ref.key} is not where an image with the sha256 {ref.sha256} belongs")
        if ref.size_bytes > LARGEST_BYTES:
            raise StorageFullError(
                f"{ref.key} has {ref.size_bytes >> 20:,} MiB, and one object may have {LARGEST_BYTES >> 20:,} at most"
            )
        place = next(each for each in (self._folder, *self._folder.parents) if each.exists())
        if shutil.disk_usage(place).free < ref.size_bytes + _ROOM_LEFT_BYTES:
            raise StorageFullError(
                f"the orchestrator's disk ({place}) has no room for {ref.key}; make some, then go on"
            )

    def _is_stored(self, ref: ObjectRef) -> bool:
        try:
            stored = self._store.stat(ref.key)
        except NotFoundError:
            return False
        if (stored.sha256, stored.size_bytes) != (ref.sha256, ref.size_bytes):
            raise AlreadyExistsError(
                f"the store already has other content under {ref.key}; nothing is overwritten: choose another key"
            )
        return True

    def _file(self, ref: ObjectRef) -> Path:
        return self._folder / hashlib.sha256(f"{ref.key} {ref.sha256} {ref.size_bytes}".encode()).hexdigest()

    @contextmanager
    def _alone(self, ref: ObjectRef) -> Iterator[None]:
        """One stream writes an object at a time; another waits its turn by asking again."""
        with self._lock:
            if ref.key in self._writing:
                raise UnavailableError(f"{ref.key} is being sent by another caller; wait until it is there")
            self._writing.add(ref.key)
        try:
            yield
        finally:
            with self._lock:
                self._writing.discard(ref.key)

    def _sweep(self) -> None:
        """Removes what was begun a day ago or longer and never finished."""
        oldest = time.time() - _KEPT_S
        for entry in os.scandir(self._folder):
            try:
                if entry.stat().st_mtime < oldest:
                    Path(entry.path).unlink()
            except FileNotFoundError:
                continue


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
