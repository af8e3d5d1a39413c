"""``python -m saggar.kilnsim``: look at the renderers' work, or write a collection or test pictures of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from saggar.errors import SaggarError
from saggar.kilnsim.collection import write_balanced, write_collection
from saggar.kilnsim.holdings import Classes, all_classes, classes_of, sample_balanced
from saggar.kilnsim.pieces import DYNASTIES, GLAZES, KILNS, TYPES, WORLD, Piece
from saggar.kilnsim.png import encode_png
from saggar.kilnsim.render import render
from saggar.taxonomy import load_taxonomy


def main() -> int:
    """Read the command line and do what it says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m saggar.kilnsim", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    grid = verbs.add_parser("grid", help="one picture of many: a row for each class of a task")
    grid.add_argument("out", type=Path, metavar="OUT.png or OUT.jpg")
    grid.add_argument("--task", choices=("kiln", "glaze", "type"), default="type")
    grid.add_argument("--world", action="store_true", help="the world instead: types by glazes")
    grid.add_argument("--columns", type=int, default=8, help="pictures a class")
    grid.add_argument("--size", type=int, default=96, help="pixels a picture")
    grid.add_argument("--seed", type=int, default=0)
    for name, told in (("collection", "a museum's, with a long tail"), ("balanced", "every class alike")):
        folder = verbs.add_parser(name, help=f"a folder of pictures with a labels.csv: {told}")
        folder.add_argument("directory", type=Path)
        folder.add_argument("--count", type=int, default=1200, help="objects")
        folder.add_argument("--seed", type=int, default=0)
        folder.add_argument("--size", type=int, default=64, help="pixels a side, 32 to 1024")
        folder.add_argument("--taxonomy", default="kilnsim", help="whose classes: a shipped one, or a path")
    arguments = vars(parser.parse_args())
    try:
        verb = arguments.pop("verb")
        if verb == "grid":
            print(_write_grid(**arguments))
        else:
            classes = classes_of(load_taxonomy(arguments.pop("taxonomy")))
            write = write_collection if verb == "collection" else write_balanced
            print(write(**arguments, classes=classes))
    except (SaggarError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _write_grid(out: Path, task: str, world: bool, columns: int, size: int, seed: int) -> Path:
    if columns < 1:
        raise ValueError(f"--columns is {columns}; ask for at least 1")
    picture = draw_world(size, seed) if world else draw_classes(task, columns, size, seed, all_classes())
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".png":
        out.write_bytes(encode_png(picture))
    else:
        from PIL import Image

        Image.fromarray(picture).save(out, quality=82)
    return out


def draw_classes(task: str, columns: int, size: int, seed: int, classes: Classes) -> np.ndarray:
    """A row for each class of ``task``, ``columns`` balanced pieces of the collection in each."""
    pieces = sample_balanced(200 * len(classes[task]), seed, classes)
    rows = []
    for code in classes[task]:
        mine = [piece for piece in pieces if getattr(piece, task) == code][:columns]
        rows.append(np.concatenate([render(piece, size) for piece in mine], axis=1))
    return np.concatenate(rows, axis=0)


def draw_world(size: int, seed: int) -> np.ndarray:
    """Types (rows) by glazes, as the world draws them."""
    rows = []
    for row, kind in enumerate(TYPES):
        line = []
        for column, glaze in enumerate(GLAZES):
            kiln, dynasty = KILNS[(row * 3 + column) % 8], DYNASTIES[(row + column) % 2]
            line.append(render(Piece(dynasty, kiln, glaze, kind, seed + row * 16 + column, WORLD), size))
        rows.append(np.concatenate(line, axis=1))
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    sys.exit(main())
