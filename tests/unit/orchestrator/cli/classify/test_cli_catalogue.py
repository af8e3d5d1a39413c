"""`saggar classify --catalogue`: a row each, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from catalogue_museum import decide, read
from fake_classifier import MODEL, SNAPSHOT, TAXONOMY, best_code
from image_server import ImageServer

TASKS = TAXONOMY.task_names


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
    errors = [row["saggar_error"] for row in rows]
    assert [bool(error) for error in errors] == [False, True, True, True, False, True, False]
    assert "not a JPEG" in errors[1]
    assert "gone.png: no such file" in errors[2]
    assert "names no photograph" in errors[3]
    assert "has 4 cells and the header 3" in errors[5]
    for row, name in ((rows[0], "0.png"), (rows[4], "1.png")):
        for task in TASKS:
            best = best_code(task, museum.bytes_of(name))
            assert row[f"saggar_code_{task}"] == best
            assert row[f"saggar_proposed_{task}"] == TAXONOMY.task(task)[best].names.en
            assert row[f"saggar_confidence_{task}"] == "0.900"
            assert row[f"saggar_accept_or_reject_{task}"] == ""
        assert row["saggar_model_id"] == MODEL
        assert row["saggar_classified_at"].endswith("+00:00")
        assert row["saggar_data_snapshot"] == SNAPSHOT
        assert row["saggar_notes"] == "glaze is not calibrated"
    assert rows[1]["saggar_proposed_glaze"] == rows[1]["saggar_model_id"] == ""


def test_sets_doubt_and_abstention_have_their_columns(museum):
    (museum.photographs / "doubt.png").write_bytes(b"doubtful")
    catalogue, output = museum.catalogue("image\n0.png\ndoubt.png\n"), museum.folder / "out.csv"
    assert museum.classify(catalogue, output, "--coverage", "0.95")[0] == 0
    sure, doubtful = read(output)
    assert (sure["saggar_not_porcelain"], doubtful["saggar_not_porcelain"]) == ("no", "yes")
    assert (sure["saggar_coverage"], doubtful["saggar_not_porcelain_score"]) == ("0.950", "7.500")
    for task in TASKS:
        classes = TAXONOMY.task(task).classes
        best = TAXONOMY.task(task).codes.index(sure[f"saggar_code_{task}"])
        two = (classes[best], classes[(best + 1) % len(classes)])
        assert sure[f"saggar_set_{task}"] == "; ".join(each.names.en for each in two)
        assert doubtful[f"saggar_proposed_{task}"] == doubtful[f"saggar_code_{task}"] == ""
    assert f"{', '.join(TASKS)}: the photograph is unlike those of the training" in doubtful["saggar_notes"]


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


@pytest.mark.parametrize("column", ["saggar_row", " Saggar_Image", "saggar_code_glaze", "ｓaggar_x"])
def test_a_table_to_review_is_no_catalogue(museum, column):
    code, _, err = museum.classify(museum.catalogue(f"image,{column}\n0.png,1\n"), museum.folder / "out.csv")
    assert code == 2
    assert f"has a column '{column.strip()}'" in err
    assert not (museum.folder / "out.csv").exists()


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
        assert [row["saggar_error"] == "" for row in read(museum.folder / "private.csv")] == [True, False, False]
        assert server.seen == []
        code, out, err = museum.classify(catalogue, output, *allowed, "--allow-private-addresses")
        assert code == 1
        assert "3 rows, 1 with an error" in out
        assert "1 row may be answered at another time: --retry" in err
        rows = read(output)
        assert rows[1]["saggar_code_glaze"] == best_code("glaze", b"photograph A")
        assert "it asks to wait 999 s" in rows[2]["saggar_error"]
        output.rename(museum.folder / "before.csv")
        museum.fake.model = "fedcba9876543210"
        server.answers["/iiif/B/full/!512,512/0/default.jpg"] = (200, {}, b"photograph B")
        code, out, err = museum.classify(catalogue, output, *allowed, "--allow-private-addresses", "--retry")
        assert code == 0, err
        assert read(output)[2]["saggar_code_glaze"] == best_code("glaze", b"photograph B")
        assert museum.fake.seen[b"photograph A"] == 1
        assert [row["saggar_model_id"] for row in read(output)] == [MODEL, MODEL, "fedcba9876543210"]
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
        assert row["saggar_code_glaze"] == best_code("glaze", museum.bytes_of(f"{number % 12}.png"))
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
    for number, encoding in enumerate(("utf-8-sig", "utf-16")):  # Notepad's, and PowerShell's
        key.write_bytes("sgr_5678\r\n".encode(encoding))
        code, _, err = museum.classify(catalogue, museum.folder / f"windows{number}.csv")
        assert code == 0, err
        assert "Bearer sgr_5678" in museum.fake.keys
    key.write_text("ключ\n", encoding="utf-8")
    code, _, err = museum.classify(catalogue, museum.folder / "d.csv")
    assert (code, "must hold one line, the API key" in err) == (2, True)
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
