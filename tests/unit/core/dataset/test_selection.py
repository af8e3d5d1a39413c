from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from saggar.dataset.adapter_rows.selection import Quotas, adapter_quotas, select_for_adapter
from saggar.dataset.augment import expand_rare
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError
from saggar.prompts import caption
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("palace-visual")
PAIR = TAXONOMY.pair_tasks
GLAZES = TAXONOMY.task("glaze").codes
TYPES = TAXONOMY.task("type").codes


def _manifest(sizes: dict[tuple[str | None, str | None], int], split: str = "train") -> Manifest:
    rows = [
        Record(
            f"{glaze}-{kind}-{i}",
            f"{glaze}-{kind}-{i}",
            {"dynasty": "Song", "glaze": glaze, "type": kind},
            split,
        )
        for (glaze, kind), n in sizes.items()
        for i in range(n)
    ]
    return Manifest.from_records(rows, TAXONOMY.task_names)


def _by_pair(manifest: Manifest) -> Counter[tuple[str | None, ...]]:
    return Counter(manifest.combinations(["glaze", "type"]))


def _long_tail() -> dict[tuple[str | None, str | None], int]:
    """9 combinations of 1 photograph, 8 of 3, 6 of 7, 10 of 200: the paper's numbers."""
    pairs = [(glaze, kind) for glaze in GLAZES for kind in TYPES][:33]
    return dict(zip(pairs, [1] * 9 + [3] * 8 + [7] * 6 + [200] * 10, strict=True))


def test_table_3_for_a_thousand_images():
    sizes = _long_tail()
    chosen = _by_pair(select_for_adapter(_manifest(sizes), TAXONOMY, 1000, 0))
    assert sum(chosen.values()) == 1000
    by_tier = {n: [chosen[pair] for pair, size in sizes.items() if size == n] for n in (1, 3, 7)}
    assert all(count >= 30 for count in by_tier[1])
    assert all(count >= 25 for count in by_tier[3] + by_tier[7])
    rare = sum(sum(counts) for counts in by_tier.values())
    assert rare >= 270 + 200 + 150


# Table 3 of the paper: glaze-type combinations by their number of photographs, and the confused ones.
EXTREME = [
    ("MoonW", "Vase"), ("MoonW", "Plate"), ("MoonW", "Dish"), ("IvoryW", "Pot"), ("IvoryW", "Cup"),
    ("IvoryW", "Dish"), ("White", "Cup"), ("Brown", "Plate"), ("Celadon", "Cup"),
]  # fmt: skip
VERY_RARE = [
    ("IvoryW", "Washer"), ("MoonW", "Bowl"), ("Brown", "Bowl"), ("IvoryW", "Vase"), ("White", "Vase"),
    ("White", "Dish"), ("IvoryW", "Bowl"), ("IvoryW", "Plate"),
]  # fmt: skip
MODERATE = [
    ("MoonW", "Washer"), ("White", "Washer"), ("White", "Pot"), ("Celadon", "Vase"), ("Celadon", "Pot"),
    ("Celadon", "Dish"),
]  # fmt: skip
COMMON = [
    ("White", "Bowl"), ("White", "Plate"), ("Celadon", "Washer"), ("Celadon", "Bowl"), ("Celadon", "Plate"),
    ("BluishW", "Bowl"), ("Black", "TeaB"), ("BlueW", "Jar"), ("SkyB", "Censer"),
]  # fmt: skip
CONFUSED = [
    (("White", kind), ("IvoryW", kind)) for kind in ("Bowl", "Plate", "Dish")
] + [(("MoonW", "Washer"), ("Celadon", "Washer"))]  # fmt: skip


