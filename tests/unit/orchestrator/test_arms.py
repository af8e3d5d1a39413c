"""Arms: what they take over, how they train, which are refused; sweeps and chosen shares."""

from pathlib import Path

import pytest
from saggar.errors import InvalidInputError
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.workflow.stages.order import stages_of
from saggar_orchestrator.workflow.steps.mixing import choose_share

FILE = """\
name: arms
taxonomy: kilnsim
data: {{kilnsim: {{count: 100}}{data}}}
training: {{batch_size: 32, task_weights: {{glaze: 2.0}}}}
{more}
arms:
  - name: baseline
{arms}
"""


def parse(arms, data="", more=""):
    lines = "\n".join(f"  - {line}" for line in arms)
    return parse_experiment(FILE.format(arms=lines, data=data, more=more), "file.yaml", Path("/base"))[0]


def titles(experiment):
    return [stage.title for stage in stages_of(experiment)]


def test_an_arm_trains_by_its_own_settings_over_the_experiments():
    experiment = parse(["{name: adjusted, training: {logit_adjustment: loss, batch_size: 16}}"])
    baseline, adjusted = map(experiment.training_of, experiment.all_arms)
    assert (baseline.batch_size, baseline.logit_adjustment) == (32, "off")
    assert (adjusted.batch_size, adjusted.logit_adjustment, adjusted.task_weights) == (16, "loss", {"glaze": 2.0})
    assert experiment.baseline.name == "baseline"
    again = Experiment.model_validate(experiment.model_dump(mode="json"))
    assert again.training_of(again.all_arms[1]) == adjusted


def test_two_hundred_arms_are_the_most():
    arms = [f"{{name: arm {number}, synthetic: {{count: {number}}}}}" for number in range(1, 200)]
    assert len(parse(arms).all_arms) == 200
    with pytest.raises(InvalidInputError, match="at most 200"):
        parse([*arms, "{name: one more, synthetic: {count: 1}}"])


def test_an_arm_extends_another_in_all_that_it_does_not_say():
    experiment = parse(
        [
            '{name: form, extends: "5 %", synthetic_task_weights: {glaze: 0}}',
            '{name: "5 %", synthetic: {share: 0.05}, training: {dropout: 0.3}}',
            "{name: half, extends: form, synthetic_task_weights: {type: 0.5}, training: {dropout: 0.1}}",
        ]
    )
    arms = {arm.name: arm for arm in experiment.all_arms}
    assert arms["form"].synthetic == arms["5 %"].synthetic
    assert experiment.training_of(arms["form"]).dropout == 0.3
    stored = Experiment.model_validate(experiment.model_dump(mode="json"))  # as a service reads it again
    assert stored.all_arms == experiment.all_arms
    half = experiment.training_of(arms["half"])
    assert (half.synthetic_task_weights, half.dropout) == ({"glaze": 0, "type": 0.5}, 0.1)


def test_a_sweep_is_an_arm_for_each_share():
    experiment = parse([], more="sweep: {shares: [0.025, 0.1]}")
    assert [arm.name for arm in experiment.all_arms] == ["baseline", "2.5 % synthetic", "10 % synthetic"]
    assert [arm.synthetic.share for arm in experiment.synthetic_arms] == [0.025, 0.1]


@pytest.mark.parametrize(
    ("arms", "says"),
    [
        (["{name: a, extends: b}"], "arm a extends 'b', which is no arm"),
        (["{name: a, extends: b}", "{name: b, extends: a}"], "circle: a - b - a"),
        (["{name: a, control: {of: b}}"], r"file.yaml:8 arms.1.control.of: no arm 'b' with synthetic images"),
        (["{name: a, give_back: 5}"], r"arms.1.give_back: 5 photographs, of 0 that data.withhold takes away"),
        (["{name: a, training: {dropuot: 0.1}}"], r"file.yaml:8 arms.1.training.dropuot: unknown; known:"),
        (["{name: a, training: {class_weight_cap: 0.5}}"], r"arms.1.training.class_weight_cap: is 0.5; must be 1 to"),
        (["{name: a, synthetic: {share: auto, tuning_seeds: [0, 1]}}"], "tuning_seeds and seeds share 0"),
        (["{name: a, synthetic: {share: 0.1}, give_back: 5}"], "at most one of synthetic, control and give_back"),
        (["{name: a, synthetic: {count: 5}, synthetic_task_weights: {glase: 0}}"], "no task 'glase' in taxonomy"),
    ],
)
def test_what_no_arm_can_be_is_refused_with_its_place(arms, says):
    with pytest.raises(InvalidInputError, match=says):
        parse(arms)


def test_each_fold_has_an_adapter_images_and_trainings_of_its_own():
    experiment = parse(['{name: "5 %", synthetic: {share: 0.05}}'], data=", folds: 3")
    found = titles(experiment)
    assert len(set(found)) == len(found)
    for number in (1, 2, 3):
        for what in ("train adapter", "plan synthetic images", "generate images", "screen 5 %", "train 5 %, seed 0"):
            assert f"fold {number} of 3: {what}" in found
    assert found[:2] == ["find base model", "import photographs"]  # a wrong base model is found before all else
    assert "without met: split into train, validation, test" in titles(parse([], data=", leave_out: [met, aic]"))
    with pytest.raises(InvalidInputError, match="give folds or leave_out, not both"):
        parse([], data=", folds: 3, leave_out: [met]")


def test_a_control_comes_after_the_arm_that_it_matches():
    found = titles(parse(['{name: a, control: {of: "5 %"}}', '{name: "5 %", synthetic: {share: 0.05}}']))
    assert found.index("make control a") > found.index("mix 5 %")


def test_a_share_is_tried_on_validation_and_only_the_chosen_one_is_evaluated():
    arm = "{name: best, synthetic: {share: auto, candidates: [0, 0.1], tuning_seeds: [7, 8]}}"
    found = titles(parse([arm]))
    assert found.index("choose share of best") > found.index("try best at 10 %, seed 8")
    assert [title for title in found if title.startswith("evaluate")] == [
        "evaluate baseline, seed 0",
        "evaluate best, seed 0",
    ]


def test_the_smallest_share_within_one_standard_error_of_the_best_is_chosen():
    assert choose_share({0.0: [0.60, 0.62], 0.05: [0.67, 0.69], 0.1: [0.67, 0.70]})["share"] == 0.05
    assert choose_share({0.0: [0.70, 0.70], 0.1: [0.60, 0.60]})["share"] == 0.0
    assert choose_share({0.0: [0.50, 0.50], 0.1: [0.60, 0.60], 0.2: [0.70, 0.70]})["share"] == 0.2


def test_a_task_of_weight_0_in_any_arm_is_not_scored():
    from saggar.taxonomy import load_taxonomy

    experiment = parse(["{name: a, training: {task_weights: {kiln: 0}}}"])
    assert experiment.scored_tasks(load_taxonomy("kilnsim")) == ("dynasty", "glaze", "type")


def test_the_arms_of_the_documentation_are_valid():
    page = (Path(__file__).resolve().parents[3] / "docs" / "experiments.md").read_text(encoding="utf-8")
    arms = page.split("```yaml\n")[1].split("```")[0]
    text = "name: page\ntaxonomy: kilnsim\ndata: {kilnsim: {count: 100}}\n" + arms
    experiment, _ = parse_experiment(text, "docs/experiments.md", Path())
    kinds = [arm.kind for arm in experiment.all_arms]
    assert kinds == ["real", "real", "synthetic", "synthetic", "control", "control"]
