"""Training settings on a small collection of photographs: K folds by object, several seeds, out-of-fold scores.

    python bench/classifiers/real_porcelain.py --data FOLDER --where dynasty=Song,Yuan --tasks glaze,type \
        --weights mobilenet_v3_large_minimalistic_imagenet.safetensors --work FOLDER --try "crop, 288" --try "pad, 288"
    python bench/classifiers/real_porcelain.py ... --work FOLDER --held-out 82 --try "crop, 288"

FOLDER has labels.csv (image, a column per task, group) and the images. `--try` names settings of TRIALS. Each seed
deals its own folds, all classes of the last task spread over them; every object is tested once per seed, by heads that
have not seen it: macro-F1 is of these out-of-fold predictions, over the classes that occur. Trials share one backbone
that does not learn, so features are computed once for each framing and size, and heads are fitted by the trainer's own
functions; answers are kept under `--work`, and nothing is run twice.

`--held-out N` goes the whole way instead: a manifest in a store, a training job, and an evaluation of N photographs
that were kept aside, for each seed; with batch statistics re-estimated on training photographs (`batch_norm: real`).

The 95 % interval is over objects and seeds: the variance of a bootstrap over objects plus that of the seeds' mean, by
Student's t. `nested` is of the trial that did best within the training photographs of each fold, so that no tested
photograph chose it. Prints a line of JSON for each trial.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from saggar.bundle import read_card
from saggar.certainty.calibration import expected_error, object_weights, reliability
from saggar.certainty.sets import set_scores
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.decoding import decode
from saggar.job_settings.training import TrainingSettings
from saggar.store import DirectoryStore, put_image
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_trainer.data.pixels import cache_pixels, evaluation_pixels
from saggar_trainer.data.rows import UNKNOWN, Samples
from saggar_trainer.evidence.calibrating import calibrate, set_rules
from saggar_trainer.evidence.evaluating import EvaluationJob, evaluate
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.fitting.completing.discriminant import Photographs, fitted
from saggar_trainer.fitting.completing.discriminating import Mirrored
from saggar_trainer.fitting.completing.finishing import shared_features
from saggar_trainer.fitting.completing.heads import Taught, chosen_heads
from saggar_trainer.fitting.loop import Examples
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from scipy import stats

CPU = torch.device("cpu")
VALIDATION = 6  # every sixth object that is not tested validates
FEW = 14  # classes with fewer photographs are left out of the second mean
COVERAGE = 0.9

DISCRIMINANT = {"head_fit": "discriminant", "validation_teaches_heads": True}
TRIALS: dict[str, dict[str, Any]] = {
    "logistic, pad, 224": {"framing": "pad", "image_size_px": 224},
    "logistic, crop, 288": {"framing": "crop", "image_size_px": 288},
    "validation apart, crop, 288": {"framing": "crop", "image_size_px": 288, "head_fit": "discriminant"},
    "crop, 288": {"framing": "crop", "image_size_px": 288} | DISCRIMINANT,
    "crop, 224": {"framing": "crop", "image_size_px": 224} | DISCRIMINANT,
    "pad, 288": {"framing": "pad", "image_size_px": 288} | DISCRIMINANT,
    "stretch, 288": {"framing": "stretch", "image_size_px": 288} | DISCRIMINANT,
    "shrinkage .3": {"framing": "crop", "image_size_px": 288, "head_shrinkage": 0.3} | DISCRIMINANT,
    "shrinkage .7": {"framing": "crop", "image_size_px": 288, "head_shrinkage": 0.7} | DISCRIMINANT,
}


@dataclass(frozen=True)
class Collection:
    """The photographs, and where they lie."""

    samples: Samples
    taxonomy: Taxonomy
    folder: Path
    weights: str
    work: Path

    def settings(self, trial: str, **changes: Any) -> TrainingSettings:
        """The trial's: heads on a backbone that does not learn."""
        return TrainingSettings.checked(
            {
                "architecture": "mobilenet_v3_large_minimalistic",
                "initial_weights": "file" if self.weights else "random",
                "initial_weights_path": self.weights,
                "batch_size": 16,
                "max_epochs": 1,
                "backbone_learning_rate": 0.0,
                "projection": False,
                "retrain_heads": "real",
            }
            | TRIALS[trial]
            | changes
        )