def test_the_papers_table_3_to_the_image():
    taxonomy = load_taxonomy("song-yuan-porcelain")
    sizes = (
        dict.fromkeys(EXTREME, 1)
        | {pair: 2 + i % 3 for i, pair in enumerate(VERY_RARE)}
        | {pair: 5 + i for i, pair in enumerate(MODERATE)}
        | {pair: 300 + 100 * i for i, pair in enumerate(COMMON)}
    )
    rows = [
        Record(f"{g}-{t}-{i}", f"{g}-{t}-{i}", {"dynasty": "Song", "glaze": g, "type": t}, "train")
        for (g, t), n in sizes.items()
        for i in range(n)
    ]
    manifest = Manifest.from_records(rows, taxonomy.task_names)
    pairs = [tuple(dict(zip(("glaze", "type"), side, strict=True)) for side in pair) for pair in CONFUSED]
    quotas = adapter_quotas(manifest, 1000, PAIR, confusion_pairs=pairs)
    assert _division(quotas) == [270, 200, 200, 150, 30, 45, 105]

    def given(priority: int) -> dict[tuple[str | None, ...], int]:
        numbers = zip(quotas.combinations, quotas.images[priority].tolist(), strict=True)
        return {pair: n for pair, n in numbers if n}

    assert given(0) == dict.fromkeys(EXTREME, 30)
    assert given(1) == dict.fromkeys(VERY_RARE, 25)
    assert given(2) == dict.fromkeys([side for pair in CONFUSED for side in pair], 25)
    assert given(3) == dict.fromkeys(MODERATE, 25)
    by_type: Counter[str | None] = Counter()
    for (_, kind), n in given(4).items():
        by_type[kind] += n
    assert by_type == {"Cup": 10, "Pot": 20}
    assert {glaze for glaze, _ in given(5)} == {"Brown"}
    assert set(given(6)) == set(COMMON)

    expanded = expand_rare(manifest, seed=0)  # the paper selects from the augmented training set
    after = adapter_quotas(expanded, 1000, PAIR, confusion_pairs=pairs)
    assert _division(after) == _division(quotas)
    chosen = select_for_adapter(expanded, taxonomy, 1000, 0, confusion_pairs=pairs)
    assert _by_pair(chosen) == dict(zip(after.combinations, after.by_combination.tolist(), strict=True))


def _division(quotas: Quotas) -> list[int]:
    return [int(given.sum()) for given in quotas.images]


@pytest.mark.parametrize("size", [100, 160, 500, 2000])
def test_other_sizes_keep_the_proportions(size):
    of_a_thousand = _division(adapter_quotas(_manifest(_long_tail()), 1000, PAIR))
    division = _division(adapter_quotas(_manifest(_long_tail()), size, PAIR))
    assert sum(division) == size
    for n, thousand in zip(division[:4], of_a_thousand[:4], strict=True):
        assert n == pytest.approx(thousand * size / 1000, abs=9)  # 9 combinations, each rounded


def test_confusion_pairs_get_their_share():
    sizes = _long_tail()
    common = [pair for pair, n in sizes.items() if n == 200]
    wanted = [dict(zip(("glaze", "type"), pair, strict=True)) for pair in common[:2]]
    pairs = [(wanted[0], wanted[1])]
    without = _by_pair(select_for_adapter(_manifest(sizes), TAXONOMY, 1000, 0))
    chosen = _by_pair(select_for_adapter(_manifest(sizes), TAXONOMY, 1000, 0, confusion_pairs=pairs))
    assert all(chosen[pair] >= 25 for pair in common[:2])
    assert sum(chosen[pair] for pair in common[:2]) > sum(without[pair] for pair in common[:2])


sizes_strategy = st.dictionaries(
    st.tuples(st.sampled_from([*GLAZES, None]), st.sampled_from([*TYPES, None])),
    st.integers(1, 15),
    min_size=1,
    max_size=15,
)


