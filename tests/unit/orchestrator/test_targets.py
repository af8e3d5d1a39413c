"""What an experiment file asks to have generated, on a collection like the paper's."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.mix import count_for_share
from saggar.dataset.synthetic.starts import StartRule
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar.webui.prompt_syntax import parse_prompt
from saggar_orchestrator.experiment.arms import Plan, Synthetic
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.sections import Generation
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.peers.messages import prompt_items
from saggar_orchestrator.workflow.steps.synthetic.targets import (
    confused_pairs,
    images_each,
    planned_images,
    rare_combinations,
    start_rule,
)

TAXONOMY = load_taxonomy("song-yuan-porcelain")
TASKS = TAXONOMY.task_names
PAPER = Path(__file__).resolve().parents[3] / "experiments" / "paper.yaml"

RARE = [
    ("Yuan", "Jun", "MoonW", "Vase"),
    ("Yuan", "Jun", "MoonW", "Plate"),
    ("Song", "Guan", "MoonW", "Dish"),
    ("Song", "Ding", "IvoryW", "Pot"),
    ("Song", "Ding", "IvoryW", "Cup"),
    ("Song", "Ding", "IvoryW", "Dish"),
    ("Song", "Ding", "White", "Cup"),
    ("Song", "Ding", "Brown", "Plate"),
    ("Song", "Long", "Celadon", "Cup"),
]
COMMON = [
    ("Song", "Ding", "White", "Bowl"),
    ("Song", "Ding", "IvoryW", "Bowl"),
    ("Song", "Ding", "White", "Plate"),
    ("Song", "Ding", "IvoryW", "Plate"),
    ("Song", "Guan", "MoonW", "Washer"),
    ("Song", "Guan", "Celadon", "Washer"),
    ("Song", "Long", "Celadon", "Vase"),
    ("Song", "Long", "Celadon", "Pot"),
    ("Yuan", "Long", "Celadon", "Bowl"),
    ("Song", "Long", "Celadon", "Bowl"),
    ("Song", "Jian", "Black", "TeaB"),
    ("Song", "Jian", "Black", "Dish"),
    ("Song", "Ding", "White", "TeaB"),
]
# What the baseline confuses on validation images: (task, true, taken for, share of the true class)
CONFUSED = [
    ("type", "TeaB", "Dish", 0.70),
    ("dynasty", "Yuan", "Song", 0.31),
    ("glaze", "Celadon", "MoonW", 0.25),  # its most alike combinations are a pair that the file names
    ("glaze", "White", "IvoryW", 0.16),
    ("type", "Bowl", "Plate", 0.10),
]


def _manifest() -> Manifest:
    sizes = dict.fromkeys(RARE, 1) | dict.fromkeys(COMMON, 60)
    return Manifest.from_records(
        [
            Record(f"{code}-{i}", f"{code}-{i}", dict(zip(TASKS, code, strict=True)), "train")
            for code, n in sizes.items()
            for i in range(n)
        ],
        TASKS,
    )


def _predictions() -> Predictions:
    """100 validation images per class and task, confused as `CONFUSED` says."""
    true, predicted = {}, {}
    most = max(len(task.codes) for task in TAXONOMY.tasks) * 100
    for task in TAXONOMY.tasks:
        own = np.full(most, -1)
        own[: 100 * len(task.codes)] = np.repeat(np.arange(len(task.codes)), 100)
        guess = own.copy()
        for name, code, other, share in CONFUSED:
            if name == task.name:
                rows = np.flatnonzero(own == task.index(code))[: round(100 * share)]
                guess[rows] = task.index(other)
        true[task.name], predicted[task.name] = own, guess
    images = tuple(f"v{i}" for i in range(most))
    return Predictions(images, images, true, predicted, {})


@pytest.fixture(scope="module")
def paper():
    experiment, taxonomy = parse_experiment(PAPER.read_text(encoding="utf-8"), str(PAPER), PAPER.parent)
    manifest = _manifest()
    combinations = rare_combinations(experiment.plan, taxonomy, manifest)
    pairs = confused_pairs(experiment.plan, taxonomy, manifest, _predictions())
    return planned_images(experiment, taxonomy, combinations, pairs, 25_877), combinations, pairs


def test_brackets_of_a_taxonomy_reach_the_generator_as_words(paper, tmp_path):
    image = replace(paper[0]["95:5"][0], prompt="plate, sauce (brown) glaze")
    (item,) = prompt_items([image], DirectoryStore(tmp_path))
    assert parse_prompt(item.prompt).text == image.prompt


def test_what_an_image_starts_from_or_is_composed_of_reaches_the_generator(paper, tmp_path):
    store = DirectoryStore(tmp_path)
    keys = [store.put(f"images/{name}.png", name.encode(), "image/png").key for name in ("form", "glaze", "start")]
    plain = paper[0]["95:5"][0]
    composed = replace(plain, prompt_id="composed", forms=(keys[0],), glazes=(keys[1], keys[0]))
    started = replace(plain, prompt_id="started", photograph=keys[2], strength=0.7)
    items = prompt_items([plain, composed, started], store, "pad")
    assert [(item.HasField("start"), item.HasField("transfer")) for item in items] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip
    transfer, start = items[1].transfer, items[2].start
    assert [one.uri for one in transfer.forms] == [f"store:{keys[0]}"]
    assert [one.uri for one in transfer.glazes] == [f"store:{keys[1]}", f"store:{keys[0]}"]
    assert (start.image.uri, start.strength, start.framing) == (f"store:{keys[2]}", 0.7, "pad")
    assert not prompt_items([started], store)[0].start.HasField("framing")  # cropped, as ever
    assert prompt_items([started], store, "buckets")[0].start.framing == "pad"  # whole too, and square


def test_how_images_begin_is_read_from_the_file():
    taxonomy = load_taxonomy("song-yuan-porcelain")
    surface, form = taxonomy.pair_tasks
    plain = Generation(photograph_strength=0.5, photograph_strength_to=0.7)
    assert start_rule(taxonomy, plain) == StartRule((surface, form), form, (0.5, 0.7), 0.8)
    one = Generation(photograph_strength=0.6, photograph_task="kiln")
    assert start_rule(taxonomy, one) == StartRule(("kiln",), None, (0.6, 0.6))
    for values, complaint in (
        ({"photograph_strength": 0.6, "photograph_task": "glaze", "photograph_tasks": ("type",)}, "give one of them"),
        ({"photograph_strength": 0.6, "photograph_strength_to": 0.5}, "at least photograph_strength"),
        ({"photograph_strength_to": 0.5}, "at least photograph_strength"),
        ({"photograph_strength": 0.6, "glaze_transfer": True}, "goes without photograph_strength"),
    ):
        with pytest.raises(InvalidInputError, match=complaint):
            Generation.checked(values, "generation")


def test_data_sets_a_and_b_are_570_and_2500_images(paper):
    images, combinations, _ = paper
    assert [tuple(labels[task] for task in TASKS) for labels in combinations] == RARE
    for name, total, each in (("95:5", 570, 50), ("90:10", 2500, 200)):
        assert len(images[name]) == total
        assert len({image.prompt_id for image in images[name]}) == total
        assert len({image.seed for image in images[name]}) == total
        by_labels = Counter(tuple(image.labels[task] for task in TASKS) for image in images[name])
        assert [by_labels[code] for code in RARE] == [each] * 9
    assert {i.prompt_id for i in images["95:5"]} < {i.prompt_id for i in images["90:10"]}


def test_the_papers_four_pairs_and_the_three_most_confused(paper):
    _, _, pairs = paper
    named = [{(first["glaze"], first["type"]), (second["glaze"], second["type"])} for first, second in pairs[:4]]
    assert named == [
        {("White", "Bowl"), ("IvoryW", "Bowl")},
        {("White", "Plate"), ("IvoryW", "Plate")},
        {("MoonW", "Washer"), ("Celadon", "Washer")},
        {("Celadon", "Vase"), ("Celadon", "Pot")},
    ]
    found = [
        [(task, first[task], second[task]) for task in TASKS if first[task] != second[task]]
        for first, second in pairs[4:]
    ]
    assert len(found) == 3
    assert found[0] == [("type", "TeaB", "Dish")]
    assert found[1] == [("dynasty", "Song", "Yuan")]
    sides = [{tuple(first.values()), tuple(second.values())} for first, second in pairs]
    assert all(pair not in sides[:i] for i, pair in enumerate(sides))  # in either order


@given(
    st.one_of(st.integers(1, 3000), st.floats(0.001, 0.5)),
    st.integers(0, 20),
    st.integers(0, 8),
    st.integers(100, 30_000),
)
@examples(60)
def test_a_count_or_a_share_is_planned_with_its_spares_and_little_more(amount, combinations, pairs, training):
    synthetic = Synthetic(count=amount) if isinstance(amount, int) else Synthetic(share=amount)
    if combinations + pairs == 0:
        with pytest.raises(InvalidInputError, match="nothing to generate"):
            images_each(synthetic, Plan(), combinations, pairs, training)
        return
    each, per_pair = images_each(synthetic, Plan(), combinations, pairs, training)
    wanted = amount if isinstance(amount, int) else count_for_share(amount, training)
    planned = each * combinations + per_pair * pairs
    assert wanted * 1.15 <= planned < wanted * 1.15 + 1 + combinations + pairs


def test_every_form_of_every_surface_comes_after_the_rarest():
    manifest = _manifest()
    rare = rare_combinations(Plan(rarest=3), TAXONOMY, manifest)
    found = rare_combinations(Plan(rarest=3, every_form=True), TAXONOMY, manifest)
    assert found[:3] == rare
    assert len({tuple(labels.values()) for labels in found}) == len(found)
    surfaces = {(labels["dynasty"], labels["kiln"], labels["glaze"]) for labels in found}
    forms = {labels["type"] for labels in found}
    assert len(found) == len(surfaces) * len(forms)
    assert rare_combinations(Plan(rarest=0, every_form=True), TAXONOMY, manifest)