@dataclass(frozen=True)
class Guess:
    """Of one task and one fold."""

    tested: np.ndarray  # [N] bool
    probabilities: np.ndarray  # [tested, C]
    inside: np.ndarray  # [tested, C] bool: the prediction sets
    chosen_by: float  # macro-F1 within the training photographs; NaN where they were not divided


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--taxonomy", default="palace-visual")
    parser.add_argument("--where", default="", help="column=value,value: only these rows")
    parser.add_argument("--tasks", default="", help="of the taxonomy; all by default")
    parser.add_argument("--weights", default="", help="safetensors of the minimalistic network; random without")
    parser.add_argument("--work", type=Path, required=True, help="folder for features, answers and the store")
    parser.add_argument("--try", dest="trials", action="append", choices=TRIALS, help="all by default")
    parser.add_argument("--held-out", type=int, default=0)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.seeds < 2:
        parser.error("--seeds: two or more, for without them nothing is known of their spread")
    torch.set_num_threads(options.threads)
    whole = load_taxonomy(options.taxonomy)
    taxonomy = whole.narrowed(options.tasks.split(",") if options.tasks else whole.task_names)
    samples = read(options.data, taxonomy, options.where)
    options.work.mkdir(parents=True, exist_ok=True)
    collection = Collection(samples, taxonomy, options.data, options.weights, options.work)
    trials = options.trials or list(TRIALS)
    if options.held_out:
        for trial in trials:
            print(json.dumps(kept_aside(collection, trial, options.held_out, options.seeds)), flush=True)
        return
    done = {}
    for trial in trials:
        done[trial] = [folds_of(collection, trial, seed, options.folds) for seed in range(options.seeds)]
        print(json.dumps({"trial": trial} | summary(collection, done[trial])), flush=True)
    if len(trials) > 1:
        print(json.dumps({"trial": "nested"} | summary(collection, nested(done, options))))


def read(folder: Path, taxonomy: Taxonomy, where: str) -> Samples:
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


def dealt(samples: Samples, count: int, seed: int) -> np.ndarray:
    """[N] the part that each row is in: objects of one class of the last task are dealt out in turn."""
    rng = np.random.default_rng(seed)
    combination = samples.combinations(tuple(reversed(tuple(samples.labels))))
    objects = defaultdict(list)
    for row, name in enumerate(samples.object_ids):
        objects[name].append(row)
    rows = sorted(objects.values(), key=lambda rows: (combination[rows[0]], rng.random()))
    found = np.empty(len(samples), int)
    for place, of_object in enumerate(rows):
        found[of_object] = place % count
    return found


def features_of(collection: Collection, settings: TrainingSettings) -> torch.Tensor:
    """[2, N, F] of the photographs and of their mirror images; batch statistics as the first weights have them."""
    kept = collection.work / f"features-{settings.framing}-{settings.image_size_px}.npy"
    if not kept.exists():
        spec = input_spec(settings)
        files = [collection.folder / name for name in collection.samples.images]

        def load(index: int) -> np.ndarray:
            return evaluation_pixels(decode(files[index].read_bytes(), files[index].name), spec)

        pixels = cache_pixels(load, len(files), threads=1)
        torch.manual_seed(0)
        model = MultiTaskClassifier(build_backbone(settings).layers, {"none": 1}, projection=False)
        views = [Examples(one, {}, {}) for one in (pixels, Mirrored(pixels))]
        np.save(kept, torch.stack([shared_features(model, one, spec, settings, CPU) for one in views]).numpy())
    return torch.from_numpy(np.load(kept, allow_pickle=False))


def folds_of(collection: Collection, trial: str, seed: int, count: int) -> list[dict[str, Guess]]:
    """Task -> guess, for each fold."""
    kept = collection.work / f"{trial.replace(', ', '-').replace(' ', '-')}-{seed}-{count}.npz"
    samples, tasks = collection.samples, collection.taxonomy.task_names
    if not kept.exists():
        settings = collection.settings(trial)
        features = features_of(collection, settings)
        places, started = dealt(samples, count, seed), time.process_time()
        arrays: dict[str, np.ndarray] = {}
        for fold in range(count):
            for task, guess in heads(collection, settings, features, places == fold, seed).items():
                arrays |= {f"{fold}.{task}.{name}": np.asarray(value) for name, value in vars(guess).items()}
        np.savez(kept, **arrays)
        print(f"{trial}, seed {seed}: {time.process_time() - started:.0f} s", file=sys.stderr, flush=True)
    with np.load(kept, allow_pickle=False) as arrays:
        names = tuple(Guess.__dataclass_fields__)
        return [
            {task: Guess(**{name: arrays[f"{fold}.{task}.{name}"] for name in names}) for task in tasks}
            for fold in range(count)
        ]


