"""Accepted classes as LIDO: valid by its schema, in its documented practice, and nobody's record altered."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from accepted_rows import SNAPSHOT, TAXONOMY, WORDS, decided, objects, with_class
from saggar.errors import InvalidInputError
from saggar.proposals.formats.accepted_objects import AcceptedObject
from saggar.proposals.formats.lido import write_lido
from saggar.proposals.formats.lido_file import NAMESPACE
from saggar.proposals.formats.vocabulary import Vocabulary

LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
TERMS = "http://terminology.lido-schema.org/lido"

# What LIDO 1.0 and 1.1 both allow as children, of what we write: in this order, and + where one must be there.
CHILDREN = {
    "lidoWrap": "lido+",
    "lido": "lidoRecID+ objectPublishedID* category? descriptiveMetadata+ administrativeMetadata+",
    "descriptiveMetadata": "objectClassificationWrap objectIdentificationWrap eventWrap? objectRelationWrap?",
    "objectClassificationWrap": "objectWorkTypeWrap classificationWrap?",
    "objectWorkTypeWrap": "objectWorkType+",
    "objectWorkType": "conceptID* term*",
    "classificationWrap": "classification*",
    "classification": "conceptID* term*",
    "objectIdentificationWrap": "titleWrap inscriptionsWrap? repositoryWrap? displayStateEditionWrap?",
    "titleWrap": "titleSet+",
    "titleSet": "appellationValue+ sourceAppellation*",
    "repositoryWrap": "repositorySet*",
    "repositorySet": "repositoryName? workID* repositoryLocation?",
    "eventWrap": "eventSet*",
    "eventSet": "displayEvent* event?",
    "event": "eventID* eventType roleInEvent* eventName* eventActor* culture* eventDate? periodName* eventPlace* "
    "eventMethod* eventMaterialsTech*",
    "eventType": "conceptID* term*",
    "eventDate": "displayDate* date?",
    "date": "earliestDate? latestDate?",
    "periodName": "conceptID* term*",
    "eventPlace": "displayPlace* place?",
    "place": "placeID* namePlaceSet*",
    "namePlaceSet": "appellationValue+ sourceAppellation*",
    "eventMaterialsTech": "displayMaterialsTech* materialsTech?",
    "materialsTech": "termMaterialsTech* extentMaterialsTech* sourceMaterialsTech*",
    "termMaterialsTech": "conceptID* term*",
    "administrativeMetadata": "rightsWorkWrap? recordWrap resourceWrap?",
    "recordWrap": "recordID+ recordType recordSource+ recordRights* recordInfoSet*",
    "recordType": "conceptID* term*",
    "recordSource": "legalBodyID* legalBodyName* legalBodyWeblink*",
    "legalBodyName": "appellationValue+ sourceAppellation*",
    "recordInfoSet": "recordInfoID* recordInfoLink* recordMetadataDate*",
}
TYPED = {  # by the terminology of LIDO; the attribute is required of identifiers
    "lidoRecID": "00100", "recordID": "00100", "conceptID": "00099", "placeID": "00099", "legalBodyID": "00099",
    "workID": "00113", "termMaterialsTech": "00132", "recordInfoSet": "00470", "recordMetadataDate": "00472",
}  # fmt: skip
NEEDS_XSD = pytest.mark.skipif(
    "SAGGAR_LIDO_XSD" not in os.environ or shutil.which("xmllint") is None,
    reason="SAGGAR_LIDO_XSD names no copy of lido-v1.1.xsd, or xmllint is not installed",
)


def check_lido(element: ET.Element) -> None:
    namespace, _, name = element.tag.removeprefix("{").partition("}")
    assert namespace == NAMESPACE, element.tag
    children = [child.tag.rpartition("}")[2] for child in element]
    if name in CHILDREN:
        pattern = re.sub(r"(\w+)([*+?]?) ?", r"(?:\1 )\2", CHILDREN[name])
        assert re.fullmatch(pattern, "".join(f"{child} " for child in children)), (name, children)
        assert not (element.text or "").strip(), (name, element.text)
    else:
        assert not children, (name, children)
        assert (element.text or "").strip(), f"{name} is empty"
    if name in {"descriptiveMetadata", "administrativeMetadata"}:
        assert LANGUAGE in element.attrib
    kind = element.get(f"{{{NAMESPACE}}}type")
    assert kind == (f"{TERMS}{TYPED[name]}" if name in TYPED else None), (name, kind)
    if kind == f"{TERMS}00099":
        assert re.match(r"[a-z]+:\S+$", element.text or ""), element.text
    for child in element:
        check_lido(child)


def all_kinds(words: Vocabulary = WORDS) -> list[AcceptedObject]:
    tasks = ({"dynasty": "Yuan"}, {"kiln": "Jun"}, {"glaze": "MoonW"}, {"type": "Vase"})
    rows = [decided(f"N{n}", n, accepted=accepted) for n, accepted in enumerate(tasks)]
    two_models = (
        decided("D", 91, accepted={"glaze": "MoonW"}),
        decided("D", 92, accepted={"type": "Vase"}, model_id="b"),
    )
    return objects(
        decided("A & <B>\x01", 50),
        *rows,
        *two_models,
        decided("C", 90, accepted={}, corrected={"type": "vase"}),
        decided("E", 93, accepted={"glaze": "MoonW"}, corrected={"type": "vase"}, model_id="", answered="28.11.26"),
        decided("F", 94, accepted={}, rejected=("glaze", "type")),
        words=words,
    )


def doubled() -> Vocabulary:
    """Two tasks of each kind, and one of none."""
    tasks = TAXONOMY.tasks
    more = tuple(task.model_copy(update={"name": f"{task.name}_2"}) for task in tasks)
    none = tasks[0].model_copy(update={"name": "wording", "kind": None})
    known = TAXONOMY.model_copy(update={"tasks": (*tasks, *more, none)})
    return Vocabulary(known.task_names, known)


VOCABULARIES = {
    "english": WORDS,
    "chinese": Vocabulary(TAXONOMY.task_names, TAXONOMY, language="zh-Hant"),
    "the house's": Vocabulary(TAXONOMY.task_names, TAXONOMY, {("glaze", "MoonW"): "月白"}, "zh-Hans"),
    "of no taxonomy": Vocabulary(TAXONOMY.task_names),
    "two of a kind": doubled(),
    "with AAT": Vocabulary(TAXONOMY.task_names, with_class("glaze", "MoonW", aat=300203596, verified_by="test")),
    "years BCE": Vocabulary(TAXONOMY.task_names, with_class("dynasty", "Yuan", years=(-206, 9))),
}
ACCEPTED_TWICE = {
    **decided().accepted, "dynasty_2": "Yuan", "kiln_2": "Jun", "glaze_2": "MoonW", "type_2": "Vase", "wording": "Song",
}  # fmt: skip


def of_kind(name: str) -> list[AcceptedObject]:
    words = VOCABULARIES[name]
    more = objects(decided("twice", accepted=ACCEPTED_TWICE), words=words) if name == "two of a kind" else []
    return [*all_kinds(words), *more]


@pytest.mark.parametrize("name", VOCABULARIES)
def test_lido_has_the_elements_in_the_order_that_the_schema_asks_for(tmp_path: Path, name: str) -> None:
    made = of_kind(name)
    written = write_lido(tmp_path / "out.xml", made, VOCABULARIES[name], None)
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    assert written == len(root) == len(made) - 1  # what people wrote themselves is not the model's
    check_lido(root)


def test_lido_says_who_and_from_what(tmp_path: Path) -> None:
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, None)
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    texts = {element.tag.rpartition("}")[2]: element.text for element in root[0].iter() if element.text}
    assert texts["workID"] == "A & <B>\ufffd"
    assert texts["earliestDate"] == "0960"
    assert texts["recordMetadataDate"] == "2026-11-28T12:00:00Z"
    assert said(root[0], "recordSource", "appellationValue") == [
        f"Saggar classifier, model 0123456789abcdef, trained with the data set sha256:{SNAPSHOT}; accepted by a person"
    ]
    models = [f"urn:saggar:model:{model}" for model in ("0123456789abcdef", "b", "unknown")]
    assert said(root[5], "recordSource", "legalBodyID") == models[:2]
    assert said(root[6], "recordSource", "legalBodyID") == models[2:]
    assert said(root[6], "objectWorkType", "term") == ["not stated"]  # the vase is a person's


def said(record: ET.Element, *path: str) -> list[str | None]:
    steps = "//".join(f"{{{NAMESPACE}}}{name}" for name in path)
    return [found.text for found in record.findall(f".//{steps}")]


def test_no_class_is_lost_where_two_tasks_are_of_a_kind(tmp_path: Path) -> None:
    words = doubled()
    (made,) = objects(decided(accepted=ACCEPTED_TWICE), words=words)
    write_lido(tmp_path / "out.xml", [made], words, None)
    (record,) = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    concepts = {text for name in ("conceptID", "placeID") for text in said(record, name)}
    for task, code in ACCEPTED_TWICE.items():
        assert f"urn:saggar:song-yuan-porcelain:{task}:{code}" in concepts
    assert said(record, "eventDate", "displayDate") == said(record, "periodName", "term")[1:]  # Yuan is the shorter
    assert said(record, "earliestDate") == ["1271"]
    (term,) = record.findall(f".//{{{NAMESPACE}}}classification/{{{NAMESPACE}}}term")
    assert term.get(f"{{{NAMESPACE}}}label") == "wording"


@pytest.mark.parametrize(
    ("words", "languages"),
    [
        (VOCABULARIES["english"], {"term": ["en", "en", "en", "en", "en"], "displayMaterialsTech": ["en"]}),
        (VOCABULARIES["chinese"], {"term": ["zh-Hant", "en", "zh-Hant", "zh-Hant", "en"]}),
        (VOCABULARIES["the house's"], {"term": ["zh-Hans", "en", "zh-Hans", "zh-Hans", "en"]}),
        (Vocabulary(("glaze",), language="zh-Hans"), {"term": ["en", "und", "und", "und", "und", "en"]}),  # bare codes
        (
            Vocabulary(
                ("glaze",),
                with_class("glaze", "Celadon", names=TAXONOMY.task("glaze")["Celadon"].names.model_copy(
                    update={"zh_hans": None}
                )),
                language="zh-Hans",
            ),
            {"displayMaterialsTech": ["en"], "displayDate": ["zh-Hans"]},
        ),
    ],
)  # fmt: skip
def test_each_word_is_in_the_language_that_it_is_said_to_be_in(
    tmp_path: Path, words: Vocabulary, languages: dict[str, list[str]]
) -> None:
    write_lido(tmp_path / "out.xml", objects(decided()), words, None)
    (record,) = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    found: dict[str, list[str | None]] = {}

    def visit(element: ET.Element, language: str | None) -> None:
        language = element.get(LANGUAGE, language)
        found.setdefault(element.tag.rpartition("}")[2], []).append(language)
        for child in element:
            visit(child, language)

    visit(record, None)
    assert found["descriptiveMetadata"] == [words.language]
    assert {name: found[name] for name in languages} == languages


def test_years_before_ours_have_four_digits_too(tmp_path: Path) -> None:
    write_lido(tmp_path / "out.xml", all_kinds(VOCABULARIES["years BCE"]), VOCABULARIES["years BCE"], None)
    root = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 written just now
    assert said(root[1], "earliestDate") + said(root[1], "latestDate") == ["-0206", "0009"]


def test_a_file_without_records_is_not_lido_and_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "museum.xml").write_bytes(museum("lidoWrap", ""))
    corrected = objects(decided(accepted={}, corrected={"type": "vase"}))
    for copied in (None, tmp_path / "museum.xml"):
        with pytest.raises(InvalidInputError, match="no record to write"):
            write_lido(tmp_path / "out.xml", corrected, WORDS, copied)
    assert not (tmp_path / "out.xml").exists()
    (tmp_path / "museum.xml").write_bytes(museum())
    assert write_lido(tmp_path / "out.xml", corrected, WORDS, tmp_path / "museum.xml") == 0
    assert (tmp_path / "out.xml").read_bytes() == museum()


# ---------------------------------------------------------------- Beside the museum's records

RECORD = """<lido><lidoRecID {a}type="local">M 1</lidoRecID>
<descriptiveMetadata xml:lang="de"><objectClassificationWrap><objectWorkTypeWrap><objectWorkType>
<conceptID {a}type="http://terminology.lido-schema.org/lido00099">http://vocab.getty.edu/aat/300203596</conceptID>
<term xml:lang="de">Schale</term></objectWorkType></objectWorkTypeWrap><classificationWrap><classification {a}type="k">
<term>Keramik</term></classification></classificationWrap></objectClassificationWrap><objectIdentificationWrap>
<titleWrap><titleSet><appellationValue>Schale</appellationValue></titleSet></titleWrap></objectIdentificationWrap>
<eventWrap><eventSet {a}sortorder="1"><displayEvent>Herstellung</displayEvent></eventSet></eventWrap>
</descriptiveMetadata><administrativeMetadata xml:lang="de"><recordWrap><recordID {a}type="local">1</recordID>
<recordType><term>Einzelobjekt</term></recordType><recordSource {a}type="a"><legalBodyName><appellationValue>Museum
</appellationValue></legalBodyName></recordSource><recordSource><legalBodyWeblink>https://museum.example
</legalBodyWeblink></recordSource></recordWrap></administrativeMetadata></lido>"""


def museum(root: str = "lidoWrap", record: str = RECORD, prefix: str = "m:", version: str = "1.1") -> bytes:
    """A museum's file, with comments and an instruction where they may be."""
    inside = re.sub(r"<(/?)(\w)", rf"<\1{prefix}\2", record.replace("{a}", "m:"))
    default = f' xmlns="{NAMESPACE}"' if not prefix else ""
    return (
        f'<?xml version="1.0"?><!-- ours --><{prefix}{root}  xmlns:m="{NAMESPACE}"{default} '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.lido-schema.org '
        f'http://www.lido-schema.org/schema/v{version}/lido-v{version}.xsd">{inside}'
        f'<!-- </{prefix}{root}> --></{prefix}{root} >\n<!-- end --><?saved by="museum"?>\n'
    ).encode()


