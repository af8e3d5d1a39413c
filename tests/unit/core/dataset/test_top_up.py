from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.dataset.synthetic.plan import PlanSettings, plan
from saggar.dataset.synthetic.top_up import top_up
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
COMBINATIONS = [{"kiln": "Jun", "type": code} for code in TAXONOMY.task("type").codes[:3]]


def planned(each):
    return plan(TAXONOMY, COMBINATIONS, settings=PlanSettings(per_combination=each, seed=5))


def by_combination(images):
    return Counter(image.labels["type"] for image in images)


def test_nothing_when_enough_were_accepted():
    images = planned(4)
    assert top_up(TAXONOMY, images, images, {image.prompt_id for image in images[:9]}, wanted=9, seed=5) == ()


def test_further_images_are_those_of_a_larger_plan():
    images = planned(4)
    accepted = {image.prompt_id for image in images if not image.prompt_id.endswith(".00002")}
    further = top_up(TAXONOMY, images, images, accepted, wanted=12, seed=5)
    assert by_combination(further) == dict.fromkeys(by_combination(images), 2)  # ceil(1 / 0.75)
    assert {image.prompt_id: image for image in images + further} == {i.prompt_id: i for i in planned(6)}


def test_further_images_avoid_what_the_plan_avoids():
    ge = [{"kiln": "Ge", "type": "Bowl"}]
    settings = PlanSettings(2, 0, 5, "dim, cracked", keep_cracked=True)
    images = plan(TAXONOMY, ge, settings=settings)
    further = top_up(TAXONOMY, images, images, (), wanted=2, seed=5, negative="dim, cracked", keep_cracked=True)
    assert {image.negative_prompt for image in further} == {"dim, cracked"}
    further = top_up(TAXONOMY, images, images, (), wanted=2, seed=5, negative="dim, cracked")
    assert {image.negative_prompt for image in further} == {"dim"}


def test_what_is_rejected_often_is_asked_for_more_often_but_not_without_end():
    images = planned(8)
    first = COMBINATIONS[0]["type"]
    accepted = {image.prompt_id for image in images if image.labels["type"] != first}
    further = top_up(TAXONOMY, images, images, accepted, wanted=24, seed=5)
    assert by_combination(further) == {first: 32}  # 8 missing, at a quarter


def test_spares_of_one_combination_make_up_for_another():
    images = planned(6)  # 18, where 12 are wanted: 4 of each
    first = COMBINATIONS[0]["type"]
    rejected = [image.prompt_id for image in images if image.labels["type"] == first]
    accepted = {image.prompt_id for image in images} - set(rejected[:3])
    assert top_up(TAXONOMY, images, images, accepted, wanted=12, seed=5) == ()
    assert by_combination(top_up(TAXONOMY, images, images, accepted, wanted=16, seed=5)) == {first: 2}


@given(
    each=st.integers(1, 12),
    share=st.floats(0.3, 1),
    rejected=st.randoms(use_true_random=False),
    rate=st.floats(0.1, 1),
)
def test_in_a_few_rounds_the_count_is_met_when_images_pass(each, share, rejected, rate):
    images = planned(each)
    wanted = max(1, round(share * len(images)))
    asked = images
    accepted = {image.prompt_id for image in asked if rejected.random() < rate}
    for _ in range(60):
        further = top_up(TAXONOMY, images, asked, accepted, wanted=wanted, seed=5)
        assert len({image.prompt_id for image in (*asked, *further)}) == len(asked) + len(further)
        if not further:
            break
        assert wanted - len(accepted) <= len(further) <= 4 * (wanted - len(accepted)) + len(COMBINATIONS)
        accepted |= {image.prompt_id for image in further if rejected.random() < rate}
        asked = (*asked, *further)
    assert len(accepted) >= wanted


@pytest.mark.parametrize("wanted", [0, -1])
def test_an_arm_that_wants_nothing_gets_nothing(wanted):
    assert top_up(TAXONOMY, planned(1), planned(1), set(), wanted=wanted, seed=5) == ()
