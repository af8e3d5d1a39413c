"""What people accepted as Linked Art (https://linked.art/api/1.0/): JSON-LD, a document an object, one a line.

Nothing is asserted of the object itself. Each class is an AttributeAssignment that says which property it is about,
what it assigns, who proposed it (the model, with the data set that it was trained with) and when; what a model proposed
is classified as computer generated. A class that a person wrote in place of the model's is not said to be the model's.
Forms are `classified_as`, glazes `made_of`; periods and kilns are the time and the place of `produced_by`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from saggar.errors import InvalidInputError
from saggar.files.wholefile import whole_file
from saggar.proposals.formats.accepted_objects import AcceptedClass, AcceptedObject, utc_moment
from saggar.proposals.formats.vocabulary import Vocabulary

CONTEXT = "https://linked.art/ns/v1/linked-art.json"
AAT = "http://vocab.getty.edu/aat/"
_YEARS = range(1, 10_000)  # that a date-time can hold, by RFC 3339
_SIGNS = r"([\w.~:/?@!$&'()*+,;=-]|%[0-9A-F]{2})*"
_ADDRESS = re.compile(rf"https?://[A-Z0-9.-]+(:\d+)?([/?]{_SIGNS})?(#{_SIGNS})?", re.ASCII | re.IGNORECASE)


def write_linked_art(path: Path, objects: Iterable[AcceptedObject], vocabulary: Vocabulary, object_uri: str) -> int:
    """JSON Lines at `path`. `object_uri` is a web address with `{number}` where an object's number goes. Returns the
    number of documents.

    Raises InvalidInputError where it is not.
    """
    if "{number}" not in object_uri:
        raise InvalidInputError(f"--object-uri {object_uri}: write {{number}} where an object's number goes")
    if not _ADDRESS.fullmatch(object_uri.replace("{number}", "%31")):
        raise InvalidInputError(
            f"--object-uri {object_uri}: is not a web address, which Linked Art knows objects by; write "
            "https://host/path/{number}, and what is not ASCII percent-encoded"
        )
    count = 0
    with whole_file(path) as file:
        for each in objects:
            line = json.dumps(document(each, vocabulary, object_uri), ensure_ascii=False)
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")
            count += 1
    return count


def document(each: AcceptedObject, vocabulary: Vocabulary, object_uri: str) -> dict[str, Any]:
    """The document of an object."""
    return {
        "@context": CONTEXT,
        "id": object_uri.replace("{number}", quote(each.number, safe="")),
        "type": "HumanMadeObject",
        "_label": each.number,
        "identified_by": [{"type": "Identifier", "content": each.number}],
        "attributed_by": [_assignment(task, found, vocabulary) for task, found in each.classes.items()],
    }


def concept_uri(task: str, code: str, vocabulary: Vocabulary) -> str:
    """The Getty AAT's address of a class where the taxonomy has one, else a name within the taxonomy."""
    known = vocabulary.known(task, code)
    if known is not None and known.aat is not None:
        return f"{AAT}{known.aat}"
    return _urn("saggar", vocabulary.taxonomy.id if vocabulary.taxonomy else "unknown", task, code)


def model_uri(model_id: str) -> str:
    """A name for a model; of `unknown` where the table does not say which it was."""
    return _urn("saggar", "model", model_id or "unknown")


def _urn(*parts: str) -> str:
    return ":".join(["urn", *(quote(part, safe="") for part in parts)])


def _concept(number: int, label: str, kind: str = "Type") -> dict[str, Any]:
    return {"id": f"{AAT}{number}", "type": kind, "_label": label}


# The AAT's numbers are those of Linked Art's own vocabulary.
_GENERATED = _concept(300202389, "Computer Generated")
_TYPE_OF_WORK = _concept(300435443, "Type of Work")
_NOTE = {**_concept(300027200, "Note"), "classified_as": [_concept(300418049, "Brief Text")]}
_ENGLISH, _CHINESE = _concept(300388277, "English", "Language"), _concept(300388113, "Chinese", "Language")


