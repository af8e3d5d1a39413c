"""Can kilnsim's labels be learned from its pictures, and how much of that is left to a long tail?

Two trainings of the product's classifier, both tested on the same balanced pictures that neither has seen:

balanced    `--count` balanced pictures (a tenth for validation): can the classes be told apart at all?
long-tail   `--collection` objects as a museum would have them, split as an experiment splits them: the
            baseline that synthetic images are to improve on. Its own test split is scored as well.

Prints JSON. For example, with the minimalistic ImageNet weights (about 40 minutes on one core):
    python bench/collections/kilnsim_learnable.py --weights mobilenet_v3_large_minimalistic_imagenet.safetensors
The quickstart's own size and settings:
    python bench/collections/kilnsim_learnable.py --taxonomy kilnsim --size 64 --epochs 16 --rate 3e-3
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.split import split
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import Piece, classes_of, render, sample_balanced, sample_collection
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_trainer.data.pixels import PixelCache, Pixels, cache_pixels
from saggar_trainer.data.rows import Samples, samples_of
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.fitting.course import best_epoch
from saggar_trainer.fitting.lessons import draws_of
from saggar_trainer.fitting.loop import Examples, Lessons, Watch, fit, predict
from saggar_trainer.fitting.objective import objective_of, row_weights
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier

TASKS = ("dynasty", "kiln", "glaze", "type")


def main() -> None:
    """Draw, train, test, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--taxonomy", default="song-yuan-porcelain")
    parser.add_argument("--only", choices=("balanced", "long-tail"))
    parser.add_argument("--size", type=int, default=128, help="pixels a side, drawn and trained")
    parser.add_argument("--count", type=int, default=5000, help="balanced pictures to learn from")
    parser.add_argument("--collection", type=int, default=1200, help="objects of the long tail")
    parser.add_argument("--test", type=int, default=2000, help="balanced pictures to test on")
    parser.add_argument("--weights", help="safetensors of initial weights; random without")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument(
        "--rate",
        type=float,
        default=1e-3,
        help="learning rate of the backbone; heads: the larger of it and 1e-3",
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    taxonomy = load_taxonomy(options.taxonomy)
    classes = classes_of(taxonomy)
    settings = TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="file" if options.weights else "random",
        initial_weights_path=options.weights or "",
        image_size_px=options.size,
        batch_size=options.batch,
        max_epochs=options.epochs,
        patience_epochs=options.epochs,
        backbone_learning_rate=options.rate,
        head_learning_rate=max(options.rate, 1e-3),
        dropout=options.dropout,
        projection=False,
        seed=options.seed,
    )
    test = manifest_of(sample_balanced(options.test, 1001, classes), "test")
    result: dict[str, Any] = {"bench": "kilnsim_learnable", **vars(options)}
    if options.weights:
        result["weights"] = options.weights.rsplit("/", 1)[-1]
    if options.only != "long-tail":
        pieces = sample_balanced(options.count, 1, classes)
        held = len(pieces) // 10
        rows = [*records(pieces[held:], "train"), *records(pieces[:held], "validation")]
        whole = Manifest.from_records(rows, TASKS)
        result["balanced"] = experiment(whole, test, taxonomy, settings, by_image(pieces))
    if options.only != "balanced":
        pieces = sample_collection(options.collection, 7, classes)
        whole = split(Manifest.from_records(records(pieces, None), TASKS), 0)
        result["long_tail"] = experiment(whole, test, taxonomy, settings, by_image(pieces))
    print(json.dumps(result))


