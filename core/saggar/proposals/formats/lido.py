"""What people accepted as LIDO 1.1: records of their own, in a copy of the museum's records or in a new file.

Records that are there stay as they are, to the byte; ours come after them, with the object's number as their work's,
and name the model in `recordSource`. A class that a person wrote in place of the model's is not in them: it is the
museum's own statement, and belongs into its own record. Nothing in them is new in LIDO 1.1, so that they are valid in a
file of LIDO 1.0 as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree as ET

from saggar.errors import InvalidInputError
from saggar.files.wholefile import write_whole
from saggar.proposals.formats.accepted_objects import AcceptedClass, AcceptedObject, utc_moment
from saggar.proposals.formats.lido_file import NAMESPACE, new_file, read_file
from saggar.proposals.formats.linked_art import concept_uri, model_uri
from saggar.proposals.formats.vocabulary import Vocabulary

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"


def _lido_term(number: str) -> str:
    return f"http://terminology.lido-schema.org/lido{number}"


_LOCAL, _URI = _lido_term("00100"), _lido_term("00099")  # kinds of identifiers
_INVENTORY_NUMBER, _MATERIAL = _lido_term("00113"), _lido_term("00132")
_PRODUCTION, _ITEM = _lido_term("00007"), _lido_term("00141")
_OF_THE_RECORD, _CREATED = _lido_term("00470"), _lido_term("00472")  # whose date, and which

_Codes = list[tuple[str, str]]  # task and code


def write_lido(path: Path, objects: Iterable[AcceptedObject], vocabulary: Vocabulary, copied: Path | None) -> int:
    """The file at `path`; `copied` are the museum's records, which it begins with. Returns the number of our records.

    Raises InvalidInputError where `copied` is no LIDO or has one of our records already, and where there would be no
    record at all.
    """
    ours = [each for each in objects if _proposed(each)]
    file = new_file() if copied is None else read_file(copied)
    if not ours and not file.record_ids:
        raise InvalidInputError(
            "no record to write: no class that a model proposed was accepted, and LIDO has no file without records"
        )
    if twice := [identity for identity in map(_identity, ours) if identity in file.record_ids]:
        raise InvalidInputError(
            f"{copied}: has the record {twice[0]} already, {len(twice):,} in all; give the museum's file without them"
        )
    records = [record(each, vocabulary) for each in ours]
    text = "".join(f"{ET.tostring(each, encoding='unicode')}\n" for each in records)
    write_whole(path, file.before + text.encode(file.encoding, "xmlcharrefreplace") + file.after)
    return len(records)


def record(each: AcceptedObject, vocabulary: Vocabulary) -> ET.Element:
    """The LIDO record of an object of which a model proposed something."""
    classes = _proposed(each)
    identity = _identity(each)
    root = ET.Element(_name("lido"))
    _add(root, "lidoRecID", identity, type=_LOCAL, source="Saggar")
    described = _add(root, "descriptiveMetadata")
    described.set(_LANGUAGE, vocabulary.language)
    kinds: dict[str | None, _Codes] = {}
    for task, found in classes.items():
        kinds.setdefault(vocabulary.kind(task), []).append((task, found.code))
    _classification(described, kinds, vocabulary)
    identified = _add(described, "objectIdentificationWrap")
    _add(_add(_add(identified, "titleWrap"), "titleSet"), "appellationValue", each.number)
    _add(_add(_add(identified, "repositoryWrap"), "repositorySet"), "workID", each.number, type=_INVENTORY_NUMBER)
    _production(described, kinds, vocabulary)
    _administration(root, identity, list(classes.values()))
    return root


def _proposed(each: AcceptedObject) -> dict[str, AcceptedClass]:
    return {task: found for task, found in each.classes.items() if not found.corrected}


def _identity(each: AcceptedObject) -> str:
    model = next((found.model_id for found in _proposed(each).values()), "")
    return _CONTROL.sub("\ufffd", f"saggar/{model or 'unknown'}/{each.number}")


def _classification(described: ET.Element, kinds: dict[str | None, _Codes], vocabulary: Vocabulary) -> None:
    """Forms are types of the work; what is of no known kind belongs to a classification named after its task."""
    wrap = _add(described, "objectClassificationWrap")
    types = _add(wrap, "objectWorkTypeWrap")
    for task, code in kinds.get("form", []):
        _concept(_add(types, "objectWorkType"), task, code, vocabulary)
    if "form" not in kinds:  # LIDO wants one
        _english(_add(types, "objectWorkType"), "term", "not stated", vocabulary)
    if None in kinds:
        others = _add(wrap, "classificationWrap")
        for task, code in kinds[None]:
            _concept(_add(others, "classification"), task, code, vocabulary).set(_name("label"), task)


def _production(described: ET.Element, kinds: dict[str | None, _Codes], vocabulary: Vocabulary) -> None:
    periods, kilns, glazes = (kinds.get(kind, []) for kind in ("period", "kiln", "glaze"))
    if not periods + kilns + glazes:
        return
    event = _add(_add(_add(described, "eventWrap"), "eventSet"), "event")
    kind = _add(event, "eventType")
    _add(kind, "conceptID", _PRODUCTION, type=_URI)
    _english(kind, "term", "Production", vocabulary)
    if periods:
        _date(_add(event, "eventDate"), periods, vocabulary)
    for task, code in periods:
        _concept(_add(event, "periodName"), task, code, vocabulary)
    for task, code in kilns:
        places = _add(event, "eventPlace")
        _word(places, "displayPlace", task, code, vocabulary)
        place = _add(places, "place")
        _add(place, "placeID", concept_uri(task, code, vocabulary), type=_URI)
        _word(_add(place, "namePlaceSet"), "appellationValue", task, code, vocabulary)
    for task, code in glazes:
        material = _add(event, "eventMaterialsTech")
        _word(material, "displayMaterialsTech", task, code, vocabulary)
        _concept(_add(_add(material, "materialsTech"), "termMaterialsTech", type=_MATERIAL), task, code, vocabulary)


def _date(dated: ET.Element, periods: _Codes, vocabulary: Vocabulary) -> None:
    """An event has one date: of several periods, the shortest."""

    def length(each: tuple[str, str]) -> float:
        known = vocabulary.known(*each)
        return known.years[1] - known.years[0] if known and known.years else float("inf")

    task, code = min(periods, key=length)
    _word(dated, "displayDate", task, code, vocabulary)
    known = vocabulary.known(task, code)
    if known is not None and known.years:
        span = _add(dated, "date")
        _add(span, "earliestDate", _year(known.years[0]))
        _add(span, "latestDate", _year(known.years[1]))


def _administration(root: ET.Element, identity: str, classes: list[AcceptedClass]) -> None:
    administrative = _add(root, "administrativeMetadata")
    administrative.set(_LANGUAGE, "en")
    wrap = _add(administrative, "recordWrap")
    _add(wrap, "recordID", identity, type=_LOCAL)
    kind = _add(wrap, "recordType")
    _add(kind, "conceptID", _ITEM, type=_URI)
    _add(kind, "term", "Item-level record")
    for model in dict.fromkeys(found.model_id for found in classes):
        snapshot = next((each.data_snapshot for each in classes if each.model_id == model and each.data_snapshot), "")
        trained = f", trained with the data set sha256:{snapshot}" if snapshot else ""
        said = f"Saggar classifier, model {model or 'unknown'}{trained}; accepted by a person"
        source = _add(wrap, "recordSource")
        _add(source, "legalBodyID", model_uri(model), type=_URI)
        _add(_add(source, "legalBodyName"), "appellationValue", said)
    if latest := max(utc_moment(each.answered) for each in classes):
        info = _add(wrap, "recordInfoSet", type=_OF_THE_RECORD)
        _add(info, "recordMetadataDate", latest, type=_CREATED)


def _concept(parent: ET.Element, task: str, code: str, vocabulary: Vocabulary) -> ET.Element:
    """Returns the term."""
    _add(parent, "conceptID", concept_uri(task, code, vocabulary), type=_URI)
    return _word(parent, "term", task, code, vocabulary)


def _word(parent: ET.Element, name: str, task: str, code: str, vocabulary: Vocabulary) -> ET.Element:
    """An element that holds the word for a class, and its language where that is not the record's."""
    made = _add(parent, name, vocabulary.value(task, code))
    if (language := vocabulary.language_of(task, code)) != vocabulary.language:
        made.set(_LANGUAGE, language)
    return made


def _english(parent: ET.Element, name: str, text: str, vocabulary: Vocabulary) -> None:
    made = _add(parent, name, text)
    if vocabulary.language != "en":
        made.set(_LANGUAGE, "en")


def _add(parent: ET.Element, name: str, text: str = "", **attributes: str) -> ET.Element:
    made = ET.SubElement(parent, _name(name), {_name(key): value for key, value in attributes.items()})
    made.text = _CONTROL.sub("\ufffd", text) or None
    return made


def _name(name: str) -> str:
    return f"{{{NAMESPACE}}}{name}"


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # what XML cannot hold
ET.register_namespace("lido", NAMESPACE)


def _year(year: int) -> str:
    """As ISO 8601 has it, with four digits at least: 0960, -0206."""
    return f"{'-' if year < 0 else ''}{abs(year):04d}"
