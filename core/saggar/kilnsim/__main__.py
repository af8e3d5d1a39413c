"""``python -m saggar.kilnsim``: look at the renderer's work, or write a collection of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from saggar.errors import SaggarError
from saggar.kilnsim.collection import write_collection
from saggar.kilnsim.pieces import COLLECTION, DYNASTIES, GLAZES, KILNS, TYPES, WORLD, Piece
from saggar.kilnsim.render import render


def main() -> int:
    """Read the command line and do what it says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m saggar.kilnsim", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    grid = verbs.add_parser("grid", help="one picture: types by glazes above types by kilns")
    grid.add_argument("out", type=Path, metavar="OUT.png")
    grid.add_argument("--domain", choices=(COLLECTION, WORLD), default=COLLECTION)
    grid.add_argument("--size", type=int, default=96, help="pixels a picture")
    grid.add_argument("--seed", type=int, default=0)
    collection = verbs.add_parser("collection", help="a folder of pictures with a labels.csv")
    collection.add_argument("directory", type=Path)
    collection.add_argument("--count", type=int, default=1200, help="objects")
    collection.add_argument("--seed", type=int, default=0)
    collection.add_argument("--size", type=int, default=64, help="pixels a side, 32 to 512")
    arguments = vars(parser.parse_args())
    try:
        if arguments.pop("verb") == "grid":
            out = arguments.pop("out")
            out.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw_grid(**arguments)).save(out)
            print(out)
        else:
            print(write_collection(**arguments))
    except (SaggarError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def draw_grid(domain: str, size: int, seed: int) -> np.ndarray:
    """Types (rows) by glazes, beside types by kilns on white, celadon and moon white."""
    rows = []
    for row, kind in enumerate(TYPES):
        line = []
        for column, glaze in enumerate(GLAZES):
            number = seed + row * 16 + column
            kiln, dynasty = KILNS[(row * 3 + column) % 8], DYNASTIES[(row + column) % 2]
            line.append(render(Piece(dynasty, kiln, glaze, kind, number, domain), size))
        for column, kiln in enumerate(KILNS):
            number = seed + row * 16 + 8 + column
            glaze, dynasty = ("White", "Celadon", "MoonW")[number % 3], DYNASTIES[(row + column) % 2]
            line.append(render(Piece(dynasty, kiln, glaze, kind, number, domain), size))
        rows.append(np.concatenate(line, axis=1))
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    sys.exit(main())
