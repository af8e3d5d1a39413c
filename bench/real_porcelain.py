"""Training settings on a small collection of photographs: K folds by object, several seeds, out-of-fold scores.

    python bench/real_porcelain.py --data FOLDER --taxonomy palace-visual --where dynasty=Song,Yuan \
        --tasks glaze,type --weights mobilenet_v3_large_minimalistic_imagenet.safetensors \
        --set framing=pad --set image_size_px=192 --set retrain_heads=real

FOLDER has labels.csv (image, a column per task, group) and the images. Each seed draws its own folds, validation part,
first weights, order and views. Every object is tested once per seed, by a model that has not seen it: macro-F1 is of
these out-of-fold predictions, over the classes that occur. The 95 % interval is over objects and seeds: the variance
of a bootstrap over objects plus that of the seeds' mean, by Student's t. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from saggar.decoding import decode
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from saggar.taxonomy import load_taxonomy
from saggar_trainer.data.pixels import PixelCache, cache_pixels, evaluation_pixels, training_pixels
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.fitting.finishing import HEAD_VIEWS, finish, shared_features
from saggar_trainer.fitting.heads import Taught, chosen_heads
from saggar_trainer.fitting.lessons import draws_of
from saggar_trainer.fitting.loop import Examples, Lessons, Watch, fit, predict
from saggar_trainer.fitting.objective import log_priors, objective_of, row_weights, taught_tasks
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from scipy import stats

CPU = torch.device("cpu")
VALIDATION = 6  # every sixth object that is not tested validates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--taxonomy", default="palace-visual")
    parser.add_argument("--where", default="", help="column=value,value: only these rows")
    parser.add_argument("--tasks", default="", help="of the taxonomy; all by default")
    parser.add_argument("--weights", default="", help="safetensors of the minimalistic network; random without")
    parser.add_argument("--set", action="append", default=[], metavar="SETTING=VALUE")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--heads-only",
        action="store_true",
        help="fit heads on features of the first weights as they come, computed once; batch statistics as shipped",
    )
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds: two or more, for without them nothing is known of their spread")
    torch.set_num_threads(options.threads)

    given = dict(pair.split("=", 1) for pair in options.set)
    values = {name: json.loads(value) if value[:1] in '[{"0123456789tf' else value for name, value in given.items()}
    settings = TrainingSettings.checked(base(options.weights) | values)
    taxonomy = load_taxonomy(options.taxonomy)
    taxonomy = taxonomy.narrowed(options.tasks.split(",") if options.tasks else taxonomy.task_names)
    samples = read(options.data, taxonomy, options.where)
    spec = input_spec(settings)
    pictures = [decode((options.data / name).read_bytes(), name) for name in samples.images]
    whole = {
        "training": cached(pictures, lambda image: training_pixels(image, spec)),
        "plain": cached(pictures, lambda image: evaluation_pixels(image, spec)),
    }
    started = time.monotonic()
    features = frozen_features(settings, spec, whole["plain"]) if options.heads_only else None
    guesses: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        found = {
            task: np.zeros((len(samples), len(taxonomy.task(task).classes)), np.float32) for task in taxonomy.task_names
        }
        groups = folds(samples, options.folds, seed)
        for fold in range(options.folds):
            test = groups == fold
            if features is not None:
                logits = heads_alone(samples, test, taxonomy, features, seed)
            else:
                logits = trained(samples, test, taxonomy, settings.with_values(seed=seed * 1000 + fold), whole, seed)
            for task, scores in logits.items():
                found[task][test] = scores
            print(f"seed {seed}, fold {fold}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        guesses.append(found)
    result = {"bench": "real_porcelain", "set": given, "photographs": len(samples)}
    result |= {"folds": options.folds, "seeds": options.seeds, "seconds": round(time.monotonic() - started)}
    print(json.dumps(result | {"tasks": {task: score(samples, task, guesses) for task in taxonomy.task_names}}))


def base(weights: str) -> dict[str, Any]:
    """The settings of experiments/real-porcelain.yaml."""
    return {
        "architecture": "mobilenet_v3_large_minimalistic",
        "initial_weights": "file" if weights else "random",
        "initial_weights_path": weights,
        "image_size_px": 160,
        "batch_size": 16,
        "max_epochs": 15,
        "patience_epochs": 15,
        "backbone_learning_rate": 5e-4,
        "head_learning_rate": 3e-3,
        "dropout": 0.2,
        "projection": False,
    }


def read(folder: Path, taxonomy: Any, where: str) -> Samples:
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if where:
        column, values = where.split("=", 1)
        rows = [row for row in rows if row[column] in values.split(",")]
    rows = [row for row in rows if any(row[task] for task in taxonomy.task_names)]
    n = len(rows)
    labels = {
        task: np.array([taxonomy.task(task).index(row[task]) if row[task] else UNKNOWN for row in rows])
        for task in taxonomy.task_names
    }
    real = np.ones(n, bool)
    names = tuple(row["image"] for row in rows)
    return Samples(names, tuple(row["group"] for row in rows), (None,) * n, real, ~real, labels, np.ones(n))


def cached(pictures: list[Image.Image], prepare: Any) -> PixelCache:
    return cache_pixels(lambda index: prepare(pictures[index]), len(pictures))


def folds(samples: Samples, count: int, seed: int) -> np.ndarray:
    """[N] the fold in which each row is tested: objects of one combination of labels are dealt out in turn."""
    rng = np.random.default_rng(seed)
    combination = samples.combinations(tuple(samples.labels))
    objects = defaultdict(list)
    for row, name in enumerate(samples.object_ids):
        objects[name].append(row)
    rows = sorted(objects.values(), key=lambda rows: (combination[rows[0]], rng.random()))
    found = np.empty(len(samples), int)
    for place, of_object in enumerate(rows):
        found[of_object] = place % count
    return found


def trained(
    samples: Samples,
    test: np.ndarray,
    taxonomy: Any,
    settings: TrainingSettings,
    whole: dict[str, PixelCache],
    seed: int,
) -> dict[str, np.ndarray]:
    """Logits of the tested rows by a model that has seen none of their objects."""
    spec = input_spec(settings)
    places = folds(samples, VALIDATION, seed + 10_000)
    validation, training = ~test & (places == 0), ~test & (places != 0)

    def examples(which: str, rows: np.ndarray) -> Examples:
        part = samples.take(rows)
        labels = {task: torch.from_numpy(values) for task, values in part.labels.items()}
        weights = {task: row_weights(part, task, settings) for task in part.labels}
        return Examples(Part(whole[which], np.flatnonzero(rows)), labels, weights)

    taught = samples.take(training)
    tasks = taught_tasks(taught, taxonomy, settings)
    torch.manual_seed(settings.seed)
    counts = {task: len(taxonomy.task(task).classes) for task in tasks}
    model = MultiTaskClassifier(build_backbone(settings).layers, counts, settings.dropout, settings.projection)
    lessons = Lessons(
        examples("training", training),
        draws_of(taught, settings),
        examples("plain", validation),
        objective_of(taught, taxonomy, settings),
        spec,
    )
    snapshot = fit(model, lessons, settings, device=CPU, watch=Watch())
    model.load_state_dict(snapshot.best_model)
    priors = log_priors(taught, taxonomy, settings)
    plain = examples("plain", training)
    finish(model, lessons, lambda: plain, settings, priors=priors, device=CPU, work=Work())
    logits = predict(model, examples("plain", test).pixels, spec, settings.batch_size, CPU)
    return {task: values.numpy() for task, values in logits.items()}


def frozen_features(settings: TrainingSettings, spec: Any, plain: PixelCache) -> list[torch.Tensor]:
    """[N, 960] of the photographs, then of each round of random views of them."""
    torch.manual_seed(settings.seed)
    model = MultiTaskClassifier(build_backbone(settings).layers, {"none": 1}, projection=False)
    all_rows = Examples(plain, {}, {})
    return [shared_features(model, all_rows, spec, settings, CPU, view) for view in range(1 + HEAD_VIEWS)]


def heads_alone(
    samples: Samples, test: np.ndarray, taxonomy: Any, features: list[torch.Tensor], seed: int
) -> dict[str, np.ndarray]:
    """Logits of the tested rows by heads fitted to the others, as `retrain_heads` fits them."""
    places = folds(samples, VALIDATION, seed + 10_000)
    validation, training = np.flatnonzero(~test & (places == 0)), ~test & (places != 0)
    rows = np.flatnonzero(training)
    taught, truth = {}, {}
    for task in taxonomy.task_names:
        labels = torch.from_numpy(samples.labels[task])
        repeated = labels[rows].repeat(len(features))
        taught[task] = Taught(repeated, torch.ones(len(repeated)), len(taxonomy.task(task).classes))
        truth[task] = labels[validation]
    heads = chosen_heads(torch.cat([part[rows] for part in features]), taught, features[0][validation], truth)
    return {task: head.logits(features[0][np.flatnonzero(test)]).numpy() for task, (head, _) in heads.items()}


class Part(PixelCache):
    """Some images of a cache."""

    def __init__(self, of: PixelCache, rows: np.ndarray) -> None:
        self._of, self._rows = of, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._of[int(self._rows[index])]


def score(samples: Samples, task: str, guesses: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean over seeds of macro-F1 and accuracy, their spread, and a 95 % interval over objects and seeds."""
    truth = samples.labels[task]
    by_seed = [task_metrics(truth, found[task]) for found in guesses]
    macro = np.array([metrics.macro_f1 for metrics in by_seed if metrics])
    rng = np.random.default_rng(0)
    names = np.unique(samples.object_ids, return_inverse=True)[1]
    drawn = []
    for _ in range(500):
        weight = np.bincount(rng.integers(0, names.max() + 1, names.max() + 1), minlength=names.max() + 1)[names]
        rows = np.repeat(np.arange(len(truth)), weight)
        again = [task_metrics(truth[rows], found[task][rows]) for found in guesses]
        drawn.append(np.mean([metrics.macro_f1 for metrics in again if metrics]))
    of_objects, of_seeds = float(np.var(drawn, ddof=1)), float(np.var(macro, ddof=1)) / len(macro)
    # Welch and Satterthwaite: the objects' part is as good as known, the seeds' has one degree less than seeds.
    freedom = (of_objects + of_seeds) ** 2 / max(of_seeds**2 / (len(macro) - 1), 1e-12)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(of_objects + of_seeds)
    return {
        "macro_f1": round(float(macro.mean()), 4),
        "by_seed": [round(float(value), 4) for value in macro],
        "interval": [round(float(macro.mean() - half), 4), round(float(macro.mean() + half), 4)],
        "accuracy": round(float(np.mean([metrics.top_1 for metrics in by_seed if metrics])), 4),
        "f1_by_class": np.mean([metrics.f1 for metrics in by_seed if metrics], axis=0).round(3).tolist(),
    }


if __name__ == "__main__":
    main()