@pytest.mark.parametrize("encoding", ["UTF-8", "ISO-8859-1", "windows-1252"])
def test_records_of_the_museum_stay_to_the_byte(tmp_path: Path, encoding: str) -> None:
    given = (
        f'<?xml version="1.0" encoding="{encoding}"?>\r\n<!-- ours -->\n'
        '<x:lidoWrap  xmlns:x="http://www.lido-schema.org" ><x:lido><x:lidoRecID x:type="local" >1&#xA0;é</x:lidoRecID>'
        "<x:note><![CDATA[</x:lidoWrap><!-- ]]></x:note></x:lido>\n</x:lidoWrap >\n<!-- end -->\n<?end?>"
    ).encode(encoding)
    (tmp_path / "museum.xml").write_bytes(given)
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    data = (tmp_path / "out.xml").read_bytes()
    cut = given.rindex(b"</x:lidoWrap")
    assert data.startswith(given[:cut])
    assert data.endswith(given[cut:])
    assert (tmp_path / "museum.xml").read_bytes() == given
    root = ET.fromstring(data)  # noqa: S314 written just now
    assert len(root) == 8
    for ours in root[1:]:
        check_lido(ours)


def test_a_record_comes_once_into_a_file(tmp_path: Path) -> None:
    first, second, third = tmp_path / "1.xml", tmp_path / "2.xml", tmp_path / "3.xml"
    write_lido(first, objects(decided("A", 1)), WORDS, None)
    write_lido(second, objects(decided("B", 2)), WORDS, first)
    with pytest.raises(InvalidInputError, match=r"2\.xml: has the record saggar/0123456789abcdef/B already, 2 in all"):
        write_lido(third, objects(decided("B", 2), decided("A", 1), decided("C", 3)), WORDS, second)
    assert not third.exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"<lidoWrap/>", "of no namespace"),
        (b'<lido xmlns="http://www.lido-schema.org"/>', "begins with lido of .*: put them into one"),
        (b'<lidoWrap xmlns="http://www.lido-schema.org"/>', "has no end tag"),
        (b'<lidoWrap xmlns="http://www.lido-schema.org" />\n<!-- </lidoWrap> -->', "has no end tag"),
        (b"<lidoWrap", "not well-formed"),
        (b'<?xml version="1.0" encoding="GB18030"?><lidoWrap></lidoWrap>', "is in GB18030, which is not read"),
        (b'<!DOCTYPE a [<!ENTITY a "b">]><lidoWrap xmlns="http://www.lido-schema.org"></lidoWrap>', "has a DOCTYPE"),
        ('<lidoWrap xmlns="http://www.lido-schema.org"></lidoWrap>'.encode("utf-16"), "in UTF-16, .* save it as UTF-8"),
    ],
)
def test_what_is_no_lido_is_not_copied(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "museum.xml").write_bytes(data)
    with pytest.raises(InvalidInputError, match=said):
        write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    assert not (tmp_path / "out.xml").exists()


