from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.plan import (
    PlanSettings,
    combination_code,
    find_confused,
    find_forms_of_surfaces,
    find_rare,
    pair_in_data,
    plan,
)
from saggar.errors import InvalidInputError
from saggar.prompts import prompt
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
VASE = {"dynasty": "Yuan", "kiln": "Jun", "glaze": "MoonW", "type": "Vase"}
BOWL = {"dynasty": "Song", "kiln": "Ge", "glaze": "MoonW", "type": "Bowl"}
OTHER_BOWL = {**BOWL, "dynasty": "Yuan"}


def test_data_set_a_of_the_paper_is_570_images():
    combinations = [{**VASE, "kiln": code} for code in TAXONOMY.task("kiln").codes[:9]]
    others = [{**BOWL, "kiln": code} for code in TAXONOMY.task("kiln").codes[:4]]
    pairs = [(labels, {**labels, "dynasty": "Yuan"}) for labels in others]
    images = plan(TAXONOMY, combinations, pairs)
    assert len(images) == 9 * 50 + 4 * 30
    assert len({image.prompt_id for image in images}) == len({image.seed for image in images}) == len(images)


def test_a_larger_plan_holds_the_smaller_one():
    small = plan(TAXONOMY, [VASE], [(BOWL, OTHER_BOWL)], PlanSettings(5, 3, seed=1))
    large = plan(TAXONOMY, [BOWL, VASE], [(OTHER_BOWL, BOWL)], PlanSettings(20, 9, seed=1))
    assert set(map(repr, small)) <= set(map(repr, large))
    other = plan(TAXONOMY, [VASE], [], PlanSettings(5, 0, seed=2))
    assert {i.prompt_id for i in other} < {i.prompt_id for i in small}
    assert not {i.seed for i in other} & {i.seed for i in small}


codes = st.fixed_dictionaries({task.name: st.sampled_from([*task.codes[:3], None]) for task in TAXONOMY.tasks}).filter(
    lambda labels: any(labels.values())
)


@given(
    st.lists(codes, max_size=5),
    st.lists(st.tuples(codes, codes), max_size=3),
    st.integers(0, 8),
    st.integers(0, 7),
    st.integers(0, 5),
    st.integers(0, 5),
)
@examples(40)
def test_any_plan_has_its_numbers_and_is_a_beginning_of_a_larger_one(
    combinations, pairs, each, per_pair, more, more_pairs
):
    def in_order(labels):
        return tuple(labels[task] for task in TAXONOMY.task_names)

    images = plan(TAXONOMY, combinations, pairs, PlanSettings(each, per_pair, seed=3))
    assert len(images) == each * len(combinations) + per_pair * len(pairs)
    assert len({image.prompt_id for image in images}) == len({image.seed for image in images}) == len(images)
    wanted: Counter[tuple[str | None, ...]] = Counter()
    for labels in combinations:
        wanted[in_order(labels)] += each
    for first, second in pairs:
        wanted[in_order(first)] += (per_pair + 1) // 2
        wanted[in_order(second)] += per_pair // 2
    assert Counter(in_order(image.labels) for image in images) == +wanted
    larger = plan(TAXONOMY, combinations, pairs, PlanSettings(each + more, per_pair + more_pairs, seed=3))
    assert set(map(repr, images)) <= set(map(repr, larger))


def test_what_is_wanted_twice_is_numbered_on():
    images = plan(TAXONOMY, [VASE, BOWL], [(BOWL, OTHER_BOWL)], PlanSettings(2, 3))
    ids = [image.prompt_id for image in images]
    assert ids == [
        "Yuan.Jun.MoonW.Vase.00000",
        "Yuan.Jun.MoonW.Vase.00001",
        "Song.Ge.MoonW.Bowl.00000",
        "Song.Ge.MoonW.Bowl.00001",
        "Song.Ge.MoonW.Bowl.00002",  # the pair's first side gets the odd one
        "Song.Ge.MoonW.Bowl.00003",
        "Yuan.Ge.MoonW.Bowl.00000",
    ]


def test_an_image_has_its_prompts():
    image = plan(TAXONOMY, [BOWL], settings=PlanSettings(1, 0))[0]
    assert image.prompt == prompt(TAXONOMY, BOWL)
    assert "cracked" not in image.negative_prompt  # Ge ware is crackled
    assert "cracked" in plan(TAXONOMY, [VASE], settings=PlanSettings(1, 0))[0].negative_prompt
    kept = plan(TAXONOMY, [BOWL], settings=PlanSettings(1, 0, negative_prompt="cracked", keep_cracked=True))
    assert kept == (replace(image, negative_prompt="cracked"),)
    assert image.labels == BOWL
    assert 0 <= image.seed < 2**53


def test_codes_name_unknown_labels_and_survive_odd_ones():
    assert combination_code(TAXONOMY, {"glaze": "MoonW"}) == "~.~.MoonW.~"
    odd = combination_code(TAXONOMY, {"glaze": "Moon White/..", "type": "Vase"})
    assert odd.startswith("c~")
    assert odd != combination_code(TAXONOMY, {"glaze": "Moon White/..", "type": "Bowl"})


