"""Which photograph an image starts from: of its combination, else of its form, else none."""

from collections import Counter
from dataclasses import replace

import pytest
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.plan import PlanSettings, plan
from saggar.dataset.synthetic.starts import (
    StartRule,
    check_photographs,
    compose_of_photographs,
    follow_photographs,
    start_from_photographs,
)
from saggar.errors import InvalidInputError
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")
PAIR = StartRule(("glaze", "type"), "type", (0.5, 0.7))


def _manifest(*groups) -> Manifest:
    rows = [
        Record(f"{g}-{i}", f"{g}-{i}", {"dynasty": dynasty, "glaze": glaze, "type": kind}, split)
        for g, (dynasty, glaze, kind, count, split) in enumerate(groups)
        for i in range(count)
    ]
    return Manifest.from_records(rows, TAXONOMY.task_names)


COLLECTION = _manifest(
    ("Song", "white", "bowl", 3, "train"),  # 0
    ("Yuan", "white", "vase", 2, "train"),  # 1
    ("Yuan", "white", "vase", 4, "test"),  # 2
    ("Song", "painted", "jar", 1, "train"),  # 3
    ("Song", "painted", "vase", 1, "validation"),  # 4
    ("Song", None, "plate", 2, "train"),  # 5
)
TRAINED = COLLECTION.concat(COLLECTION.select(split="train").with_columns(origin="augmented", image="varied"))


def _planned(*combinations, count=30):
    return plan(TAXONOMY, combinations, settings=PlanSettings(per_combination=count))


def test_same_combination_first_then_same_form_then_noise():
    vase, painted = {"glaze": "white", "type": "vase"}, {"glaze": "painted", "type": "vase"}
    plate, censer = {"glaze": "white", "type": "plate"}, {"glaze": "white", "type": "censer"}
    started = start_from_photographs(_planned(vase, painted, plate, censer), TRAINED, PAIR, seed=1)
    of = {
        name: [one for one in started if one.labels == {"dynasty": None} | labels]
        for name, labels in {"vase": vase, "painted": painted, "plate": plate, "censer": censer}.items()
    }
    assert {one.photograph for one in of["vase"]} == {"1-0", "1-1"}
    assert {one.strength for one in of["vase"]} == {0.5, 0.6, 0.7}
    assert {one.photograph for one in of["painted"]} == {"1-0", "1-1"}  # a vase, though not a painted one
    assert {one.photograph for one in of["plate"]} == {"5-0", "5-1"}  # its glaze is not known
    assert {one.strength for one in (*of["painted"], *of["plate"])} == {0.8}
    assert {(one.photograph, one.strength) for one in of["censer"]} == {(None, None)}


def test_a_start_is_decided_by_the_images_id_the_seed_and_the_photographs():
    planned = _planned({"glaze": "white", "type": "vase"}, {"glaze": "painted", "type": "jar"})
    started = start_from_photographs(planned, TRAINED, PAIR, seed=1)
    assert [replace(one, photograph=None, strength=None) for one in started] == list(planned)
    assert start_from_photographs(planned[::-1], TRAINED, PAIR, seed=1) == started[::-1]
    assert start_from_photographs(planned[:7], TRAINED, PAIR, seed=1) == started[:7]
    assert start_from_photographs(planned, TRAINED, PAIR, seed=2) != started
    strengths = Counter(one.strength for one in started)
    assert set(strengths) == {0.5, 0.6, 0.7}
    assert min(strengths.values()) >= 10


def test_one_task_alone_has_no_form_to_fall_back_to():
    rule = StartRule(("glaze",), None)
    started = start_from_photographs(_planned({"glaze": "white", "type": "vase"}), TRAINED, rule)
    assert {one.photograph for one in started} == {"0-0", "0-1", "0-2", "1-0", "1-1"}
    assert {one.strength for one in started} == {0.6}
    with pytest.raises(InvalidInputError, match="no training photograph with glaze crackle_celadon"):
        start_from_photographs(_planned({"glaze": "crackle_celadon"}), TRAINED, rule)


