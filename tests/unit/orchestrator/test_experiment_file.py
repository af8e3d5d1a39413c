import time
from pathlib import Path

import pytest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.store import DirectoryStore
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.workflow.stages.order import stages_of

EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"
GOOD = """\
name: good
taxonomy: kilnsim
data:
  kilnsim: {count: 100}
training:
  task_weights: {glaze: 2.0}
arms:
  - name: baseline
  - name: "95:5"
    synthetic: {share: 0.05}
"""


def parse(text, base=Path("/base")):
    return parse_experiment(text, "file.yaml", base)


@pytest.mark.parametrize(
    ("name", "arms"),
    [
        ("quickstart", ["baseline", "class weights", "95:5"]),
        ("selective", ["baseline", "class weights", "10 %", "10 %, glaze masked", "control"]),
        ("composites", ["baseline", "composites"]),
        ("real-porcelain", ["baseline", "95:5", "90:10"]),
        ("real-composites", ["baseline", "composites"]),
        ("paper", ["baseline", "95:5", "90:10"]),
    ],
)
def test_shipped_experiments_are_valid(name, arms):
    path = EXPERIMENTS / f"{name}.yaml"
    experiment, _ = parse_experiment(path.read_text(encoding="utf-8"), str(path), path.parent)
    assert [arm.name for arm in experiment.arms] == arms


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (GOOD, False),
        (GOOD + "generation: {glaze_transfer: true}\n", True),
        (GOOD + "generation: {glaze_transfer: true}\nscreening: {report_only: [calibrated]}\n", True),
        (GOOD + "generation: {glaze_transfer: true}\nscreening: {copies_share_labels: false}\n", False),
    ],
)
def test_composites_are_copies_of_what_has_their_labels_alone_unless_the_file_says_otherwise(text, share):
    screening = parse(text)[0].screening
    assert screening.copies_share_labels is share
    assert screening.report_only == (("calibrated",) if "calibrated" in text else ())