def heads(
    collection: Collection, settings: TrainingSettings, features: torch.Tensor, tested: np.ndarray, seed: int
) -> dict[str, Guess]:
    """Of heads fitted as a training job would fit them to all photographs that are not tested."""
    samples = collection.samples
    validates = dealt(samples, VALIDATION, seed + 10_000) == 0
    apart = ~tested & validates & (not settings.validation_teaches_heads)
    found = {}
    for task in collection.taxonomy.task_names:
        truth, classes = samples.labels[task], len(collection.taxonomy.task(task).classes)
        teaches = np.flatnonzero(~tested & ~apart & (truth != UNKNOWN))
        names = [samples.object_ids[row] for row in teaches]
        taught = features[:, teaches]
        if settings.head_fit == "discriminant":
            photographs = Photographs(taught, truth[teaches], np.ones(len(teaches)), names)
            fit = fitted(photographs, classes, settings.head_shrinkage)
            weight, bias, logits, measured = fit.weight, fit.bias, fit.unseen, teaches
        else:
            measured = np.flatnonzero(apart & (truth != UNKNOWN))
            both = Taught(torch.from_numpy(truth[teaches]).repeat(2), torch.ones(2 * len(teaches)), classes)
            rows = {task: torch.from_numpy(truth[measured])}
            chosen = chosen_heads(taught.flatten(0, 1), {task: both}, features[0, measured], rows)
            head = chosen[task][0]
            weight, bias, logits = head.weight, head.bias, head.logits(features[0, measured]).numpy()
        objects = [samples.object_ids[row] for row in measured]
        temperature = calibrate(logits, truth[measured], objects)
        assert temperature is not None  # noqa: S101 - all labels are known
        prevalence = (np.bincount(truth[teaches], minlength=classes) + 0.5) / (len(teaches) + classes / 2)
        alike = [1 / classes] * classes  # what heads that are fitted anew take the prevalence to be
        rules = set_rules(temperature.probabilities(logits), truth[measured], objects, prevalence.tolist(), alike)
        rule = next(one for one in rules if one.kind == "marginal" and one.coverage == COVERAGE)
        said = (features[0, np.flatnonzero(tested)] @ weight.T + bias).numpy()
        probabilities = temperature.probabilities(said)
        scores = set_scores(probabilities, "marginal", ())
        inside = np.ones(scores.shape, bool) if rule.threshold is None else scores <= rule.threshold
        inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
        within = task_metrics(truth[measured], logits)
        found[task] = Guess(tested, probabilities, inside, within.macro_f1 if within else float("nan"))
    return found


def nested(done: dict[str, list[list[dict[str, Guess]]]], options: argparse.Namespace) -> list[list[dict[str, Guess]]]:
    """For each seed and fold the answers of the trial whose mean over tasks is best within the training photographs."""

    def best(seed: int, fold: int) -> dict[str, Guess]:
        rivals = [runs[seed][fold] for trial, runs in done.items() if TRIALS[trial].get("validation_teaches_heads")]
        return max(rivals, key=lambda guesses: float(np.mean([guess.chosen_by for guess in guesses.values()])))

    return [[best(seed, fold) for fold in range(options.folds)] for seed in range(options.seeds)]


def summary(collection: Collection, runs: list[list[dict[str, Guess]]]) -> dict[str, Any]:
    """By task: scores of all seeds' out-of-fold answers."""
    samples = collection.samples
    found: dict[str, Any] = {"photographs": len(samples), "seeds": len(runs), "folds": len(runs[0])}
    for task in collection.taxonomy.task_names:
        codes = collection.taxonomy.task(task).codes
        truth = samples.labels[task]
        probabilities = np.zeros((len(runs), len(samples), len(codes)), np.float32)
        inside = np.zeros(probabilities.shape, bool)
        for seed, guesses in enumerate(runs):
            for fold in guesses:
                probabilities[seed, fold[task].tested] = fold[task].probabilities
                inside[seed, fold[task].tested] = fold[task].inside
        found[task] = score(samples, truth, probabilities, codes) | certainty(samples, truth, probabilities, inside)
    return found


def score(samples: Samples, truth: np.ndarray, probabilities: np.ndarray, codes: tuple[str, ...]) -> dict[str, Any]:
    """Mean over seeds of macro-F1 and accuracy, their spread, and a 95 % interval over objects and seeds."""
    common = np.bincount(truth[truth != UNKNOWN], minlength=len(codes)) >= FEW
    by_seed = [task_metrics(truth, found) for found in probabilities]
    macro = np.array([metrics.macro_f1 for metrics in by_seed if metrics])
    of_common = np.array([metrics.f1[common].mean() for metrics in by_seed if metrics])
    rng = np.random.default_rng(0)
    names = np.unique(samples.object_ids, return_inverse=True)[1]
    drawn = []
    for _ in range(300):
        weight = np.bincount(rng.integers(0, names.max() + 1, names.max() + 1), minlength=names.max() + 1)[names]
        rows = np.repeat(np.arange(len(truth)), weight)
        again = [task_metrics(truth[rows], found[rows]) for found in probabilities]
        drawn.append([np.mean([m.macro_f1 for m in again if m]), np.mean([m.f1[common].mean() for m in again if m])])
    counts = np.bincount(truth[truth != UNKNOWN], minlength=len(codes))
    f1 = np.mean([metrics.f1 for metrics in by_seed if metrics], axis=0)
    return {
        "macro_f1": interval(macro, np.array(drawn)[:, 0]),
        "macro_f1_of_common": interval(of_common, np.array(drawn)[:, 1]),
        "accuracy": round(float(np.mean([metrics.top_1 for metrics in by_seed if metrics])), 3),
        "f1_by_class": {code: [round(float(v), 2), int(n)] for code, v, n in zip(codes, f1, counts, strict=True) if n},
    }


