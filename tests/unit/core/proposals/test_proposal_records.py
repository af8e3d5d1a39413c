"""Accepted classes of an object, and as Linked Art: what its documentation asks for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from accepted_rows import SNAPSHOT, TAXONOMY, WORDS, decided, objects, with_class
from saggar.errors import InvalidInputError
from saggar.proposals.formats.linked_art import document, write_linked_art
from saggar.proposals.formats.vocabulary import Vocabulary


def test_rows_of_one_object_come_together_and_must_agree() -> None:
    (both,) = objects(decided(accepted={"glaze": "Celadon"}), decided(row=3, accepted={"type": "Bowl"}))
    assert {task: each.code for task, each in both.classes.items()} == {"glaze": "Celadon", "type": "Bowl"}
    with pytest.raises(InvalidInputError) as caught:
        objects(
            decided(accepted={"glaze": "Celadon"}),
            decided(row=3, accepted={"glaze": "White"}),
            decided(row=4, number=""),
            decided(row=5, accepted={}, corrected={"type": "spaceship"}),
        )
    said = str(caught.value)
    assert "review.csv, row 3: glaze of 故瓷 1 is White here and Celadon in review.csv, row 2" in said
    assert "review.csv, row 4: has no object number" in said
    assert "review.csv, row 5: 'spaceship' is not a class of type" in said


# ---------------------------------------------------------------- Linked Art

_REFERENCE = {
    "type": "object",
    "required": ["id", "type"],
    "properties": {"id": {"type": "string", "format": "uri"}, "type": {"type": "string"}, "_label": {"type": "string"}},
    "additionalProperties": False,
}


def _reference(*kinds: str) -> dict[str, Any]:
    return {"allOf": [_REFERENCE, {"properties": {"type": {"enum": list(kinds)}}}]}


_SPAN = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"const": "TimeSpan"},
        "identified_by": {"type": "array", "items": {"required": ["type", "content"]}},
        "begin_of_the_begin": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
        "end_of_the_end": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
    },
    "additionalProperties": False,
}
_ASSIGNED: dict[str, Any] = {
    "classified_as": _reference("Type"),
    "made_of": _reference("Material"),
    "produced_by": {
        "type": "object",
        "required": ["type"],
        "properties": {
            "type": {"const": "Production"},
            "timespan": _SPAN,
            "took_place_at": {"type": "array", "items": _reference("Place")},
        },
        "additionalProperties": False,
    },
}
# Written from the documentation of Linked Art 1.0 (shared structures: reference, timespan, assignment): what is
# required, and that nothing else is there.
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["@context", "id", "type", "_label"],
    "properties": {
        "@context": {"const": "https://linked.art/ns/v1/linked-art.json"},
        "id": {"type": "string", "format": "uri"},
        "type": {"const": "HumanMadeObject"},
        "_label": {"type": "string"},
        "identified_by": {
            "type": "array",
            "items": {"required": ["type", "content"], "properties": {"type": {"enum": ["Name", "Identifier"]}}},
        },
        "attributed_by": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "assigned_property", "assigned"],
                "properties": {
                    "type": {"const": "AttributeAssignment"},
                    "_label": {"type": "string"},
                    "assigned_property": {"enum": list(_ASSIGNED)},
                    "assigned": {"type": "array", "minItems": 1},
                    "referred_to_by": {
                        "type": "array",
                        "items": {
                            "required": ["type", "content"],
                            "properties": {"type": {"const": "LinguisticObject"}},
                        },
                    },
                    "carried_out_by": {"type": "array", "items": _reference("Person", "Group")},
                    "used_specific_object": {"type": "array", "items": _reference("HumanMadeObject", "Set")},
                    "timespan": _SPAN,
                },
                "additionalProperties": False,
                "allOf": [
                    {
                        "if": {"properties": {"assigned_property": {"const": name}}},
                        "then": {"properties": {"assigned": {"items": kind}}},
                    }
                    for name, kind in _ASSIGNED.items()
                ],
            },
        },
    },
    "additionalProperties": False,
}


def test_linked_art_has_the_shape_that_the_model_asks_for(tmp_path: Path) -> None:
    rows = [
        decided(f"A/{n}", n, accepted={"glaze": code.code}) for n, code in enumerate(TAXONOMY.task("glaze").classes)
    ]
    made = objects(decided(), *rows, decided("C", 90, accepted={}, corrected={"type": "vase", "dynasty": "元代"}))
    write_linked_art(tmp_path / "out.jsonl", made, WORDS, "https://museum.example/object/{number}")
    documents = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(documents) == len(made)
    for each in documents:
        jsonschema.validate(each, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert documents[1]["id"] == "https://museum.example/object/A%2F0"
    assert [task["assigned_property"] for task in documents[0]["attributed_by"]] == [
        "produced_by",
        "produced_by",
        "made_of",
        "classified_as",
    ]


@pytest.mark.parametrize("wrong", [None, "property", "actor"])
def test_linked_art_is_read_by_the_models_own_library(wrong: str | None) -> None:
    """Cromulent knows the classes of Linked Art, their properties, and what these may point at.

    Its 1.0.1 wants a Type as `assigned_property`, where the API's documentation has a name: that one is left out.
    """
    model = pytest.importorskip("cromulent.model", reason="cromulent is not installed (`make setup` brings it)")
    from cromulent.reader import Reader

    (made,) = objects(decided())
    found = document(made, WORDS, "urn:object:{number}")
    for each in found["attributed_by"]:
        del each["assigned_property"]
    if wrong == "property":
        found["attributed_by"][0]["made_from"] = found["attributed_by"][2]["assigned"]
    if wrong == "actor":
        found["attributed_by"][0]["carried_out_by"][0]["type"] = "Material"
    if wrong:
        with pytest.raises(model.DataError):
            Reader().read(found)
    else:
        assert len(Reader().read(found).attributed_by) == 4


def test_linked_art_says_who_and_from_what() -> None:
    (made,) = objects(decided(corrected={"type": "vase"}, accepted={"dynasty": "Song", "glaze": "Celadon"}))
    found = document(made, WORDS, "urn:object:{number}")
    dynasty, glaze, corrected = found["attributed_by"]
    span = dynasty["assigned"][0]["timespan"]
    assert (span["begin_of_the_begin"], span["end_of_the_end"]) == ("0960-01-01T00:00:00Z", "1279-12-31T23:59:59Z")
    assert glaze["assigned"] == [
        {"id": "urn:saggar:song-yuan-porcelain:glaze:Celadon", "type": "Material", "_label": "celadon"}
    ]
    assert glaze["carried_out_by"][0]["id"] == "urn:saggar:model:0123456789abcdef"
    assert glaze["used_specific_object"][0]["id"] == f"urn:sha256:{SNAPSHOT}"
    assert glaze["timespan"]["begin_of_the_begin"] == "2026-11-28T12:00:00Z"
    assert "probability 0.912; accepted by a person" in glaze["referred_to_by"][0]["content"]
    assert "carried_out_by" not in corrected
    assert "Written by a person" in corrected["referred_to_by"][0]["content"]


def test_a_looked_up_aat_number_is_the_concept() -> None:
    known = with_class("type", "Bowl", aat=300203596, verified_by="test")
    (made,) = objects(decided(accepted={"type": "Bowl"}))
    found = document(made, Vocabulary(("type",), known), "urn:object:{number}")
    assert found["attributed_by"][0]["assigned"][0]["id"] == "http://vocab.getty.edu/aat/300203596"


@pytest.mark.parametrize(
    ("answered", "said"),
    [
        ("2026-11-28T20:00:00+08:00", "2026-11-28T12:00:00Z"),
        ("28.11.2026 12:00", None),
        ("2026-11-28T12:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_what_a_spreadsheet_made_of_a_moment_is_not_passed_on_as_one(answered: str, said: str | None) -> None:
    (made,) = objects(decided(accepted={"glaze": "Celadon"}, answered=answered, model_id=""))
    (assigned,) = document(made, WORDS, "urn:object:{number}")["attributed_by"]
    assert assigned.get("timespan", {}).get("begin_of_the_begin") == said
    assert assigned["carried_out_by"][0]["id"] == "urn:saggar:model:unknown"


def test_years_before_ours_have_four_digits_too() -> None:
    words = Vocabulary(("dynasty",), with_class("dynasty", "Song", years=(-206, 9)))
    (made,) = objects(decided(accepted={"dynasty": "Song"}), words=words)
    (assigned,) = document(made, words, "urn:object:{number}")["attributed_by"]
    span = assigned["assigned"][0]["timespan"]
    assert (span["begin_of_the_begin"], span["end_of_the_end"]) == ("-0206-01-01T00:00:00Z", "0009-12-31T23:59:59Z")
