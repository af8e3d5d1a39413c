"""A museum's LIDO file, to which records are added: what stays before them, what behind, to the byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from saggar.errors import InvalidInputError
from saggar.files.regular import read_regular

NAMESPACE = "http://www.lido-schema.org"
_SCHEMA = f"{NAMESPACE} http://www.lido-schema.org/schema/v1.1/lido-v1.1.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LARGEST_BYTES = 1 << 30
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-16 and UTF-32
_RECORD_ID = f"{NAMESPACE} lidoRecID"


@dataclass(frozen=True)
class LidoFile:
    """The bytes around the place for further records, and the `lidoRecID`s that are there."""

    before: bytes
    after: bytes
    encoding: str
    record_ids: frozenset[str]


def new_file() -> LidoFile:
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<lido:lidoWrap xmlns:lido="{NAMESPACE}" xmlns:xsi="{_XSI}" xsi:schemaLocation="{_SCHEMA}">\n'
    )
    return LidoFile(head.encode(), b"</lido:lidoWrap>\n", "utf-8", frozenset())


def read_file(path: Path) -> LidoFile:
    """The file at `path`: LIDO 1.0 or 1.1, with a lidoWrap around its records.

    It is well-formed to its end, and nothing that it refers to is loaded. Raises InvalidInputError for any other.
    """
    try:
        data = read_regular(path, _LARGEST_BYTES)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    found = _Reading(path)
    found.read(data)
    if found.root != f"{NAMESPACE} lidoWrap":
        namespace, _, name = found.root.rpartition(" ")
        raise InvalidInputError(
            f"{path}: begins with {name or 'nothing'} of {namespace or 'no namespace'}; records to copy are in a "
            f"lidoWrap of {NAMESPACE}: put them into one"
        )
    if data.startswith(_WIDE) or found.encoding.startswith(("utf-16", "utf-32")):
        raise InvalidInputError(f"{path}: is in UTF-16, where nothing can be added; save it as UTF-8")
    if data[found.end : found.end + 2] != b"</":
        raise InvalidInputError(
            f"{path}: has no end tag of lidoWrap, and no record; leave the file out, or write <lidoWrap></lidoWrap>"
        )
    return LidoFile(
        data[: found.end], data[found.end :], found.encoding, frozenset(each.strip() for each in found.record_ids)
    )


class _Reading:
    """What the parser meets: name and end tag of the root, the declared encoding, the records' numbers."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.root = ""
        self.end = 0  # offset of the end tag
        self.encoding = "utf-8"
        self.record_ids: list[str] = []
        self._depth = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._finish
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> None:
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as error:
            raise InvalidInputError(
                f"{self._path}: is not well-formed XML ({error}); records to copy must be"
            ) from None
        except (ValueError, LookupError):  # what expat does not read, GB18030 among them
            raise InvalidInputError(
                f"{self._path}: is in {self.encoding.upper()}, which is not read here; save it as UTF-8"
            ) from None

    def _begin(self, name: str, _attributes: object) -> None:
        self.root = self.root or name
        self._depth += 1
        if name == _RECORD_ID:
            self.record_ids.append("")
            self._parser.CharacterDataHandler = self._record_id

    def _record_id(self, text: str) -> None:
        self.record_ids[-1] += text

    def _finish(self, name: str) -> None:
        self._depth -= 1
        if name == _RECORD_ID:
            self._parser.CharacterDataHandler = None
        if self._depth == 0:
            self.end = self._parser.CurrentByteIndex

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = (encoding or "utf-8").lower()

    def _doctype(self, *_: object) -> None:
        raise InvalidInputError(f"{self._path}: has a DOCTYPE, which LIDO does not need; remove it")
