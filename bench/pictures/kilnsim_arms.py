"""Which pictures help? Every arm that the project has, on kilnsim's long tail, tested on thousands of fresh pieces.

    python bench/pictures/kilnsim_arms.py --work FOLDER [--replicates 4] [--epochs 16] [--arm NAME] [--table]

A replicate is a drawn collection of 1,200 objects (data seeds 7 and 8 in turn, or those of `--data`), its split,
adapter and pictures, and a training seed. Arms of a replicate are trained one after another for equally many epochs of
30 steps, by the trainer's own functions, and tested on 20,000 fresh pieces (64 pixels, classes about equally often).
All that is made is kept in `--work`: stopped, or called again with more replicates, it goes on. `--minutes` ends it
between two trainings. `--table` prints what there is: a line of JSON an arm, with its differences from each of the
real-only arms on the same replicates (mean, low, high, P(A > B); interval by Student's t over replicates, paired), and
the product's findings, which know no pairs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms.holdings import Collection, Fresh, open_collection, open_fresh
from arms.page import markdown
from arms.pictures import Pictures
from arms.table import Replicate, table
from arms.trainings import SETTINGS, Trained, train
from saggar.dataset.manifest import Manifest
from saggar.dataset.synthetic.control import control
from saggar.dataset.synthetic.mix import mix

FRESH = 20_000
DATA_SEEDS = (7, 8)
JUDGE_SEEDS = (70_001, 70_002)

PAPER: dict[str, Any] = {"sampler": "task", "sampler_task": "glaze"}  # class weights, glazes drawn alike
DRAWN_WELL: dict[str, Any] = {
    "logit_adjustment": "loss", "sampler": "combination", "sampler_tasks": ("glaze", "type"), "retrain_heads": "real",
}  # fmt: skip
EVENLY = DRAWN_WELL | {"sampler_power": 1.0}
HEADS_KEPT = DRAWN_WELL | {"retrain_heads": "none"}
HEADS_OF_ALL = DRAWN_WELL | {"retrain_heads": "all"}
Rows = Callable[["Holding"], Manifest]


@dataclass(frozen=True)
class Holding:
    """What the arms of one data seed are made of."""

    collection: Collection
    pictures: Pictures

    def real(self) -> Manifest:
        return self.collection.augmented

    def mixed(self, *ways: str, share: float | None = None) -> Manifest:
        """With all pictures of `ways`, or so many that they are `share` of the training set."""
        made = self.pictures.of(ways[0]).concat([self.pictures.of(way) for way in ways[1:]])
        count = None if share else len(made)
        return mix(self.real(), made, count=count, share=share, seed=0)[0]

    def controlled(self, by: Any) -> Manifest:
        """As many variants or repetitions of photographs as there are pictures from noise, of their combinations."""
        return control(self.real(), self.pictures.of("noise"), by, 0)[0]


@dataclass(frozen=True)
class Arm:
    """A training set and how it is trained on."""

    name: str
    rows: Rows
    settings: Mapping[str, Any] = field(default_factory=lambda: DRAWN_WELL)


def mixed(*ways: str, share: float | None = None) -> Rows:
    return lambda holding: holding.mixed(*ways, share=share)


ARMS = (
    Arm("real, class weights", Holding.real, PAPER),
    Arm("real, drawn well", Holding.real),
    Arm("real, drawn evenly", Holding.real, EVENLY),
    Arm("glaze transfer, all pairs", mixed("spread")),
    Arm("90:10", mixed("noise", share=0.1)),
    Arm("211 more photographs", lambda holding: holding.collection.with_more(211)),
    Arm("control, variants", lambda holding: holding.controlled("variants")),
    Arm("control, repeats", lambda holding: holding.controlled("repeats")),
    Arm("95:5", mixed("noise", share=0.05)),
    Arm("90:10, glaze masked", mixed("noise", share=0.1), DRAWN_WELL | {"synthetic_task_weights": {"glaze": 0.0}}),
    Arm("class weights, 90:10, heads on real", mixed("noise", share=0.1), PAPER | {"retrain_heads": "real"}),
    Arm("best starts", mixed("starts", share=0.1)),
    Arm("best of four", mixed("best", share=0.1)),
    Arm("best of all", mixed("spread", "best")),
    Arm("glaze transfer", mixed("transfer", share=0.1)),
    Arm("class weights, 90:10", mixed("noise", share=0.1), PAPER),
    Arm("glaze transfer, all labels known", mixed("known")),
    Arm("the same, twice as many", mixed("many")),
    Arm("300 more photographs", lambda holding: holding.collection.with_more(300)),
    Arm("generated forms", mixed("forms")),
    Arm("glaze transfer, heads of all", mixed("known"), HEADS_OF_ALL),
    Arm("twice as many, heads of all", mixed("many"), HEADS_OF_ALL),
    Arm("glaze transfer, drawn evenly, heads of all", mixed("known"), HEADS_OF_ALL | {"sampler_power": 1.0}),
    Arm("real, heads kept", Holding.real, HEADS_KEPT),
    Arm("glaze transfer, heads kept", mixed("known"), HEADS_KEPT),
)
FIRST = 14  # arms that every replicate gets before any gets the others
BARS = ("real, drawn well", "real, drawn evenly", "real, class weights")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="folder that keeps all that is made")
    parser.add_argument("--replicates", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=16, help="of 30 steps of 32, each arm's training")
    parser.add_argument("--minutes", type=float, default=1e6, help="stop between two trainings after so many")
    parser.add_argument("--data", type=int, nargs="+", default=DATA_SEEDS, help="data seeds of the collections")
    parser.add_argument("--fresh", type=int, default=FRESH)
    parser.add_argument("--arm", action="append", choices=[arm.name for arm in ARMS], help="all by default")
    parser.add_argument("--table", action="store_true", help="print what there is; train nothing")
    parser.add_argument("--against", choices=BARS, help="with --table: as Markdown, differences from this arm")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    arms = [arm for arm in ARMS if options.arm is None or arm.name in options.arm]
    replicates = [
        Replicate(options.data[number % len(options.data)], number // len(options.data), options.epochs)
        for number in range(options.replicates)
    ]
    holding_of = cache(lambda seed: open_holding(options.work, seed))
    fresh = open_fresh(options.work, options.fresh, holding_of(options.data[0]).collection.taxonomy)
    if options.table:
        splits = {seed: holding_of(seed).collection.split for seed in options.data}
        names, taxonomy = [arm.name for arm in arms], holding_of(options.data[0]).collection.taxonomy
        lines = table(options.work, names, BARS, replicates, fresh, splits, taxonomy)
        print("\n".join(markdown(lines, options.against) if options.against else lines))
        return
    ends = time.monotonic() + 60 * options.minutes
    first = {arm.name for arm in ARMS[:FIRST]}
    trainings = [(one, arm) for one in replicates for arm in arms]
    for one, arm in sorted(trainings, key=lambda training: training[1].name not in first):
        if not one.file(options.work, arm.name).exists():
            answer(options.work, arm, one, holding_of(one.data), fresh)
            if time.monotonic() > ends:
                sys.exit(3)


def open_holding(work: Path, seed: int) -> Holding:
    collection, folder = open_collection(work, seed), work / f"data-{seed}"
    folder.mkdir(exist_ok=True)
    return Holding(collection, Pictures(collection, folder, cache(lambda: judges_of(collection, work))))


def judges_of(collection: Collection, work: Path) -> tuple[Trained, ...]:
    """Two, each of half of the training photographs' objects."""
    photographs = collection.split
    objects = np.unique(photographs.select(split="train").frame["object_id"])
    found = []
    for place, seed in enumerate(JUDGE_SEEDS):
        half = set(np.random.default_rng(0).permutation(objects)[place::2])
        kept = photographs.frame["object_id"].isin(half) | (photographs.frame["split"] != "train")
        settings = SETTINGS.with_values(**DRAWN_WELL, seed=seed)
        found.append(train(collection, photographs.take(kept.to_numpy()), settings, work))
    return tuple(found)


