"""What there is in the collection: which kiln made what, and the populations that pieces are drawn from.

`sample_collection` is a museum's holding: few plausible combinations, a long tail, rare ones with one to four
pieces. `sample_balanced` holds every class about equally often: to test on, or to learn from without a tail.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from saggar.errors import InvalidInputError
from saggar.kilnsim.museum.exact import Draws
from saggar.kilnsim.pieces import (
    COLLECTION,
    DYNASTIES,
    GLAZES,
    KILNS,
    RARE_COMBINATIONS,
    RARE_PAIRS,
    TYPES,
    Combination,
    Piece,
)
from saggar.taxonomy import Taxonomy

Classes = Mapping[str, tuple[str, ...]]
"""Codes per task: dynasty, kiln, glaze, type."""

TASKS = ("dynasty", "kiln", "glaze", "type")

KILNSIM: Classes = {"dynasty": DYNASTIES, "kiln": KILNS, "glaze": GLAZES, "type": TYPES}
"""The classes of the taxonomy kilnsim, which nano has words and shapes for; the default."""

# What each kiln made, with how often a museum has it: (dynasty, glaze), and types. After the kilns' known
# output; the numbers are chosen, not counted.
_HOLDINGS: dict[str, tuple[dict[tuple[str, str], float], dict[str, float]]] = {
    "Jing": (
        {("Song", "BluishW"): 1.2, ("Yuan", "BlueW"): 1.3, ("Yuan", "BluishW"): 0.55, ("Yuan", "White"): 0.45,
         ("Song", "White"): 0.12, ("Yuan", "Tran"): 0.08},
        {"Bowl": 0.9, "Plate": 0.8, "Vase": 0.7, "Pot": 0.7, "Cup": 0.65, "Jar": 0.6, "Dish": 0.6, "Box": 0.5,
         "TeaB": 0.4, "Pillow": 0.35, "TeaB-S": 0.3, "Censer": 0.3, "Cheng": 0.12, "Brush": 0.1, "Zun": 0.08},
    ),
    "Long": (
        {("Yuan", "Celadon"): 1.2, ("Song", "Celadon"): 1.0, ("Yuan", "YellowG"): 0.25,
         ("Song", "GreyC"): 0.2, ("Song", "BlueG"): 0.2},
        {"Vase": 1.0, "Plate": 0.9, "Bowl": 0.8, "Washer": 0.7, "Censer": 0.6, "Pot": 0.5, "Dish": 0.4,
         "Jar": 0.35, "TeaB": 0.25, "Zun": 0.25, "Cheng": 0.2, "Gui": 0.18, "Brush": 0.18, "Basin": 0.15,
         "TeaB-S": 0.15, "Plan": 0.12, "Box": 0.15, "PlanS": 0.06},
    ),
    "Ru": (
        {("Song", "BlueG"): 1.0, ("Song", "SkyB"): 0.35, ("Song", "MoonW"): 0.25},
        {"Washer": 1.0, "Dish": 0.6, "Plate": 0.5, "Zun": 0.3, "Censer": 0.25, "TeaB-S": 0.25, "Bowl": 0.25,
         "Plan": 0.25, "Vase": 0.25, "PlanS": 0.12},
    ),
    "Jun": (
        {("Song", "MoonW"): 1.0, ("Yuan", "MoonW"): 0.8, ("Song", "SkyB"): 0.8, ("Yuan", "SkyB"): 0.7,
         ("Song", "RoseP"): 0.75, ("Song", "GrapeP"): 0.4, ("Yuan", "GrapeP"): 0.2, ("Yuan", "RoseP"): 0.25,
         ("Yuan", "Celadon"): 0.3, ("Song", "Celadon"): 0.25, ("Yuan", "BlueG"): 0.15},
        {"Bowl": 1.0, "Washer": 0.7, "Plan": 0.6, "PlanS": 0.55, "Censer": 0.5, "Jar": 0.45, "Zun": 0.4,
         "Cup": 0.4, "Plate": 0.4, "Pot": 0.3, "Dish": 0.3, "Basin": 0.15, "Gui": 0.1},
    ),
    "Ding": (
        {("Song", "IvoryW"): 1.05, ("Song", "White"): 1.0, ("Song", "Brown"): 0.45, ("Song", "Black"): 0.3,
         ("Yuan", "White"): 0.35, ("Yuan", "IvoryW"): 0.3, ("Song", "Green"): 0.1},
        {"Bowl": 1.0, "Plate": 0.9, "Vase": 0.4, "Washer": 0.4, "TeaB": 0.4, "Dish": 0.35, "Pot": 0.3,
         "Cup": 0.3, "Box": 0.3, "Pillow": 0.3, "TeaB-S": 0.25, "Basin": 0.2, "Brush": 0.08},
    ),
    "Ge": (
        {("Yuan", "GreyC"): 1.0, ("Song", "GreyC"): 0.7, ("Song", "YellowG"): 0.5, ("Yuan", "MoonW"): 0.3,
         ("Yuan", "YellowG"): 0.25},
        {"Plate": 0.9, "Washer": 0.8, "Bowl": 0.7, "Censer": 0.6, "Vase": 0.5, "Dish": 0.35, "Cup": 0.25,
         "Gui": 0.2, "Cheng": 0.15, "Zun": 0.15, "Brush": 0.1, "Plan": 0.08},
    ),
    "Guan": (
        {("Song", "Celadon"): 0.9, ("Song", "MoonW"): 0.6, ("Song", "BlueG"): 0.5, ("Song", "GreyC"): 0.5,
         ("Yuan", "Celadon"): 0.3, ("Yuan", "GreyC"): 0.2},
        {"Washer": 1.0, "Vase": 0.8, "Plate": 0.5, "Bowl": 0.5, "Censer": 0.45, "Dish": 0.35, "Gui": 0.3,
         "Zun": 0.25, "Plan": 0.2, "Cheng": 0.2, "PlanS": 0.15, "Brush": 0.15, "TeaB-S": 0.15, "Basin": 0.12},
    ),
    "CiZ": (
        {("Yuan", "White"): 0.7, ("Song", "White"): 0.6, ("Yuan", "Black"): 0.6, ("Yuan", "Brown"): 0.5,
         ("Song", "Brown"): 0.3, ("Song", "Tran"): 0.35, ("Yuan", "Tran"): 0.3, ("Song", "Green"): 0.3,
         ("Song", "GreenY"): 0.3, ("Yuan", "Green"): 0.25, ("Yuan", "GreenY"): 0.2},
        {"Jar": 1.0, "Vase": 0.9, "Pillow": 0.9, "Bowl": 0.6, "Pot": 0.5, "Dish": 0.4, "Plate": 0.35,
         "Cup": 0.3, "Box": 0.2, "Censer": 0.2, "Basin": 0.15},
    ),
    "YaoZ": (
        {("Song", "Celadon"): 1.0, ("Song", "YellowG"): 0.6, ("Yuan", "Celadon"): 0.4,
         ("Song", "MoonW"): 0.35, ("Yuan", "YellowG"): 0.4},
        {"Bowl": 1.0, "Plate": 0.7, "Dish": 0.45, "Pot": 0.4, "TeaB": 0.4, "Vase": 0.35, "Jar": 0.3,
         "Censer": 0.3, "Washer": 0.3, "Box": 0.2, "TeaB-S": 0.2, "Basin": 0.12, "Pillow": 0.12},
    ),
    "Jian": (
        {("Song", "Black"): 1.1, ("Song", "Brown"): 0.5, ("Yuan", "Black"): 0.3},
        {"TeaB": 1.0, "Bowl": 0.8, "Cup": 0.5, "Dish": 0.3, "Jar": 0.22},
    ),
    "Guang": (
        {("Yuan", "SkyB"): 0.4, ("Song", "Celadon"): 0.3, ("Yuan", "Brown"): 0.3, ("Song", "Brown"): 0.25,
         ("Yuan", "Green"): 0.3, ("Song", "Green"): 0.2, ("Yuan", "GreenY"): 0.25, ("Yuan", "GrapeP"): 0.12},
        {"Jar": 0.8, "Vase": 0.7, "Bowl": 0.6, "Basin": 0.3, "Pot": 0.35, "Plan": 0.35, "Censer": 0.3,
         "Washer": 0.25, "Pillow": 0.15, "Zun": 0.15},
    ),
    "Huo": (
        {("Yuan", "White"): 1.0, ("Yuan", "IvoryW"): 0.35, ("Song", "White"): 0.25, ("Yuan", "Tran"): 0.15},
        {"Plate": 0.7, "Bowl": 0.6, "Cup": 0.6, "Dish": 0.4, "Box": 0.15, "TeaB-S": 0.12, "Pot": 0.12},
    ),
    "LinC": (
        {("Song", "BluishW"): 0.8, ("Song", "Celadon"): 0.25, ("Yuan", "BluishW"): 0.3,
         ("Song", "White"): 0.15},
        {"Bowl": 0.7, "Plate": 0.5, "TeaB": 0.3, "Dish": 0.35, "Box": 0.3, "Pot": 0.25, "Jar": 0.2,
         "Cheng": 0.12, "Basin": 0.1},
    ),
    "DeH": (
        {("Song", "White"): 0.6, ("Yuan", "White"): 0.6, ("Song", "BluishW"): 0.6, ("Yuan", "BluishW"): 0.3,
         ("Yuan", "IvoryW"): 0.35},
        {"Box": 1.0, "Bowl": 0.6, "Pot": 0.5, "Vase": 0.4, "Plate": 0.35, "Washer": 0.3, "Jar": 0.25,
         "Censer": 0.15, "Brush": 0.1, "Cup": 0.25},
    ),
    "Xiang": (
        {("Song", "GreyC"): 0.5, ("Song", "BluishW"): 0.5, ("Song", "Celadon"): 0.3, ("Song", "White"): 0.2,
         ("Song", "YellowG"): 0.2},
        {"Bowl": 0.8, "Plate": 0.6, "Dish": 0.3, "TeaB": 0.3, "Pot": 0.25, "Box": 0.15, "Cheng": 0.08},
    ),
    "Peng": (
        {("Yuan", "White"): 0.8, ("Yuan", "IvoryW"): 0.6, ("Song", "White"): 0.15, ("Yuan", "Tran"): 0.15},
        {"Plate": 0.8, "Bowl": 0.7, "Dish": 0.45, "Cup": 0.4, "Washer": 0.25, "Vase": 0.15},
    ),
    "JiZ": (
        {("Song", "Black"): 0.9, ("Song", "Brown"): 0.4, ("Yuan", "Black"): 0.4, ("Song", "Tran"): 0.4,
         ("Yuan", "Tran"): 0.35, ("Song", "Green"): 0.2, ("Yuan", "White"): 0.15},
        {"TeaB": 1.0, "Bowl": 0.6, "Vase": 0.6, "Jar": 0.45, "Censer": 0.3, "Pillow": 0.25, "Pot": 0.2,
         "Box": 0.2, "Cup": 0.2},
    ),
}  # fmt: skip

_SMALL = (9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 3)
_DOUBLETS, _SINGLETONS = 5, 4
_RARE = (1, 3, 2, 1, 4, 1, 1, 2, 3)
"""Combinations beyond the common ones, and how many pieces each has, whatever the collection's size."""

