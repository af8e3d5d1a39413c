"""`saggar review`: any folder's review, sign-in links, and what the operator is told. The qc service is a real one."""

import json

import grpc
import numpy as np
import pytest
from PIL import Image
from saggar.kilnsim.collection import write_collection
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore
from saggar.v1 import qc_pb2_grpc
from saggar_orchestrator.cli.experiments.reading import waits_for_people
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.workflow.collections import imported
from saggar_orchestrator.workflow.stages.order import titles_of
from saggar_orchestrator.workflow.steps.synthetic.judging import waiting
from saggar_qc.review.journal import Desk, read_review
from saggar_qc.review.verdicts import Verdict
from saggar_qc.servicer import QcServicer


@pytest.fixture
def saggar(tmp_path, capsys):
    """The command on a home whose qc service runs."""
    home = Home(tmp_path / "home")
    store = DirectoryStore(tmp_path / "home" / "store")

    def register(server: grpc.Server) -> list[str]:
        qc_pb2_grpc.add_QcServiceServicer_to_server(QcServicer(store, 1), server)
        return ["saggar.v1.QcService"]

    def call(*arguments):
        code = run(["--home", str(tmp_path / "home"), *map(str, arguments)])
        return code, *capsys.readouterr()

    server = start_server(register)
    with home.claim():
        home.publish({"qc": server.address, "review": "127.0.0.1:7106"})
        call.store = store
        yield call
    server.stop()


@pytest.fixture
def folder(tmp_path):
    """Three images and a table of what one of them claims to be."""
    made = tmp_path / "made elsewhere"
    made.mkdir()
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(made / f"{number}.png")
    (made / "labels.csv").write_text("image,dynasty,kiln,glaze,type\n1.png,Song,Ding,White,Bowl\n")
    return made


def opened(saggar, *arguments):
    code, out, err = saggar("review", "new", *arguments, "--json")
    assert code == 0, err
    row = json.loads(out)["reviews"][0]
    return row, read_review(saggar.store, row["review"])


def test_a_folder_is_reviewed_outside_any_experiment(saggar, folder):
    row, review = opened(saggar, folder, "--taxonomy", "kilnsim")
    assert (row["images"], row["state"], row["experiment"]) == (3, "open", "")
    assert row["url"] == f"http://127.0.0.1:7106/reviews/{row['review']}"
    assert review.title == "made elsewhere"
    assert [item.labels for item in review.items] == [{}, {}, {}]
    assert {item.source for item in review.items} == {"0.png", "1.png", "2.png"}
    assert opened(saggar, folder, "--taxonomy", "kilnsim")[0]["review"] == row["review"]  # the same, found again


def test_what_is_reviewed_is_listed_as_no_data_set(saggar, folder, tmp_path):
    opened(saggar, folder, "--taxonomy", "kilnsim")
    code, out, err = saggar("data", "list", "--json")
    assert (code, json.loads(out)) == (0, [])
    assert "1 more were made by experiments, or for reviews" in saggar("data", "list")[2]
    assert [row["photographs"] for row in json.loads(saggar("data", "list", "--all", "--json")[1])] == [0]
    assert "no data set in this home yet" in saggar("experiment", "init", "--from", "my-data")[2]
    drawn = write_collection(tmp_path / "drawn", count=40, seed=3, size=64)
    code, out, err = saggar("data", "import", drawn.parent, "--labels", drawn, "--taxonomy", "kilnsim", "--json")
    assert code == 0, err
    listed = json.loads(saggar("data", "list", "--json")[1])
    assert [(row["dataset"], row["photographs"]) for row in listed] == [(json.loads(out)["dataset"], 40)]
    assert imported(saggar.store)[0].dataset == listed[0]["dataset"]  # what the status pages show, and offer