def test_an_image_follows_a_training_photograph_of_its_form():
    planned = _planned({"glaze": "painted", "type": "vase"}, {"glaze": "white", "type": "plate"})
    found = follow_photographs(planned, TRAINED, "type", seed=1)
    assert {one.control for one in found if one.labels["type"] == "vase"} == {"1-0", "1-1"}  # of training, not of test
    assert {one.control for one in found if one.labels["type"] == "plate"} == {"5-0", "5-1"}
    assert {one.photograph for one in found} == {None}
    assert follow_photographs(planned[::-1], TRAINED, "type", seed=1) == found[::-1]
    with pytest.raises(InvalidInputError, match=r"no training photograph with type censer .* to follow"):
        follow_photographs(_planned({"glaze": "white", "type": "censer"}), TRAINED, "type")


def test_photographs_of_held_out_splits_are_refused():
    manifest = _manifest(("Song", "white", "bowl", 2, "train"), ("Song", "white", "bowl", 2, "test"))
    check_photographs(["0-0", "0-1"], manifest)
    for stray in ("1-0", "unheard-of"):
        with pytest.raises(InvalidInputError, match=f"{stray}: not of the training split"):
            check_photographs(["0-0", stray], manifest)
    twice = manifest.concat(manifest.select(split="train").with_columns(split="validation"))
    with pytest.raises(InvalidInputError, match="0-0"):
        check_photographs(["0-0"], twice)


def test_an_image_is_composed_of_photographs_of_its_form_and_of_its_glaze():
    planned = _planned({"glaze": "painted", "type": "vase"}, {"glaze": "white", "type": "jar"})
    composed = compose_of_photographs(planned, TRAINED, "glaze", "type", seed=1)
    assert [replace(one, forms=(), glazes=()) for one in composed] == list(planned)
    painted, jars = composed[:30], composed[30:]
    assert {one.glazes for one in painted} == {("3-0",)}
    assert {frozenset(one.forms) for one in painted} == {frozenset({"1-0", "1-1"})}
    assert {one.forms[0] for one in painted} == {"1-0", "1-1"}  # in an order of each image's own
    assert {one.forms for one in jars} == {("3-0",)}
    assert compose_of_photographs(planned[:3], TRAINED, "glaze", "type", seed=1) == composed[:3]
    with pytest.raises(InvalidInputError, match="no training photograph with type censer"):
        compose_of_photographs(_planned({"glaze": "white", "type": "censer"}), TRAINED, "glaze", "type")


def test_it_is_composed_first_of_those_that_share_most_of_its_other_labels():
    manifest = _manifest(
        ("Song", "white", "bowl", 20, "train"),
        ("Yuan", "white", "bowl", 2, "train"),
        (None, "white", "jar", 3, "train"),
        ("Song", "painted", "vase", 3, "train"),
        ("Yuan", "painted", "vase", 1, "train"),
        ("Yuan", "white", "vase", 2, "train"),  # what is asked for: a copy, where it is both form and glaze
    )
    composed = compose_of_photographs(
        _planned({"dynasty": "Yuan", "glaze": "white", "type": "vase"}), manifest, "glaze", "type", seed=1
    )
    first = composed[0]
    assert first.forms[0] == "4-0"
    assert {key.split("-")[0] for key in first.forms[1:4]} == {"3"}
    assert {key.split("-")[0] for key in first.forms[4:]} == {"5"}
    assert {key.split("-")[0] for key in first.glazes[:4]} == {"1", "5"}
    assert {key.split("-")[0] for key in first.glazes[4:]} <= {"0", "2"}
    assert [one.forms[0] for one in composed[:6]] == [*first.forms]  # the next image begins with the next
    assert len({(one.forms[0], one.glazes[0]) for one in composed}) == len(composed)


@pytest.mark.parametrize(("vases", "bowls"), [(3, 3), (2, 3), (2, 4), (1, 5)])
def test_no_two_photographs_meet_again_before_all_have_met(vases, bowls):
    manifest = _manifest(("Song", "painted", "vase", vases, "train"), ("Song", "white", "bowl", bowls, "train"))
    planned = plan(TAXONOMY, [{"glaze": "white", "type": "vase"}], settings=PlanSettings(vases * bowls, 0))
    composed = compose_of_photographs(planned, manifest, "glaze", "type", seed=1)
    assert len({(one.forms[0], one.glazes[0]) for one in composed}) == vases * bowls
