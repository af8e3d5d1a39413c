"""Files that should hold weights in safetensors format and hold something else, named as what they are."""

from __future__ import annotations

import json
from typing import BinaryIO

from saggar.errors import InvalidInputError

_LONGEST_HEADER = 100_000_000  # bytes; the library refuses longer ones
_AGAIN = "download the file itself"
# How files begin, and what is to be done about them. None of their content is quoted: it may be anybody's.
_BEGINNINGS: tuple[tuple[tuple[bytes, ...], str], ...] = (
    (
        (b"version https://git-lfs.github.com/spec/",),
        "is a pointer of Git LFS, not the weights; fetch them with `git lfs pull`, or " + _AGAIN,
    ),
    (
        (b"/annex/objects/", b"../.git/annex/", b".git/annex/"),
        "is a pointer of git-annex, not the weights; fetch them with `git annex get`",
    ),
    ((b"<!doctype", b"<html", b"<?xml", b"<head"), f"is a web page, perhaps one that asks for a login; {_AGAIN}"),
    ((b"{", b"["), f"is text in JSON, perhaps a site's error message; {_AGAIN}"),
    (
        (b"pk\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"),
        "is a ZIP archive or a pickle of PyTorch, which can run code and is not read; save it as safetensors",
    ),
    ((b"gguf",), "is in GGUF format, which is not read; take the safetensors file"),
    ((b"\x89hdf",), "is in HDF5 format, which is not read; take the safetensors file"),
    ((b"\x1f\x8b", b"7z\xbc\xaf", b"rar!", b"\xfd7zxz"), "is a compressed archive; unpack it"),
)


def refuse_other_kinds(file: BinaryIO, size_bytes: int, name: str) -> None:
    """Raises InvalidInputError unless `file`, of `size_bytes` bytes from its beginning on, is a whole safetensors
    file; `name` is what the message calls it.

    Format: 8 bytes of header length, header (JSON), tensors at offsets from its end.
    """
    if size_bytes == 0:
        raise InvalidInputError(f"{name} is empty; {_AGAIN}")
    head = file.read(64)
    beginning = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n").lower()
    length = int.from_bytes(head[:8], "little")
    if head[8:9] != b"{" or length > _LONGEST_HEADER:  # else it begins as safetensors does
        for signs, text in _BEGINNINGS:
            if beginning.startswith(signs):
                raise InvalidInputError(f"{name} {text}")
        raise InvalidInputError(
            f"{name} is not a safetensors file; weights in other formats are not read: save them as safetensors"
        )
    if 8 + length > size_bytes:
        raise InvalidInputError(f"{name} is cut off in its header, after {size_bytes:,} bytes; download it again")
    file.seek(8)
    try:
        entries = json.loads(file.read(length))
        end = (
            8
            + length
            + max((int(one["data_offsets"][1]) for key, one in entries.items() if key[:2] != "__"), default=0)
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise InvalidInputError(f"{name} has a header that cannot be read; download it again") from None
    if end > size_bytes:
        raise InvalidInputError(f"{name} is cut off: it has {size_bytes:,} of {end:,} bytes; download it again")
