"""Import from LabelBee and labelU, and from what is given for theirs."""

import json

import pytest
from hostile_files import encoded, picture
from saggar.errors import InvalidInputError
from saggar.importing.intake import import_labelbee
from saggar.importing.report import RowsRefusedError
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return folder


def put(root, name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(sum(name.encode())), "JPEG"))


def labels(report):
    return {record.source: record.labels for record in report.manifest.records()}


def annotation(tags, step="step_1", **more):
    result = [{"id": "CXHF5QUM", "sourceID": "", "result": tags}]
    return {
        "width": 96, "height": 72, "rotate": 0, "valid": True,
        step: {"dataSourceStep": 0, "toolName": "tagTool", "result": result}, **more,
    }  # fmt: skip


def entry(name, tags, **more):
    return {"id": 1, "url": f"D:\\shots\\{name}", "fileName": name.split("/")[-1],
            "result": json.dumps(annotation(tags, **more))}  # fmt: skip


def test_labelbees_standard_export(root, store, tmp_path):
    for name in ("a.jpg", "sub/b.jpg", "c.jpg", "d.jpg"):
        put(root, name)
    entries = [
        entry("a.jpg", {"Glaze": "white", "dynasty": "宋代", "mood": "calm"}),
        entry("sub/b.jpg", {"glaze": "Painted"}, step="tagTool"),
        entry("c.jpg", {"glaze": "white"}, valid=False),
        {"id": 4, "url": "d.jpg", "fileName": "d.jpg", "result": ""},
    ]
    export = tmp_path / "pots-labelbee.json"
    export.write_text(json.dumps(entries), encoding="utf-8")
    assert any("dynasty: only 'Song' occurs" in w for w in import_labelbee(root, export, TAXONOMY, store).warnings)
    entries[3]["result"] = json.dumps(annotation({"dynasty": "Yuan", "glaze": ""}))
    export.write_text(json.dumps(entries), encoding="utf-8-sig")
    report = import_labelbee(root, export, TAXONOMY, store)
    assert labels(report) == {
        "a.jpg": {"dynasty": "Song", "glaze": "white"},
        "sub/b.jpg": {"dynasty": None, "glaze": "painted"},
        "d.jpg": {"dynasty": "Yuan", "glaze": None},
    }
    assert any("not used: mood" in warning for warning in report.warnings)
    assert [(n.row, n.file, n.text) for n in report.notes] == [(3, "c.jpg", "marked invalid in LabelBee")]


def test_labelbees_result_folder(root, store, tmp_path):
    results = tmp_path / "results"
    for name, glaze in (("a.jpg", "white"), ("sub/b.jpg", "painted")):
        put(root, name)
        path = results / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(annotation({"glaze": glaze})))
    (results / "c.jpg.json").write_text("{")
    (results / "d.jpg.json").write_text("[]")
    (results / "e.jpg.json").write_text(json.dumps(annotation({"glaze": "white;painted"})))
    report = import_labelbee(root, results, TAXONOMY, store, strict=False)
    assert {name: row["glaze"] for name, row in labels(report).items()} == {
        "a.jpg": "white",
        "sub/b.jpg": "painted",
    }
    reasons = {refusal.file: refusal.reason for refusal in report.refused}
    assert "is not JSON" in reasons["c.jpg"]
    assert "is not an annotation of LabelBee" in reasons["d.jpg"]
    assert reasons["e.jpg"] == "is tagged 'white' and 'painted'; a label is one class: keep one"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "must be an array with an entry per image"),
        ("[[[", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no image is tagged with one of dynasty, glaze, type"),
        (json.dumps([entry("a.jpg", {"colour": "red"})]), "its tags are called: colour"),
        (json.dumps([3, {"result": 5}]), "is not an annotation of LabelBee"),
        ('{"images": [], "annotations": [], "categories": []}', "is an export of COCO, not of LabelBee; make a CSV"),
        ('{"_via_settings": {}, "_via_img_metadata": {}}', "is an export of VIA"),
        ('{"project": {}, "config": {}, "attribute": {}, "file": {}}', "is an export of VIA"),
        ('{"version": "5.4", "flags": {}, "shapes": [], "imagePath": "a.jpg"}', "is an export of LabelMe"),
        ('[{"id": 1, "data": {"image": "a.jpg"}, "annotations": []}]', "is an export of Label Studio"),
        ('{"info": {}, "categories": {}, "items": []}', "is an export of Datumaro"),
        ('<?xml version="1.0"?>\n<annotations><version>1.1</version></annotations>', "is XML, as CVAT .*make a CSV"),
    ],
)
def test_what_is_no_export_of_labelbee(root, store, tmp_path, text, told):
    export = tmp_path / "export.json"
    export.write_text(text)
    with pytest.raises(InvalidInputError, match=told):
        import_labelbee(root, export, TAXONOMY, store)


