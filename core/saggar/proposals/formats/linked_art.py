"""What people accepted as Linked Art (https://linked.art/api/1.0/): JSON-LD, a document an object, one a line.

Nothing is asserted of the object itself. Each class is an AttributeAssignment that says which property it is about,
what it assigns, who proposed it (the model, with the data set that it was trained with) and when. A class that a person
wrote in place of the model's is not said to be the model's. Forms are `classified_as`, glazes `made_of`; periods and
kilns are the time and the place of `produced_by`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from saggar.files.wholefile import whole_file
from saggar.proposals.formats.accepted_objects import AcceptedClass, AcceptedObject
from saggar.proposals.formats.vocabulary import Vocabulary

CONTEXT = "https://linked.art/ns/v1/linked-art.json"
AAT = "http://vocab.getty.edu/aat/"


def write_linked_art(path: Path, objects: Iterable[AcceptedObject], vocabulary: Vocabulary, object_uri: str) -> None:
    """JSON Lines at `path`. `object_uri` has `{number}` where an object's number goes."""
    with whole_file(path) as file:
        for each in objects:
            line = json.dumps(document(each, vocabulary, object_uri), ensure_ascii=False)
            file.write(line.encode("utf-8", "backslashreplace") + b"\n")


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
    taxonomy = vocabulary.taxonomy.id if vocabulary.taxonomy else "unknown"
    return f"urn:saggar:{quote(taxonomy, safe='')}:{quote(task, safe='')}:{quote(code, safe='')}"


def model_uri(model_id: str) -> str:
    """A name for a model; of `unknown` where the table does not say which it was."""
    return f"urn:saggar:model:{quote(model_id, safe='') or 'unknown'}"


def year_text(year: int) -> str:
    """A year as ISO 8601 has it, with four digits at least: 0960, -0206."""
    return f"{'-' if year < 0 else ''}{abs(year):04d}"


def _assignment(task: str, found: AcceptedClass, vocabulary: Vocabulary) -> dict[str, Any]:
    name = vocabulary.value(task, found.code)
    assigned_property, assigned = _assigned(task, found, name, vocabulary)
    made: dict[str, Any] = {
        "type": "AttributeAssignment",
        "_label": f"{task}: {name}",
        "assigned_property": assigned_property,
        "assigned": [assigned],
        "referred_to_by": [{"type": "LinguisticObject", "content": _account(found)}],
    }
    if found.corrected:
        return made
    made["carried_out_by"] = [
        {"id": model_uri(found.model_id), "type": "Group", "_label": f"Saggar classifier {found.model_id or 'unknown'}"}
    ]
    if found.data_snapshot:
        label = "data set that the classifier was trained with"
        made["used_specific_object"] = [{"id": f"urn:sha256:{found.data_snapshot}", "type": "Set", "_label": label}]
    if found.answered:
        moments = {"begin_of_the_begin": found.answered, "end_of_the_end": found.answered}
        made["timespan"] = {"type": "TimeSpan", **moments}
    return made


def _assigned(task: str, found: AcceptedClass, name: str, vocabulary: Vocabulary) -> tuple[str, dict[str, Any]]:
    kind = vocabulary.kind(task)
    uri = concept_uri(task, found.code, vocabulary)
    if kind == "glaze":
        return "made_of", {"id": uri, "type": "Material", "_label": name}
    if kind == "kiln":
        place = {"id": uri, "type": "Place", "_label": name}
        return "produced_by", {"type": "Production", "took_place_at": [place]}
    if kind == "period":
        return "produced_by", {"type": "Production", "timespan": _span(task, found, name, vocabulary)}
    return "classified_as", {"id": uri, "type": "Type", "_label": name}


def _span(task: str, found: AcceptedClass, name: str, vocabulary: Vocabulary) -> dict[str, Any]:
    span: dict[str, Any] = {"type": "TimeSpan", "identified_by": [{"type": "Name", "content": name}]}
    known = vocabulary.known(task, found.code)
    if known is not None and known.years:
        first, last = known.years
        span["begin_of_the_begin"] = f"{year_text(first)}-01-01T00:00:00Z"
        span["end_of_the_end"] = f"{year_text(last)}-12-31T23:59:59Z"
    return span


def _account(found: AcceptedClass) -> str:
    if found.corrected:
        return f"Written by a person in place of what Saggar classifier {found.model_id} proposed."
    sure = f", probability {found.confidence}" if found.confidence else ""
    return f"Proposed by Saggar classifier {found.model_id} from a photograph{sure}; accepted by a person."
