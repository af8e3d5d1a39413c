"""Training's speed beside the bare step and beside a plain torchvision loop, on one machine, in turns.

    python bench/classifiers/training.py --at kilnsim-64 photographs-384 photographs-4000 --rounds 7
    python bench/classifiers/training.py --memory 200 800

Three ways to make the same number of optimiser steps of MobileNetV3-Large:
`limit`: a batch that is already there, again and again;  `saggar`: the trainer's loop (decoded once, random views of
a batch at a time);  `loop`: Dataset and DataLoader with Pillow and torchvision.transforms.v2, decoding every time,
with the number of workers (0, 1, 2) that was best in a round before, kept alive between rounds.

Each round has all three, one after the other, so that other work on the machine meets all alike; a ratio is of one
round, and what is printed is the median over the rounds with a 95 % bootstrap interval. `processor` ratios are of the
process's own processor time (of a loop without workers), which other work disturbs less. What decoding everything once
has cost is left out of the steps; `times_the_loop_over_10_epochs` has it, spread over ten epochs. `--memory` is the
peak resident memory of a process that decodes and trains, by the number of photographs. Prints one line of JSON each.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from saggar.images import InputSpec, decode
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import all_classes, render, sample_balanced
from saggar_trainer.data.pixels import PixelCache, cache_pixels, evaluation_pixels, normalise, training_pixels
from saggar_trainer.data.views import ViewSettings, random_views
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, Watch, fit
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

Taken = tuple[float, float]  # seconds by the clock, and of the processor

CPU = torch.device("cpu")
_VIEWED = 20  # batches whose views alone are timed
TASKS = {"glaze": 17, "type": 20}


SCENES = {"kilnsim-64": (64, 64), "photographs-384": (384, 224), "photographs-4000": (4000, 224)}  # side, input size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--at", nargs="*", default=list(SCENES), choices=list(SCENES), help="left out: all; none: no scene"
    )
    parser.add_argument("--memory", nargs="*", type=int, default=[], metavar="PHOTOGRAPHS")
    parser.add_argument("--photographs", type=int, default=32, help="of a scene; of 4,000 px a quarter of them")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for scene in options.at:
        print(json.dumps({"bench": "training", **measured(scene, options)}), flush=True)
    peaks = {}
    for count in options.memory:
        context = multiprocessing.get_context("spawn")  # a process of its own, so that its peak is its own
        answers: Any = context.Queue()
        process = context.Process(target=peak_memory, args=(count, options, answers))
        process.start()
        peaks[count] = answers.get()
        process.join()
    if peaks:
        print(json.dumps({"bench": "training", "peak_memory_mib_by_photographs": peaks}))


def measured(scene: str, options: argparse.Namespace) -> dict[str, Any]:
    """Rates and ratios in one of SCENES."""
    side, size = SCENES[scene]
    settings = settings_of(size, options)
    files = pictures(scene, options.photographs if side < 4000 else options.photographs // 4)
    spec = input_spec(settings)
    started = now()
    pixels = cache_pixels(lambda i: training_pixels(photograph_of(files[i], spec), spec), len(files), threads=1)
    decoding = since(started, now())
    one = cache_pixels(lambda i: evaluation_pixels(photograph_of(files[i], spec), spec), 2)
    labels = {task: torch.arange(len(files)) % count for task, count in TASKS.items()}
    loops = [PlainLoop(settings, files, labels, workers) for workers in (0, 1, 2)]
    best = min(loops, key=lambda loop: [loop(), loop()][1][0])
    ways: dict[str, Callable[[], Taken]] = {
        "limit": lambda: limit(settings, labels),
        "saggar": lambda: ours(settings, pixels, one, labels),
        "loop": best,
        "loop without workers": loops[0],
    }
    taken: dict[str, list[Taken]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, run in ways.items():
            taken[name].append(run() if name != "loop without workers" or best is not loops[0] else taken["loop"][-1])
    pictures_of_a_batch = [pixels[row % len(pixels)] for row in range(options.batch)]
    started = now()
    for seed in range(_VIEWED):
        random_views(pictures_of_a_batch, ViewSettings(size), np.random.default_rng(seed))
    viewing = since(started, now())
    images = options.steps * options.batch
    clock = {name: np.array([values[0] for values in of]) / images for name, of in taken.items()}
    work = {name: np.array([values[1] for values in of]) / images for name, of in taken.items()}
    once = [part / len(files) / 10 for part in decoding]
    return {
        "scene": scene,
        "batch": options.batch,
        "rounds": options.rounds,
        "threads": options.threads,
        "workers_of_the_loop": best.workers,
        "images_per_second": {name: round(1 / float(np.median(of)), 2) for name, of in clock.items()},
        "of_the_limit": ratio(clock["limit"], clock["saggar"]),
        "of_the_limit_processor": ratio(work["limit"], work["saggar"]),
        "times_the_loop": ratio(clock["loop"], clock["saggar"]),
        "times_the_loop_over_10_epochs": ratio(clock["loop"], clock["saggar"] + once[0]),
        "times_the_loop_processor": ratio(work["loop without workers"], work["saggar"]),
        "times_the_loop_processor_over_10_epochs": ratio(work["loop without workers"], work["saggar"] + once[1]),
        "decode_ms": round(decoding[0] / len(files) * 1000, 2),
        "view_ms": round(viewing[0] / _VIEWED / options.batch * 1000, 3),
        "view_processor_ms": round(viewing[1] / _VIEWED / options.batch * 1000, 3),
    }


def ratio(upper: np.ndarray, lower: np.ndarray) -> list[float]:
    """Median over the rounds of upper / lower, and its 95 % bootstrap interval."""
    rounds = upper / lower
    drawn = np.random.default_rng(0).choice(rounds, (2000, len(rounds)))
    low, high = np.percentile(np.median(drawn, axis=1), [2.5, 97.5])
    return [round(float(value), 3) for value in (np.median(rounds), low, high)]


def settings_of(size: int, options: argparse.Namespace) -> TrainingSettings:
    return TrainingSettings(
        initial_weights="random",
        image_size_px=size,
        batch_size=options.batch,
        max_epochs=1,
        steps_per_epoch=options.steps,
        patience_epochs=1,
    )


def pictures(scene: str, count: int) -> list[bytes]:
    """Encoded pictures: kilnsim's, or JPEGs with the detail of photographs."""
    side = SCENES[scene][0]
    if not scene.startswith("kilnsim"):
        return [photograph(side, seed) for seed in range(count)]
    found = []
    for piece in sample_balanced(count, 3, all_classes()):
        buffer = io.BytesIO()
        Image.fromarray(render(piece, side)).save(buffer, "PNG")
        found.append(buffer.getvalue())
    return found