def test_refuses_unknown_labels():
    with pytest.raises(InvalidInputError, match="glaze has no class 'Pink'"):
        plan(TAXONOMY, [{"glaze": "Pink"}])
    with pytest.raises(InvalidInputError, match="no task 'colour'"):
        plan(TAXONOMY, [{"colour": "Pink"}])
    with pytest.raises(InvalidInputError, match="at least one label"):
        plan(TAXONOMY, [{}])
    with pytest.raises(InvalidInputError, match="0 or more"):
        plan(TAXONOMY, [VASE], settings=PlanSettings(-1))


SMALL = load_taxonomy("palace-visual")


def _manifest(*groups: tuple[str, str, str | None, int, str]) -> Manifest:
    rows = [
        Record(f"{g}-{i}", f"{g}-{i}", {"dynasty": d, "glaze": z, "type": k}, split=s)
        for g, (d, z, k, n, s) in enumerate(groups)
        for i in range(n)
    ]
    return Manifest.from_records(rows, SMALL.task_names)


def test_rare_combinations_are_those_of_training_photographs():
    manifest = _manifest(
        ("Song", "white", "bowl", 3, "train"),
        ("Song", "white", "bowl", 9, "test"),
        ("Yuan", "white", "vase", 1, "train"),
        ("Yuan", "white", None, 1, "train"),
        ("Song", "painted", "jar", 1, "test"),
        ("Song", "painted", "vase", 7, "train"),
    )
    vase = {"dynasty": "Yuan", "glaze": "white", "type": "vase"}
    bowl = {"dynasty": "Song", "glaze": "white", "type": "bowl"}
    assert find_rare(manifest) == (vase, bowl)
    assert find_rare(manifest, limit=1) == (vase,)
    assert find_rare(manifest, at_most=2) == (vase,)
    more = manifest.concat(manifest.select(split="train").with_columns(origin="augmented"))
    assert find_rare(more) == (vase, bowl)


def test_surfaces_of_photographs_in_every_form_of_theirs():
    manifest = _manifest(
        ("Song", "white", "bowl", 3, "train"),
        ("Yuan", "white", "vase", 1, "train"),
        ("Yuan", None, "vase", 1, "train"),
        ("Yuan", "painted", "jar", 1, "test"),
    )
    found = find_forms_of_surfaces(manifest, SMALL)
    assert {tuple(labels.values()) for labels in found} == {
        ("Song", "white", "bowl"), ("Song", "white", "vase"), ("Yuan", "white", "bowl"), ("Yuan", "white", "vase"),
    }  # fmt: skip
    assert [labels["type"] for labels in found[2:]] == ["vase", "bowl"]  # what there are photographs of comes last


def test_surfaces_are_not_put_where_the_taxonomy_says_they_do_not_belong():
    rows = [
        Record(name, name, labels, "train")
        for name, labels in (("a", VASE), ("b", BOWL), ("c", {**BOWL, "kiln": "Jian", "type": "Vase"}))
    ]
    found = find_forms_of_surfaces(Manifest.from_records(rows, TAXONOMY.task_names), TAXONOMY)
    assert {(labels["kiln"], labels["type"]) for labels in found} == {
        ("Jun", "Bowl"), ("Jun", "Vase"), ("Ge", "Bowl"), ("Ge", "Vase"),
    }  # fmt: skip


def test_pairs_are_as_alike_as_the_data_allows():
    manifest = _manifest(
        ("Song", "white", "bowl", 9, "train"),
        ("Yuan", "white", "bowl", 2, "train"),
        ("Yuan", "white", "plate", 2, "train"),
        ("Song", "painted", "plate", 9, "train"),
    )
    first, second = pair_in_data(manifest, "type", ("bowl", "plate"))
    assert first == {"dynasty": "Yuan", "glaze": "white", "type": "bowl"}
    assert second == {"dynasty": "Yuan", "glaze": "white", "type": "plate"}
    fixed = pair_in_data(manifest, "type", ("plate", "bowl"), {"dynasty": "Song"})
    assert fixed == (
        {"dynasty": "Song", "glaze": "painted", "type": "plate"},
        {"dynasty": "Song", "glaze": "white", "type": "bowl"},
    )
    assert pair_in_data(manifest, "type", ("bowl", "jar")) is None
    with pytest.raises(InvalidInputError, match="no task 'kiln'"):
        pair_in_data(manifest, "kiln", ("a", "b"))


def test_confused_classes_are_ranked_by_their_error_rates():
    manifest = _manifest(
        ("Song", "white", "bowl", 2, "train"),
        ("Song", "white", "plate", 2, "train"),
        ("Song", "white", "vase", 2, "train"),
    )
    codes = SMALL.task("type").codes
    bowl, plate, vase, jar = (codes.index(code) for code in ("bowl", "plate", "vase", "jar"))
    matrix = np.diag([90] * len(codes))
    matrix[bowl, plate] = 10
    matrix[vase, bowl] = 60
    matrix[jar, bowl] = 500  # the worst, and no jar in training
    pairs = find_confused(manifest, SMALL, {"type": matrix}, limit=3)
    assert [(a["type"], b["type"]) for a, b in pairs] == [("bowl", "vase"), ("bowl", "plate")]
    assert len(find_confused(manifest, SMALL, {"type": matrix}, limit=1)) == 1
    with pytest.raises(InvalidInputError, match="confusion of type is"):
        find_confused(manifest, SMALL, {"type": matrix[1:]})
