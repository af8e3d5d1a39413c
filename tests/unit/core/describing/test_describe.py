import io
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from rich.console import Console
from saggar.dataset.balance import imbalance
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.split import split
from saggar.describing.describe import describe, rarest_combinations
from saggar.describing.remarks import remarks
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.cli.data.describe import show
from saggar_orchestrator.pages.datasets.description import render
from saggar_orchestrator.pages.names import Names
from web_page import check, words

TASKS = ("glaze", "type")
TAXONOMY = load_taxonomy("palace-visual")


@pytest.fixture
def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (300, 200), (90, 120, 110)).save(buffer, "JPEG")
    return buffer.getvalue()


def _manifest(sizes: dict[tuple[str | None, ...], int], tasks=TASKS, photographs: int = 1) -> Manifest:
    """`sizes`: objects per combination."""
    return Manifest.from_records(
        [
            Record(
                f"{labels}-{i}-{j}", f"{labels}-{i}", dict(zip(tasks, labels, strict=True)),
                width_px=300, height_px=200,
            )
            for labels, n in sizes.items()
            for i in range(n)
            for j in range(photographs)
        ],
        tasks,
    )  # fmt: skip


sizes_strategy = st.dictionaries(
    st.tuples(st.sampled_from(["white", "painted", None]), st.sampled_from(["bowl", "vase", "jar", None])),
    st.integers(1, 14),
    max_size=10,
)


@given(sizes_strategy, st.integers(1, 3))
@examples(25)
def test_counts_are_those_of_the_rows(sizes, photographs):
    manifest = _manifest(sizes, photographs=photographs)
    found = describe(manifest, below=5, to=8)
    assert found["images"] == len(manifest)
    assert found["objects"] == sum(sizes.values())
    divided = split(manifest, 0)
    for place, task in enumerate(TASKS):
        own = Counter()
        for labels, n in sizes.items():
            own[labels[place]] += n * photographs
        assert found["tasks"][task]["unknown"] == own.pop(None, 0)
        assert found["tasks"][task]["counts"] == own
        by_split = Counter(zip(divided.labels(task), divided.frame["split"], strict=True))
        for code, counts in found["tasks"][task]["by_split"].items():
            assert counts == {name: by_split[code, name] for name in counts}
    known = {labels: n for labels, n in sizes.items() if any(labels)}
    regimes = found["combinations"]["regimes"]
    assert found["combinations"]["count"] == len(known) == sum(regimes.values())
    assert regimes["1"] == sum(n == 1 for n in known.values())
    assert regimes["2"] == sum(n == 2 for n in known.values())
    assert regimes["10+"] == sum(n >= 10 for n in known.values())


@given(sizes_strategy)
@examples(25)
def test_before_and_after_are_those_of_the_threshold_rule(sizes):
    divided = split(_manifest(sizes), 0)
    found = describe(divided, below=5, to=8)["training"]
    train = divided.select(split="train")
    before = Counter(labels for labels in train.combinations() if any(labels))
    after = {labels: 8 if n < 5 else n for labels, n in before.items()}
    assert found["before"]["sizes"] == sorted(before.values(), reverse=True)
    assert found["after"]["sizes"] == sorted(after.values(), reverse=True)
    assert found["before"]["images"] == len(train)
    unlabelled = len(train) - sum(before.values())
    assert found["after"]["images"] == sum(after.values()) + unlabelled
    if before:
        assert found["before"]["imbalance"]["combinations"] == imbalance(list(before.values()))
        assert found["after"]["imbalance"]["combinations"] == imbalance(list(after.values()))
        assert found["after"]["lorenz"][-1] == [1.0, 1.0]
    else:
        assert found["before"]["imbalance"]["combinations"] is None


def test_a_split_that_is_there_is_used_and_another_seed_makes_another():
    manifest = _manifest({("white", "bowl"): 40})
    assert describe(manifest)["training"]["split_kept"] is False
    assert describe(manifest, split_seed=4)["training"]["split_seed"] == 4
    held = manifest.with_columns(split="test")
    found = describe(held)
    assert found["training"]["split_kept"] is True
    assert found["training"]["before"]["images"] == 0
    assert found["tasks"]["glaze"]["by_split"]["white"] == {"train": 0, "validation": 0, "test": 40}


def test_made_images_are_counted_apart():
    real = split(_manifest({("white", "bowl"): 20}), 0)
    made = [
        Record("s", "s", {"glaze": "painted", "type": "vase"}, "train", "synthetic"),
        Record("a", "a", {"glaze": "white", "type": "bowl"}, "train", "augmented", augmentation_seed=1),
    ]
    found = describe(real.concat(Manifest.from_records(made, TASKS)))
    assert found["origins"] == {"real": 20, "augmented": 1, "synthetic": 1}
    assert found["combinations"]["count"] == 1
    assert found["training"]["before"]["images"] == 14


def test_image_sizes():
    rows = [Record(str(i), str(i), {}, width_px=100 + i, height_px=400) for i in range(201)]
    rows.append(Record("unknown", "unknown", {}))
    sizes = describe(Manifest.from_records(rows, TASKS))["image_sizes"]
    assert sizes["known"] == 201
    assert sizes["width_px"] == {"min": 100, "median": 200.0, "max": 300}
    assert sizes["height_px"] == {"min": 400, "median": 400.0, "max": 400}
    assert sizes["shorter_side_px"] == sizes["width_px"]
    assert sizes["below_224_px"] == 124


