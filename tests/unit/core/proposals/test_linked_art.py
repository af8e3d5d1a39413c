"""Accepted classes as Linked Art: valid by its model and its schemas, and nothing said that nobody said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from accepted_rows import SNAPSHOT, TAXONOMY, WORDS, decided, objects, with_class
from linked_art_shape import SHAPE
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7
from saggar.errors import InvalidInputError
from saggar.proposals.formats import linked_art
from saggar.proposals.formats.linked_art import AAT, document, write_linked_art
from saggar.proposals.formats.vocabulary import Vocabulary
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies

ADDRESS = "https://museum.example/object/{number}"


def known(task: str, code: str, **changes: Any) -> Vocabulary:
    """The words of the taxonomy where one class of it is otherwise."""
    return replace(WORDS, taxonomy=with_class(task, code, **changes))


def written(words: Vocabulary = WORDS, **changes: Any) -> dict[str, Any]:
    (made,) = objects(decided(**changes), words=words)
    return document(made, words, ADDRESS)


def every_class(taxonomy: Taxonomy, language: str) -> list[dict[str, Any]]:
    words = Vocabulary(taxonomy.task_names, taxonomy, language=language)
    return [
        written(words, number=f"{task.name} {each.code}", accepted={task.name: each.code}, confidence={})
        for task in taxonomy.tasks
        for each in task.classes
    ]


NUMBERS = ("故瓷 1", 'A/1 "x"', "a\x01\n?#%{number}", "https://x/1", ".")
MOMENTS = ("28/11/2026 12:00", "2026-11-28", "2026-11-28 20:00:00.5+08:00")


def every_kind() -> dict[str, list[dict[str, Any]]]:
    """Documents of all that can be accepted, by what is peculiar to them."""
    house = replace(WORDS, values={("dynasty", "Song"): "宋 (960-1279)", ("glaze", "Celadon"): "M-17"})
    looked_up = known("type", "Bowl", aat=300203596, verified_by="test")
    of_model = {"model_id": "a model/üö", "data_snapshot": "sha 256:é"}
    without = {"model_id": "", "data_snapshot": "", "answered": "", "confidence": {}}
    some = {"accepted": {"dynasty": "Song", "glaze": "Celadon"}, "corrected": {"type": "vase"}}
    return {
        "all tasks": [written()],
        "a task each": [written(accepted={task.name: task.codes[0]}) for task in TAXONOMY.tasks],
        "no kiln": [written(accepted={"dynasty": "Yuan", "glaze": "White", "type": "Vase"})],
        "corrected": [written(**some), written(accepted={}, corrected={"kiln": "龙泉窑", "dynasty": "元代"})],
        "numbers": [
            written(number=number) for number in ("故瓷 1", 'A/1 "x"', "a\x01\n?#%{number}", "https://x/1", ".")
        ],
        "the house's words": [written(house)],
        "an AAT number": [written(looked_up)],
        "no taxonomy": [written(Vocabulary(("glaze",)), accepted={"glaze": "青 釉:1"})],
        "before our era": [written(known("dynasty", "Song", years=years)) for years in ((-206, 220), (-770, -221))],
        "odd models": [written(**of_model), written(**without)],
        "moments": [
            written(answered=when) for when in ("28/11/2026 12:00", "2026-11-28", "2026-11-28 20:00:00.5+08:00")
        ],
        **{
            f"{name} in {language}": every_class(load_taxonomy(name), language)
            for name in shipped_taxonomies()
            for language in ("en", "zh-Hans", "zh-Hant")
        },
    }


def test_every_kind_has_the_shape_that_the_model_asks_for() -> None:
    validator = jsonschema.Draft202012Validator(SHAPE)
    for peculiar, documents in every_kind().items():
        assert documents, peculiar
        for each in documents:
            validator.validate(each)


def asserted(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The object as it were if an assignment held: the schemas say nothing of `assigned` itself."""
    for each in made["attributed_by"]:
        name, (value,) = each["assigned_property"], each["assigned"]
        yield {**made, name: value if name == "produced_by" else [value]}


def break_context(made: dict[str, Any]) -> None:
    del made["@context"]


def break_address(made: dict[str, Any]) -> None:
    made["id"] = "故瓷 1"


def break_actor(made: dict[str, Any]) -> None:
    made["attributed_by"][0]["carried_out_by"][0]["type"] = "DigitalObject"


def break_property(made: dict[str, Any]) -> None:
    made["attributed_by"][0]["made_from"] = []


def break_time(made: dict[str, Any]) -> None:
    made["attributed_by"][0]["timespan"]["begin_of_the_begin"] = "28/11/2026"


