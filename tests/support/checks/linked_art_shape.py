"""The shape of our Linked Art documents, as a JSON schema.

Written from the documentation of Linked Art 1.0 (shared structures: reference, timespan, assignment, statement): what
is required or recommended, and that nothing else is there.
"""

from typing import Any

_URI = {"type": "string", "pattern": r"^(https?|urn):[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"}
_DATE_TIME = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"}
_TEXT = {"type": "string", "minLength": 1}


def _closed(kind: str | list[str], required: list[str], **properties: Any) -> dict[str, Any]:
    kinds = [kind] if isinstance(kind, str) else kind
    return {
        "type": "object",
        "required": ["type", *required],
        "properties": {"type": {"enum": kinds}, "_label": _TEXT, **properties},
        "additionalProperties": False,
    }


def _some(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": item}


def _reference(*kinds: str) -> dict[str, Any]:
    return _closed(list(kinds), ["id", "_label"], id=_URI)


_CONCEPT = _closed("Type", ["id", "_label"], id=_URI, classified_as=_some(_reference("Type")))
_LANGUAGE = _some(_reference("Language"))
_SPAN = {
    **_closed(
        "TimeSpan",
        ["_label"],
        identified_by=_some(_closed("Name", ["content"], content=_TEXT, language=_LANGUAGE)),
        begin_of_the_begin=_DATE_TIME,
        end_of_the_end=_DATE_TIME,
    ),
    "anyOf": [{"required": [name]} for name in ("identified_by", "begin_of_the_begin", "end_of_the_end")],
}
_ASSIGNED = {
    "classified_as": _CONCEPT,
    "made_of": _reference("Material"),
    "produced_by": _closed("Production", ["_label"], timespan=_SPAN, took_place_at=_some(_reference("Place"))),
}
SHAPE = _closed(
    "HumanMadeObject",
    ["@context", "id", "_label", "identified_by", "attributed_by"],
    **{"@context": {"const": "https://linked.art/ns/v1/linked-art.json"}},
    id={**_URI, "pattern": r"^https?://[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$"},
    identified_by=_some(_closed("Identifier", ["content"], content=_TEXT)),
    attributed_by=_some(
        {
            **_closed(
                "AttributeAssignment",
                ["_label", "referred_to_by", "assigned_property", "assigned"],
                classified_as=_some(_reference("Type")),
                referred_to_by=_some(
                    _closed(
                        "LinguisticObject",
                        ["content", "classified_as", "language"],
                        content=_TEXT,
                        classified_as=_some(_CONCEPT),
                        language=_LANGUAGE,
                    )
                ),
                assigned_property={"enum": list(_ASSIGNED)},
                assigned=_some({}),
                carried_out_by=_some(_reference("Person", "Group")),
                used_specific_object=_some(_reference("HumanMadeObject", "Set")),
                timespan=_SPAN,
            ),
            "allOf": [
                {
                    "if": {"properties": {"assigned_property": {"const": name}}},
                    "then": {"properties": {"assigned": {"items": kind}}},
                }
                for name, kind in _ASSIGNED.items()
            ],
        }
    ),
)