_ROUNDS = 200

_BALANCED_SEEDS = 1 << 60
"""Seeds of balanced pieces start here, so that none is ever a piece of a collection."""


def classes_of(taxonomy: Taxonomy) -> Classes:
    """The classes of ``taxonomy``, all of which kilnsim must be able to draw.

    Raises InvalidInputError naming the tasks or codes that it can't.
    """
    drawn = all_classes()
    for name in taxonomy.task_names:
        if name not in drawn:
            raise InvalidInputError(
                f"kilnsim has no task '{name}' of taxonomy {taxonomy.id}; it labels {', '.join(TASKS)}"
            )
    chosen = {}
    for name, codes in drawn.items():
        wanted = taxonomy.task(name).codes  # raises where the taxonomy has no such task
        if strange := [code for code in wanted if code not in codes]:
            raise InvalidInputError(
                f"kilnsim can't draw {name} {', '.join(strange)} of taxonomy {taxonomy.id}; it draws {', '.join(codes)}"
            )
        chosen[name] = wanted
    return chosen


def all_classes() -> Classes:
    """Every class that the collection's renderer draws, in the order of song-yuan-porcelain."""
    from saggar.kilnsim.museum.shape.vessel import FORMS
    from saggar.kilnsim.museum.surface.glazes import GLAZES
    from saggar.kilnsim.museum.surface.kilns import KILNS

    return {"dynasty": ("Song", "Yuan"), "kiln": tuple(KILNS), "glaze": tuple(GLAZES), "type": tuple(FORMS)}


