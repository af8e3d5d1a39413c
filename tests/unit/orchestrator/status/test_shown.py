"""What the status pages make of steps and events."""

import ast
import re
from importlib import resources
from pathlib import Path

import pytest
from saggar.errors import CancelledError
from saggar.pages.words import WORDS as SHARED
from saggar_orchestrator import workflow
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.shipped import shipped_text
from saggar_orchestrator.progress import Cancellation, StepView
from saggar_orchestrator.status import shown
from saggar_orchestrator.status.stories import Stories, Story
from saggar_orchestrator.status.words import TITLES, WORDS
from saggar_orchestrator.workflow.stages.order import titles_of

TEXT = shipped_text("quickstart").replace("seeds: [0, 1, 2, 3, 4]", "seeds: [0, 1]")
EXPERIMENT = parse_experiment(TEXT, "quickstart.yaml", Path("/"))[0]
TITLES_OF_IT = titles_of(EXPERIMENT)


def story(**states):
    """Steps by title; what is not named waits."""
    made = Story({n: StepView(n, title) for n, title in enumerate(TITLES_OF_IT)})
    numbers = {title: n for n, title in enumerate(TITLES_OF_IT)}
    made.take([StepView(numbers[title], title, **changes) for title, changes in states.items()])
    return made


def live(state="running", language="en", now=100.0, **states):
    return shown.live(state, EXPERIMENT, story(**states), None, language=language, now=now)


def test_a_step_has_its_rate_and_the_time_that_is_left():
    at = {"at": 90.0, "seconds": 10.0, "state": "running"}
    found = live(**{"generate images": {"stage": "generating", "done": 40, "total": 120, "unit": "images", **at}})
    (row,) = found.running
    assert (row.took, row.rate, row.left) == ("20 s", "2.0 images a second", "40 s left")  # ten more since it was said
    slow = live(**{"train baseline, seed 0": {"stage": "training", "done": 1, "total": 6, "unit": "epochs", **at}})
    assert slow.running[0].rate == "3.0 epochs a minute"
    assert slow.running[0].said == "training, 1 / 6 epochs"
    begun = live(**{"generate images": {"done": 1, "total": 1000, "unit": "images", **at}})
    assert begun.running[0].left == ""  # too early to say


def test_what_runs_in_an_experiment_that_does_not_was_stopped():
    found = live("cancelled", **{"train baseline, seed 0": {"state": "running", "done": 1, "total": 2, "at": 1.0}})
    (row,) = found.running
    assert (row.state, row.rate, row.left) == ("stopped", "", "")
    assert [cell.state for cell in found.arms[0].cells] == ["stopped", "waiting"]


def test_a_step_that_was_cancelled_has_not_failed():
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(CancelledError) as cancelled:
        cancellation.check()
    found = live(
        "cancelled", **{"train baseline, seed 0": {"state": "failed", "error": str(cancelled.value), "at": 1.0}}
    )
    assert [(row.state, row.error) for row in found.running] == [("stopped", "")]
    assert [line.said for line in found.log] == ["stopped"]
    found = live("failed", **{"train baseline, seed 0": {"state": "failed", "error": "no room", "at": 1.0}})
    assert [(row.state, row.error) for row in found.running] == [("failed", "no room")]


def test_trainings_are_shown_by_arm_and_seed():
    found = live(
        **{
            "train baseline, seed 0": {"state": "succeeded"},
            "evaluate baseline, seed 0": {"state": "succeeded"},
            "train baseline, seed 1": {"state": "running", "done": 3, "total": 6},
            "train class weights, seed 0": {"state": "reused"},
            "evaluate class weights, seed 0": {"state": "reused"},
            "train class weights, seed 1": {"state": "failed", "error": "no"},
        }
    )
    cells = {arm.name: [cell.state for cell in arm.cells] for arm in found.arms}
    assert cells == {
        "baseline": ["succeeded", "running"],
        "class weights": ["reused", "failed"],
        "95:5": ["waiting", "waiting"],
    }
    assert found.arms[0].cells[1].share == 0.25  # half of the training; the evaluation is to come
    assert [arm.about for arm in found.arms] == [
        "photographs alone",
        "photographs alone, trained in its own way",
        "5 % of its training set synthetic",
    ]
    assert found.finished == 4


@pytest.mark.parametrize(
    ("reached", "said"), [(0.0, "photographs alone: no generated image was used"), (0.0312, "3.1")]
)
def test_a_finished_arm_shows_the_images_it_had_not_those_it_was_to_have(reached, said):
    arms = [
        {"name": arm.name, "mean_macro_f1": {"mean": 0.5}, "share_reached": reached if arm.synthetic else 0.0}
        for arm in EXPERIMENT.all_arms
    ]
    found = shown.live("succeeded", EXPERIMENT, story(), {"arms": arms}, language="en", now=100.0)
    assert found.arms[2].about == (said if not reached else f"{said} % of its training set synthetic")
    assert found.arms[0].about == "photographs alone"


