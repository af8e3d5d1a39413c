"""Pieces: what there is to draw, and the *world*, which is what a general model may have seen.

In the world all combinations of these few classes are alike, except that the rare glaze-type pairs never
occur in it. The museum's *collection* with all its classes is in `holdings`.
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
