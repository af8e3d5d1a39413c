"""Pieces: what there is to draw, and the two populations that pieces are drawn from.

*collection* is a museum's holding: few plausible combinations, a long tail, rare ones with one to four
pieces. *world* is everything else that a general model may have seen: all combinations alike,
except that the rare glaze-type pairs never occur in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

COLLECTION, WORLD = "collection", "world"

DYNASTIES = ("Song", "Yuan")
KILNS = ("Ding", "Jun", "Guan", "Long", "Jing", "Jian", "CiZ", "YaoZ")
GLAZES = ("Celadon", "White", "IvoryW", "MoonW", "Brown", "Black", "BluishW", "BlueW")
TYPES = ("Bowl", "Plate", "Dish", "Vase", "Pot", "Jar", "Cup", "Washer")

Combination = tuple[str, str, str, str]

RARE_COMBINATIONS: tuple[Combination, ...] = (
    ("Yuan", "Jun", "MoonW", "Vase"),
    ("Yuan", "Jun", "MoonW", "Plate"),
    ("Song", "Guan", "MoonW", "Dish"),
    ("Song", "Ding", "IvoryW", "Pot"),
    ("Song", "Ding", "IvoryW", "Cup"),
    ("Song", "Ding", "IvoryW", "Dish"),
    ("Song", "Ding", "White", "Cup"),
    ("Song", "Ding", "Brown", "Plate"),
    ("Song", "Long", "Celadon", "Cup"),
)
"""(dynasty, kiln, glaze, type) of the paper's nine extremely rare combinations."""

RARE_PAIRS = frozenset((glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS)
"""Their (glaze, type) pairs, which never occur in the world."""

CONFUSION_PAIRS: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = (
    (("White", "Bowl"), ("IvoryW", "Bowl")),
    (("White", "Plate"), ("IvoryW", "Plate")),
    (("MoonW", "Washer"), ("Celadon", "Washer")),
    (("Celadon", "Vase"), ("Celadon", "Pot")),
)
"""The paper's four pairs of (glaze, type) that a classifier takes for each other."""


@dataclass(frozen=True)
class Piece:
    """One object: its labels, the seed of everything else about it, and the domain it belongs to."""

    dynasty: str
    kiln: str
    glaze: str
    type: str
    seed: int
    domain: str


def sample_world(count: int, seed: int) -> Iterator[Piece]:
    """``count`` pieces spread evenly over glaze, type, kiln and dynasty, without the rare pairs."""
    allowed = [(g, t) for g in GLAZES for t in TYPES if (g, t) not in RARE_PAIRS]
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 101])))
    pairs: list[int] = []
    for number in range(count):
        if not pairs:
            pairs = [int(i) for i in rng.permutation(len(allowed))]
        glaze, kind = allowed[pairs.pop()]
        kiln = KILNS[int(rng.integers(len(KILNS)))]
        dynasty = DYNASTIES[int(rng.integers(len(DYNASTIES)))]
        yield Piece(dynasty, kiln, glaze, kind, seed * 10_000_019 + number, WORLD)