def photograph_of(file: bytes, spec: InputSpec) -> Image.Image:
    """Decoded as the trainer decodes."""
    return decode(file, "photograph", enough_px=spec.enough_px)


def peak_memory(count: int, options: argparse.Namespace, answers: Any) -> None:
    """MiB at most resident while `count` photographs of 384 px are decoded and learnt from for a few steps."""
    torch.set_num_threads(options.threads)
    settings = settings_of(224, options)
    spec = input_spec(settings)

    def load(index: int) -> np.ndarray:
        return training_pixels(photograph_of(photograph(384, index), spec), spec)

    pixels = cache_pixels(load, count)
    labels = {task: torch.arange(count) % classes for task, classes in TASKS.items()}
    one = cache_pixels(lambda i: evaluation_pixels(photograph_of(photograph(384, i), spec), spec), 2)
    ours(settings, pixels, one, labels)
    size = sum(pixels[row].numel() for row in range(count))
    answers.put({"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "pixels": size // 2**20})


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


class PlainLoop:
    """Epochs of a DataLoader whose workers stay."""

    def __init__(
        self, settings: TrainingSettings, files: list[bytes], labels: dict[str, torch.Tensor], workers: int
    ) -> None:
        count = settings.steps_per_epoch * settings.batch_size
        repeated = (files * -(-count // len(files)))[:count]
        self.workers = workers
        self._settings, self._labels, self._files = settings, labels, len(files)
        self._loader = DataLoader(
            Photographs(repeated, settings),
            settings.batch_size,
            shuffle=True,
            num_workers=workers,
            persistent_workers=workers > 0,
        )

    def __call__(self) -> Taken:
        batches = (
            (rows % self._files, batch.contiguous(memory_format=torch.channels_last)) for rows, batch in self._loader
        )
        return steps(self._settings, batches, self._labels)


if __name__ == "__main__":
    main()