def test_names_in_an_export_cannot_lead_out_of_the_folder(root, store, tmp_path):
    put(tmp_path, "secret.jpg")
    put(root, "a.jpg")
    put(root, "b.jpg")
    entries = [
        entry("a.jpg", {"glaze": "white"}),
        entry("b.jpg", {"glaze": "painted"}),
        {"url": "../secret.jpg", "fileName": "../secret.jpg", "result": annotation({"glaze": "white"})},
        {"url": str(tmp_path / "secret.jpg"), "fileName": "", "result": annotation({"glaze": "white"})},
        {"url": None, "fileName": None, "result": annotation({"glaze": "white"})},
    ]
    export = tmp_path / "export.json"
    export.write_text(json.dumps(entries))
    report = import_labelbee(root, export, TAXONOMY, store, strict=False)
    assert sorted(labels(report)) == ["a.jpg", "b.jpg"]
    assert [r.row for r in report.refused] == [3, 4, 5]


# Two values of one tag


def step(*tags):
    return {"toolName": "tagTool", "result": [{"result": each} for each in tags]}


def glazes(root, store, tmp_path, *annotations):
    """(glaze of each photograph, reason of each refusal, skipped ones) of an export with an entry per annotation."""
    entries = []
    for number, each in enumerate(annotations):
        put(root, f"{number}.jpg")
        result = each if isinstance(each, str) else json.dumps(each)
        entries.append({"fileName": f"{number}.jpg", "url": f"{number}.jpg", "result": result})
    put(root, "good.jpg")
    entries.append(entry("good.jpg", {"glaze": "white", "dynasty": "Song"}))
    export = tmp_path / "export.json"
    export.write_text(json.dumps(entries), encoding="utf-8")
    report = import_labelbee(root, export, TAXONOMY, store, strict=False)
    found = {name: row["glaze"] for name, row in labels(report).items() if name != "good.jpg"}
    return found, {each.file: each.reason for each in report.refused}, [note.file for note in report.notes]


TWO = {"glaze": ["white", "painted"]}


@pytest.mark.parametrize(
    "annotation",
    [
        {"step_1": step({"glaze": "white"}), "step_2": step({"glaze": "painted"})},
        {"step_1": step({"glaze": "white"}, {"glaze": "painted"})},
        {"step_1": step({"glaze": "white", "Glaze": "painted"})},
        {"step_1": step({"glaze": "white", " glaze ": "painted"})},
        {"step_1": step({"glaze": "white"}), "tagTool": step({"glaze": "painted"})},
        {"step_1": step({"glaze": "white"}), "annotations": [step({"glaze": "painted"})]},
        {"annotations": [{"toolName": "tagTool", "result": [{"value": TWO}]}]},
        {"annotations": [{"toolName": "tagTool", "result": [{"value": {"glaze": [one]}} for one in TWO["glaze"]]}]},
        {"tagTool": step({"glaze": "white;painted"})},
    ],
)
def test_two_values_of_one_tag_are_refused(root, store, tmp_path, annotation):
    told = {"0.jpg": "is tagged 'white' and 'painted'; a label is one class: keep one"}
    assert glazes(root, store, tmp_path, annotation) == ({}, told, [])


