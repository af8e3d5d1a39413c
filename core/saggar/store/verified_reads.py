"""Reading: the one way in which any store hands out bytes, compared with what their key or reference promises.

`images/<aa>/<sha256>.<ext>` says itself what it holds; other keys are compared where a reference is given. Sizes are
looked at before anything is read, so that no object takes more memory than it should.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from saggar.errors import DataCorruptionError
from saggar.store.objects import ObjectRef

LARGEST_IMAGE_BYTES = 512 << 20  # twice the largest photograph that is imported
_IMAGE = re.compile(r"images/([0-9a-f]{2})/(\1[0-9a-f]{62})\.[A-Za-z0-9]+")
_MIB = 1 << 20

ResultT = TypeVar("ResultT")
Take = Callable[[int, Iterator[bytes]], ResultT]  # from an object's size and its bytes, piece by piece


def sha256_of_key(key: str) -> str | None:
    """The hash that an image's key promises; None for the key of anything else."""
    named = _IMAGE.fullmatch(key)
    return named[2] if named else None


class VerifiedReads(ABC):
    """`get`, `read` and `fetch` of `ObjectStore`, over the one thing that stores do differently."""

    @abstractmethod
    def _receive(self, key: str, take: Take[ResultT], doing: str) -> ResultT:
        """What `take` makes of the object; `take` may be called again where a connection breaks."""

    def get(self, key: str) -> bytes:
        return self._whole(_promise_of_key(key))

    def read(self, ref: ObjectRef) -> bytes:
        return self._whole(_promise_of(ref))

    def fetch(self, key: str, path: Path) -> None:
        promise = _promise_of_key(key)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")

        def copy(size: int, pieces: Iterator[bytes]) -> None:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                file.writelines(promise.kept(size, pieces))

        try:
            self._receive(key, copy, f"copy {key} to {path}")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _whole(self, promise: _Promise) -> bytes:
        return self._receive(
            promise.key, lambda size, pieces: b"".join(promise.kept(size, pieces)), f"read {promise.key}"
        )


@dataclass(frozen=True)
class _Promise:
    """What an object must be; None: not promised."""

    key: str
    sha256: str | None
    size_bytes: int | None
    most_bytes: int | None

    def kept(self, size: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The pieces of an object of `size` bytes; DataCorruptionError as soon as they break the promise."""
        self._check_size(size)
        digest, count = hashlib.sha256(), 0
        for piece in pieces:
            count += len(piece)
            if count > size:  # it grew, or the server's answer was wrong
                self._check_size(count)
            if self.sha256 is not None:
                digest.update(piece)
            yield piece
        self._check_size(count)
        if self.sha256 is not None and digest.hexdigest() != self.sha256:
            raise self._broken(f"sha256 is {digest.hexdigest()}, should be {self.sha256}")

    def _check_size(self, size: int) -> None:
        if self.size_bytes is not None and size != self.size_bytes:
            raise self._broken(f"{size} bytes stored, {self.size_bytes} expected, sha256 should be {self.sha256}")
        if self.most_bytes is not None and size > self.most_bytes:
            raise self._broken(f"{size / _MIB:,.0f} MiB stored, and no image has more than {self.most_bytes // _MIB}")

    def _broken(self, how: str) -> DataCorruptionError:
        return DataCorruptionError(
            f"{self.key} does not match its checksum: {how}; restore the object from a copy, or remove it and run the "
            "step that made it again"
        )


def _promise_of_key(key: str) -> _Promise:
    sha256 = sha256_of_key(key)
    return _Promise(key, sha256, None, None if sha256 is None else LARGEST_IMAGE_BYTES)


def _promise_of(ref: ObjectRef) -> _Promise:
    promise = _Promise(ref.key, ref.sha256, ref.size_bytes, None)
    named = sha256_of_key(ref.key)
    if named is not None and named != ref.sha256:
        raise DataCorruptionError(
            f"the reference to {ref.key} names the sha256 {ref.sha256}, which is another than its key's; take the "
            "reference from the manifest or the answer that it came with"
        )
    return promise
