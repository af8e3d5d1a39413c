"""Reading files that a caller named: plain ones of a bounded size, never a device or a pipe without an end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from saggar.errors import InvalidInputError


def read_regular(path: Path, most_bytes: int) -> bytes:
    """The file's bytes. Raises OSError as `open` does, and InvalidInputError for what is no plain file (`/dev/zero`,
    a pipe), or larger than `most_bytes`, before anything of it is read.
    """
    # Without waiting: a pipe that nobody writes to cannot be opened otherwise.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise _no_file(path) from None
        raise
    try:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise _no_file(path)
        if found.st_size > most_bytes:
            raise _too_large(path, most_bytes)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(data) > most_bytes:  # of a size that its file system does not say, as in /proc
        raise _too_large(path, most_bytes)
    return data


def _no_file(path: Path) -> InvalidInputError:
    return InvalidInputError(f"{path}: is a device, a pipe or a socket, not a file; name a plain file")


def _too_large(path: Path, most_bytes: int) -> InvalidInputError:
    return InvalidInputError(
        f"{path}: has more than {most_bytes >> 20:,} MiB, the most to be read; is it the right file?"
    )