@pytest.mark.parametrize(
    "annotation",
    [
        {"step_1": step({"glaze": "white"}), "step_2": step({"glaze": "White"})},
        {"step_1": step({"glaze": "white"}, {"glaze": TAXONOMY.task("glaze")["white"].names.zh_hans})},
        {"step_1": step({"glaze": "white;white;"}, {"glaze": ""})},
        '{"step_1": {"result": [{"result": {"glaze": "white", "glaze": "white"}}]}}',
    ],
)
def test_one_value_said_twice_is_one(root, store, tmp_path, annotation):
    assert glazes(root, store, tmp_path, annotation) == ({"0.jpg": "white"}, {}, [])


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"step_1": {"result": [{"result": {"glaze": "white", "glaze": "painted"}}]}}', "glaze"),
        ('{"step_1": {"result": [{"result": {"glaze": "white"}}]}, "step_1": {"result": []}}', "step_1"),
        ('{"step_1": {"result": [{"result": {"glaze": "white"}}], "result": []}}', "result"),
        ('{"step_1": {"result": [{"result": {"glaze": "white"}, "result": {"glaze": "painted"}}]}}', "result"),
        ('{"valid": false, "step_1": {"result": [{"result": {"glaze": "white"}}]}, "valid": true}', "valid"),
    ],
)
def test_a_key_with_two_values_is_refused(root, store, tmp_path, text, key):
    told = {"0.jpg": f"key '{key}' appears twice, with different values; keep one"}
    assert glazes(root, store, tmp_path, text) == ({}, told, [])


def test_an_entry_with_a_key_twice_is_refused(root, store, tmp_path):
    put(root, "a.jpg")
    export = tmp_path / "export.json"
    one, other = (json.dumps(annotation({"glaze": glaze})) for glaze in ("white", "painted"))
    export.write_text(f'[{{"fileName": "a.jpg", "result": {one}, "result": {other}}}]')
    with pytest.raises(RowsRefusedError, match=r"row 1: a\.jpg: key 'result' appears twice"):
        import_labelbee(root, export, TAXONOMY, store)


@pytest.mark.parametrize("valid", [False, 0, 0.0, "false", "False", " FALSE ", "0", "no"])
def test_images_marked_invalid_in_any_spelling_are_skipped(root, store, tmp_path, valid):
    marked = annotation({"glaze": "painted"}, valid=valid)
    assert glazes(root, store, tmp_path, marked) == ({}, {}, ["0.jpg"])
    both = annotation({"glaze": "white;painted"}, valid=valid)
    assert glazes(root, store, tmp_path, both) == ({}, {}, ["0.jpg"])


@pytest.mark.parametrize("valid", [True, 1, "true", None, ""])
def test_other_images_are_valid(root, store, tmp_path, valid):
    assert glazes(root, store, tmp_path, annotation({"glaze": "painted"}, valid=valid))[0] == {"0.jpg": "painted"}


def test_where_all_are_refused_the_reasons_are_told(root, store, tmp_path):
    put(root, "a.jpg")
    export = tmp_path / "export.json"
    export.write_text(json.dumps([entry("a.jpg", {"glaze": "white;painted"})]))
    with pytest.raises(RowsRefusedError, match=r"1 problem(.|\n)*a\.jpg: is tagged 'white' and 'painted'"):
        import_labelbee(root, export, TAXONOMY, store)


def test_where_all_are_invalid_that_is_told(root, store, tmp_path):
    put(root, "a.jpg")
    export = tmp_path / "export.json"
    export.write_text(json.dumps([entry("a.jpg", {"glaze": "white"}, valid=False)]))
    with pytest.raises(InvalidInputError, match=r"no image is tagged.*; 1 marked invalid"):
        import_labelbee(root, export, TAXONOMY, store)


# Other programs