def collection_counts(count: int, classes: Classes = KILNSIM) -> dict[Combination, int]:
    """How many of ``count`` pieces each combination has, the commonest first.

    Common combinations fall off like Zipf's law, and every class has at least three of them; then come small
    ones (9 to 3 pieces), doublets, singletons, and the rare combinations with 1 to 4. Where there is no room
    for this tail (below about 130 pieces for 8 classes a task), only common combinations are drawn.
    """
    ranked = _ranked(classes)
    commons = _common(ranked, classes)
    rest = [c for c in ranked if c not in set(commons)]
    tail = [(c, n) for c, n in zip(RARE_COMBINATIONS, _RARE, strict=True) if _within(c, classes)]
    small = _SMALL + (2,) * _DOUBLETS + (1,) * _SINGLETONS
    tail += list(zip(rest, small, strict=False))
    left = count - sum(n for _, n in tail)
    if left < len(commons):
        tail, left = [], count
    weights = [1.0 / (rank + 8.0) for rank in range(len(commons))]
    total = math.fsum(weights)
    shares = [left * weight / total for weight in weights]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(len(commons)), key=lambda i: counts[i] - shares[i])
    for i in by_rest[: left - sum(counts)]:
        counts[i] += 1
    return {c: n for c, n in [*zip(commons, counts, strict=True), *tail] if n}


