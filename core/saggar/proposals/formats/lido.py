"""What people accepted as LIDO 1.1: records of their own, in a copy of the museum's records or in a new file.

Records that are there stay as they are, to the byte; ours come after them, with the object's number as their work's,
and name the model in `recordSource`. A class that a person wrote in place of the model's is not in them: it is the
museum's own statement, and belongs into its own record.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET
from xml.parsers import expat

from saggar.errors import InvalidInputError
from saggar.files.regular import read_regular
from saggar.files.wholefile import write_whole
from saggar.proposals.formats.accepted_objects import AcceptedClass, AcceptedObject
from saggar.proposals.formats.linked_art import concept_uri
from saggar.proposals.formats.vocabulary import Vocabulary

NAMESPACE = "http://www.lido-schema.org"
_SCHEMA = f"{NAMESPACE} http://www.lido-schema.org/schema/v1.1/lido-v1.1.xsd"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_LOCAL, _URI = (f"http://terminology.lido-schema.org/lido{number}" for number in ("00100", "00099"))  # kinds of ids
_PRODUCTION, _ITEM = (f"http://terminology.lido-schema.org/lido{number}" for number in ("00007", "00141"))
_LARGEST_BYTES = 1 << 30
_END = re.compile(rb"</\s*(?:[\w.-]+:)?lidoWrap\s*>\s*(?:<!--.*?-->\s*)*\Z", re.DOTALL)


def write_lido(path: Path, objects: Iterable[AcceptedObject], vocabulary: Vocabulary, copied: Path | None) -> int:
    """The file at `path`; `copied` are the museum's records, which it begins with. Returns the number of our records.

    Raises InvalidInputError where `copied` is no LIDO.
    """
    records = [made for each in objects if (made := record(each, vocabulary)) is not None]
    before, after, encoding = _empty() if copied is None else _around(copied)
    text = "".join(f"{ET.tostring(each, encoding='unicode')}\n" for each in records)
    write_whole(path, before + text.encode(encoding, "xmlcharrefreplace") + after)
    return len(records)


def record(each: AcceptedObject, vocabulary: Vocabulary) -> ET.Element | None:
    """The LIDO record of an object; None where nothing of it was proposed by a model."""
    classes = {task: found for task, found in each.classes.items() if not found.corrected}
    if not classes:
        return None
    models = list(dict.fromkeys(found.model_id for found in classes.values()))
    identity = f"saggar/{models[0]}/{each.number}"
    root = ET.Element(_name("lido"))
    _add(root, "lidoRecID", identity, type=_LOCAL, source="Saggar")
    described = _add(root, "descriptiveMetadata")
    described.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    by_kind = {vocabulary.kind(task) or "form": (task, found) for task, found in classes.items()}
    work_types = _add(_add(described, "objectClassificationWrap"), "objectWorkTypeWrap")
    others = [(task, found) for task, found in classes.items() if vocabulary.kind(task) in {"form", None}]
    for task, found in others:
        _concept(_add(work_types, "objectWorkType"), task, found, vocabulary)
    if not others:  # LIDO wants one
        _add(_add(work_types, "objectWorkType"), "term", "not stated")
    identified = _add(described, "objectIdentificationWrap")
    _add(_add(_add(identified, "titleWrap"), "titleSet"), "appellationValue", each.number)
    _add(_add(_add(identified, "repositoryWrap"), "repositorySet"), "workID", each.number, type=_LOCAL)
    _production(described, by_kind, vocabulary)
    _administration(root, identity, models, list(classes.values()))
    return root


def _production(described: ET.Element, by_kind: dict[str, tuple[str, AcceptedClass]], vocabulary: Vocabulary) -> None:
    if not by_kind.keys() & {"period", "kiln", "glaze"}:
        return
    event = _add(_add(_add(described, "eventWrap"), "eventSet"), "event")
    kind = _add(event, "eventType")
    _add(kind, "conceptID", _PRODUCTION, type=_URI)
    _add(kind, "term", "Production")
    if "period" in by_kind:
        task, found = by_kind["period"]
        dated, known = _add(event, "eventDate"), vocabulary.known(task, found.code)
        _add(dated, "displayDate", vocabulary.value(task, found.code))
        if known is not None and known.years:
            span = _add(dated, "date")
            _add(span, "earliestDate", f"{known.years[0]:04d}")
            _add(span, "latestDate", f"{known.years[1]:04d}")
        _concept(_add(event, "periodName"), task, found, vocabulary)
    if "kiln" in by_kind:
        task, found = by_kind["kiln"]
        place = _add(event, "eventPlace")
        _add(place, "displayPlace", vocabulary.value(task, found.code))
        place = _add(place, "place")
        _add(place, "placeID", concept_uri(task, found.code, vocabulary), type=_URI)
        _add(_add(place, "namePlaceSet"), "appellationValue", vocabulary.value(task, found.code))
    if "glaze" in by_kind:
        task, found = by_kind["glaze"]
        material = _add(event, "eventMaterialsTech")
        _add(material, "displayMaterialsTech", vocabulary.value(task, found.code))
        _concept(_add(_add(material, "materialsTech"), "termMaterialsTech"), task, found, vocabulary)


def _administration(root: ET.Element, identity: str, models: list[str], classes: list[AcceptedClass]) -> None:
    administrative = _add(root, "administrativeMetadata")
    administrative.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    wrap = _add(administrative, "recordWrap")
    _add(wrap, "recordID", identity, type=_LOCAL)
    kind = _add(wrap, "recordType")
    _add(kind, "conceptID", _ITEM, type=_URI)
    _add(kind, "term", "Item-level record")
    for model in models:
        snapshot = next((each.data_snapshot for each in classes if each.model_id == model and each.data_snapshot), "")
        trained = f", trained with the data set sha256:{snapshot}" if snapshot else ""
        said = f"Saggar classifier, model {model}{trained}; accepted by a person"
        source = _add(wrap, "recordSource")
        _add(source, "legalBodyID", f"urn:saggar:model:{model}", type=_URI)
        _add(_add(source, "legalBodyName"), "appellationValue", said)
    if dates := sorted(each.answered for each in classes if each.answered):
        _add(_add(wrap, "recordInfoSet"), "recordMetadataDate", dates[-1].replace("+00:00", "Z"))


def _concept(parent: ET.Element, task: str, found: AcceptedClass, vocabulary: Vocabulary) -> None:
    _add(parent, "conceptID", concept_uri(task, found.code, vocabulary), type=_URI)
    _add(parent, "term", vocabulary.value(task, found.code))


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, _name(name), {_name(key): value for key, value in attributes.items()})
    made.text = _CONTROL.sub("\ufffd", text) or None
    return made


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
ET.register_namespace("lido", NAMESPACE)


def _empty() -> tuple[bytes, bytes, str]:
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<lido:lidoWrap xmlns:lido="{NAMESPACE}" xmlns:xsi="{_XSI}" xsi:schemaLocation="{_SCHEMA}">\n'
    )
    return head.encode(), b"</lido:lidoWrap>\n", "utf-8"


def _around(path: Path) -> tuple[bytes, bytes, str]:
    """What of the museum's file goes before our records, what behind, and its encoding."""
    try:
        data = read_regular(path, _LARGEST_BYTES)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    root, encoding = _root(path, data)
    if root != f"{NAMESPACE} lidoWrap":
        namespace, _, name = root.rpartition(" ")
        raise InvalidInputError(
            f"{path}: begins with {name or 'nothing'} of {namespace or 'no namespace'}; records to copy are in a "
            f"lidoWrap of {NAMESPACE}"
        )
    end = _END.search(data)
    if end is None or "utf-16" in encoding or "utf-32" in encoding:
        raise InvalidInputError(f"{path}: has no end tag of lidoWrap in UTF-8 or a like encoding; save it as UTF-8")
    return data[: end.start()], data[end.start() :], encoding


def _root(path: Path, data: bytes) -> tuple[str, str]:
    """Name of the root element and the encoding; checks the file to its end, and loads nothing that it refers to."""
    found: list[str] = []
    declared = ["utf-8"]
    parser = expat.ParserCreate(namespace_separator=" ")

    def begin(name: str, _attributes: object) -> None:
        if not found:
            found.append(name)

    def declaration(_version: str, encoding: str | None, _standalone: int) -> None:
        declared[0] = (encoding or "utf-8").lower()

    def doctype(*_: object) -> None:
        raise InvalidInputError(f"{path}: has a DOCTYPE, which LIDO does not need; remove it")

    parser.StartElementHandler = begin
    parser.XmlDeclHandler = declaration
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InvalidInputError(f"{path}: is not well-formed XML ({error}); records to copy must be") from None
    except (ValueError, LookupError):  # what expat does not read, GB18030 among them
        raise InvalidInputError(
            f"{path}: is in {declared[0].upper()}, which is not read here; save it as UTF-8"
        ) from None
    return found[0], declared[0]
