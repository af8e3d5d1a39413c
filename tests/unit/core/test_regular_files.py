"""A path that a caller named never makes a service read without an end, or wait for ever."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from saggar.client.line import read_image
from saggar.errors import InvalidInputError
from saggar.files.regular import read_regular
from saggar.files.text_encoding import read_text
from saggar.files.yamlfile import read_yaml
from saggar.taxonomy import Taxonomy

READERS: list[Callable[[Path], object]] = [
    lambda path: read_regular(path, 100),
    read_text,
    lambda path: read_yaml(path, Taxonomy),
    read_image,
]


@pytest.mark.parametrize("read", READERS, ids=["regular", "text", "yaml", "photograph to classify"])
@pytest.mark.parametrize("kind", ["device", "pipe", "socket"])
@pytest.mark.timeout(60)
def test_what_is_no_file_is_refused(tmp_path: Path, read: Callable[[Path], object], kind: str) -> None:
    path = tmp_path / "labels.csv"
    if kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
    with pytest.raises(InvalidInputError, match=r"labels\.csv"):
        read(path)


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"x" * 100)
    assert read_regular(path, 100) == b"x" * 100
    with pytest.raises(InvalidInputError, match="is it the right file"):
        read_regular(path, 99)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "none", 99)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path, 99)
