"""`saggar generator sweep` against stand-ins of the services."""

import json

import pytest
from orchestrator_fakes import SERVICES, serve_fakes
from PIL import Image
from saggar.dataset.split import split
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home

TAXONOMY = load_taxonomy("kilnsim")
FINAL, KEPT = "ffff1111", "eeee1111"
BY_ID = "generation: {adapter_weight: 0.0, further_adapters: {'99991111': 0.4}}"


@pytest.fixture(scope="module")
def divided(tmp_path_factory):
    """(store, manifest) of a drawn data set, divided into training, validation and test."""
    folder = tmp_path_factory.mktemp("drawn")
    store = DirectoryStore(folder / "store")
    labels = write_collection(folder / "photographs", 160, 3, 32)
    return store, split(import_csv(labels.parent, labels, TAXONOMY, store).manifest, seed=0)


class Rig:
    """A home with that data set, an adapter that learnt from the first half of the training photographs, the one that
    was kept of its training, and calls of the command line.
    """

    def __init__(self, made, fakes, divided, capsys):
        self.home, self.fakes, self.store, self._capsys = made, fakes, fakes.store, capsys
        origin, self.manifest = divided
        for key in {*self.manifest.frame["image"]}:
            self.store.put(key, origin.get(key), "image/png")
        self.dataset = self._put(self.manifest)
        training = self.manifest.select(split="train")
        self.learnt = training.take(training.frame.index.to_numpy() % 2 == 0)
        self.put_adapter(FINAL, steps=100)
        self.put_adapter(KEPT, steps=50, kept_from=FINAL)
        name = json.dumps({"adapter": KEPT, "step": 50}).encode()
        self.store.put(f"adapters/{FINAL}/kept/0000050.json", name, "application/json")

    def _put(self, manifest):
        return write_manifest(self.store, manifest).key.split("/")[1]

    def put_adapter(self, identity, **changes):
        card = {
            "adapter_id": identity, "base_model": "nano", "base_hash": "a" * 64, "origin": "trained", "images": 5,
            "manifest": write_manifest(self.store, self.learnt).to_json(), "caption_sample": "white bowl",
            "settings": {"steps": 100, "learning_rate_schedule": "constant", "warm_up_steps": None},
        } | changes  # fmt: skip
        self.store.put(f"adapters/{identity}/adapter.json", json.dumps(card).encode(), "application/json")

    def __call__(self, *more, adapter=FINAL, dataset=None):
        code = run([
            "--home", str(self.home.root), "generator", "sweep", dataset or self.dataset, "--adapter", adapter,
            "--inception", str(self.home.root / "inception.pth"), *map(str, more),
        ])  # fmt: skip
        return code, *self._capsys.readouterr()


@pytest.fixture
def sweep(tmp_path, divided, capsys):
    made = Home(tmp_path / "home")
    fakes, server = serve_fakes(DirectoryStore(made.store))
    with made.claim():
        made.publish(dict.fromkeys(SERVICES, server.address))
        yield Rig(made, fakes, divided, capsys)
    server.stop()


def test_the_nearest_cell_and_what_to_write_for_it(sweep, tmp_path):
    sweep.fakes.kids = {(KEPT, 0.6): 0.004, (FINAL, 0.6): 0.006}
    sweep.fakes.kid_spread = 0.0015
    picture = tmp_path / "grid.png"
    code, told, err = sweep("--weight", 0.6, "--weight", 0.3, "--output", picture)
    assert code == 0, err
    assert [line.split("\t") for line in told.splitlines()] == [
        ["adapter", "steps", "weight", "KID (95 % interval)", "as asked", ""],
        ["none", "", "", "0.0200 (0.0185 to 0.0215)", "–", ""],
        [KEPT, "50", "0.3", "0.0100 (0.0085 to 0.0115)", "–", ""],
        [KEPT, "50", "0.6", "0.0040 (0.0025 to 0.0055)", "–", "chosen"],
        [FINAL, "100", "0.3", "0.0100 (0.0085 to 0.0115)", "–", ""],
        [FINAL, "100", "0.6", "0.0060 (0.0045 to 0.0075)", "–", "alike"],
        ["adapter: {steps: 50, warm_up_steps: 10}"],
        ["generation: {adapter_weight: 0.6}"],
    ]
    assert "the intervals of 1 of the 3 other cells overlap" in err
    assert "take the choice for a hint" in err
    with Image.open(picture) as drawn:
        assert drawn.width > 2 * 128
        assert len(drawn.getcolors(1 << 20)) > 1000  # pictures, not paper
    assert all(len(line.expandtabs(1)) <= 80 for line in told.splitlines())


def test_only_held_out_photographs_of_the_training_split_choose(sweep):
    code, told, err = sweep("--json", "--weight", 0.4, "--rarest", 3, "--photographs", 2, "--images", 3)
    assert code == 0, err
    found = json.loads(told)
    learnt = {*sweep.learnt.frame["object_id"]}
    for images, photographs in sweep.fakes.compared:
        assert {*photographs.frame["split"]} == {"train"}
        assert learnt.isdisjoint(photographs.frame["object_id"])
        assert len(images) == 3 * len(photographs)
    assert sum(one["photographs"] for one in found["combinations"]) == len(photographs)
    assert len(found["combinations"]) == 3
    assert all(one["photographs"] <= 2 for one in found["combinations"])
    cells = [found["without_adapter"], *found["cells"]]
    assert [(one["adapter"], one["steps"], one["weight"]) for one in cells] == [
        (None, 0, 0.0), (KEPT, 50, 0.4), (FINAL, 100, 0.4),
    ]  # fmt: skip
    assert {(one["images"], one["photographs"]) for one in cells} == {(3 * len(photographs), len(photographs))}
    assert found["chosen"] == found["cells"][0]  # of equal ones the shorter training
    counts = sweep.manifest.select(split="train").combinations().value_counts()
    shown = [counts[tuple(one["labels"][task] for task in sweep.manifest.tasks)] for one in found["combinations"]]
    assert shown == sorted(shown)