def interval(by_seed: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    of_objects, of_seeds = float(np.var(drawn, ddof=1)), float(np.var(by_seed, ddof=1)) / len(by_seed)
    # Welch and Satterthwaite: the objects' part is as good as known, the seeds' has one degree less than seeds.
    freedom = (of_objects + of_seeds) ** 2 / max(of_seeds**2 / (len(by_seed) - 1), 1e-12)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(of_objects + of_seeds)
    mean = float(by_seed.mean())
    return {
        "mean": round(mean, 3),
        "by_seed": [round(float(value), 3) for value in by_seed],
        "interval": [round(mean - half, 3), round(mean + half, 3)],
    }


def certainty(samples: Samples, truth: np.ndarray, probabilities: np.ndarray, inside: np.ndarray) -> dict[str, Any]:
    """ECE, coverage and size of the sets, and the surest answer; means over seeds."""
    known = np.flatnonzero(truth != UNKNOWN)
    weights = object_weights([samples.object_ids[row] for row in known])
    errors = [expected_error(reliability(found[known], truth[known], weights)) for found in probabilities]
    return {
        "ece": round(float(np.mean(errors)), 3),
        "coverage": round(float(inside[:, known, truth[known]].mean()), 3),
        "set_size": round(float(inside[:, known].sum(axis=2).mean()), 2),
        "surest": float(f"{probabilities[:, known].max():.7f}"),
    }


def kept_aside(collection: Collection, trial: str, count: int, seeds: int) -> dict[str, Any]:
    """The whole way, by jobs of the trainer: macro-F1 of the photographs kept aside, by seed."""
    samples, store = collection.samples, DirectoryStore(collection.work / "store")
    places = dealt(samples, len(samples), 0)  # objects in turn: every third or so is kept aside
    tested = np.isin(places, np.linspace(0, places.max(), count).round().astype(int))
    validates = dealt(samples, VALIDATION, 10_000) == 0
    records = []
    for row, name in enumerate(samples.images):
        image = put_image(store, (collection.folder / name).read_bytes(), "jpg").key
        labels = {
            task: collection.taxonomy.task(task).codes[index] if (index := samples.labels[task][row]) >= 0 else None
            for task in collection.taxonomy.task_names
        }
        split = "test" if tested[row] else "validation" if validates[row] else "train"
        records.append(Record(image, samples.object_ids[row], labels, split, source=name))
    manifest = write_manifest(store, Manifest.from_records(records, collection.taxonomy.task_names))
    taxonomy = store.put(
        f"taxonomies/{collection.taxonomy.id}.yaml",
        collection.taxonomy.model_dump_json(by_alias=True).encode(),
        "application/yaml",
    )
    found: dict[str, Any] = {"trial": trial, "held_out": int(tested.sum()), "seeds": []}
    for seed in range(seeds):
        job = TrainingJob(manifest, taxonomy, collection.settings(trial, seed=seed, batch_norm="real"))
        bundle = train(job, Workplace(store, CPU, threads=1)).bundle
        outcome = evaluate(EvaluationJob(bundle, manifest, "test"), store, threads=1)
        table = pd.read_parquet(io.BytesIO(store.get(outcome.predictions.key)))
        card, by_task = read_card(store, bundle), {}
        for task in collection.taxonomy.task_names:
            probabilities = np.stack(list(table[f"probabilities_{task}"]))
            index = {code: place for place, code in enumerate(collection.taxonomy.task(task).codes)}
            truth = np.array([UNKNOWN if pd.isna(code) else index[code] for code in table[f"true_{task}"]])
            metrics = task_metrics(truth, probabilities)
            assert metrics is not None  # noqa: S101 - there are labels
            by_task[task] = {
                "macro_f1": round(metrics.macro_f1, 3),
                "macro_f1_of_classes_with_5": round(float(metrics.f1[metrics.support >= 5].mean()), 3),
                "accuracy": round(metrics.top_1, 3),
                "support": metrics.support.tolist(),
                "surest": float(f"{probabilities.max():.7f}"),
                "ece_on_unseen": round(card.calibration[task].expected_error, 3),
                "measured_on": card.calibration[task].photographs,
            }
        found["seeds"].append({"bundle": bundle.sha256[:12]} | by_task)
        print(json.dumps(found["seeds"][-1]), file=sys.stderr, flush=True)
    return found


if __name__ == "__main__":
    main()