BREAKS = [break_context, break_address, break_actor, break_property, break_time]


@pytest.mark.skipif(
    "SAGGAR_LINKED_ART_SCHEMAS" not in os.environ,
    reason="SAGGAR_LINKED_ART_SCHEMAS names no folder with object.json and core.json of Linked Art",
)
def test_every_kind_is_valid_by_linked_arts_own_schemas() -> None:
    folder = Path(os.environ["SAGGAR_LINKED_ART_SCHEMAS"])

    def schema(address: str) -> Any:
        return json.loads((folder / address.rpartition("/")[2]).read_text(encoding="utf-8"))

    registry: Registry[Any] = Registry(
        retrieve=lambda address: Resource.from_contents(schema(address), default_specification=DRAFT7)
    )
    kind = jsonschema.validators.validator_for(schema("object.json"), default=jsonschema.Draft7Validator)
    checker = jsonschema.FormatChecker()
    assert {"uri", "date-time"} <= checker.checkers.keys(), "`make setup` brings what checks these formats"
    validator = kind(schema("object.json"), registry=registry, format_checker=checker)
    for peculiar, documents in every_kind().items():
        for each in (given for made in documents for given in (made, *asserted(made))):
            found = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(each)]
            assert not found, (peculiar, found[:3])
    for broken in BREAKS:
        made = written()
        broken(made)
        assert not validator.is_valid(made), broken


@pytest.mark.parametrize("broken", BREAKS)
def test_the_shape_tells_what_is_not_linked_art(broken: Any) -> None:
    made = written()
    broken(made)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(made, SHAPE)


def test_linked_art_is_read_by_the_models_own_library() -> None:
    """Cromulent knows the classes of Linked Art, their properties, and what these may point at.

    Its 1.0.1 wants a Type as `assigned_property`, where the API's documentation has a name: that one is left out.
    """
    model = pytest.importorskip("cromulent.model", reason="cromulent is not installed (`make setup` brings it)")
    from cromulent.reader import Reader

    def read(found: dict[str, Any]) -> Any:
        for each in found["attributed_by"]:
            del each["assigned_property"]
        return Reader().read(found)

    for documents in every_kind().values():
        for each in documents:
            assert len(read(each).attributed_by) == len(each["attributed_by"])
    for name in ("made_from", "carried_out_by"):
        wrong = written()
        wrong["attributed_by"][0][name] = [{"id": "urn:x", "type": "Material"}]
        with pytest.raises(model.DataError):
            read(wrong)


def test_numbers_of_the_aat_are_those_of_linked_arts_vocabulary() -> None:
    vocab = pytest.importorskip("cromulent.vocab", reason="cromulent is not installed (`make setup` brings it)")
    ours = {
        "computer generated": linked_art._GENERATED,
        "work type": linked_art._TYPE_OF_WORK,
        "brief text": linked_art._NOTE["classified_as"][0],
        "english": linked_art._ENGLISH,
        "chinese": linked_art._CHINESE,
    }
    for name, concept in ours.items():
        theirs = vocab.instances[name]
        assert concept == {"id": theirs.id, "type": theirs.type, "_label": theirs._label}
    assert linked_art._NOTE["id"] == vocab.Note(content="").classified_as[0].id