def test_the_time_left_in_all_is_by_what_this_run_has_measured():
    done = {"state": "succeeded", "seconds": 10.0, "at": 1.0}
    trained = {title: done for title in TITLES_OF_IT if title.startswith(("train baseline", "evaluate baseline"))}
    assert live(now=41.0, **trained).left == "at least 80 s left"  # 4 trainings, 4 evaluations; what is new is unknown
    assert live(now=21.0, **trained).left == "at least 40 s left"  # two went side by side
    everything = dict.fromkeys(TITLES_OF_IT, done)
    rest = everything | {
        "write report": {"state": "waiting"},
        "train 95:5, seed 1": {"state": "running", "seconds": 4.0},
    }
    assert live(now=1000.0, **(rest | {"write report": done})).left == "about 6 s left"
    assert live(now=1000.0, **rest).left == "at least 6 s left"
    assert live(now=1000.0).left == ""
    assert live("failed", **rest).left == ""


def test_the_log_has_changes_of_state_and_epochs_newest_first():
    made = Story({0: StepView(0, "train baseline, seed 0")})
    step = StepView(0, "train baseline, seed 0", state="running", at=1.0)
    events = [
        step,
        StepView(0, step.title, state="running", stage="decoding", done=5, total=9, unit="images", at=2.0),
        StepView(0, step.title, state="running", stage="decoding", done=9, total=9, unit="images", at=3.0),
        StepView(0, step.title, state="running", stage="training", done=1, total=2, unit="epochs", at=4.0),
        StepView(0, step.title, state="succeeded", seconds=75.0, at=5.0),
    ]
    made.take(events)
    found = shown.live("running", EXPERIMENT, made, None, language="en", now=6.0)
    assert [line.said for line in found.log] == ["done in 75 s", "training, 1 / 2 epochs", "begins"]
    assert found.log[0].at == "1970-01-01T00:00:05Z"


def test_a_story_is_read_on_from_where_it_was():
    """A stand-in of the engine that gives three events at a time, and counts what is asked for."""

    class Asked:
        store = None

        def __init__(self):
            self.kept = [StepView(0, "import photographs", state="running", done=n, total=20) for n in range(10)]
            self.asked = []

        def events(self, identity, after=0):
            self.asked.append(after)
            return min(after + 3, len(self.kept)), self.kept[after : after + 3]

    engine = Asked()
    stories = Stories(engine)
    stories._known["e"] = Story({0: StepView(0, "import photographs")})
    assert stories.of("e").steps[0].done == 9
    engine.kept.append(StepView(0, "import photographs", state="succeeded"))
    engine.asked.clear()
    assert stories.of("e").steps[0].state == "succeeded"
    assert engine.asked == [10, 11]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_word_that_pages_use_is_there(language):
    assert WORDS["en"].keys() == WORDS["zh"].keys()
    templates = resources.files("saggar_orchestrator.status") / "templates"
    used = set()
    for template in templates.iterdir():
        used |= set(re.findall(r"\bw\.([a-z_]+)", template.read_text("utf-8")))
    code = resources.files("saggar_orchestrator.status") / "shown.py"
    used |= set(re.findall(r'words?(?:\[language\])?\["([a-z_]+)"\]', code.read_text("utf-8")))
    assert used - WORDS[language].keys() - SHARED[language].keys() == set()
    for key, text in WORDS["en"].items():
        assert text.count("{}") == WORDS["zh"][key].count("{}"), key


def test_every_step_has_a_title_in_chinese():
    """By the titles that the workflow's source has, whatever an experiment takes."""
    found = set(TITLES_OF_IT)
    for path in Path(workflow.__file__).parent.glob("*stages.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                text = "".join(v.value if isinstance(v, ast.Constant) else "7" for v in node.values)
                if re.match(r"(train|try|evaluate|screen|top up|mix|choose|give) ?[a-z ]*7", text):
                    found.add(text)
    assert len(found) > 25
    for text in found | {f"fold 2 of 5: {text}" for text in found}:
        said = shown.title(text, "zh")
        assert re.search("[\u4e00-\u9fff]", said), text
        assert not re.search("(train|evaluate|screen|mix|choose) ", said), (text, said)
    assert shown.title("fold 2 of 5: train a: b, seed 1", "zh") == "第 2 折：训练 a: b，种子 1"
    assert shown.title("without Ding: split into train, validation, test", "zh").startswith("不含 Ding：划分")
    assert shown.title("train adapter", "zh") == dict(TITLES)["train adapter"]
    assert shown.title("something new", "zh") == "something new"
