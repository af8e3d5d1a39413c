"""`saggar classify --catalogue` given again: what is asked again, and that no table is overwritten."""

import csv
import json
import re
import resource
import shlex

import pytest
from catalogue_museum import decide, read
from fake_classifier import best_code
from image_server import ImageServer
from saggar.proposals.formats import profiles


@pytest.fixture
def server():
    made = ImageServer()
    yield made
    made.stop()


@pytest.fixture
def three_a_file(monkeypatch):
    """CollectionSpace with at most three rows a file."""
    found = profiles.PROFILES["collectionspace"]
    few = profiles.Profile(
        found.key, found.title, found.number, found.fields, 3, byte_order_mark=False, whole_rows=False
    )
    monkeypatch.setattr(profiles, "PROFILES", {**profiles.PROFILES, "collectionspace": few})


def errors(path):
    return [row["saggar_error"] for row in read(path)]


def test_what_an_error_says_works_and_is_asked_with_retry(museum, server):
    server.answers["/iiif/ok/full/!512,512/0/default.jpg"] = (200, {}, b"photograph A")
    catalogue = museum.catalogue(f"image\n0.png\n{server.base}/iiif/ok\nhttps://museum.example/b.jpg\n")
    output = museum.folder / "out.csv"
    code, _, err = museum.classify(catalogue, output)
    assert code == 1
    assert "2 rows with an error; correct them, then the same command with --retry, after moving" in err
    _, first, second = errors(output)
    assert f"allow it with --image-host {server.base} --allow-private-addresses, or name a file" in first
    assert "allow it with --image-host museum.example, or name a file" in second
    options = shlex.split(re.search(r"allow it with (.*), or", first)[1])
    code, _, err = museum.classify(catalogue, output, *options, "--retry")
    assert code == 2
    assert "may hold decisions; move it away" in err
    output.rename(museum.folder / "before.csv")
    code, out, err = museum.classify(catalogue, output, *options, "--retry")
    assert code == 1
    assert "3 rows, 1 with an error" in out
    assert "1 row with an error; correct it, then the same command with --retry" in err
    assert read(output)[1]["saggar_code_glaze"] == best_code("glaze", b"photograph A")
    assert museum.fake.seen[museum.bytes_of("0.png")] == 1
    assert "not visited; allow it with --image-host museum.example, or name a file" in errors(output)[2]


def test_photographs_that_came_later_and_another_folder(museum):
    catalogue, output = museum.catalogue("image\n0.png\nlate.png\nbad.png\n,\n"), museum.folder / "out.csv"
    right, wrong = museum.photographs, museum.folder / "wrong"
    wrong.mkdir()
    museum.photographs = wrong
    assert museum.classify(catalogue, output)[0] == 1
    assert all(errors(output))
    output.unlink()
    museum.photographs = right
    code, out, _ = museum.classify(catalogue, output, "--retry")
    assert (code, "3 rows, 2 with an error" in out) == (1, True)
    output.unlink()
    (right / "late.png").write_bytes(museum.bytes_of("5.png"))
    (right / "bad.png").write_bytes(museum.bytes_of("6.png"))
    code, _, err = museum.classify(catalogue, output)
    assert code == 1  # without --retry the errors stay
    output.unlink()
    code, _, err = museum.classify(catalogue, output, "--retry")
    assert code == 0, err
    assert [row["saggar_code_glaze"] for row in read(output)] == [
        best_code("glaze", museum.bytes_of(name)) for name in ("0.png", "5.png", "6.png")
    ]
    assert museum.fake.seen[museum.bytes_of("0.png")] == 1


def test_a_corrected_catalogue_says_what_can_be_done(museum):
    output = museum.folder / "out.csv"
    assert museum.classify(museum.catalogue("image\n0.png\ngone.png\n"), output)[0] == 1
    code, _, err = museum.classify(museum.catalogue("image\n0.png\n1.png\n"), output, "--retry")
    assert code == 2
    assert "rows that were corrected can be a catalogue of their own, with another output" in err