def sample_collection(count: int, seed: int, classes: Classes = KILNSIM) -> list[Piece]:
    """A museum's ``count`` pieces with a long tail, in random order."""
    labels = [c for c, n in collection_counts(count, classes).items() for _ in range(n)]
    _shuffle(labels, Draws(seed, 202))
    return [Piece(*combination, seed * 10_000_019 + number, COLLECTION) for number, combination in enumerate(labels)]


def sample_balanced(count: int, seed: int, classes: Classes = KILNSIM) -> list[Piece]:
    """``count`` pieces with the classes of each task about equally often, in random order.

    Only combinations that a kiln made are drawn, rare ones included. No such set should be quite even:
    blue-and-white is Jingdezhen's alone, so with as much of it as of other glazes, and as much Jingdezhen as
    of other kilns, Jingdezhen would make nothing else. Classes have between 0.6 and 1.7 times an even share;
    macro-F1, which weighs classes alike, does not mind. Another seed is another set: test data has no end.
    """
    combinations = sorted({*_ranked(classes), *(c for c in RARE_COMBINATIONS if _within(c, classes))})
    shares = dict(zip(combinations, _even_shares(combinations, classes), strict=True))
    draws = Draws(seed, 404)
    _shuffle(combinations, draws)
    chosen, reached, edge = [], 0.0, draws.unit()
    for combination in combinations:  # each as often as its share says, give or take one
        before, reached = int(reached * count + edge), reached + shares[combination]
        chosen += [combination] * (int(reached * count + edge) - before)
    chosen = (chosen + combinations)[:count]  # for a last one lost in rounding
    _shuffle(chosen, draws)
    start = _BALANCED_SEEDS + seed * 10_000_019
    return [Piece(*combination, start + number, COLLECTION) for number, combination in enumerate(chosen)]


def _even_shares(combinations: list[Combination], classes: Classes) -> list[float]:
    """Shares that even out every task's classes: iterative scaling (Darroch and Ratcliff 1972), held back.

    Left to itself it would drive most combinations to nothing; each round takes back a sixteenth.
    """
    columns = [np.array([classes[task].index(c[i]) for c in combinations]) for i, task in enumerate(TASKS)]
    factors = [np.ones(len(classes[task])) for task in TASKS]
    for _ in range(_ROUNDS):
        weights = np.ones(len(combinations))
        for factor, column in zip(factors, columns, strict=True):
            weights = weights * factor[column]
        weights = weights / math.fsum(weights.tolist())
        for i, column in enumerate(columns):
            share = np.bincount(column, weights, minlength=len(factors[i])) * len(factors[i])
            back = np.sqrt(np.sqrt(np.sqrt(np.sqrt(factors[i]))))
            factors[i] = factors[i] / (back * np.sqrt(np.sqrt(np.maximum(share, 1e-9))))
    return [float(weight) for weight in weights]


def _ranked(classes: Classes) -> list[Combination]:
    """Plausible combinations, the commonest first; the rare glaze-type pairs are none of them."""
    weights: dict[Combination, float] = {}
    for kiln, (wares, types) in _HOLDINGS.items():
        for (dynasty, glaze), ware in wares.items():
            for kind, share in types.items():
                combination = (dynasty, kiln, glaze, kind)
                if (glaze, kind) not in RARE_PAIRS and _within(combination, classes):
                    weights[combination] = ware * share
    return sorted(weights, key=lambda c: -weights[c])


def _common(ranked: list[Combination], classes: Classes) -> list[Combination]:
    """The first of ``ranked``, the more the more classes there are, and at least three for every class."""
    largest = max(len(codes) for codes in classes.values())
    wanted = max(6 * largest, 2 * largest * largest // 5)
    needed = set()
    for position, task in enumerate(TASKS):
        for code in classes[task]:
            needed |= set([c for c in ranked if c[position] == code][:3])
    spare = [c for c in ranked if c not in needed][: max(wanted - len(needed), 0)]
    chosen = needed | set(spare)
    return [c for c in ranked if c in chosen]


def _within(combination: Combination, classes: Classes) -> bool:
    return all(code in classes[task] for task, code in zip(TASKS, combination, strict=True))


def _shuffle(items: list[Combination], draws: Draws) -> None:
    for last in range(len(items) - 1, 0, -1):
        other = draws.whole(0, last)
        items[last], items[other] = items[other], items[last]
