"""Write a file whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from saggar.errors import InvalidInputError, StorageFullError

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write; it replaces `path` when the block ends well, and leaves no trace otherwise.

    Folders are made. Raises StorageFullError, and InvalidInputError where `path` cannot be written to.
    """
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = temporary.open("x+b")
    except OSError as error:
        raise unwritable(path, error) from None
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno in _NO_ROOM or isinstance(error, IsADirectoryError):
            raise unwritable(path, error) from None
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """As `whole_file`, for bytes at hand."""
    with whole_file(path) as file:
        file.write(data)


def unwritable(path: Path, error: OSError) -> Exception:
    """What to tell of a file or folder that could not be written."""
    if error.errno == errno.EFBIG:
        text = "is larger than this disk or account may have files (`ulimit -f`); raise the limit, or write elsewhere"
        return StorageFullError(f"{path}: {text}, and run the same command again")
    if error.errno in _NO_ROOM:
        return StorageFullError(f"{path}: no room left on the disk; make some and run the same command again")
    return InvalidInputError(f"{path}: cannot be written ({error.strerror or error}); check the folder")