# What each kiln made, with how often in a museum: (dynasty, glaze) and type. After the kilns' known
# output; the numbers are chosen, not counted.
_HOLDINGS: dict[str, tuple[dict[tuple[str, str], float], dict[str, float]]] = {
    "Ding": (
        {("Song", "White"): 1.0, ("Song", "IvoryW"): 1.05, ("Yuan", "White"): 0.4,
         ("Yuan", "IvoryW"): 0.3, ("Song", "Brown"): 0.45, ("Song", "Black"): 0.3},
        {"Bowl": 1.0, "Plate": 0.9, "Vase": 0.4, "Washer": 0.4, "Dish": 0.35, "Pot": 0.3, "Cup": 0.3},
    ),
    "Jun": (
        {("Song", "MoonW"): 1.0, ("Yuan", "MoonW"): 0.8, ("Yuan", "Celadon"): 0.35,
         ("Song", "Celadon"): 0.3},
        {"Bowl": 1.0, "Washer": 0.7, "Jar": 0.45, "Cup": 0.4, "Plate": 0.4, "Pot": 0.3, "Dish": 0.3},
    ),
    "Guan": (
        {("Song", "Celadon"): 0.9, ("Song", "MoonW"): 0.7, ("Yuan", "Celadon"): 0.35},
        {"Washer": 1.0, "Vase": 0.8, "Plate": 0.5, "Bowl": 0.5, "Dish": 0.35},
    ),
    "Long": (
        {("Yuan", "Celadon"): 1.2, ("Song", "Celadon"): 1.0},
        {"Bowl": 0.8, "Plate": 0.9, "Vase": 1.0, "Washer": 0.7, "Pot": 0.5, "Dish": 0.4, "Jar": 0.35},
    ),
    "Jing": (
        {("Song", "BluishW"): 1.2, ("Yuan", "BlueW"): 1.3, ("Yuan", "BluishW"): 0.55,
         ("Yuan", "White"): 0.45},
        {"Bowl": 0.9, "Plate": 0.8, "Vase": 0.7, "Pot": 0.7, "Cup": 0.65, "Jar": 0.6, "Dish": 0.6},
    ),
    "Jian": (
        {("Song", "Black"): 1.1, ("Song", "Brown"): 0.5, ("Yuan", "Black"): 0.3},
        {"Bowl": 1.0, "Cup": 0.8, "Dish": 0.35, "Jar": 0.25},
    ),
    "CiZ": (
        {("Yuan", "White"): 0.7, ("Song", "White"): 0.6, ("Yuan", "Black"): 0.6,
         ("Yuan", "Brown"): 0.55, ("Song", "Brown"): 0.35},
        {"Jar": 1.0, "Vase": 0.9, "Bowl": 0.6, "Pot": 0.5, "Dish": 0.4, "Plate": 0.35, "Cup": 0.3},
    ),
    "YaoZ": (
        {("Song", "Celadon"): 1.0, ("Yuan", "Celadon"): 0.45, ("Song", "MoonW"): 0.35},
        {"Bowl": 1.0, "Plate": 0.7, "Dish": 0.45, "Pot": 0.4, "Vase": 0.35, "Jar": 0.3, "Washer": 0.3},
    ),
}  # fmt: skip

_COMMON, _SMALL = 48, (9, 8, 7, 6, 5, 5, 4, 4, 3, 3, 3, 3)
_DOUBLETS, _SINGLETONS = 5, 4
_RARE = (1, 3, 2, 1, 4, 1, 1, 2, 3)
"""Combinations beyond the common ones, and how many pieces each has, whatever the collection's size."""


def collection_counts(count: int) -> dict[Combination, int]:
    """How many of ``count`` pieces each combination has, the commonest first.

    Common combinations fall off like Zipf's law; then come small ones (9 to 3 pieces), doublets,
    singletons, and the rare combinations with 1 to 4. Below about 130 pieces there is no room for
    this tail: only common combinations are drawn then.
    """
    ranked = _ranked()
    tail = [(c, n) for c, n in zip(RARE_COMBINATIONS, _RARE, strict=True)]
    small = _SMALL + (2,) * _DOUBLETS + (1,) * _SINGLETONS
    tail += list(zip(ranked[_COMMON : _COMMON + len(small)], small, strict=True))
    left = count - sum(n for _, n in tail)
    if left < _COMMON:
        tail, left = [], count
    weights = [1.0 / (rank + 8.0) for rank in range(_COMMON)]
    total = sum(weights)
    shares = [left * weight / total for weight in weights]
    counts = [int(share) for share in shares]
    by_rest = sorted(range(_COMMON), key=lambda i: counts[i] - shares[i])
    for i in by_rest[: left - sum(counts)]:
        counts[i] += 1
    common = [(c, n) for c, n in zip(ranked, counts, strict=False) if n]
    return dict(common + tail)


def sample_collection(count: int, seed: int) -> list[Piece]:
    """A museum's ``count`` pieces with a long tail, in random order."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 202])))
    labels = [c for c, n in collection_counts(count).items() for _ in range(n)]
    order = rng.permutation(len(labels))
    return [
        Piece(*labels[int(index)], seed * 10_000_019 + number, COLLECTION)
        for number, index in enumerate(order)
    ]


def _ranked() -> list[Combination]:
    weights: dict[Combination, float] = {}
    for kiln, (wares, types) in _HOLDINGS.items():
        for (dynasty, glaze), ware in wares.items():
            for kind, share in types.items():
                if (glaze, kind) not in RARE_PAIRS:
                    weights[dynasty, kiln, glaze, kind] = ware * share
    return sorted(weights, key=lambda c: -weights[c])