def _assignment(task: str, found: AcceptedClass, vocabulary: Vocabulary) -> dict[str, Any]:
    name = vocabulary.value(task, found.code)
    assigned_property, assigned = _assigned(task, found, name, vocabulary)
    note = {
        "type": "LinguisticObject",
        "classified_as": [_NOTE],
        "content": _account(found),
        "language": [_ENGLISH],
    }
    made: dict[str, Any] = {
        "type": "AttributeAssignment",
        "_label": f"{task}: {name}",
        "referred_to_by": [note],
        "assigned_property": assigned_property,
        "assigned": [assigned],
    }
    if found.corrected:
        return made
    made["classified_as"] = [_GENERATED]
    if found.model_id:
        # Linked Art knows persons and groups as actors only.
        model = {"id": model_uri(found.model_id), "type": "Group", "_label": _proposer(found)}
        made["carried_out_by"] = [model]
    if found.data_snapshot:
        label = "data set that the classifier was trained with"
        made["used_specific_object"] = [{"id": _urn("sha256", found.data_snapshot), "type": "Set", "_label": label}]
    if found.answered:
        made["timespan"] = _moment(found.answered)
    return made


def _assigned(task: str, found: AcceptedClass, name: str, vocabulary: Vocabulary) -> tuple[str, dict[str, Any]]:
    kind = vocabulary.kind(task)
    uri = concept_uri(task, found.code, vocabulary)
    if kind == "glaze":
        return "made_of", {"id": uri, "type": "Material", "_label": name}
    if kind == "kiln":
        place = {"id": uri, "type": "Place", "_label": name}
        return "produced_by", {"type": "Production", "_label": f"production: {name}", "took_place_at": [place]}
    if kind == "period":
        span = _span(task, found, name, vocabulary)
        return "produced_by", {"type": "Production", "_label": f"production: {name}", "timespan": span}
    of_work = {"classified_as": [_TYPE_OF_WORK]} if kind == "form" else {}
    return "classified_as", {"id": uri, "type": "Type", "_label": name, **of_work}


def _span(task: str, found: AcceptedClass, name: str, vocabulary: Vocabulary) -> dict[str, Any]:
    known = vocabulary.known(task, found.code)
    named: dict[str, Any] = {"type": "Name", "content": name}
    if known is not None and name in {known.names.en, known.names.zh_hans, known.names.zh_hant}:
        named["language"] = [_ENGLISH if name == known.names.en else _CHINESE]
    span: dict[str, Any] = {"type": "TimeSpan", "_label": name, "identified_by": [named]}
    if known is not None and known.years:
        first, last = known.years
        if first in _YEARS:
            span["begin_of_the_begin"] = f"{first:04d}-01-01T00:00:00Z"
        if last in _YEARS:
            span["end_of_the_end"] = f"{last:04d}-12-31T23:59:59Z"
    return span


def _moment(answered: str) -> dict[str, Any]:
    """When the model answered: as it stands alone, where it is no moment (a spreadsheet may have rewritten it)."""
    span: dict[str, Any] = {"type": "TimeSpan", "_label": answered}
    plain = utc_moment(answered)
    if not plain:
        return {**span, "identified_by": [{"type": "Name", "content": answered}]}
    return {**span, "begin_of_the_begin": plain, "end_of_the_end": plain}


def _account(found: AcceptedClass) -> str:
    if found.corrected:
        return f"Written by a person in place of what {_proposer(found)} proposed."
    sure = f", probability {found.confidence}" if found.confidence else ""
    return f"Proposed by {_proposer(found)} from a photograph{sure}; accepted by a person."


def _proposer(found: AcceptedClass) -> str:
    return f"Saggar classifier {found.model_id}" if found.model_id else "a Saggar classifier"
