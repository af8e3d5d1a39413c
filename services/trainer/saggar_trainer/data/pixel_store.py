"""Prepared pixels on this machine's disk, kept for the next arm, seed or fold that wants the same."""

from __future__ import annotations

import logging
import os
import secrets
import struct
import tempfile
import threading
import time
import zlib
from pathlib import Path

import numpy as np

from saggar_trainer.data.pixels import Pixels

log = logging.getLogger(__name__)

_HEADER = struct.Struct("<4sIII")  # mark, height, width, CRC-32 of what follows
_MARK = b"SGP1"
ABANDONED_S = 3600  # a file half written is older than this only if its writer was killed


class PixelStore:
    """Images uint8 [3, H, W] by name, in one file each, of `limit_bytes` in all.

    Processes may share a folder: a file appears whole or not at all, and what is damaged counts as missing. Whoever has
    written a sixteenth of the limit deletes what was longest unused, down to seven eighths, so that two writers stay
    below the limit. Where the disk is full, nothing is kept; an image above a sixteenth of the limit is not either.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._written = limit_bytes  # not known what others have left: look before the first file is added
        self._lock = threading.Lock()
        self._full = False

    def get(self, name: str) -> Pixels | None:
        """The image, or None; `name` is hexadecimal."""
        path = self._path(name)
        try:
            content = path.read_bytes()
            os.utime(path)  # used now
        except OSError:
            return None
        if len(content) < _HEADER.size:
            return None
        mark, height, width, check = _HEADER.unpack_from(content)
        body = memoryview(content)[_HEADER.size :]
        if mark != _MARK or len(body) != 3 * height * width or zlib.crc32(body) != check:
            return None
        return np.frombuffer(body, dtype=np.uint8).reshape(3, height, width)

    def put(self, name: str, pixels: Pixels) -> None:
        """Keep an image, instead of one of that name."""
        body = np.ascontiguousarray(pixels).data.cast("B")
        size = _HEADER.size + len(body)
        if size > self._limit // 16:
            return
        self._make_room(size)
        path = self._path(name)
        beside = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                with beside.open("xb") as file:
                    file.write(_HEADER.pack(_MARK, pixels.shape[1], pixels.shape[2], zlib.crc32(body)))
                    file.write(body)
                beside.replace(path)  # not synced: after a power cut the checksum tells
            finally:
                beside.unlink(missing_ok=True)
        except OSError as error:
            if not self._full:
                log.warning("%s: decoded images cannot be kept there (%s); each job decodes anew", path.parent, error)
            self._full = True

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _make_room(self, size: int) -> None:
        with self._lock:
            self._written += size
            if self._written <= self._limit // 16:
                return
            self._written = size
            delete_longest_unused(self._folder, self._limit * 7 // 8 - size)


def delete_longest_unused(folder: Path, limit_bytes: int) -> None:
    """Delete files of `folder`'s folders, the longest unused first, until `limit_bytes` are left; and what killed
    writers have left behind. Others may delete at the same time.
    """
    found, now = [], time.time()
    for path in folder.glob("??/*"):
        try:
            status = path.stat()
        except OSError:
            continue
        if path.suffix and now - status.st_mtime > ABANDONED_S:
            path.unlink(missing_ok=True)
        else:
            found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit_bytes:
            return
        path.unlink(missing_ok=True)
        total -= size


def default_folder() -> Path:
    """Of this user alone, under the system's temporary folder."""
    return Path(tempfile.gettempdir()) / f"saggar-pixels-{os.getuid()}"