def test_labels_and_photographs_make_claims_and_controls(saggar, folder, tmp_path):
    drawn = write_collection(tmp_path / "drawn", count=40, seed=3, size=64)
    code, out, err = saggar("data", "import", drawn.parent, "--labels", drawn, "--taxonomy", "kilnsim", "--json")
    assert code == 0, err
    arguments = ("--taxonomy", "kilnsim", "--labels", folder / "labels.csv", "--photographs")
    row, review = opened(saggar, folder, *arguments, json.loads(out)["dataset"][:6])
    assert row["images"] == 1 + 2 * 10
    assert review.asked[0].labels == {"dynasty": "Song", "kiln": "Ding", "glaze": "White", "type": "Bowl"}
    assert len(review.asked[0].alike) == 4
    with Image.open(saggar.store._path(next(item.image for item in review.items if item.control))) as control:
        assert (control.size, control.format) == ((48, 48), "PNG")  # as the image under review


def test_mistakes_name_the_remedy(saggar, folder, tmp_path):
    assert "saggar review new FOLDER" in saggar("review", "new")[2]
    assert "`new` only" in saggar("review", "abc", folder)[2]
    code, _, err = saggar("review", "new", tmp_path / "nowhere")
    assert (code, "no such folder" in err) == (2, True)
    (tmp_path / "empty").mkdir()
    assert "no images found" in saggar("review", "new", tmp_path / "empty")[2]
    assert "no review 'abc'" in saggar("review", "abc")[2]


def test_a_link_signs_in_and_its_token_stays_out_of_the_address(saggar):
    code, out, _ = saggar("review", "--link")
    name, link = out.strip().split("\t")
    assert (code, name) == (0, "curator")
    address, _, token = link.partition("#")
    assert address == "http://127.0.0.1:7106/signin"
    assert len(token) >= 12
    assert json.loads(saggar("review", "--link", "--json")[1]) == {"curator": link}


def test_the_operator_is_told_of_a_reviewer_who_only_clicks(saggar, folder):
    rng = np.random.default_rng(1)
    for number in range(10):
        Image.fromarray(rng.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(folder / f"more-{number}.png")
    row, review = opened(saggar, folder, "--taxonomy", "kilnsim")
    desk = Desk(saggar.store, review)
    while (item := desk.take("ana")) is not None:
        desk.judge("ana", item.item_id, Verdict(seconds=30))  # says the browser; the clock says otherwise
    _, out, err = saggar("review", row["review"][:5])
    assert "finished" in out
    assert "check the verdicts of ana (0.0 s an image)" in err


def test_the_operator_is_told_when_a_second_person_is_needed(saggar, folder):
    row, review = opened(saggar, folder, "--taxonomy", "kilnsim", "--double-share", "0.4")
    desk = Desk(saggar.store, review)
    assert "second person" not in saggar("review")[2]
    while (item := desk.take("ana")) is not None:
        desk.judge("ana", item.item_id, Verdict(seconds=30))
    code, _, err = saggar("review")
    assert code == 0
    assert f"review {row['review']}: a second person has to judge 1 image: add a line `name: token` to" in err
    assert json.loads(saggar("review", "--json")[1])["reviews"][0]["left_for_another"] == 1


def test_an_experiment_that_waits_for_people_is_known_by_its_step(tmp_path):
    text = "name: a\ntitle: A\ntaxonomy: kilnsim\ndata: {kilnsim: {count: 40, seed: 1}, split_seed: 0}\nseeds: [0]\n"
    text += "review: {policy: all}\narms: [{name: baseline}, {name: more, synthetic: {count: 4}}]\n"
    titles = titles_of(parse_experiment(text, "a.yaml", tmp_path)[0])
    asked = [title for title in titles if waits_for_people([{"title": title, "state": "running"}])]
    assert asked == [title for title in titles if title.startswith("review")]
    assert asked
    assert not waits_for_people([{"title": title, "state": "waiting"} for title in titles])


def test_conflicts_are_counted_in_words():
    assert waiting(0) == "waiting for people (`saggar review` says where)"
    assert waiting(1) == "waiting for people (`saggar review` says where, 1 conflict to settle)"
    assert "2 conflicts to settle" in waiting(2)
