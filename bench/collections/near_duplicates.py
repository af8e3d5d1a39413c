"""How far perceptual hashes of one photograph move when it is saved anew, and how close those of different
ones come. Prints JSON lines; the limits in `saggar.duplicates.search` rest on them.

    python bench/collections/near_duplicates.py --drawn 1200 --size 64 --photographs DIR
"""

import argparse
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from saggar.decoding import decode
from saggar.duplicates.perceptual import look_alike, perceptual_hash, thumbnail
from saggar.duplicates.search import POSSIBLE_BITS, SURE_BITS, close_pairs, pack

SHOWN_BITS = (8, SURE_BITS, 16, 20, POSSIBLE_BITS, 28, 32)


def again(image: Image.Image, kind: str, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, kind, quality=quality)
    return decode(out.getvalue(), "again")


def cropped(image: Image.Image, share: float) -> Image.Image:
    width, height = image.size
    return image.crop((
        round(width * share), round(height * share), round(width * (1 - share)), round(height * (1 - share))
    ))  # fmt: skip


def scaled(image: Image.Image, factor: float) -> Image.Image:
    return image.resize((round(image.width * factor), round(image.height * factor)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG quality 75": lambda i: again(i, "JPEG", 75),
    "JPEG quality 30": lambda i: again(i, "JPEG", 30),
    "WebP quality 60": lambda i: again(i, "WEBP", 60),
    "half the size": lambda i: scaled(i, 0.5),
    "half the size, JPEG 50": lambda i: again(scaled(i, 0.5), "JPEG", 50),
    "a quarter of the size": lambda i: scaled(i, 0.25),
    "brighter by 20 %": lambda i: ImageEnhance.Brightness(i).enhance(1.2),
    "contrast up by 30 %": lambda i: ImageEnhance.Contrast(i).enhance(1.3),
    "black and white": lambda i: i.convert("L").convert("RGB"),
    "blurred, 2 px": lambda i: i.filter(ImageFilter.GaussianBlur(2)),
    "1 % cropped on each side": lambda i: cropped(i, 0.01),
    "2 % cropped on each side": lambda i: cropped(i, 0.02),
    "turned by 1 degree": lambda i: i.rotate(1, Image.Resampling.BICUBIC, fillcolor="white"),
    "mirrored": ImageOps.mirror,
}


def drawn(count: int, size: int, seed: int) -> Iterator[Image.Image]:
    from saggar.kilnsim import render, sample_collection

    for piece in sample_collection(count, seed):
        yield Image.fromarray(render(piece, size, 0))


def photographs(folder: Path) -> Iterator[Image.Image]:
    for path in sorted(folder.rglob("*.jpg")):
        yield decode(path.read_bytes(), path.name)


def report(name: str, images: Iterator[Image.Image], sample_every: int) -> None:
    hashes, small, changed = [], [], {change: [] for change in CHANGES}
    for number, image in enumerate(images):
        if (phash := perceptual_hash(image)) is None:
            continue
        hashes.append(phash)
        small.append(thumbnail(image))
        if number % sample_every:
            continue
        for change, work in CHANGES.items():
            other = work(image)
            bits = int(np.bitwise_count(pack([phash]) ^ pack([perceptual_hash(other) or "0" * 64])).sum())
            changed[change].append((bits, look_alike(small[-1], thumbnail(other))))
    pairs = close_pairs(pack(hashes), max(SHOWN_BITS))
    alike = np.array([look_alike(small[a], small[b]) for a, b, _ in pairs], dtype=bool)
    print(json.dumps({
        "bench": "near duplicates", "images": name, "count": len(hashes),
        "pairs": len(hashes) * (len(hashes) - 1) // 2,
        "closest_bits": int(pairs[:, 2].min()) if len(pairs) else None,
        "pairs_within_bits": {str(b): int((pairs[:, 2] <= b).sum()) for b in SHOWN_BITS},
        "of_which_look_alike": {str(b): int(alike[pairs[:, 2] <= b].sum()) for b in SHOWN_BITS},
    }))  # fmt: skip
    for change, found in changed.items():
        bits = np.array([bits for bits, _ in found])
        same = np.array([alike for _, alike in found])
        joined = (bits <= SURE_BITS) | ((bits <= POSSIBLE_BITS) & same)
        print(json.dumps({
            "bench": "near duplicates", "images": name, "change": change, "count": len(found),
            "median_bits": float(np.median(bits)), "p95_bits": float(np.percentile(bits, 95)),
            "largest_bits": int(bits.max()), "joined_share": round(float(joined.mean()), 3),
        }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drawn", type=int, default=600, help="pots that kilnsim draws; 0 for none")
    parser.add_argument("--size", type=int, default=64, help="their side in pixels")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--photographs", type=Path, help="a folder of JPEGs, in place of the drawn pots")
    options = parser.parse_args()
    if options.photographs:
        report("photographs", photographs(options.photographs), sample_every=10)
    elif options.drawn:
        size = options.size
        report(f"kilnsim, {size} px", drawn(options.drawn, size, options.seed), max(1, options.drawn // 100))


if __name__ == "__main__":
    main()