# ---------------------------------------------------------------- By LIDO's own schema


def complaints(path: Path) -> str:
    command = ["xmllint", "--nonet", "--noout", "--schema", os.environ["SAGGAR_LIDO_XSD"], str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    return ended.stderr if ended.returncode else ""


@NEEDS_XSD
@pytest.mark.parametrize("name", VOCABULARIES)
def test_lido_is_valid_by_its_own_schema(tmp_path: Path, name: str) -> None:
    write_lido(tmp_path / "out.xml", of_kind(name), VOCABULARIES[name], None)
    assert not complaints(tmp_path / "out.xml")


@NEEDS_XSD
@pytest.mark.parametrize("prefix", ["m:", ""])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_museums_valid_file_stays_valid(tmp_path: Path, prefix: str, version: str) -> None:
    (tmp_path / "museum.xml").write_bytes(museum(prefix=prefix, version=version))
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    assert not complaints(tmp_path / "museum.xml")
    assert not complaints(tmp_path / "out.xml")


@NEEDS_XSD
@pytest.mark.parametrize("lost", [' xml:lang="de"', "<titleWrap>.*</titleWrap>", "<administrative.*Metadata>"])
def test_ours_are_valid_beside_records_that_are_not(tmp_path: Path, lost: str) -> None:
    (tmp_path / "museum.xml").write_bytes(museum(record=re.sub(lost, "", RECORD, flags=re.DOTALL)))
    write_lido(tmp_path / "out.xml", all_kinds(), WORDS, tmp_path / "museum.xml")
    before, after = (complaints(tmp_path / name).count(" error : ") for name in ("museum.xml", "out.xml"))
    assert before == after > 0