def test_rarest_are_the_complete_ones_where_there_are_any():
    sizes = {("white", "bowl"): 5, ("white", "vase"): 2, ("painted", None): 1, (None, None): 1}
    found = rarest_combinations(_manifest(sizes), 9)
    assert [(tuple(labels.values()), len(rows)) for labels, rows in found] == [
        (("white", "vase"), 2),
        (("white", "bowl"), 5),
    ]
    assert {tuple(labels) for labels in found[0][1].combinations()} == {("white", "vase")}
    partly = rarest_combinations(_manifest({("painted", None): 1, (None, None): 1}), 9)
    assert [labels for labels, _ in partly] == [{"glaze": "painted", "type": None}]


def _told(sizes, tasks=TASKS, **settings) -> str:
    return "\n".join(remarks(describe(_manifest(sizes, tasks), **settings), lambda _, code: code.upper()))


def test_remarks_name_what_would_mislead():
    told = _told({("white", "bowl"): 30, ("white", "jar"): 1, ("painted", "vase"): 2, (None, "bowl"): 60})
    assert "65% of the images have no label of glaze" in told
    assert "type: no test photograph of JAR; it cannot be scored" in told
    assert "glaze: no training photograph of PAINTED; it cannot be learned" in told
    assert "exactly two objects: 1 combination; one is" in told
    assert "in 1 combination all are variants of one photograph" in told
    assert "all 93 images have a side below 224 pixels" in told


def test_remarks_tell_when_augmentation_makes_a_task_more_uneven():
    # one glaze in many rare combinations, the other in a single one
    sizes = {("white", f"t{i}"): 10 for i in range(9)} | {("painted", "bowl"): 90}
    assert "makes glaze more uneven: ratio of most to fewest 1.0 before, 14.3 after" in _told(sizes)
    assert "more uneven" not in _told({("white", "bowl"): 60, ("painted", "bowl"): 20})


def _shown(manifest: Manifest, names: Names, width: int = 80) -> str:
    summary = describe(manifest)
    summary["remarks"] = list(remarks(summary, names.of))
    console = Console(file=io.StringIO(), width=width)
    show("0123", summary, names, console)
    return console.file.getvalue()


FULL = {
    ("Song", "white", "bowl"): 40,
    ("Yuan", "crackle_celadon", "stemcup"): 1,
    ("Yuan", "painted", None): 12,
    ("Qing", None, None): 25,
}


def test_the_terminal_shows_it_within_80_columns():
    text = _shown(_manifest(FULL, TAXONOMY.task_names), Names(TAXONOMY))
    assert max(map(len, text.splitlines())) <= 80
    assert "78 images of 78 objects, labels of palace-visual" in text
    assert "Yuan, crackled celadon, stem cup" in text
    assert "█" in text
    assert [line.split() for line in text.splitlines() if line.startswith("(unknown)")] == [
        ["(unknown)", "25"],
        ["(unknown)", "37"],
    ]
    codes = _shown(_manifest(FULL, TAXONOMY.task_names), Names(None))
    assert "Yuan, crackle_celadon, stemcup" in codes


def test_an_empty_data_set_is_described():
    empty = Manifest.from_records([], TASKS)
    assert describe(empty)["combinations"]["imbalance"] is None
    assert "0 images of 0 objects" in _shown(empty, Names(None))
    nameless = _manifest({(None, None): 3})
    assert "no image has a label of glaze" in _shown(nameless, Names(None))


def _page(manifest: Manifest, names: Names, photograph: bytes) -> str:
    summary = describe(manifest)
    summary["remarks"] = list(remarks(summary, names.of))
    return render("0123", summary, names, manifest, lambda _: photograph)


@pytest.mark.parametrize(
    "sizes", [FULL, {(None, None, None): 3}, {("Song", "white", "bowl"): 1}, {}, {("Song", None, None): 2}]
)
def test_the_page_is_well_formed_and_needs_nothing_else(sizes, jpeg):
    page = _page(_manifest(sizes, TAXONOMY.task_names), Names(TAXONOMY), jpeg)
    assert check(page) == []
    assert f"{sum(sizes.values())} images" in words(page)


def test_the_page_says_in_words_what_plots_and_pictures_show(jpeg):
    page = _page(_manifest(FULL, TAXONOMY.task_names), Names(TAXONOMY), jpeg)
    assert page.count("<svg") == page.count('role="img" aria-label="') == 5
    assert 'alt="Yuan, crackled celadon, stem cup"' in page
    assert "Song, white, bowl: 40 photographs" in words(page)
    assert "stem cup stemcup" in words(page)  # name and code


def test_class_names_of_any_kind_stand_on_the_page(jpeg):
    manifest = _manifest({("a$b$_<i>", "bowl"): 9, ("x" * 90, "vase"): 3})
    page = _page(manifest, Names(None), jpeg)
    assert check(page) == []
    assert "a$b$_<i>" in words(page)
    assert "x" * 90 in words(page)


def test_three_photographs_of_a_combination_are_read(jpeg):
    read: list[str] = []

    def picture(key: str) -> bytes:
        read.append(key)
        return jpeg

    manifest = _manifest({("Song", "white", "bowl"): 40, ("Yuan", "white", "bowl"): 2}, TAXONOMY.task_names)
    summary = describe(manifest) | {"remarks": []}
    render("0123", summary, Names(TAXONOMY), manifest, picture)
    assert len(read) == 3 + 2


def test_gini_of_a_paper_like_tail_falls_with_augmentation():
    rng = np.random.default_rng(0)
    sizes = {("white", f"t{i}"): int(n) for i, n in enumerate(rng.geometric(0.02, 100))}
    found = describe(_manifest(sizes))["training"]
    assert found["after"]["imbalance"]["combinations"]["gini"] < found["before"]["imbalance"]["combinations"]["gini"]
