"""Accepted classes as LIDO and Linked Art: what the specifications ask for, and nobody's record altered."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from saggar.errors import InvalidInputError
from saggar.proposals.decisions import Decided
from saggar.proposals.formats.accepted_objects import AcceptedObject, accepted_objects
from saggar.proposals.formats.lido import NAMESPACE, write_lido
from saggar.proposals.formats.linked_art import document, write_linked_art
from saggar.proposals.formats.vocabulary import Vocabulary
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
WORDS = Vocabulary(TAXONOMY.task_names, TAXONOMY)
ANSWERED = "2026-11-28T12:00:00+00:00"
SNAPSHOT = "5" * 64


def decided(number: str = "故瓷 1", row: int = 2, **changes: Any) -> Decided:
    values: dict[str, Any] = {
        "file": "review.csv",
        "number": row,
        "row": str(row),
        "object_number": number,
        "image": "a.jpg",
        "model_id": "0123456789abcdef",
        "data_snapshot": SNAPSHOT,
        "answered": ANSWERED,
        "accepted": {"dynasty": "Song", "kiln": "Long", "glaze": "Celadon", "type": "Bowl"},
        "confidence": {"glaze": "0.912"},
    }
    return Decided(**{**values, **changes})


def objects(*rows: Decided) -> list[AcceptedObject]:
    return accepted_objects(rows, WORDS)


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
    task = TAXONOMY.task("type")
    classes = tuple(
        each.model_copy(update={"aat": 300203596, "verified_by": "test"}) if each.code == "Bowl" else each
        for each in task.classes
    )
    known = TAXONOMY.model_copy(update={"tasks": (task.model_copy(update={"classes": classes}),)})
    (made,) = objects(decided(accepted={"type": "Bowl"}))
    found = document(made, Vocabulary(("type",), known), "urn:object:{number}")
    assert found["attributed_by"][0]["assigned"][0]["id"] == "http://vocab.getty.edu/aat/300203596"


# ---------------------------------------------------------------- LIDO

# Order and presence of child elements in LIDO 1.1, written from its documentation; only what we write.
ORDER = {
    "lidoWrap": ["lido"],
    "lido": ["lidoRecID", "objectPublishedID", "category", "descriptiveMetadata", "administrativeMetadata"],
    "descriptiveMetadata": ["objectClassificationWrap", "objectIdentificationWrap", "eventWrap", "objectRelationWrap"],
    "objectIdentificationWrap": ["titleWrap", "inscriptionsWrap", "repositoryWrap"],
    "objectWorkType": ["conceptID", "term"],
    "event": [
        "eventID", "eventType", "eventActor", "culture", "eventDate", "periodName", "eventPlace", "eventMethod",
        "eventMaterialsTech",
    ],
    "eventType": ["conceptID", "term"],
    "recordType": ["conceptID", "term"],
    "eventDate": ["displayDate", "date"],
    "date": ["earliestDate", "latestDate"],
    "periodName": ["conceptID", "term"],
    "eventPlace": ["displayPlace", "place"],
    "place": ["placeID", "namePlaceSet"],
    "eventMaterialsTech": ["displayMaterialsTech", "materialsTech"],
    "termMaterialsTech": ["conceptID", "term"],
    "administrativeMetadata": ["rightsWorkWrap", "recordWrap", "resourceWrap"],
    "recordWrap": ["recordID", "recordType", "recordSource", "recordRights", "recordInfoSet"],
    "recordSource": ["legalBodyID", "legalBodyName"],
}  # fmt: skip
REQUIRED = {
    "lido": {"lidoRecID", "descriptiveMetadata", "administrativeMetadata"},
    "descriptiveMetadata": {"objectClassificationWrap", "objectIdentificationWrap"},
    "objectClassificationWrap": {"objectWorkTypeWrap"},
    "objectWorkTypeWrap": {"objectWorkType"},
    "objectIdentificationWrap": {"titleWrap"},
    "event": {"eventType"},
    "administrativeMetadata": {"recordWrap"},
    "recordWrap": {"recordID", "recordType", "recordSource"},
}


def check_lido(element: ET.Element) -> None:
    namespace, _, name = element.tag.removeprefix("{").partition("}")
    assert namespace == NAMESPACE, element.tag
    children = [child.tag.rpartition("}")[2] for child in element]
    if name in ORDER:
        places = [ORDER[name].index(child) for child in children]
        assert places == sorted(places), (name, children)
    assert REQUIRED.get(name, set()) <= set(children), (name, children)
    assert children or (element.text or "").strip(), f"{name} is empty"
    for child in element:
        check_lido(child)


def all_kinds() -> list[AcceptedObject]:
    tasks = ({"dynasty": "Yuan"}, {"kiln": "Jun"}, {"glaze": "MoonW"}, {"type": "Vase"})
    rows = [decided(f"N{n}", n, accepted=accepted) for n, accepted in enumerate(tasks)]
    return objects(decided("A & <B>\x01", 50), *rows, decided("C", 90, accepted={}, corrected={"type": "vase"}))


def test_lido_has_the_elements_in_the_order_that_the_schema_asks_for(tmp_path: Path) -> None:
    written = write_lido(tmp_path / "out.xml", all_kinds(), WORDS, None)
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    assert written == len(root) == 5  # what people wrote themselves is not the model's
    check_lido(root)
    texts = {element.tag.rpartition("}")[2]: element.text for element in root[0].iter() if element.text}
    assert texts["workID"] == "A & <B>\ufffd"
    assert texts["earliestDate"] == "0960"
    assert texts["recordMetadataDate"] == "2026-11-28T12:00:00Z"
    source = root[0].find(f".//{{{NAMESPACE}}}recordSource//{{{NAMESPACE}}}appellationValue")
    assert source is not None
    assert source.text == (
        f"Saggar classifier, model 0123456789abcdef, trained with the data set sha256:{SNAPSHOT}; accepted by a person"
    )


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1"])
def test_records_of_the_museum_stay_to_the_byte(tmp_path: Path, encoding: str) -> None:
    museum = (
        f'<?xml version="1.0" encoding="{encoding}"?>\r\n<!-- ours -->\n'
        '<x:lidoWrap  xmlns:x="http://www.lido-schema.org" ><x:lido><x:lidoRecID x:type="local" >1&#xA0;é</x:lidoRecID>'
        "<x:note><![CDATA[</x:lidoWrap>]]></x:note></x:lido>\n</x:lidoWrap >\n<!-- end -->\n"
    ).encode(encoding)
    (tmp_path / "museum.xml").write_bytes(museum)
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    data = (tmp_path / "out.xml").read_bytes()
    cut = museum.rindex(b"</x:lidoWrap")
    assert data.startswith(museum[:cut])
    assert data.endswith(museum[cut:])
    assert (tmp_path / "museum.xml").read_bytes() == museum
    root = ET.fromstring(data)  # noqa: S314 written just now
    assert len(root) == 6
    for ours in root[1:]:
        check_lido(ours)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<lidoWrap/>", "of no namespace"),
        (b'<lido xmlns="http://www.lido-schema.org"/>', "begins with lido of"),
        (b'<lidoWrap xmlns="http://www.lido-schema.org"/>', "has no end tag"),
        (b"<lidoWrap", "not well-formed"),
        (b'<?xml version="1.0" encoding="GB18030"?><lidoWrap></lidoWrap>', "is in GB18030, which is not read"),
        (b'<!DOCTYPE a [<!ENTITY a "b">]><lidoWrap xmlns="http://www.lido-schema.org"></lidoWrap>', "has a DOCTYPE"),
    ],
)
def test_what_is_no_lido_is_not_copied(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "museum.xml").write_bytes(data)
    with pytest.raises(InvalidInputError, match=said):
        write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    assert not (tmp_path / "out.xml").exists()


@pytest.mark.skipif(
    "SAGGAR_LIDO_XSD" not in os.environ or shutil.which("xmllint") is None,
    reason="SAGGAR_LIDO_XSD names no copy of lido-v1.1.xsd, or xmllint is not installed",
)
def test_lido_is_valid_by_its_own_schema(tmp_path: Path) -> None:
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, None)
    command = ["xmllint", "--nonet", "--noout", "--schema", os.environ["SAGGAR_LIDO_XSD"], str(tmp_path / "out.xml")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