@pytest.mark.parametrize(
    ("export", "tool"),
    [
        ({"0.jpg123": {"filename": "0.jpg", "size": 123, "regions": [], "file_attributes": {"kiln": "Ding"}}}, "VIA"),
        ({"0.jpg123": {"fileref": "", "filename": "0.jpg", "file_attributes": {}, "regions": {}}}, "VIA"),
        ([{"id": 1, "image": "/data/upload/0.jpg", "kiln": "Ding", "annotator": 1}], "Label Studio (JSON-MIN)"),
        ([None, {"image": "0.jpg", "annotation_id": 1, "annotator": 1, "lead_time": 2.0}], "Label Studio (JSON-MIN)"),
        ([{"version": 0, "tags": [], "shapes": [], "tracks": []}], "CVAT"),
        ({"description": "", "tags": [], "size": {"height": 1, "width": 1}, "objects": []}, "Supervisely"),
        ({"classes": [], "tags": [], "projectType": "images"}, "Supervisely"),
        ([{"image": "0.jpg", "annotations": [{"label": "Ding", "coordinates": {}}]}], "CreateML (Roboflow)"),
        ([{"ID": "1", "DataRow ID": "2", "Labeled Data": "https://x", "Label": {}}], "Labelbox"),
        ({"name": "x", "securityToken": "t", "assets": {}}, "VoTT"),
        ({"metadata": {"name": "0.jpg"}, "instances": [], "tags": [], "comments": []}, "SuperAnnotate"),
        ({"version": "2.0", "schema_ref": "x", "item": {}, "annotations": []}, "V7 Darwin"),
        ([{"id": "1", "externalId": "0.jpg", "content": "x", "labels": []}], "Kili"),
        ([{"label_hash": "1", "data_hash": "2", "data_title": "0.jpg", "data_units": {}}], "Encord"),
        ({"openlabel": {"metadata": {}}}, "OpenLABEL"),
    ],
)
def test_exports_of_other_programs_are_named(root, store, tmp_path, export, tool):
    told = f": is an export of {tool}, not of LabelBee; make a CSV of it"
    assert told in refused_export(root, store, tmp_path, json.dumps(export))


@pytest.mark.parametrize(
    ("record", "tool"),
    [
        ({"data_row": {"id": "1"}, "media_attributes": {}, "projects": {}}, "Labelbox"),
        ({"image": "0.jpg", "accept": ["Ding"], "_input_hash": 1, "_task_hash": 2, "answer": "accept"}, "Prodigy"),
        ({"id": 1, "filename": "0.jpg", "label": ["Ding"], "Comments": []}, "doccano"),
        ({"source-ref": "s3://x/0.jpg", "kiln": 0, "kiln-metadata": {}}, "Amazon SageMaker Ground Truth"),
        ({"image_url": "AmlDatastore://x/0.jpg", "label": "Ding", "label_confidence": 1}, "Azure Machine Learning"),
        ({"imageGcsUri": "gs://x/0.jpg", "classificationAnnotation": {"displayName": "Ding"}}, "Google Vertex AI"),
        ({"file_name": "0.jpg", "kiln": "Ding"}, "Hugging Face (metadata.jsonl)"),
    ],
)
@pytest.mark.parametrize("count", [1, 3])
def test_lines_of_json_of_other_programs_are_named(root, store, tmp_path, record, tool, count):
    text = f"{json.dumps(record)}\n\n" * count
    assert f": is an export of {tool}, not of LabelBee; make a CSV" in refused_export(root, store, tmp_path, text)


def test_lines_of_json_are_told(root, store, tmp_path):
    text = "\n".join(json.dumps(entry(name, {"glaze": "white"})) for name in ("a.jpg", "b.jpg"))
    told = refused_export(root, store, tmp_path, text)
    assert "is JSON lines, and an export of LabelBee is one array (Export, Standard format); export it again" in told


def test_a_folder_of_another_program_is_named(root, store, tmp_path):
    put(root, "0.jpg")
    results = tmp_path / "results"
    results.mkdir()
    with pytest.raises(InvalidInputError, match=r"has no \.json file in it"):
        import_labelbee(root, results, TAXONOMY, store)
    for name in ("0", "1"):
        (results / f"{name}.json").write_text(json.dumps({"shapes": [], "imagePath": "0.jpg", "flags": {"Ding": True}}))
    with pytest.raises(RowsRefusedError, match=r"is an export of LabelMe, not of LabelBee; .*\(2 times\)"):
        import_labelbee(root, results, TAXONOMY, store)


def refused_export(root, store, tmp_path, text):
    export = tmp_path / "export.json"
    export.write_text(text)
    with pytest.raises(InvalidInputError) as caught:
        import_labelbee(root, export, TAXONOMY, store)
    return str(caught.value)
