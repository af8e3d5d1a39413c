"""`saggar classify --catalogue` and `--accepted`: tables of each profile; decisions read back as labels and tables."""

import csv
import json
import shlex
from pathlib import Path

import pytest
from catalogue_museum import decide, read
from fake_classifier import MODEL, SNAPSHOT, TAXONOMY, best_code
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest

TASKS = TAXONOMY.task_names


@pytest.mark.parametrize("fields", [("glaze=A", "glaze=B"), ("glaze=A", "type=A")])
def test_a_field_has_one_name_and_a_name_one_field(museum, fields):
    options = [word for field in fields for word in ("--field", field)]
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv", *options)
    assert code == 2
    assert "given twice" in err


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "big5"])
def test_other_encodings_and_delimiters(museum, encoding):
    lines = ["藏品编号;名稱;image", *(f"故{n:05};青瓷碗, 南宋龍泉窯之作;{n % 3}.png" for n in range(40))]
    text = "\r\n".join(lines).replace("编号", "編號") if encoding == "big5" else "\r\n".join(lines)
    catalogue = museum.catalogue(text, encoding=encoding)
    code, _, err = museum.classify(catalogue, museum.folder / "out.csv")
    rows = read(museum.folder / "out.csv")
    assert code == 0, err
    assert len(rows) == 40
    assert rows[7]["名稱"] == "青瓷碗, 南宋龍泉窯之作"


