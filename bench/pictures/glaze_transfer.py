"""Glaze transfer on kilnsim's photographs: is colour the glaze's, and how much of its texture is left?

python bench/pictures/glaze_transfer.py [--size 128] [--each 2] [--grid grid.jpg]

Every glaze is transferred onto every type, `--each` times, from photographs of the collection, in an order of each
image's own. Prints JSON: per glaze the ratio of texture (power at a quarter to half a cycle per pixel inside the
outline, geometric mean, composites over the glaze's photographs that were taken), the distance of the mean colours in
CIE Lab, how many had no donors, and seconds of processor for an image, rendering included.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from PIL import Image
from saggar.errors import InvalidInputError
from saggar.kilnsim.pieces import COLLECTION, DYNASTIES, GLAZES, KILNS, TYPES, Piece
from saggar.kilnsim.render import render
from saggar.outlines import find_outline
from saggar_generator.transfer.glaze import Donor, transferred
from saggar_qc.picture.texture import FINE, spectrum
from skimage.color import rgb2lab

DONORS = 6  # photographs of each kind that an image may be composed of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=128, help="pixels a side")
    parser.add_argument("--each", type=int, default=2, help="images of each pair")
    parser.add_argument("--grid", type=Path, help="JPEG with forms in rows and glazes in columns")
    options = parser.parse_args()
    report, pictures, failed, begun = {}, {}, 0, time.process_time()
    for column, glaze in enumerate(GLAZES):
        donors = [photograph(glaze, TYPES[k % len(TYPES)], 1000 * column + k, options.size) for k in range(DONORS)]
        composed, taken = [], []
        for row, kind in enumerate(TYPES):
            for number in range(options.each):
                seed = 100 * row + 10 * number
                forms = [
                    photograph(GLAZES[(row + k) % len(GLAZES)], kind, seed + k, options.size) for k in range(DONORS)
                ]
                try:
                    turn = (row + number) % DONORS
                    pixels, _, name = transferred(forms, donors[turn:] + donors[:turn], seed)
                except InvalidInputError:
                    failed += 1
                    continue
                composed.append(pixels)
                taken.append(next(donor.pixels for donor in donors if donor.name == name))
                pictures.setdefault((row, column), pixels)
        report[glaze] = {"images": len(composed), **compared(composed, taken)}
    if options.grid:
        grid(pictures, options.size).save(options.grid, quality=85, optimize=True)
    made = sum(one["images"] for one in report.values())
    seconds = (time.process_time() - begun) / max(made, 1)
    print(json.dumps({"size_px": options.size, "glazes": report, "failed": failed, "cpu_seconds": round(seconds, 3)}))


def photograph(glaze: str, kind: str, seed: int, size: int) -> Donor:
    """One of the collection; kiln, dynasty and all else go by the seed."""
    piece = Piece(DYNASTIES[seed % 2], KILNS[seed % len(KILNS)], glaze, kind, seed, COLLECTION)
    return Donor(np.asarray(render(piece, size)), f"{glaze} {kind} {seed}")


def compared(composed: list[np.ndarray], photographs: list[np.ndarray]) -> dict[str, float | None]:
    """Texture and colour of composites beside those of the glaze's photographs."""
    (fine, colour), (own_fine, own_colour) = measured(composed), measured(photographs)
    return {
        "texture_ratio": round(float(np.exp(np.mean(fine) - np.mean(own_fine))), 3) if fine and own_fine else None,
        "colour_distance": round(float(np.linalg.norm(np.mean(colour, axis=0) - np.mean(own_colour, axis=0))), 1),
    }


def measured(pictures: list[np.ndarray]) -> tuple[list[float], list[np.ndarray]]:
    """Mean log power of the fine bands, where there is an inside to take it from, and mean colour in Lab."""
    fine, colour = [], []
    for pixels in pictures:
        lab = rgb2lab(pixels).astype(np.float32)
        mask = find_outline(lab).mask
        if not mask.any():
            continue
        colour.append(lab[mask].mean(axis=0))
        found = spectrum(np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32), mask)
        if found is not None:
            fine.append(float(found[FINE].mean()))
    return fine, colour


def grid(pictures: dict[tuple[int, int], np.ndarray], size: int) -> Image.Image:
    """Forms in rows, glazes in columns."""
    image = Image.new("RGB", (size * len(GLAZES), size * len(TYPES)), (255, 255, 255))
    for (row, column), pixels in pictures.items():
        image.paste(Image.fromarray(pixels), (column * size, row * size))
    return image


if __name__ == "__main__":
    main()
