"""How far FID and KID move when the same photographs are compressed more, or have another size, in each resize mode.

    python bench/pictures/resizing.py --data FOLDER --weights mobilenet_v3_large_minimalistic_imagenet.safetensors
    python bench/pictures/resizing.py --data FOLDER --weights ... --side 112
    python bench/pictures/resizing.py --data FOLDER --inception weights-inception-2015-12-05-6726825d.pth

`--data`: a folder with labels.csv (columns `image`, `group`), as for bench/classifiers/real_porcelain.py. Its objects
are halved at random: the first half stays as it is, the second half's photographs are changed as each row says, so that
whatever a row is above the first one ("as they are") comes from the change alone. Both modes see the same files.

Without Inception's weights a MobileNetV3 trained on ImageNet takes its place (`--weights`), which gives values of
another scale: compare them within a column only. Prints a line of JSON per row, and a table.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from saggar.job_settings.training import TrainingSettings
from saggar_qc.extractors.clean import CleanExtractor
from saggar_qc.extractors.features import FeatureExtractor
from saggar_qc.extractors.fidelity import FidelityExtractor, inception
from saggar_qc.measures.distances import frechet_distance_of_rows, kernel_distance, kernel_interval
from saggar_trainer.model.backbone import build_backbone
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

Change = Callable[[Image.Image], Image.Image]
Float32 = npt.NDArray[np.float32]


def compressed(quality: int) -> Change:
    def change(image: Image.Image) -> Image.Image:
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality)
        return Image.open(file).convert("RGB")

    return change


def resized(factor: float, kernel: Image.Resampling) -> Change:
    def change(image: Image.Image) -> Image.Image:
        return image.resize((round(image.width * factor), round(image.height * factor)), kernel)

    return change


CHANGES: dict[str, Change] = {
    "as they are": lambda image: image,
    "JPEG again, quality 95": compressed(95),
    "JPEG again, quality 75": compressed(75),
    "JPEG again, quality 50": compressed(50),
    "JPEG again, quality 25": compressed(25),
    "three quarters of the size": resized(0.75, Image.Resampling.BICUBIC),
    "half the size": resized(0.5, Image.Resampling.BICUBIC),
    "half the size, every second pixel": resized(0.5, Image.Resampling.NEAREST),
    "twice the size": resized(2, Image.Resampling.BICUBIC),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--weights", type=Path)
    network.add_argument("--inception", type=Path)
    parser.add_argument("--side", type=int, default=224, help="what the MobileNet takes, in pixels")
    parser.add_argument("--most", type=int, default=10_000, help="photographs at most")
    parser.add_argument("--resamples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    modes = by_inception(given.inception) if given.inception else by_mobilenet(given.weights, given.side)
    first, second = halves(given.data, given.most, given.seed)
    print(f"{len(first)} and {len(second)} photographs of different objects, seed {given.seed}")
    kept = {mode: features(extractor, first, CHANGES["as they are"]) for mode, extractor in modes.items()}
    rows = []
    for name, change in CHANGES.items():
        cells = []
        for mode, extractor in modes.items():
            changed = features(extractor, second, change)
            fid, kid = frechet_distance_of_rows(kept[mode], changed), kernel_distance(kept[mode], changed)
            low, high = kernel_interval(kept[mode], changed, given.resamples)
            values = {"fid": round(fid, 4), "kid": round(kid, 6), "kid_low": round(low, 6), "kid_high": round(high, 6)}
            told = {"bench": "resizing", "extractor": extractor.name, "mode": mode, "second half": name, **values}
            print(json.dumps(told), flush=True)
            cells += [f"{fid:.2f}", f"{kid:.5f} ({low:.5f} to {high:.5f})"]
        rows.append(" | ".join([name, *cells]))
    print("| second half | " + " | ".join(f"FID {mode} | KID {mode}" for mode in modes) + " |")
    for row in rows:
        print(f"| {row} |")


def by_inception(weights: Path) -> dict[str, FeatureExtractor]:
    data = weights.read_bytes()
    return {"fidelity": inception(data, resize="fidelity"), "clean": inception(data, resize="clean")}


def by_mobilenet(weights: Path, side_px: int) -> dict[str, FeatureExtractor]:
    """torch-fidelity's and clean-fid's resizing before one network that is neither's."""
    settings = TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic", initial_weights="file", initial_weights_path=str(weights)
    )
    layers = build_backbone(settings).layers.eval()
    name = f"{settings.architecture} at {side_px} px"

    def features_of(pixels: torch.Tensor) -> Any:
        return layers(pixels / 127.5 - 1).mean((2, 3))  # [N, 960]

    def resizing_inside(pixels: torch.Tensor) -> tuple[Any]:
        small = interpolate_bilinear_2d_like_tensorflow1x(pixels.float(), (side_px, side_px), align_corners=False)
        return (features_of(small),)

    return {
        "fidelity": FidelityExtractor(name, side_px, resizing_inside),
        "clean": CleanExtractor(name, side_px, features_of),
    }


def halves(folder: Path, most: int, seed: int) -> tuple[list[Path], list[Path]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    groups = sorted({row["group"] for row in rows})
    side = dict(zip(groups, np.random.default_rng(seed).permutation(len(groups)) % 2, strict=True))
    found: tuple[list[Path], list[Path]] = ([], [])
    for row in rows[:most]:
        found[side[row["group"]]].append(folder / row["image"])
    least = min(map(len, found))  # FID depends on both counts
    return found[0][:least], found[1][:least]


def features(extractor: FeatureExtractor, paths: list[Path], change: Change) -> Float32:
    def prepared() -> Iterator[Any]:
        for path in paths:
            with Image.open(path) as image:
                yield extractor.prepare(change(image.convert("RGB")))

    waiting, parts = prepared(), []
    while batch := list(islice(waiting, 32)):
        parts.append(extractor.analyse(batch).features)
    return np.concatenate(parts)


if __name__ == "__main__":
    main()
