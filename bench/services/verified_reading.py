"""What comparing every image with the hash of its key costs: `python bench/services/verified_reading.py`; prints JSON.

Photographs of three sizes, as JPEG, read from a directory store and decoded, with the comparison and without (plain
`read_bytes`), in turn, so that both see the same machine. One thread; milliseconds an image, the median of the rounds.
"""

from __future__ import annotations

import io
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from saggar.decoding import decode
from saggar.store import DirectoryStore, put_image

SIDES_PX = (512, 1024, 4000)
ROUNDS = 15


def main() -> None:
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        print(json.dumps({f"{side} px": _measured(store, side, rng) for side in SIDES_PX}, indent=1))


def _measured(store: DirectoryStore, side: int, rng: np.random.Generator) -> dict[str, float]:
    keys = [put_image(store, _photograph(side, rng), "jpg").key for _ in range(max(1, 8 * 512 // side))]
    ways = {"without": lambda key: (store.root / key).read_bytes(), "with": store.get}
    reading: dict[str, list[float]] = {name: [] for name in ways}
    decoding: list[float] = []
    for _ in range(ROUNDS):
        for name, way in ways.items():
            started = time.perf_counter()
            for key in keys:
                data = way(key)
            reading[name].append((time.perf_counter() - started) / len(keys) * 1e3)
        started = time.perf_counter()
        decode(data, "a photograph")
        decoding.append((time.perf_counter() - started) * 1e3)
    without, verified, decoded = (statistics.median(x) for x in (reading["without"], reading["with"], decoding))
    return {
        "kB": round(len(data) / 1e3),
        "read_ms": round(without, 3),
        "verified_read_ms": round(verified, 3),
        "decode_ms": round(decoded, 2),
        "slower_percent": round(100 * (verified - without) / (without + decoded), 2),
    }


def _photograph(side: int, rng: np.random.Generator) -> bytes:
    coarse = Image.fromarray(rng.integers(0, 256, (side // 16, side // 16, 3), dtype=np.uint8))
    file = io.BytesIO()
    coarse.resize((side, side * 3 // 4), Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    return file.getvalue()


if __name__ == "__main__":
    main()