def answer(work: Path, arm: Arm, one: Replicate, holding: Holding, fresh: Fresh) -> None:
    """Train, and keep the class numbers that it finds for the fresh pieces."""
    started, wall = time.process_time(), time.monotonic()
    rows = arm.rows(holding)
    prepared = time.process_time()
    course = {"max_epochs": one.epochs, "patience_epochs": one.epochs, "seed": one.seed}
    trained = train(holding.collection, rows, SETTINGS.with_values(**arm.settings, **course), work)
    taught = time.process_time()
    parts = [trained.probabilities(part) for part in fresh.pixels]
    said = {task: np.concatenate([part[task].argmax(axis=1) for part in parts]) for task in fresh.labels}
    path = one.file(work, arm.name)
    beside = path.with_suffix(f".{os.getpid()}.part")
    with beside.open("wb") as file:
        np.savez_compressed(
            file, allow_pickle=False, rows=len(rows), **{k: v.astype(np.uint8) for k, v in said.items()}
        )
    beside.replace(path)
    right = {task: round(float((said[task] == fresh.labels[task]).mean()), 3) for task in said}
    spent = f"{prepared - started:.0f} + {taught - prepared:.0f} + {time.process_time() - taught:.0f} s of processor"
    print(f"{one} {arm.name}: {right}; {spent}, {time.monotonic() - wall:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