def test_collectionspace_has_its_fields_and_needs_numbers(museum):
    catalogue = museum.catalogue("objectNumber,title,image\nA1,bowl,0.png\n")
    code, out, err = museum.classify(catalogue, museum.folder / "o.csv", "--profile", "collectionspace", "--json")
    assert code == 0, err
    assert json.loads(out)["files"] == [str(museum.folder / "o.csv")]
    (row,) = read(museum.folder / "o.csv")
    fields = ["objectProductionDateGroup", "objectProductionPlace", "material", "objectName"]
    assert list(row)[:2] == ["objectNumber", f"saggar_proposed_{fields[0]}"]
    assert {f"saggar_proposed_{name}" for name in fields} < set(row)
    assert not (museum.folder / "o.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    without = museum.catalogue("image\n0.png\n", "without.csv")
    code, _, err = museum.classify(without, museum.folder / "p.csv", "--profile", "collectionspace")
    assert code == 2
    assert "name their column with --number-column" in err


def test_axiell_has_field_tags_and_stored_values(museum):
    glazes = TAXONOMY.task("glaze").codes
    values = museum.folder / "values.csv"
    values.write_text("task,code,value\n" + "".join(f"glaze,{code},GL-{code.upper()}\n" for code in glazes))
    catalogue, review = museum.catalogue("object_number,image\nA1,0.png\nA2,1.png\nA1,2.png\n"), museum.folder / "r.csv"
    words = ("--profile", "axiell", "--field", "glaze=MA", "--field", "number=IN", "--values", values)
    code, _, err = museum.classify(catalogue, review, *words)
    assert code == 0, err
    rows = read(review)
    assert [row["IN"] for row in rows] == ["A1", "A2", "A1"]
    assert rows[0]["saggar_proposed_MA"] == f"GL-{best_code('glaze', museum.bytes_of('0.png')).upper()}"
    decide(review, row2={"glaze": "accept", "type": "reject"}, row4={"type": "vase", "dynasty": "YES"})
    code, out, err = museum.call("classify", "--accepted", review, "--output", museum.folder / "import.csv", *words)
    assert code == 0, err
    assert "2 proposals accepted, 1 corrected, 1 rejected, 8 not decided; 2 of 3 rows have a label" in err
    assert "1 object" in out
    (only,) = read(museum.folder / "import.csv")
    dynasty = best_code("dynasty", museum.bytes_of("2.png"))
    assert only == {
        "IN": "A1",
        "production.period": TAXONOMY.task("dynasty")[dynasty].names.en,
        "production.place": "",
        "MA": rows[0]["saggar_proposed_MA"],
        "object_name": "vase",
    }


def test_decisions_come_back_as_labels(museum):
    catalogue = museum.catalogue("object_number,image\nA1,0.png\nA2,1.png\nA3,2.png\nA4,3.png\n")
    review = museum.folder / "review.csv"
    assert museum.classify(catalogue, review)[0] == 0
    decide(review, row2={"glaze": "accept", "type": "reject"}, row3={"glaze": "Black"}, row5={"type": "reject"})
    given = ("data", "import", museum.photographs, "--accepted", review, "--taxonomy", "kilnsim", "--json")
    code, out, err = museum.call(*given)
    assert code == 0, err
    found = json.loads(out)
    assert found["images"] == 2
    assert "1 proposals accepted, 1 corrected, 2 rejected, 12 not decided; 2 of 4 rows have a label" in err
    store = DirectoryStore(museum.home.store)
    frame = read_manifest(store, store.stat(f"datasets/{found['dataset']}/manifest.parquet")).frame
    labels = dict(zip(frame["source"], frame["label_glaze"], strict=True))
    assert labels == {"0.png": best_code("glaze", museum.bytes_of("0.png")), "1.png": "Black"}
    assert set(frame["object_id"]) == {"A1", "A2"}


def test_what_is_no_decision_is_named_with_its_cell(museum):
    review = museum.folder / "review.csv"
    assert museum.classify(museum.catalogue("image\n0.png\n1.png\nbad.png\n"), review)[0] == 1
    given = ("data", "import", museum.photographs, "--accepted", review, "--taxonomy", "kilnsim")
    code, _, err = museum.call(*given)
    assert code == 2
    assert "0 of 3 rows have a label; write accept or reject" in err
    decide(review, row2={"glaze": "acept"}, row4={"glaze": "accept"})
    code, _, err = museum.call(*given)
    assert code == 2
    assert "row 2, saggar_accept_or_reject_glaze: 'acept' is not understood; did you mean 'accept'?" in err
    assert "row 4, saggar_accept_or_reject_glaze: accepts, and nothing is proposed" in err
    code, _, err = museum.call("data", "import", museum.photographs, "--accepted", museum.folder / "in.csv")
    assert code == 2
    assert "is not a table of `saggar classify --catalogue`" in err


def test_accepted_classes_become_lido_and_linked_art(museum):
    review = museum.folder / "review.csv"
    catalogue = museum.catalogue("object_number,image\nA1,0.png\nA2,1.png\nA3,2.png\n")
    assert museum.classify(catalogue, review)[0] == 0
    decide(review, row2={"glaze": "accept"}, row3={"type": "Vase"}, row4={"kiln": "reject"})
    records = museum.folder / "museum.xml"
    records.write_text('<lidoWrap xmlns="http://www.lido-schema.org"><lido>ours</lido></lidoWrap>', "utf-8")
    lido, art = museum.folder / "out.xml", museum.folder / "out.jsonl"
    given = ("classify", "--accepted", review, "--profile")
    code, out, err = museum.call(*given, "lido", "--lido-records", records, "--output", lido)
    assert code == 0, err
    assert "1 object left out: people wrote all its classes" in err
    assert out == f"{lido}\t1 object\n"
    assert lido.read_text("utf-8").startswith(records.read_text("utf-8").removesuffix("</lidoWrap>"))
    assert f"urn:saggar:kilnsim:glaze:{best_code('glaze', museum.bytes_of('0.png'))}" in lido.read_text("utf-8")
    code, out, _ = museum.call(*given, "lido", "--output", museum.folder / "alone.xml", "--json")
    assert json.loads(out)["objects"] == 1
    uri = "https://museum.example/{number}"
    code, out, err = museum.call(*given, "linked-art", "--object-uri", uri, "--output", art)
    assert code == 0, err
    assert out == f"{art}\t2 objects\n"
    documents = [json.loads(line) for line in art.read_text("utf-8").splitlines()]
    assert [each["id"] for each in documents] == ["https://museum.example/A1", "https://museum.example/A2"]
    for wrong, said in (
        (("lido", "--output", lido), "is there already"),
        (("linked-art", "--lido-records", records, "--output", "o"), "goes with --profile lido"),
        (("linked-art", "--output", "o"), "needs --object-uri"),
        (("linked-art", "--object-uri", "x", "--output", "o"), "write {number}"),
        (("linked-art", "--object-uri", "urn:x:{number}", "--output", "o"), "is not a web address"),
        (("generic", "--object-uri", uri, "--output", "o"), "goes with --profile linked-art"),
    ):
        code, _, err = museum.call(*given, *wrong)
        assert (code, said in err) == (2, True), err
    code, _, err = museum.classify(catalogue, museum.folder / "b.csv", "--profile", "lido")
    assert code == 2
    assert "goes with --accepted" in err


OURS = ["notes", "error", "model_id", "data_snapshot", "classified_at", "not_porcelain", "set_coverage", "coverage"]
OF_TASKS = [
    "proposed_glaze",
    "confidence_glaze",
    "set_type",
    "code_kiln",
    "accept_or_reject_glaze",
    "proposed_material",
]


@pytest.mark.parametrize("profile", ["generic", "collectionspace", "axiell"])
def test_the_museums_columns_are_not_taken_for_ours(museum, profile):
    names = [*OURS, *OF_TASKS, "row", "object", "title", "title"]
    text = ",".join(["object_number", *names, "image"]) + "\n"
    text += "".join(f"A{n},{','.join(f'OLD {n} {place}' for place in range(len(names)))},{n}.png\n" for n in range(2))
    review = museum.folder / "r.csv"
    code, _, err = museum.classify(museum.catalogue(text), review, "--profile", profile)
    assert code == 0, err
    header, *rows = list(csv.reader(review.read_text("utf-8-sig").splitlines()))
    own = [place for place, name in enumerate(header) if not name.startswith("saggar_")]
    if profile == "generic":
        assert [header[place] for place in own] == ["object_number", *names, "image"]
        assert [rows[1][place] for place in own] == next(reversed(list(csv.reader(text.splitlines()))))
    else:
        assert len(own) == 1
    ours = [name for name in header if name.startswith("saggar_")]
    assert len(ours) == len(set(ours))
    assert rows[0][header.index("saggar_model_id")] == MODEL
    decide_in_place(review, header, rows)
    for given, said in (
        (("lido",), f"model {MODEL}, trained with the data set sha256:{SNAPSHOT}"),
        (("linked-art", "--object-uri", "https://museum.example/{number}"), f"urn:saggar:model:{MODEL}"),
    ):
        output = museum.folder / f"out.{given[0]}"
        code, _, err = museum.call("classify", "--accepted", review, "--output", output, "--profile", *given)
        assert code == 0, err
        assert said in output.read_text("utf-8")
        assert "OLD" not in output.read_text("utf-8")
    code, out, err = museum.call(
        "data", "import", museum.photographs, "--accepted", review, "--taxonomy", "kilnsim", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["images"] == 2


def decide_in_place(path, header, rows):
    """Accepts every glaze; columns of one name stay two."""
    for row in rows:
        row[header.index("saggar_accept_or_reject_glaze")] = "accept"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_a_column_of_ours_that_appears_twice_is_refused(museum):
    review = museum.folder / "r.csv"
    assert museum.classify(museum.catalogue("object_number,image\nA1,0.png\n"), review)[0] == 0
    for name in ("saggar_model_id", "saggar_accept_or_reject_glaze", "saggar_confidence_glaze"):
        lines = review.read_text("utf-8-sig").splitlines()
        (museum.folder / "twice.csv").write_text(f"{lines[0]},{name}\n{lines[1]},x\n", "utf-8")
        given = ("classify", "--accepted", museum.folder / "twice.csv", "--output", museum.folder / "o.csv")
        code, _, err = museum.call(*given)
        assert code == 2
        assert f"column '{name}' appears twice" in err


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (("number=saggar_object",), "names with saggar_ are those of tables to review"),
        (("glaze=object_number",), "two fields go into the column 'object_number'"),
        (("glaze=type",), "two fields go into the column 'type'"),
    ],
)
def test_a_field_that_would_come_twice_is_refused_before_anything_is_asked(museum, fields, said):
    options = [word for field in fields for word in ("--field", field)]
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv", *options)
    assert code == 2
    assert said in err
    assert not museum.fake.seen