def experiment(
    whole: Manifest,
    test: tuple[Manifest, dict[str, Piece]],
    taxonomy: Taxonomy,
    settings: TrainingSettings,
    pieces: dict[str, Piece],
) -> dict[str, Any]:
    """Train on one manifest, and score it on its own test split, if it has one, and on ``test``."""
    size, spec = settings.image_size_px, input_spec(settings)
    started = time.monotonic()
    parts = {name: samples_of(whole.select(split=name), taxonomy) for name in ("train", "validation", "test")}
    examples = {
        name: Examples(
            drawn(part, pieces, size, name),
            {task: torch.from_numpy(part.labels[task]) for task in TASKS},
            {task: row_weights(part, task, settings) for task in TASKS},
        )
        for name, part in parts.items()
    }
    drawing = time.monotonic() - started
    torch.manual_seed(settings.seed)
    counts = {task.name: len(task.classes) for task in taxonomy.tasks}
    backbone = build_backbone(settings)
    model = MultiTaskClassifier(backbone.layers, counts, settings.dropout, settings.projection)
    started = time.monotonic()

    def tell(snapshot: Any) -> None:
        last = snapshot.history[-1]
        scores = {task: round(score, 3) for task, score in last.validation_macro_f1_by_task.items()}
        mean = last.validation_macro_f1
        say(f"epoch {last.epoch}: loss {last.training_loss:.3f}, validation {mean:.3f} {scores}")

    lessons = Lessons(
        examples["train"],
        draws_of(parts["train"], settings),
        examples["validation"],
        objective_of(parts["train"], taxonomy, settings),
        spec,
    )
    watch = Watch(on_epoch=tell, clock=time.monotonic)
    snapshot = fit(model, lessons, settings, device=torch.device("cpu"), watch=watch)
    training = time.monotonic() - started
    model.load_state_dict(snapshot.best_model)
    unseen = samples_of(test[0], taxonomy)
    scores = {
        "train_images": len(parts["train"]),
        "validation_images": len(parts["validation"]),
        "best_epoch": best_epoch(snapshot.history).epoch,
        "drawing_s": round(drawing, 1),
        "training_s": round(training, 1),
        "balanced_test": score(model, unseen, drawn(unseen, test[1], size, "test"), settings, taxonomy),
    }
    if len(parts["test"]):
        scores["own_test"] = score(model, parts["test"], examples["test"].pixels, settings, taxonomy)
    return scores


def score(
    model: MultiTaskClassifier,
    samples: Samples,
    pixels: PixelCache,
    settings: TrainingSettings,
    taxonomy: Taxonomy,
) -> dict[str, Any]:
    """Macro-F1 per task and their mean, and the most confused pair of classes per task."""
    logits = predict(model, pixels, input_spec(settings), settings.batch_size, torch.device("cpu"))
    out: dict[str, Any] = {"images": len(samples)}
    by_task, confused = {}, {}
    for task in TASKS:
        metrics = task_metrics(samples.labels[task], logits[task].numpy())
        assert metrics is not None  # noqa: S101 kilnsim knows all labels
        by_task[task] = round(metrics.macro_f1, 4)
        codes = taxonomy.task(task).codes
        wrong = metrics.confusion / np.maximum(metrics.support[:, None], 1)
        np.fill_diagonal(wrong, 0.0)
        order = np.argsort(-wrong, axis=None)[:4]
        confused[task] = [
            f"{codes[i]} -> {codes[j]} {wrong[i, j]:.2f}"
            for i, j in zip(*np.unravel_index(order, wrong.shape), strict=True)
        ]
    out |= {"mean_macro_f1": round(sum(by_task.values()) / len(by_task), 4), "macro_f1": by_task}
    return out | {"confused": confused}


def records(pieces: Sequence[Piece], part: str | None) -> list[Record]:
    """Rows of a manifest whose image keys are the pieces' seeds."""
    return [
        Record(
            image=str(piece.seed),
            object_id=str(piece.seed),
            labels={task: getattr(piece, task) for task in TASKS},
            split=part,
            origin="real",
            width_px=0,
            height_px=0,
            source="kilnsim",
        )
        for piece in pieces
    ]


def manifest_of(pieces: Sequence[Piece], part: str) -> tuple[Manifest, dict[str, Piece]]:
    """A manifest in one split, and its pieces by image key."""
    return Manifest.from_records(records(pieces, part), TASKS), by_image(pieces)


def by_image(pieces: Sequence[Piece]) -> dict[str, Piece]:
    """Pieces by image key."""
    return {str(piece.seed): piece for piece in pieces}


def drawn(samples: Samples, pieces: dict[str, Piece], size: int, name: str) -> PixelCache:
    """The pictures of ``samples``."""

    def picture(row: int) -> Pixels:
        return render(pieces[samples.images[row]], size).transpose(2, 0, 1)

    def tell(done: int) -> None:
        say(f"{name}: {done} of {len(samples)} drawn")

    return cache_pixels(picture, len(samples), threads=1, progress=tell)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