def test_a_file_has_a_document_a_line(tmp_path: Path) -> None:
    made = objects(decided(), decided("A/0", 3, accepted={"glaze": "White"}), decided("C", 4, accepted={}))
    write_linked_art(tmp_path / "out.jsonl", made, WORDS, ADDRESS)
    documents = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert documents == [document(each, WORDS, ADDRESS) for each in made]
    assert [each["id"] for each in documents] == [
        "https://museum.example/object/%E6%95%85%E7%93%B7%201",
        "https://museum.example/object/A%2F0",
    ]


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("https://museum.example/", "write {number} where"),
        ("object/{number}", "is not a web address"),
        ("urn:museum:{number}", "is not a web address"),
        ("https://{number}.museum.example/", "is not a web address"),
        ("https://museum.example/藏品/{number}", "what is not ASCII percent-encoded"),
        ("https://museum.example/my objects/{number}", "is not a web address"),
        ("https://museum.example/{type}/{number}", "is not a web address"),
        ("https://museum.example/50%/{number}", "is not a web address"),
        ("https://museum.example/{number}#a#b", "is not a web address"),
    ],
)
def test_objects_are_known_by_web_addresses(tmp_path: Path, address: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        write_linked_art(tmp_path / "out.jsonl", objects(decided()), WORDS, address)
    assert said in str(caught.value)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("address", ["http://localhost:8080/o?n={number}", "https://a.org/o%20/{number}/v1#this"])
def test_any_web_address_will_do(tmp_path: Path, address: str) -> None:
    write_linked_art(tmp_path / "out.jsonl", objects(decided("A/1")), WORDS, address)
    found = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert found["id"] == address.replace("{number}", "A%2F1")


def test_linked_art_says_who_and_from_what() -> None:
    found = written(corrected={"type": "vase"}, accepted={"dynasty": "Song", "glaze": "Celadon"})
    dynasty, glaze, corrected = found["attributed_by"]
    assert [each["assigned_property"] for each in (dynasty, glaze, corrected)] == [
        "produced_by",
        "made_of",
        "classified_as",
    ]
    span = dynasty["assigned"][0]["timespan"]
    assert (span["begin_of_the_begin"], span["end_of_the_end"]) == ("0960-01-01T00:00:00Z", "1279-12-31T23:59:59Z")
    assert glaze["assigned"] == [
        {"id": "urn:saggar:song-yuan-porcelain:glaze:Celadon", "type": "Material", "_label": "celadon"}
    ]
    assert glaze["carried_out_by"][0]["id"] == "urn:saggar:model:0123456789abcdef"
    assert glaze["used_specific_object"][0]["id"] == f"urn:sha256:{SNAPSHOT}"
    assert glaze["timespan"]["begin_of_the_begin"] == "2026-11-28T12:00:00Z"
    assert [each["_label"] for each in glaze["classified_as"]] == ["Computer Generated"]
    assert "probability 0.912; accepted by a person" in glaze["referred_to_by"][0]["content"]
    assert not {"carried_out_by", "used_specific_object", "timespan", "classified_as"} & corrected.keys()
    assert "Written by a person" in corrected["referred_to_by"][0]["content"]


def test_a_looked_up_aat_number_is_the_concept() -> None:
    found = written(known("type", "Bowl", aat=300203596, verified_by="test"), accepted={"type": "Bowl"})
    (assigned,) = found["attributed_by"][0]["assigned"]
    assert assigned["id"] == f"{AAT}300203596"
    assert assigned["classified_as"][0]["_label"] == "Type of Work"


@pytest.mark.parametrize(
    ("language", "values", "said", "languages"),
    [
        ("en", None, "Song", ["English"]),
        ("zh-Hans", None, "宋代", ["Chinese"]),
        ("zh-Hant", None, "宋代", ["Chinese"]),
        ("en", {("dynasty", "Song"): "P-12"}, "P-12", None),
    ],
)
def test_names_of_periods_say_their_language(
    language: str, values: dict[tuple[str, str], str] | None, said: str, languages: list[str] | None
) -> None:
    words = replace(WORDS, language=language, values=values)
    (name,) = written(words, accepted={"dynasty": "Song"})["attributed_by"][0]["assigned"][0]["timespan"][
        "identified_by"
    ]
    assert name["content"] == said
    assert ([each["_label"] for each in name["language"]] if languages else name.get("language")) == languages


def test_years_that_no_date_holds_are_left_to_the_name() -> None:
    def span(first: int, last: int) -> dict[str, Any]:
        words = known("dynasty", "Song", years=(first, last))
        made: dict[str, Any] = written(words)["attributed_by"][0]["assigned"][0]["timespan"]
        return {name: value for name, value in made.items() if name.endswith(("_begin", "_end"))}

    assert span(-206, 220) == {"end_of_the_end": "0220-12-31T23:59:59Z"}
    assert span(-770, -221) == {}


@pytest.mark.parametrize(
    ("answered", "begin"),
    [
        ("2026-11-28T20:00:00+08:00", "2026-11-28T12:00:00Z"),
        ("2026-11-28T12:00:00", None),  # of which zone?
        ("28/11/2026 12:00", None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_a_moment_that_was_rewritten_is_no_date(answered: str, begin: str | None) -> None:
    span = written(answered=answered)["attributed_by"][0]["timespan"]
    assert span.get("begin_of_the_begin") == span.get("end_of_the_end") == begin
    if begin is None:
        assert span["identified_by"] == [{"type": "Name", "content": answered}]


def test_a_model_that_the_table_does_not_name_is_no_actor() -> None:
    (glaze,) = written(model_id="", data_snapshot="", accepted={"glaze": "Celadon"})["attributed_by"]
    assert not {"carried_out_by", "used_specific_object"} & glaze.keys()
    assert [each["_label"] for each in glaze["classified_as"]] == ["Computer Generated"]
    assert glaze["referred_to_by"][0]["content"].startswith("Proposed by a Saggar classifier from a photograph")
