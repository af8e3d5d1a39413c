"""The adapter's weight by combination: which rule decides, what is refused, and what the generator is told."""

from pathlib import Path

import pytest
from saggar.dataset.synthetic.plan import planned_image
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar.webui.prompt_syntax import parse_prompt
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Cancellation
from saggar_orchestrator.workflow.steps.synthetic.generating import Painter

TAXONOMY = load_taxonomy("kilnsim")
FILE = """
name: study
taxonomy: kilnsim
data: {{kilnsim: {{count: 60}}}}
arms: [{{name: baseline}}]
generation: {generation}
"""
RULES = """
  adapter_weight: 0.4
  weights:
    - {labels: {glaze: MoonW, type: Vase}, weight: 0.00005}
    - {labels: {glaze: MoonW}, weight: 0.7}
"""


def parse(generation):
    return parse_experiment(FILE.format(generation=generation), "study.yaml", Path())[0]


def painter(tmp_path, generation):
    reference = DirectoryStore(tmp_path).put("adapters/a/adapter.json", b"{}", "application/json")
    return Painter(
        store=DirectoryStore(tmp_path),
        calls=Calls(Peers({}, 1.0), Cancellation()),
        base_model="nano",
        adapter=reference,
        generation=generation,
        framing="crop",
        parallel_shards=1,
        tasks=TAXONOMY.task_names,
    ), reference


def test_the_first_rule_whose_labels_an_image_has_decides():
    generation = parse(RULES).generation
    asked = [{"glaze": "MoonW", "type": "Vase"}, {"glaze": "MoonW", "type": "Bowl"}, {"glaze": "White", "type": "Vase"}]
    assert [generation.weight_of({"dynasty": "Song", **labels}) for labels in asked] == [0.00005, 0.7, 0.4]
    assert generation.weight_of({"glaze": None, "type": "Vase"}) == 0.4


def test_the_generator_is_told_in_the_prompt(tmp_path):
    made, _ = painter(tmp_path, parse(RULES).generation)
    planned = [
        planned_image(TAXONOMY, {"glaze": glaze, "type": form}, 0, 0)
        for glaze, form in (("MoonW", "Vase"), ("MoonW", "Bowl"), ("White", "Vase"))
    ]
    told = [parse_prompt(item.prompt) for item in made._items(planned)]
    assert [dict(one.weights) for one in told] == [{"adapter": 0.00005}, {"adapter": 0.7}, {}]
    assert [one.text for one in told] == [image.prompt for image in planned]


def test_steps_and_experiments_are_others_only_where_weights_are_given(tmp_path):
    without, given = parse("{adapter_weight: 0.4}"), parse(RULES)
    inputs = [painter(tmp_path, one.generation)[0] for one in (without, given)]
    plan = inputs[0].adapter
    assert "weights" not in inputs[0].inputs(plan)
    assert inputs[0].inputs(plan) != inputs[1].inputs(plan)
    ids = [experiment_id(one, TAXONOMY, {}) for one in (without, given)]
    assert ids[0] != ids[1]


def test_what_is_spelt_out_as_it_would_be_anyway_is_no_other_experiment():
    text = "name: same\ntaxonomy: kilnsim\ndata: {kilnsim: {count: 40}}\n"
    text += "arms: [{name: baseline}, {name: a, synthetic: {share: 0.1}}]\n"

    def identity(further: str) -> str:
        experiment = parse_experiment(text + further, "same.yaml", Path())[0]
        return experiment_id(experiment, TAXONOMY, {"kind": "kilnsim"})

    assert identity("adapter: {keep_every_steps: 0}\ngeneration: {weights: []}\n") == identity("")
    assert identity("adapter: {keep_every_steps: 100}\n") != identity("")


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ("[{labels: {glaze: Moon}, weight: 1}]", r"study.yaml:6 generation.weights.0.labels.glaze: .*Moon"),
        ("[{labels: {glase: MoonW}, weight: 1}]", "unknown task 'glase'"),
        ("[{labels: {glaze: MoonW}, weight: 11}]", "generation.weights.0.weight"),
        ("[{labels: {}, weight: 1}]", "generation.weights.0.labels"),
        ("[{labels: {glaze: MoonW}}]", "generation.weights.0.weight"),
        (
            "[{labels: {glaze: MoonW}, weight: 1}, {labels: {type: Vase, glaze: MoonW}, weight: 2}]",
            r"generation.weights.1: never decides: rule 1 has these images already; put this one before it",
        ),
    ],
)
def test_rules_that_mean_nothing_are_refused(weights, says):
    with pytest.raises(InvalidInputError, match=says):
        parse(f"{{weights: {weights}}}")