def test_the_papers_data_sets_add_up():
    path = EXPERIMENTS / "paper.yaml"
    experiment, _ = parse_experiment(path.read_text(encoding="utf-8"), str(path), path.parent)
    combinations, pairs = len(experiment.plan.combinations), len(experiment.plan.pairs)
    totals = [
        arm.synthetic.per_combination * combinations
        + arm.synthetic.per_pair * (arm.synthetic.pairs or pairs + experiment.plan.most_confused)
        for arm in experiment.synthetic_arms
    ]
    assert totals == [570, 2500]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("training:", "trianing:", "file.yaml:5 trianing: unknown key 'trianing'; did you mean 'training'?"),
        (
            "count: 100",
            "cuont: 100",
            "file.yaml:4 data.kilnsim.cuont: unknown key 'cuont'; did you mean 'count'?",
        ),
        ("count: 100", "count: 3", "file.yaml:4 data.kilnsim.count"),
        (
            "glaze: 2.0",
            "glase: 2.0",
            "file.yaml:6 training.task_weights.glase: unknown task 'glase'; known: dynasty",
        ),
        ('"95:5"', "baseline", "arm names appear twice: baseline"),
        ("    synthetic: {share: 0.05}\n", "", "arm 95:5 equals baseline in all but its name"),
        ("  - name: baseline\n", "", "no arm has real photographs alone"),
        ("share: 0.05", "share: 1.5", "arms.1.synthetic.share"),
        ("share: 0.05", "share: 0.05, count: 7", "exactly one of count, share, or per_combination"),
        ("name: good", "name: Good File", "file.yaml:1 name"),
        ("  kilnsim: {count: 100}", "  images: photographs", "name the photographs"),
        ("name: good", "name: good\nseeds: [1, 1]", "a seed appears twice"),
        (
            "training:",
            "training:\n  initial_weights: file",
            "file.yaml:5 training.initial_weights_path: is empty; name a .safetensors file",
        ),
        (
            "training:",
            "screening:\n  report_only: [blury]\ntraining:",
            "file.yaml:6 screening.report_only: no reason 'blury'; known: calibrated, undecodable",
        ),
        (
            "training:",
            "screening:\n  resize: clean\ntraining:",
            "file.yaml:6 screening.resize: needs inception_weights_path",
        ),
        (
            "training:",
            "plan:\n  combinations:\n    - {glaze: Purple}\ntraining:",
            "file.yaml:7 plan.combinations.0.glaze: glaze has no class 'Purple'; known: Celadon",
        ),
        (
            "training:",
            "plan:\n  pairs:\n    - {task: type, codes: [Vase, Vase]}\ntraining:",
            "a pair needs two different classes",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(old, new, said):
    text = GOOD.replace(old, new, 1)
    assert text != GOOD
    with pytest.raises(InvalidInputError) as caught:
        parse(text)
    assert said in str(caught.value)


def test_an_unknown_taxonomy_names_the_shipped_ones():
    with pytest.raises(NotFoundError, match=r"file.yaml:2 taxonomy: no taxonomy 'kiln'.*song-yuan-porcelain"):
        parse(GOOD.replace("taxonomy: kilnsim", "taxonomy: kiln"))


def test_paths_start_from_the_files_folder(tmp_path):
    text = GOOD.replace("kilnsim: {count: 100}", "images: photos\n  labels: photos/labels.csv")
    experiment = resolve_paths(parse(text, tmp_path)[0], tmp_path)
    assert experiment.data.images == str(tmp_path / "photos")
    with pytest.raises(NotFoundError, match=r"data.images: there is no folder .*photos"):
        fingerprint(experiment, DirectoryStore(tmp_path))


def test_a_path_that_is_not_given_stays_so(tmp_path):
    """An experiment is stored with its paths resolved, and read again."""
    experiment = resolve_paths(parse(GOOD, tmp_path)[0], tmp_path)
    assert experiment.training.initial_weights_path == ""
    assert Experiment.model_validate(experiment.model_dump()) == experiment


def test_the_id_depends_on_content_and_not_on_place(tmp_path):
    ids, store = [], DirectoryStore(tmp_path)
    for place in ("here", "there"):
        folder = tmp_path / place / "photos"
        folder.mkdir(parents=True)
        (folder / "labels.csv").write_text("image,glaze\n")
        text = GOOD.replace("kilnsim: {count: 100}", "images: photos\n  labels: photos/labels.csv")
        experiment, taxonomy = parse(text, tmp_path / place)
        source = fingerprint(resolve_paths(experiment, tmp_path / place), store) | {"files_digest": ""}
        ids.append(experiment_id(experiment, taxonomy, source))
    assert ids[0] == ids[1]
    (folder / "labels.csv").write_text("image,glaze\na.png,White\n")
    source = fingerprint(resolve_paths(experiment, tmp_path / "there"), store) | {"files_digest": ""}
    assert experiment_id(experiment, taxonomy, source) != ids[0]


def test_what_to_avoid_can_be_told_and_changes_the_id(tmp_path):
    experiment, taxonomy = parse(GOOD)
    source = fingerprint(experiment, DirectoryStore(tmp_path))
    ids = {experiment_id(experiment, taxonomy, source)}
    for section in ("{negative_prompt: dim}", '{negative_prompt: ""}', "{keep_cracked: true}"):
        told = parse(GOOD.replace("training:", f"generation: {section}\ntraining:"))[0]
        assert Experiment.model_validate(told.model_dump(mode="json")) == told
        ids.add(experiment_id(told, taxonomy, source))
    assert len(ids) == 4
    with pytest.raises(InvalidInputError, match=r"file.yaml:5 generation.negative_prompt: .*has '\(dim\)'"):
        parse(GOOD.replace("training:", "generation: {negative_prompt: (dim)}\ntraining:"))


def test_the_plan_names_every_step():
    experiment, _ = parse(GOOD.replace("name: good", "name: good\nseeds: [3, 4]"))
    titles = [stage.title for stage in stages_of(experiment)]
    assert len(set(titles)) == len(titles)
    assert sum(title.startswith("train ") for title in titles) == 2 * 2 + 1  # arms x seeds, and the adapter
    assert titles[-2:] == ["gather results", "write report"]


def test_an_imported_data_set_is_named_by_its_id(tmp_path):
    store = DirectoryStore(tmp_path)
    text = GOOD.replace("kilnsim: {count: 100}", "dataset: 0123456789abcdef")
    experiment, _ = parse(text)
    with pytest.raises(NotFoundError, match=r"data.dataset: no data set 0123456789abcdef"):
        fingerprint(experiment, store)
    store.put("datasets/0123456789abcdef/manifest.parquet", b"", "application/vnd.apache.parquet")
    assert fingerprint(experiment, store) == {"kind": "dataset", "dataset": "0123456789abcdef"}
    with pytest.raises(InvalidInputError, match="give only one of dataset"):
        parse(text.replace("dataset:", "images: a\n  labels: b\n  dataset:"))


def test_some_of_the_taxonomys_tasks():
    text = GOOD.replace("kilnsim: {count: 100}", "dataset: 0123456789abcdef")
    _, taxonomy = parse(text.replace("taxonomy: kilnsim", "taxonomy: kilnsim\ntasks: [glaze, type]"))
    assert taxonomy.task_names == ("glaze", "type")
    for tasks, says in (
        ("[shape]", r"file.yaml:3 tasks: .* has no shape; known: "),
        ("[kiln, type]", r"task_weights.glaze: unknown task 'glaze'"),
    ):
        with pytest.raises(InvalidInputError, match=says):
            parse(text.replace("taxonomy: kilnsim", f"taxonomy: kilnsim\ntasks: {tasks}"))
    with pytest.raises(InvalidInputError, match="kilnsim labels its drawings in all tasks"):
        parse(GOOD.replace("taxonomy: kilnsim", "taxonomy: kilnsim\ntasks: [glaze, type]"))


def test_paths_that_are_left_out_stay_so_and_the_record_reads_back(tmp_path):
    text = "name: x\ntaxonomy: kilnsim\ndata: {kilnsim: {count: 100}}\narms: [{name: b}]\n"
    resolved = resolve_paths(parse_experiment(text, "file", tmp_path)[0], tmp_path)
    assert Experiment.model_validate(resolved.model_dump(mode="json")) == resolved


@pytest.mark.parametrize("name", ["", " ", "   ", " nano", "nano ", "a\\nb", "\\0", "\\t"])
def test_a_base_model_has_a_name(name):
    with pytest.raises(InvalidInputError, match=r"file\.yaml:11"):
        parse(GOOD + f'base_model: "{name}"\n')


@pytest.mark.parametrize("value", ["~", "[]", "5", "no", "{}"])
def test_a_base_model_is_a_text(value):
    with pytest.raises(InvalidInputError, match=r"file\.yaml:11 base_model: is (empty|no text)"):
        parse(GOOD + f"base_model: {value}\n")


def test_names_that_no_file_can_have_are_names_of_nothing(tmp_path):
    experiment, _ = parse(GOOD + f"base_model: {'a' * 5000}\n")
    assert resolve_paths(experiment, tmp_path).base_model == "a" * 5000
    with pytest.raises(NotFoundError, match="no taxonomy 'aaaa"):
        parse(GOOD.replace("taxonomy: kilnsim", f"taxonomy: {'a' * 5000}"))


IN_FOLDER = GOOD.replace("  kilnsim: {count: 100}", "  images: photographs\n  labels: labels.csv\n  where: WHERE")


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("{glaze: []}", "a task without classes would keep nothing"),
        ("{glaze: [none]}", "glaze has no class 'none'"),
        ("{nothing: [White]}", "unknown task 'nothing'"),
        ("{'': [White]}", "unknown task ''"),
        ("{glaze: White}", "is no list; write"),
        ("{glaze: [1]}", "is no text to YAML; put it in quotation marks"),
        ("[]", "is no mapping; write"),
    ],
)
def test_what_is_kept_are_classes_of_the_taxonomy(where, told):
    with pytest.raises(InvalidInputError, match=told):
        parse(IN_FOLDER.replace("WHERE", where))


def test_thousands_of_problems_take_no_longer_than_reading_the_file():
    codes = ", ".join(f"c{number}" for number in range(4000))
    started = time.thread_time()
    with pytest.raises(InvalidInputError, match="4000 problems"):
        parse(IN_FOLDER.replace("WHERE", f"{{glaze: [{codes}]}}"))
    assert time.thread_time() - started < 10
