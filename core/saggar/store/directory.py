"""A store in a directory: the embedded default. Keys are paths below the root."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

from saggar.errors import (
    InvalidInputError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.store.flushing import flush, flush_folder, flush_together
from saggar.store.objects import (
    OCTETS,
    RENEWED_S,
    Entry,
    ObjectRef,
    check_key,
    check_prefix,
    check_replaceable,
    media_type_of,
    not_found,
    ref_of,
    taken,
)
from saggar.store.verified_reads import Take, VerifiedReads

_UNFINISHED = ".unfinished"  # folder of files being written; keys never start with a dot
_STALE_S = 24 * 3600.0
_CHUNK = 1 << 20

ResultT = TypeVar("ResultT")


class DirectoryStore(VerifiedReads):
    """Objects as files below `root`, which is made when missing. Works on any file system with hard links.

    A file is written beside the objects, flushed to the disk and then linked under its key, which fails where
    the key is taken: readers see whole objects only, and of two writers one wins.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()
        with self._named_errors(f"open the store {self.root}"):
            (self.root / _UNFINISHED).mkdir(parents=True, exist_ok=True)
            self._sweep()

    def __repr__(self) -> str:
        return f"DirectoryStore({str(self.root)!r})"

    def put(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        path = self._path(key)
        ref = ref_of(key, data, media_type)
        if not self._holds(path, ref):
            with self._named_errors(f"write {key}"), self._unfinished() as (temporary, file):
                file.write(data)
                self._publish(temporary, file, path, ref)
        return ref

    def put_file(self, key: str, path: Path, media_type: str) -> ObjectRef:
        target = self._path(key)
        try:
            source = path.open("rb")
        except FileNotFoundError:
            raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
        with source, self._named_errors(f"write {key}"), self._unfinished() as (temporary, file):
            digest = hashlib.sha256()
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
            ref = ObjectRef(key, digest.hexdigest(), file.tell(), media_type_of(key, media_type))
            if not self._holds(target, ref):
                self._publish(temporary, file, target, ref)
        return ref

    def replace(self, key: str, data: bytes, media_type: str) -> ObjectRef:
        check_replaceable(key)
        path = self._path(key)
        with self._named_errors(f"write {key}"), self._unfinished() as (temporary, file):
            file.write(data)
            flush(file)
            self._make_parents(path)
            temporary.replace(path)
            flush_folder(path.parent)
        return ref_of(key, data, media_type)

    def exists(self, key: str) -> bool:
        path = self._path(key)
        with self._named_errors(f"look for {key}"):
            return path.is_file() or self._must_be_mounted()

    def stat(self, key: str) -> ObjectRef:
        path = self._path(key)
        with self._named_errors(f"read {key}"), self._missing_is_not_found(key):
            digest, size = _digest(path)
        return ObjectRef(key, digest, size, media_type_of(key, OCTETS))

    def list(self, prefix: str) -> Iterator[str]:
        check_prefix(prefix)
        folder = self.root / prefix.rpartition("/")[0]
        found: list[str] = []
        with self._named_errors(f"list {prefix}"):
            for current, folders, files in os.walk(folder):
                folders[:] = [name for name in folders if not name.startswith(".")]
                parent = Path(current).relative_to(self.root)
                keys = ((parent / name).as_posix() for name in files if not name.startswith("."))
                found += [key for key in keys if key.startswith(prefix)]
            if not found:
                self._must_be_mounted()
        return iter(sorted(found))

    def entries(self, prefix: str) -> Iterator[Entry]:
        for key in self.list(prefix):
            try:
                found = (self.root / key).stat()
            except FileNotFoundError:  # deleted since it was listed
                continue
            yield Entry(key, found.st_size, found.st_mtime)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._named_errors(f"delete {key}"):
            try:
                path.unlink(missing_ok=True)
            except (IsADirectoryError, NotADirectoryError):
                return

    def holds(self, ref: ObjectRef) -> bool:
        """Whether the object is there, with these bytes. Raises AlreadyExistsError when it has others."""
        return self._holds(self._path(ref.key), ref)

    @contextmanager
    def unfinished_folder(self) -> Iterator[Path]:
        """A folder for files that `adopt` may take; it is removed when the block ends."""
        folder = self._new_unfinished()
        with self._named_errors("make a folder for unfinished files"):
            folder.mkdir()
        try:
            with self._named_errors("write unfinished files"):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def adopt(self, files: Mapping[str, Path]) -> Iterator[str]:
        """Makes objects of whole files of `unfinished_folder`, by key; yields each key when it can be read.

        They last through a crash when the iterator has ended; it waits for the disk once, not for each file.
        Raises as `put`.
        """
        with self._named_errors(f"write {len(files)} objects"):
            flush_together(self.root, files=files.values())
            paths = {key: self._path(key) for key in files}
            for key, path in paths.items():
                if not self._link(files[key], path):
                    digest, size = _digest(files[key])
                    self.holds(ObjectRef(key, digest, size, media_type_of(key, OCTETS)))
                yield key
            flush_together(self.root, folders={path.parent for path in paths.values()})

    def _receive(self, key: str, take: Take[ResultT], doing: str) -> ResultT:
        path = self._path(key)
        with self._named_errors(doing), self._missing_is_not_found(key), path.open("rb", buffering=0) as file:
            return take(os.fstat(file.fileno()).st_size, iter(lambda: file.read(_CHUNK), b""))

    def _path(self, key: str) -> Path:
        check_key(key)
        return self.root / key

    def _holds(self, path: Path, ref: ObjectRef) -> bool:
        """Whether `path` is there with the bytes of `ref`; AlreadyExistsError when it has others."""
        with self._named_errors(f"read {ref.key}"):
            try:
                same = path.stat().st_size == ref.size_bytes and _digest(path)[0] == ref.sha256
            except (FileNotFoundError, NotADirectoryError):
                return False
            except IsADirectoryError:
                raise InvalidInputError(f"{ref.key} is a folder of {self}; choose another key") from None
        if not same:
            if path.is_dir():
                raise InvalidInputError(f"{ref.key} is a folder of {self}; choose another key")
            raise taken(ref.key, str(self))
        with suppress(OSError):  # whoever puts it counts on it: it is none of what may be cleaned away for its age
            if time.time() - path.stat().st_mtime > RENEWED_S:
                os.utime(path)
        return True

    def _new_unfinished(self) -> Path:
        return self.root / _UNFINISHED / secrets.token_hex(12)

    @contextmanager
    def _unfinished(self) -> Iterator[tuple[Path, BinaryIO]]:
        temporary = self._new_unfinished()
        try:
            with temporary.open("xb") as file:
                yield temporary, file
        finally:
            temporary.unlink(missing_ok=True)

    def _publish(self, temporary: Path, file: BinaryIO, path: Path, ref: ObjectRef) -> None:
        flush(file)
        if self._link(temporary, path):
            flush_folder(path.parent)  # makes the new name last through a crash
        else:
            self._holds(path, ref)

    def _link(self, temporary: Path, path: Path) -> bool:
        """Gives a whole file its name; False where another writer was first."""
        try:
            try:
                os.link(temporary, path)
            except (FileNotFoundError, NotADirectoryError):
                self._make_parents(path)
                os.link(temporary, path)
        except FileExistsError:
            return False
        return True

    def _make_parents(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            below = path.relative_to(self.root).as_posix()
            raise InvalidInputError(f"{below} would lie below another object of {self}; choose another key") from None

    def _must_be_mounted(self) -> bool:
        """Always False: a missing object and a missing store are different things."""
        if not (self.root / _UNFINISHED).is_dir():
            raise UnavailableError(f"the store's folder {self.root} is gone; mount or restore it, then try again")
        return False

    @contextmanager
    def _missing_is_not_found(self, key: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            self._must_be_mounted()
            raise not_found(key, str(self)) from None

    @contextmanager
    def _named_errors(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _domain_error(error, doing, self.root) from error

    def _sweep(self) -> None:
        """Removes what writers that were killed left behind a day ago or longer."""
        for left in (self.root / _UNFINISHED).iterdir():
            try:
                if time.time() - left.stat().st_mtime <= _STALE_S:
                    continue
                if left.is_dir():
                    shutil.rmtree(left, ignore_errors=True)
                else:
                    left.unlink(missing_ok=True)
            except FileNotFoundError:
                continue


def _domain_error(error: OSError, doing: str, root: Path) -> StorageFullError | WrongStateError | UnavailableError:
    reason = error.strerror or str(error)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return StorageFullError(
            f"cannot {doing}: no room left on the disk of {root} ({reason}); free some space or move "
            f"the store, then try again"
        )
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
        return WrongStateError(
            f"cannot {doing}: {reason} ({error.filename}); the store {root} must be a folder that this "
            f"user can write to, "
            "on a file system with hard links"
        )
    where = "" if str(root) in doing else f" in the store {root}"
    return UnavailableError(f"cannot {doing}{where}: {reason}; check the disk, then try again")


def _digest(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size