def unfinished(museum, catalogue, output, *options):
    """As long as the classifier's model is gone, whatever asks it ends with that error."""
    museum.fake.gone.set()
    code, _, err = museum.classify(catalogue, output, *options)
    assert (code, "no model is active" in err) == (2, True)


@pytest.mark.parametrize("options", [(), ("--retry",)])
def test_a_table_that_came_meanwhile_is_not_overwritten(museum, options):
    catalogue, output = museum.catalogue("image\n0.png\n1.png\n"), museum.folder / "out.csv"
    unfinished(museum, catalogue, output)
    output.write_text("decisions")
    code, _, err = museum.classify(catalogue, output, *options)
    assert code == 2
    assert f"{output}: is there already; name another output, or move it away, then the same command" in err
    assert output.read_text() == "decisions"
    museum.fake.gone.clear()
    output.unlink()
    assert museum.classify(catalogue, output, *options)[0] == 0


def test_a_table_that_comes_while_rows_are_asked_is_not_overwritten(museum, monkeypatch):
    catalogue, output = museum.catalogue("image\n0.png\n"), museum.folder / "out.csv"
    answer = museum.fake.answer

    def answer_late(request):
        output.write_text("decisions")
        return answer(request)

    monkeypatch.setattr(museum.fake, "answer", answer_late)
    code, _, err = museum.classify(catalogue, output)
    assert code == 2
    assert "is there already" in err
    assert output.read_text() == "decisions"
    output.unlink()
    assert museum.classify(catalogue, output)[0] == 0
    assert sum(museum.fake.seen.values()) == 1


@pytest.mark.usefixtures("three_a_file")
@pytest.mark.parametrize("part", ["out-001.csv", "out-002.csv", "out-003.csv"])
def test_no_part_of_a_split_table_is_overwritten_or_missed(museum, part):
    text = "objectNumber,image\n" + "".join(f"A{number},{number}.png\n" for number in range(7))
    catalogue, output = museum.catalogue(text), museum.folder / "out.csv"
    profile = ("--profile", "collectionspace")
    unfinished(museum, catalogue, output, *profile)
    (museum.folder / part).write_text("decisions")
    code, _, err = museum.classify(catalogue, output, *profile)
    assert (code, f"{part}: is there already" in err) == (2, True), err
    museum.fake.gone.clear()
    (museum.folder / part).unlink()
    code, out, _ = museum.classify(catalogue, output, *profile, "--json")
    assert code == 0
    files = [museum.folder / f"out-00{number}.csv" for number in (1, 2, 3)]
    assert json.loads(out)["files"] == list(map(str, files))
    before = [file.read_bytes() for file in files]
    (museum.folder / part).rename(museum.folder / "elsewhere.csv")
    code, out, err = museum.classify(catalogue, output, *profile)
    assert code == 2
    assert f"{part}: is missing, and 2 of the table's 3 files are there; put it back, or move the others away" in err
    assert not out
    assert not (museum.folder / part).exists()
    (museum.folder / "elsewhere.csv").rename(museum.folder / part)
    code, _, err = museum.classify(catalogue, output, *profile)
    assert (code, "written already" in err) == (0, True)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--profile", "axiell"), "another profile, field, "),
        (("--language", "zh"), "another language;"),
        (("--field", "glaze=MA"), "another field;"),
        (("--number-column", "old"), "another number column;"),
        (("--no-bom",), "another byte order mark;"),
        (("--values", "{values}"), "another values;"),
    ],
)
def test_a_table_that_was_made_otherwise_is_not_said_to_be_written(museum, options, said):
    values = museum.folder / "values.csv"
    values.write_text("task,code,value\nglaze,Celadon,QC\n")
    catalogue, output = museum.catalogue("object_number,old,image\nA1,B1,0.png\n"), museum.folder / "out.csv"
    given = [str(values) if option == "{values}" else option for option in options]
    assert museum.classify(catalogue, output)[0] == 0
    decide(output, row2={"glaze": "accept"})
    before = output.read_bytes()
    code, out, err = museum.classify(catalogue, output, *given)
    assert code == 2
    assert f"was written with {said}" in err
    assert "move it away, then the same command writes the table from the answers" in err
    assert (out, output.read_bytes()) == ("", before)
    output.rename(museum.folder / "first.csv")
    assert museum.classify(catalogue, output, *given)[0] == 0
    code, _, err = museum.classify(catalogue, output)
    assert (code, "was written with another" in err) == (2, True)
    code, _, err = museum.classify(catalogue, output, *given)
    assert (code, "written already" in err) == (0, True)
    assert sum(museum.fake.seen.values()) == 1