@given(sizes_strategy, st.integers(1, 400), st.integers(0, 3))
@examples(25)
def test_any_size_of_any_collection(sizes, size, seed):
    manifest = _manifest(sizes)
    chosen = select_for_adapter(manifest, TAXONOMY, size, seed)
    assert len(chosen) == size
    validate(chosen, TAXONOMY)
    assert set(chosen.frame["image"]) <= set(manifest.frame["image"])
    photographs = chosen.select(origin="real").frame["image"]
    assert photographs.is_unique
    # a photograph is varied only when its combination has no other photograph left
    drawn, available = _by_pair(chosen.select(origin="real")), _by_pair(manifest)
    for pair in _by_pair(chosen.select(origin="augmented")):
        assert drawn[pair] == available[pair]
    assert select_for_adapter(manifest, TAXONOMY, size, seed) == chosen
    quotas = adapter_quotas(manifest, size, PAIR)
    assert sum(_division(quotas)) == size
    assert min(int(given.min()) for given in quotas.images) >= 0
    divided = zip(quotas.combinations, quotas.by_combination.tolist(), strict=True)
    assert {pair: n for pair, n in divided if n} == _by_pair(chosen)


def test_only_the_training_split_is_shown():
    held_out = _manifest({("white", "bowl"): 5}, "test").concat(_manifest({("white", "jar"): 5}, "validation"))
    chosen = select_for_adapter(held_out.concat(_manifest({("white", "vase"): 2})), TAXONOMY, 20, 0)
    assert _by_pair(chosen) == {("white", "vase"): 20}
    with pytest.raises(InvalidInputError, match="no labelled photograph in the training split"):
        select_for_adapter(held_out, TAXONOMY, 20, 0)


def test_captions_are_the_taxonomys():
    manifest = _manifest({("white", "bowl"): 1, (None, "vase"): 1})
    for record in select_for_adapter(manifest, TAXONOMY, 6, 0).records():
        assert record.caption == caption(TAXONOMY, record.labels)


def test_a_classifiers_augmented_rows_change_nothing():
    """They tilt and stretch pots, and an adapter draws what it has seen; they made rare pairs look common, too."""
    manifest = _manifest({("white", "bowl"): 2, ("white", "vase"): 30, ("painted", "vase"): 8})
    expanded = expand_rare(manifest, 20, 60, seed=0)
    assert len(expanded) > len(manifest)
    for size in (5, 30, 100):
        assert select_for_adapter(expanded, TAXONOMY, size, 0) == select_for_adapter(manifest, TAXONOMY, size, 0)
        assert _division(adapter_quotas(expanded, size, PAIR)) == _division(adapter_quotas(manifest, size, PAIR))


def test_photographs_are_varied_equally_often():
    chosen = select_for_adapter(_manifest({("white", "bowl"): 3}), TAXONOMY, 20, 0)
    assert sorted(Counter(chosen.frame["image"]).values()) == [6, 7, 7]
    assert chosen.frame["augmentation_seed"].dropna().is_unique


def test_one_task_may_stand_for_both():
    chosen = select_for_adapter(_manifest({("white", "bowl"): 3}), TAXONOMY, 5, 0, pair_tasks=("type", "type"))
    assert len(chosen) == 5


def test_refuses_what_makes_no_sense():
    manifest = _manifest({("white", "bowl"): 2})
    with pytest.raises(InvalidInputError, match="size is 0"):
        select_for_adapter(manifest, TAXONOMY, 0, 0)
    with pytest.raises(InvalidInputError, match="no task 'kiln' in this data set"):
        select_for_adapter(manifest, TAXONOMY, 5, 0, pair_tasks=("kiln", "type"))
    with pytest.raises(InvalidInputError, match="holds 2 synthetic images"):
        select_for_adapter(manifest.with_columns(origin="synthetic"), TAXONOMY, 5, 0)
    with pytest.raises(InvalidInputError, match="no labelled photograph"):
        select_for_adapter(Manifest.from_records([Record("a", "a", {}, "train")], ("glaze", "type")), TAXONOMY, 5, 0)