def test_photographs_that_the_training_held_out_take_part(sweep):
    """The adapter was shown all of the training split, and says which of it its training left out."""
    sweep.learnt = sweep.manifest.select(split="train")
    sweep.put_adapter("dddd1111", steps=10)
    code, _, err = sweep("--weight", 0.4, adapter="dddd")
    assert code == 2
    assert "hold some out with adapter.validation_share" in err
    left = sweep.learnt.frame["object_id"].drop_duplicates().iloc[:6].tolist()
    sweep.store.put("adapters/dddd1111/held-out.json", json.dumps({"objects": left}).encode(), "application/json")
    code, _, err = sweep("--weight", 0.4, adapter="dddd")
    assert code == 0, err
    assert {*sweep.fakes.compared[-1][1].frame["object_id"]} <= {*left}


def test_cells_differ_in_adapter_and_weight_alone(sweep):
    code, _, err = sweep("--weight", 0.3, "--weight", 0.6, "--rarest", 2)
    assert code == 0, err
    assert len({tuple(images.frame["source"]) for images, _ in sweep.fakes.compared}) == 1  # the same prompts
    made = sweep.fakes.generated.copy()
    assert {*made.values()} == {5}
    code, _, err = sweep("--weight", 0.3, "--weight", 0.6, "--weight", 0.9, "--rarest", 2, "--after", 100)
    assert code == 0, err
    assert {*(sweep.fakes.generated - made).values()} == {1}  # the cell that is new


def test_named_combinations(sweep):
    training = sweep.manifest.select(split="train")
    glaze = training.frame["label_glaze"].value_counts().index[0]
    code, told, err = sweep("--combination", f"glaze={glaze}", "--weight", 0.4, "--json")
    assert code == 0, err
    assert {one["labels"]["glaze"] for one in json.loads(told)["combinations"]} == {glaze}
    code, _, err = sweep("--combination", "glaze=Nothing")
    assert code == 2
    assert "Nothing" in err


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"origin": "imported", "manifest": None}, [BY_ID]),
        ({}, ["adapter: {steps: 70}", "generation: {adapter_weight: 0.4}"]),
        (
            {"kept_from": FINAL, "settings": {"steps": 100, "learning_rate_schedule": "cosine"}},
            [BY_ID],
        ),
    ],
)  # fmt: skip
def test_the_lines_bring_the_chosen_adapter_back(sweep, changes, lines):
    sweep.put_adapter("99991111", steps=70, **changes)
    code, told, err = sweep("--weight", 0.4, adapter="9999")
    assert code == 0, err
    assert told.splitlines()[3:] == lines
    assert ("does not say what it was trained on" in err) == ("origin" in changes)


def test_small_distances_are_told_apart_too(sweep):
    sweep.fakes.kids = {(KEPT, 0.4): 0.0000031, (FINAL, 0.4): 0.0000042}
    sweep.fakes.bare_kid = 0.0000055
    code, told, err = sweep("--weight", 0.4)
    assert code == 0, err
    assert [line.split("\t")[3] for line in told.splitlines()[:4]] == [
        "KID x 10^3 (95 % interval)", "0.0055 (0.0055 to 0.0055)", "0.0031 (0.0031 to 0.0031)",
        "0.0042 (0.0042 to 0.0042)",
    ]  # fmt: skip


def test_distances_that_are_none_are_not_taken_for_any(sweep):
    sweep.fakes.kids = {(KEPT, 0.4): 3e-13, (FINAL, 0.4): 4e-13}
    sweep.fakes.bare_kid, sweep.fakes.kid_spread = 2e-13, 5e-9
    code, told, err = sweep("--weight", 0.4)
    assert code == 0, err
    assert told.splitlines()[1].split("\t")[3] == "0.0000 (-0.0050 to 0.0050)"
    assert "all distances are rounding alone" in err
    assert "name a classifier that was trained for longer with --model" in err


def test_an_adapter_that_does_not_help_is_told(sweep):
    sweep.fakes.kids = {(KEPT, 0.4): 0.05, (FINAL, 0.4): 0.04}
    code, _, err = sweep("--weight", 0.4)
    assert code == 0
    assert "no cell comes nearer to the photographs than the base model without an adapter" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--weight", "0"], "--weight 0 is the base model without an adapter"),
        (["--after", "70"], "no adapter after 70 steps; there are: 50, 100"),
        (["--combination", "glaze"], "write labels as TASK=CODE"),
        (["--adapter", "zzzz"], "no adapter 'zzzz'"),
        (["--adapter", f"{KEPT}=0.4"], "give weights with --weight"),
        (["--output", "/proc/nothing/grid.png", "--weight", "0.4"], "cannot write /proc/nothing/grid.png"),
    ],
)
def test_wrong_input_is_2_and_says_what_to_do(sweep, arguments, says):
    code, _, err = sweep(*arguments)
    assert code == 2
    assert says in err


def test_a_data_set_that_is_not_divided_is_refused(sweep):
    dataset = sweep._put(sweep.manifest.with_columns(split=None))
    code, _, err = sweep(dataset=dataset)
    assert code == 2
    assert "`saggar data list --all` shows them with their split" in err
    dataset = sweep._put(sweep.manifest.select(split=("validation", "test")))
    code, _, err = sweep(dataset=dataset)
    assert code == 2
    assert "photographs of validation and test must not choose" in err