def test_numbers_of_another_column_can_be_taken(museum):
    review, output = museum.folder / "r.csv", museum.folder / "a.csv"
    catalogue = museum.catalogue("image,Shelf mark,Old\n0.png,A-1,\n1.png,A-1,x\n2.png,A-2,\n")
    assert museum.classify(catalogue, review)[0] == 0
    decide(review, row2={"glaze": "accept"}, row4={"glaze": "accept"})
    given = ("classify", "--accepted", review, "--output", output)
    code, _, err = museum.call(*given)
    assert code == 2
    assert "row 2: has no object number; write it into its column saggar_object, or name the column that has it" in err
    code, _, err = museum.call(*given, "--number-column", "Old")
    assert code == 2
    assert "row 2: has no object number; write it into its column Old, or" in err
    code, _, err = museum.call(*given, "--number-column", "Shelf")
    assert code == 2
    assert "r.csv: no column 'Shelf'; it has: image, Shelf mark, Old, saggar_proposed_dynasty" in err
    code, _, err = museum.call(*given, "--number-column", "shelf mark")
    assert code == 0, err
    assert [row["object_number"] for row in read(output)] == ["A-1", "A-2"]


def test_the_guides_commands_work_as_they_are_printed(museum, monkeypatch):
    guide = (Path(__file__).resolve().parents[5] / "docs" / "catalogues.md").read_text(encoding="utf-8")
    lines = [shlex.split(line, comments=True) for line in guide.splitlines() if line.startswith("saggar ")]
    assert len(lines) >= 5
    monkeypatch.chdir(museum.folder)
    museum.catalogue("object_number,photo\nA1,0.png\nA2,1.png\n")
    (museum.folder / "museum.xml").write_text('<lidoWrap xmlns="http://www.lido-schema.org">\n</lidoWrap>', "utf-8")
    for line in lines:
        extra = ["--taxonomy", "kilnsim"] if line[1] == "data" else []
        code, _, err = museum.call(*line[1:], *extra)
        assert code == 0, (line, err)
        if "--catalogue" in line:
            decide(museum.folder / "review.csv", row2={"glaze": "accept"}, row3={"glaze": "accept"})
    assert (museum.folder / "with-ours.xml").exists()
    assert (museum.folder / "out.jsonl").exists()