def test_the_catalogue_itself_is_not_overwritten(museum):
    catalogue = museum.catalogue("image\n0.png\n")
    (museum.folder / "in.csv.journal").write_bytes(b"")
    code, _, err = museum.classify(catalogue, catalogue)
    assert (code, "is there already" in err) == (2, True)
    with catalogue.open(newline="") as file:
        assert list(csv.reader(file)) == [["image"], ["0.png"]]


@pytest.mark.parametrize("name", ["{n}.png", "gone{n}.png"])
def test_a_journal_that_cannot_grow_is_named_and_goes_on(museum, name):
    text = "image\n" + "".join(name.format(n=number % 12) + "\n" for number in range(60))
    catalogue, output = museum.catalogue(text), museum.folder / "out.csv"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        code, _, err = museum.classify(catalogue, output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert code != 0
    assert f"error: {output}.journal: is larger than this disk or account may have files" in err
    assert "give the same command again to go on" in err
    assert not output.exists()
    code, out, _ = museum.classify(catalogue, output)
    assert f"60 rows, {60 if name.startswith('gone') else 0} with an error" in out
    assert len(read(output)) == 60


def test_half_an_image_is_not_kept(museum, server):
    whole = museum.bytes_of("3.png")
    halves = {
        "half.png": whole[: len(whole) // 2],
        "empty.png": b"",
        "page.png": b"<html>bad</html>",
        "whole.png": whole,
    }
    for name, data in halves.items():
        server.answers[f"/{name}"] = (200, {"Content-Type": "image/png"}, data)
    catalogue = museum.catalogue("image\n" + "".join(f"{server.base}/{name}\n" for name in halves))
    allowed = ("--image-host", server.base, "--allow-private-addresses", "--keep-images", "--pause", "0")
    museum.classify(catalogue, museum.folder / "a.csv", *allowed)
    kept = [file.read_bytes() for file in (museum.photographs / "fetched-images").iterdir()]
    assert kept == [whole]
    for name in halves:
        server.answers[f"/{name}"] = (200, {"Content-Type": "image/png"}, whole)
    code, _, err = museum.classify(catalogue, museum.folder / "b.csv", *allowed)
    assert code == 0, err
    assert server.seen.count("/whole.png") == 1
    assert all(server.seen.count(f"/{name}") == 2 for name in ("half.png", "empty.png", "page.png"))
    assert len(list((museum.photographs / "fetched-images").iterdir())) == 4


def test_a_kept_file_that_is_no_image_is_fetched_again(museum, server):
    server.answers["/a.png"] = (200, {"Content-Type": "image/png"}, museum.bytes_of("3.png"))
    catalogue = museum.catalogue(f"image\n{server.base}/a.png\n")
    allowed = ("--image-host", server.base, "--allow-private-addresses", "--keep-images")
    assert museum.classify(catalogue, museum.folder / "a.csv", *allowed)[0] == 0
    (kept,) = (museum.photographs / "fetched-images").iterdir()
    kept.write_bytes(museum.bytes_of("3.png")[:200])
    assert museum.classify(catalogue, museum.folder / "b.csv", *allowed)[0] == 0
    assert kept.read_bytes() == museum.bytes_of("3.png")
