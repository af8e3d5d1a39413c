"""`saggar classify --catalogue`: a row each, whatever happens on the way; decisions read back as labels and tables."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from fake_classifier import MODEL, SNAPSHOT, TAXONOMY, best_code, fake_classifier
from image_server import ImageServer
from orchestrator_fakes import SERVICES
from PIL import Image
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home

TASKS = TAXONOMY.task_names


@pytest.fixture
def museum(tmp_path, capsys):
    """A home whose classifier is a stand-in, and a folder of photographs."""
    home = Home(tmp_path / "home")
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 255, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(photographs / f"{number}.png")
    (photographs / "bad.png").write_bytes(b"bad picture")
    with fake_classifier() as (fake, address), home.claim():
        home.publish(dict.fromkeys(SERVICES, address))
        yield Museum(tmp_path, home, photographs, fake, capsys)


class Museum:
    def __init__(self, folder, home, photographs, fake, capsys):
        self.folder, self.home, self.photographs, self.fake, self.capsys = folder, home, photographs, fake, capsys

    def call(self, *arguments):
        code = run(["--home", str(self.home.root), *map(str, arguments)])
        return code, *self.capsys.readouterr()

    def classify(self, catalogue, output, *options):
        given = ("classify", self.photographs, "--catalogue", catalogue, "--output", output)
        return self.call(*given, *options)

    def catalogue(self, text, name="in.csv", encoding="utf-8"):
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return path

    def bytes_of(self, name):
        return (self.photographs / name).read_bytes()


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def decide(path, **decisions):
    """Writes `{row number: {task: decision}}` into the table at `path`."""
    rows = read(path)
    for row in rows:
        for task, decision in decisions.get(f"row{row['saggar_row']}", {}).items():
            row[f"accept_or_reject_{task}"] = decision
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_row_each_with_errors_in_their_place(museum):
    text = (
        "No.,image,title\nA1,0.png,青瓷碗\nA2,bad.png,x\nA3,gone.png,x\nA4,,x\nA5,1.png,=1+1\nA6,2.png,x,y\nA7,3.png\n"
    )
    code, out, err = museum.classify(museum.catalogue(text), museum.folder / "out.csv", "--number-column", "No.")
    rows = read(museum.folder / "out.csv")
    assert code == 1, err
    assert "7 rows, 4 with an error" in out
    assert f"saggar classify --accepted {museum.folder / 'out.csv'} --output FILE" in err
    assert [row["No."] for row in rows] == [f"A{n}" for n in range(1, 8)]
    assert [row["saggar_row"] for row in rows] == list("2345678")
    assert rows[0]["title"] == "青瓷碗"
    assert rows[4]["title"] == "'=1+1"
    errors = [row["error"] for row in rows]
    assert [bool(error) for error in errors] == [False, True, True, True, False, True, False]
    assert "not a JPEG" in errors[1]
    assert "gone.png: no such file" in errors[2]
    assert "names no photograph" in errors[3]
    assert "has 4 cells and the header 3" in errors[5]
    for row, name in ((rows[0], "0.png"), (rows[4], "1.png")):
        for task in TASKS:
            best = best_code(task, museum.bytes_of(name))
            assert row[f"code_{task}"] == best
            assert row[f"proposed_{task}"] == TAXONOMY.task(task)[best].names.en
            assert row[f"confidence_{task}"] == "0.900"
            assert row[f"accept_or_reject_{task}"] == ""
        assert row["model_id"] == MODEL
        assert row["classified_at"].endswith("+00:00")
        assert row["data_snapshot"] == SNAPSHOT
        assert row["notes"] == "glaze is not calibrated"
    assert rows[1]["proposed_glaze"] == rows[1]["model_id"] == ""


def test_sets_doubt_and_abstention_have_their_columns(museum):
    (museum.photographs / "doubt.png").write_bytes(b"doubtful")
    catalogue, output = museum.catalogue("image\n0.png\ndoubt.png\n"), museum.folder / "out.csv"
    assert museum.classify(catalogue, output, "--coverage", "0.95")[0] == 0
    sure, doubtful = read(output)
    assert (sure["not_porcelain"], doubtful["not_porcelain"]) == ("no", "yes")
    assert (sure["set_coverage"], doubtful["not_porcelain_score"]) == ("0.950", "7.500")
    for task in TASKS:
        classes = TAXONOMY.task(task).classes
        best = TAXONOMY.task(task).codes.index(sure[f"code_{task}"])
        two = (classes[best], classes[(best + 1) % len(classes)])
        assert sure[f"set_{task}"] == "; ".join(each.names.en for each in two)
        assert doubtful[f"proposed_{task}"] == doubtful[f"code_{task}"] == ""
    assert f"{', '.join(TASKS)}: the photograph is unlike those of the training" in doubtful["notes"]


def test_the_same_command_again_changes_nothing(museum):
    catalogue, output = museum.catalogue("image\n0.png\n1.png\n"), museum.folder / "out.csv"
    assert museum.classify(catalogue, output)[0] == 0
    decide(output, row2={"glaze": "accept"})
    before = output.read_bytes()
    code, _, err = museum.classify(catalogue, output)
    assert code == 0
    assert "all 2 rows are answered and written already" in err
    assert output.read_bytes() == before
    assert max(museum.fake.seen.values()) == 1
    code, _, err = museum.classify(catalogue, output, "--retry")
    assert code == 2
    assert "may hold decisions" in err


def test_somebody_elses_file_is_not_overwritten(museum):
    (museum.folder / "out.csv").write_text("mine")
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv")
    assert code == 2
    assert "is there already" in err
    assert (museum.folder / "out.csv").read_text() == "mine"


@pytest.mark.parametrize("content", ["my diary", "my diary\nsecond line\n", "[" * 100_000 + "\n"])
def test_somebody_elses_journal_is_kept(museum, content):
    journal = museum.folder / "out.csv.journal"
    journal.write_text(content)
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv")
    assert code == 2
    assert "out.csv.journal, line 1: is no journal" in err
    assert journal.read_text() == content


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("image,number\n", "no rows below it"), ('image,number\n0.png,"a\n1.png,b\n', "row 2: not valid CSV")],
)
def test_a_catalogue_that_cannot_be_meant_is_refused(museum, text, complaint):
    code, _, err = museum.classify(museum.catalogue(text), museum.folder / "out.csv")
    assert code == 2
    assert complaint in err


@pytest.mark.parametrize("column", ["saggar_row", "Saggar_Image", "accept_or_reject_glaze", "code_glaze"])
def test_a_table_to_review_is_no_catalogue(museum, column):
    code, _, err = museum.classify(museum.catalogue(f"image,{column}\n0.png,1\n"), museum.folder / "out.csv")
    assert code == 2
    assert f"has a column '{column}'" in err
    assert not (museum.folder / "out.csv").exists()


@pytest.mark.parametrize("fields", [("glaze=A", "glaze=B"), ("glaze=A", "type=A")])
def test_a_field_has_one_name_and_a_name_one_field(museum, fields):
    options = [word for field in fields for word in ("--field", field)]
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv", *options)
    assert code == 2
    assert "given twice" in err


def test_a_folder_of_photographs_that_is_not_there_is_one_error(museum):
    museum.photographs = museum.folder / "elsewhere"
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n1.png\n"), museum.folder / "out.csv")
    assert code == 2
    assert "elsewhere: no such folder" in " ".join(err.split())


def test_another_catalogue_does_not_go_on_with_the_journal(museum):
    output = museum.folder / "out.csv"
    museum.fake.gone.set()
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n1.png\n"), output)
    assert code == 2
    assert "no model is active" in err
    assert "give the same command again to go on" in err
    museum.fake.gone.clear()
    code, _, err = museum.classify(museum.catalogue("image\n1.png\n0.png\n"), output)
    assert code == 2
    assert "was begun with another catalogue" in err
    assert not output.exists()


def test_images_of_servers_and_what_may_pass_is_asked_again(museum):
    server = ImageServer()
    try:
        server.answers["/iiif/A/full/!512,512/0/default.jpg"] = (200, {}, b"photograph A")
        server.answers["/iiif/B/full/!512,512/0/default.jpg"] = (429, {"Retry-After": "999"}, b"")
        text = f"image\n0.png\n{server.base}/iiif/A\n{server.base}/iiif/B/info.json\n"
        catalogue, output = museum.catalogue(text), museum.folder / "out.csv"
        allowed = ("--image-host", server.base, "--pause", "0")
        code, _, err = museum.classify(catalogue, museum.folder / "private.csv", *allowed)
        assert code == 1
        assert [row["error"] == "" for row in read(museum.folder / "private.csv")] == [True, False, False]
        assert server.seen == []
        code, out, err = museum.classify(catalogue, output, *allowed, "--allow-private-addresses")
        assert code == 1
        assert "3 rows, 1 with an error" in out
        assert "1 row may be answered at another time: --retry" in err
        rows = read(output)
        assert rows[1]["code_glaze"] == best_code("glaze", b"photograph A")
        assert "it asks to wait 999 s" in rows[2]["error"]
        output.rename(museum.folder / "before.csv")
        museum.fake.model = "fedcba9876543210"
        server.answers["/iiif/B/full/!512,512/0/default.jpg"] = (200, {}, b"photograph B")
        code, out, err = museum.classify(catalogue, output, *allowed, "--allow-private-addresses", "--retry")
        assert code == 0, err
        assert read(output)[2]["code_glaze"] == best_code("glaze", b"photograph B")
        assert museum.fake.seen[b"photograph A"] == 1
        assert [row["model_id"] for row in read(output)] == [MODEL, MODEL, "fedcba9876543210"]
        assert "2 models answered, as the active one changed" in err
    finally:
        server.stop()


def test_fetched_photographs_can_be_kept_and_imported(museum):
    server = ImageServer()
    try:
        server.answers["/iiif/A/full/!512,512/0/default.jpg"] = (200, {}, museum.bytes_of("3.png"))
        catalogue = museum.catalogue(f"image\n0.png\n{server.base}/iiif/A\n")
        allowed = ("--image-host", server.base, "--allow-private-addresses", "--keep-images")
        assert museum.classify(catalogue, museum.folder / "a.csv", *allowed)[0] == 0
        assert museum.classify(catalogue, museum.folder / "b.csv", *allowed)[0] == 0
        assert len(server.seen) == 1
    finally:
        server.stop()
    decide(museum.folder / "b.csv", row2={"glaze": "accept"}, row3={"glaze": "accept"})
    given = ("data", "import", museum.photographs, "--accepted", museum.folder / "b.csv", "--taxonomy", "kilnsim")
    code, out, err = museum.call(*given, "--json")
    assert code == 0, err
    assert json.loads(out)["images"] == 2
    (museum.photographs / "fetched-images").rename(museum.photographs / "elsewhere")
    code, _, err = museum.call(*given)
    assert code == 2
    assert "is a web address; download the photograph" in err


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
    assert list(row)[:2] == ["objectNumber", f"proposed_{fields[0]}"]
    assert {f"proposed_{name}" for name in fields} < set(row)
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
    assert rows[0]["proposed_MA"] == f"GL-{best_code('glaze', museum.bytes_of('0.png')).upper()}"
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
        "MA": rows[0]["proposed_MA"],
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
    assert "row 2, accept_or_reject_glaze: 'acept' is not understood; did you mean 'accept'?" in err
    assert "row 4, accept_or_reject_glaze: accepts, and nothing is proposed" in err
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
    code, _, err = museum.call(*given, "lido", "--lido-records", records, "--output", lido)
    assert code == 0, err
    assert "1 object left out: people wrote all its classes" in err
    assert lido.read_text("utf-8").startswith(records.read_text("utf-8").removesuffix("</lidoWrap>"))
    assert f"urn:saggar:kilnsim:glaze:{best_code('glaze', museum.bytes_of('0.png'))}" in lido.read_text("utf-8")
    uri = "https://museum.example/{number}"
    code, _, err = museum.call(*given, "linked-art", "--object-uri", uri, "--output", art)
    assert code == 0, err
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


@pytest.mark.slow
def test_killed_twice_each_row_comes_once(museum):
    """10,000 rows, kill -9 in the midst of them, twice: the third run has each row once, and asks for few again."""
    count = 10_000
    text = "object_number,image\n" + "".join(f"A{number:05},{number % 12}.png\n" for number in range(count))
    catalogue, output = museum.catalogue(text), museum.folder / "out.csv"
    journal = museum.folder / "out.csv.journal"
    command = [
        sys.executable,
        "-c",
        "from saggar_orchestrator.cli.main import main; main()",
        "--home",
        str(museum.home.root),
        "classify",
    ]
    command = [*command, str(museum.photographs), "--catalogue", str(catalogue), "--output", str(output)]
    for share in (0.2, 0.6):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
        deadline = time.monotonic() + 120
        while not journal.exists() or journal.stat().st_size < share * count * 500:
            assert process.poll() is None, process.stderr.read().decode()
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stderr.close()
        assert not output.exists()
        with journal.open("ab") as file:  # what a disk without room leaves
            file.write(b'{"row": 17, "answ')
    code, out, err = museum.classify(catalogue, output)
    assert code == 0, err
    assert f"{count:,} rows, 0 with an error" in out
    rows = read(output)
    assert [row["object_number"] for row in rows] == [f"A{number:05}" for number in range(count)]
    for row, number in zip(rows, range(count), strict=True):
        assert row["code_glaze"] == best_code("glaze", museum.bytes_of(f"{number % 12}.png"))
    asked = sum(museum.fake.seen.values())
    assert count <= asked < count * 1.5  # what was on its way when it was killed is asked again


def test_two_at_once_on_one_output_are_refused(museum):
    from saggar.proposals.asking.journal import open_journal

    with open_journal(museum.folder / "out.csv.journal", 1, {}):
        code, _, err = museum.classify(museum.catalogue("image\n0.png\n"), museum.folder / "out.csv")
    assert code == 2
    assert "another `saggar classify` is at work" in err


def test_the_key_comes_out_of_a_file(museum, monkeypatch):
    key = museum.folder / "key"
    key.write_text("sgr_1234\n")
    key.chmod(0o600)
    catalogue = museum.catalogue("image\n0.png\n")
    code, _, err = museum.classify(catalogue, museum.folder / "a.csv", "--api-key-file", key)
    assert code == 0, err
    assert "other users" not in err
    assert museum.fake.keys == {"Bearer sgr_1234"}
    key.chmod(0o644)
    monkeypatch.setenv("SAGGAR_CLASSIFIER_KEY_FILE", str(key))
    code, _, err = museum.classify(catalogue, museum.folder / "b.csv")
    assert code == 0
    assert "other users can read this key" in err
    key.write_text("two words\n")
    code, _, err = museum.classify(catalogue, museum.folder / "c.csv")
    assert code == 2
    assert "must hold one line, the API key" in err


def test_what_belongs_together_is_asked_for(museum):
    catalogue = museum.catalogue("image\n0.png\n")
    for given, said in (
        ((), "give photographs, --catalogue"),
        (("--catalogue", catalogue), "need --output"),
        (("--accepted", "r.csv"), "need --output"),
        (("--catalogue", catalogue, "--output", "o.csv", "a", "b"), "takes one folder"),
    ):
        code, _, err = museum.call("classify", *given)
        assert (code, said in err) == (2, True), err
    assert Path("o.csv").exists() is False
