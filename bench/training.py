"""Training's speed beside the bare step and beside a plain torchvision loop, on one machine, in turns.

    python bench/training.py --side 384 --size 224 --batch 16 --steps 8 --rounds 3
    python bench/training.py --side 4000 --photographs 8

Three ways to make the same number of optimiser steps of MobileNetV3-Large:
`limit`: a batch that is already there, again and again;  `saggar`: the trainer's loop (decoded once, random views in a
thread beside the step);  `loop`: Dataset and DataLoader with Pillow and torchvision.transforms.v2, decoding every time,
with the best of 0, 1 and 2 workers. `processor_ms_per_image` is the processor's time, which other work on the machine
disturbs less. Rounds alternate, so that other work on the machine hits all alike; the figures are
medians over the rounds, in images per second, and ratios. `decode_s` is what decoding everything once has cost.
Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from saggar.decoding import decode
from saggar.job_settings.training import TrainingSettings
from saggar_trainer.data.pixels import PixelCache, cache_pixels, evaluation_pixels, normalise, training_pixels
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, Watch, fit
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

Taken = tuple[float, float]  # seconds by the clock, and of the processor

CPU = torch.device("cpu")
TASKS = {"glaze": 17, "type": 20}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=384, help="longer side of the photographs, which are 4:3 JPEGs")
    parser.add_argument("--photographs", type=int, default=64)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = TrainingSettings(
        initial_weights="random",
        image_size_px=options.size,
        batch_size=options.batch,
        max_epochs=1,
        steps_per_epoch=options.steps,
        patience_epochs=1,
    )
    files = [photograph(options.side, seed) for seed in range(options.photographs)]
    spec = input_spec(settings)
    started = time.monotonic()
    pixels = cache_pixels(
        lambda i: training_pixels(decode(files[i], "photograph"), spec), len(files), threads=options.threads
    )
    decode_s = time.monotonic() - started
    one = cache_pixels(lambda i: evaluation_pixels(decode(files[i], "photograph"), spec), 2)
    labels = {task: torch.arange(len(files)) % count for task, count in TASKS.items()}
    ways: dict[str, Callable[[], Taken]] = {
        "limit": lambda: limit(settings, labels),
        "saggar": lambda: ours(settings, pixels, one, labels),
    }
    ways |= {f"loop_{n}": lambda n=n: plain_loop(settings, files, labels, n) for n in (0, 1, 2)}  # type: ignore[misc]
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, run in ways.items():
            taken[name].append(run())
    images = options.steps * options.batch
    rates = {name: images / statistics.median(one[0] for one in values) for name, values in taken.items()}
    work = {name: statistics.median(one[1] for one in values) * 1000 / images for name, values in taken.items()}
    best = max((name for name in rates if name.startswith("loop")), key=rates.__getitem__)
    result: dict[str, Any] = {"bench": "training", **vars(options), "decode_s": round(decode_s, 2)}
    result["images_per_second"] = {name: round(rate, 2) for name, rate in rates.items()}
    result["processor_ms_per_image"] = {name: round(work[name], 2) for name in ("limit", "saggar", "loop_0")}
    result["of_the_limit"] = round(rates["saggar"] / rates["limit"], 3)
    result["times_the_loop"] = round(rates["saggar"] / rates[best], 3)
    result["best_loop"] = best
    result["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result))


def now() -> Taken:
    return time.monotonic(), time.process_time()


def since(start: Taken, end: Taken) -> Taken:
    return end[0] - start[0], end[1] - start[1]


def photograph(side: int, seed: int) -> bytes:
    """A JPEG with the detail of a photograph: noise at several scales."""
    rng = np.random.default_rng(seed)
    width, height = side, side * 3 // 4
    image = np.zeros((height, width, 3))
    for cells in (4, 16, 64):
        coarse = Image.fromarray(rng.integers(0, 255, (cells, cells, 3), dtype=np.uint8))
        image += np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), float) / 3
    buffer = io.BytesIO()
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def network(settings: TrainingSettings) -> MultiTaskClassifier:
    torch.manual_seed(0)
    return MultiTaskClassifier(build_backbone(settings).layers, TASKS)


def objective() -> Objective:
    return Objective(dict.fromkeys(TASKS, 1.0), {task: torch.ones(count) for task, count in TASKS.items()})


def ours(settings: TrainingSettings, pixels: PixelCache, one: PixelCache, labels: dict[str, torch.Tensor]) -> Taken:
    """All steps of an epoch; the validation of two images is not counted."""
    weights = {task: torch.ones(len(pixels)) for task in TASKS}
    training = Examples(pixels, labels, weights)
    validation = Examples(
        one, {task: torch.zeros(2, dtype=torch.long) for task in TASKS}, {t: torch.ones(2) for t in TASKS}
    )
    draws = Draws(len(pixels), settings.batch_size, steps=settings.steps_per_epoch)
    lessons = Lessons(training, draws, validation, objective(), input_spec(settings))
    marks: list[Taken] = []
    model = network(settings)
    started = now()
    fit(model, lessons, settings, device=CPU, watch=Watch(on_step=lambda _: marks.append(now())))
    return since(started, marks[-1])


def limit(settings: TrainingSettings, labels: dict[str, torch.Tensor]) -> Taken:
    images = torch.randint(0, 255, (settings.batch_size, 3, settings.image_size_px, settings.image_size_px))
    batch = normalise(images.to(torch.uint8), input_spec(settings))
    rows = torch.arange(settings.batch_size) % len(next(iter(labels.values())))
    return steps(settings, ((rows, batch) for _ in range(settings.steps_per_epoch)), labels)


def steps(settings: TrainingSettings, batches: Any, labels: dict[str, torch.Tensor]) -> Taken:
    """The bare step: forward, loss, backward, clip, fused AdamW."""
    model = network(settings).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    model.train()
    started = now()
    for rows, batch in batches:
        logits, _ = model(batch)
        loss = sum(torch.nn.functional.cross_entropy(logits[task], labels[task][rows]) for task in TASKS)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[union-attr]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return since(started, now())


class Photographs(Dataset):  # type: ignore[type-arg]
    """As in a tutorial: decode, transform, every time."""

    def __init__(self, files: list[bytes], settings: TrainingSettings) -> None:
        spec = input_spec(settings)
        self.files = files
        self.transform = v2.Compose(
            [
                v2.RandomResizedCrop(settings.image_size_px, scale=(0.8, 1.0)),
                v2.RandomHorizontalFlip(),
                v2.RandomAffine(15, translate=(0.1, 0.1), interpolation=v2.InterpolationMode.BILINEAR),
                v2.ColorJitter(0.2, 0.2, 0.2, 0.1),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(spec.mean, spec.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[int, torch.Tensor]:
        return index, self.transform(Image.open(io.BytesIO(self.files[index])).convert("RGB"))


def plain_loop(settings: TrainingSettings, files: list[bytes], labels: dict[str, torch.Tensor], workers: int) -> Taken:
    wanted = settings.steps_per_epoch * settings.batch_size
    repeated = files * -(-wanted // len(files))
    loader = DataLoader(
        Photographs(repeated[:wanted], settings), settings.batch_size, shuffle=True, num_workers=workers
    )
    rows_of = ((rows % len(files), batch.contiguous(memory_format=torch.channels_last)) for rows, batch in loader)
    return steps(settings, rows_of, labels)


if __name__ == "__main__":
    main()
