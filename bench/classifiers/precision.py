"""Speed and accuracy of a bundle's network in 32 bits, in 8 bits by several schemes, and in bfloat16 by OpenVINO.

    python bench/classifiers/precision.py --weights mobilenet_v3_large_minimalistic_imagenet.safetensors --data FOLDER
    python bench/classifiers/precision.py --weights ... --kilnsim 900

Trains a bundle as the trainer does (`--data`: a folder with labels.csv, as for bench/classifiers/real_porcelain.py;
`--kilnsim`: so many rendered pieces) and asks it about pictures of the test split in each precision, with one thread:
macro-F1 per task, the share of answers that are the same as in 32 bits, milliseconds of processor time a picture at
batch 1 and 8 (the median over rounds in which all take turns), milliseconds to open, MiB. `--store` keeps data and
bundle, so that a second run trains nothing. OpenVINO is measured where it is installed. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import io
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from saggar.bundle import BundleCard, fetch_onnx, read_card
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.images import decode, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import classes_of, render, sample_balanced
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_trainer.data.rows import UNKNOWN
from saggar_trainer.evidence.metrics import task_metrics
from saggar_trainer.export.reducing import Photographs, quantised, spread
from saggar_trainer.export.sessions import logits_of, opened, processor
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train

Float32 = npt.NDArray[np.float32]
Run = Callable[[Float32], Mapping[str, Float32]]  # images [N, 3, S, S] to logits by task
SCHEMES: dict[str, dict[str, Any]] = {
    "INT8 U8S8 per channel": {"per_channel": True},
    "INT8 U8S8 per tensor": {"per_channel": False},
}
SPLITS = ("train", "train", "train", "validation", "test")  # of five objects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path)
    source.add_argument("--kilnsim", type=int, metavar="PIECES")
    parser.add_argument("--taxonomy", default="")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--store", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(options.store or Path(folder))
        taxonomy, manifest = photographs(store, options) if options.data else renders(store, options)
        bundle = trained(store, taxonomy, manifest, options)
        card = read_card(store, bundle)
        print(json.dumps(report(store, card, manifest, options.rounds)))


def report(store: DirectoryStore, card: BundleCard, manifest: Manifest, rounds: int) -> dict[str, Any]:
    spec, tasks = card.input_spec, card.taxonomy.task_names
    records = list(manifest.select(split="test").records())
    training = list(manifest.select(split="train").records())
    whole = fetch_onnx(store, card)

    def picture(record: Record) -> Float32:
        return preprocess(decode(store.get(record.image), record.image, enough_px=spec.enough_px), spec)

    chosen = spread(len(training))
    calibration = Photographs(len(chosen), lambda row: picture(training[chosen[row]]))
    made: dict[str, tuple[bytes, Callable[[bytes], Run]]] = {"FP32": (whole, onnx_runtime(tasks))}
    for name, options in SCHEMES.items():
        made[name] = (quantised(whole, calibration, **options), onnx_runtime(tasks))
    if importlib.util.find_spec("openvino"):
        made["OpenVINO FP32"] = (whole, open_vino(tasks, "f32"))
        made["OpenVINO bf16"] = (whole, open_vino(tasks, "bf16"))
    runs, lines = {}, {}
    for name, (data, opening) in made.items():
        started = time.perf_counter()
        runs[name] = opening(data)
        lines[name] = {"open_ms": round((time.perf_counter() - started) * 1e3), "MiB": round(len(data) / 2**20, 2)}
    images = np.stack([picture(record) for record in records])
    expected = {task: runs["FP32"](images)[task] for task in tasks}
    for name, run in runs.items():
        lines[name] |= accuracy(run, images, records, card, expected)
    for batch in (1, 8):
        for name, milliseconds in speeds(runs, images[:batch], rounds).items():
            lines[name][f"ms_batch_{batch}"] = round(milliseconds, 2)
    return {
        "bench": "precision",
        "processor": processor(),
        "test_pictures": len(records),
        "size_px": spec.size_px,
        "bundle": {name: round(size / 2**20, 2) for name, size in card.file_sizes().items()},
        "gate": card.reduced.model_dump(mode="json") if card.reduced else None,
        "lines": lines,
    }


def onnx_runtime(tasks: Sequence[str]) -> Callable[[bytes], Run]:
    def opening(data: bytes) -> Run:
        session = opened(data)
        return lambda images: logits_of(session, tasks, images)

    return opening


def open_vino(tasks: Sequence[str], precision: str) -> Callable[[bytes], Run]:
    def opening(data: bytes) -> Run:
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": 1}
        compiled = openvino.compile_model(openvino.Core().read_model(data, b""), "CPU", settings)
        outputs = [compiled.output(f"logits_{task}") for task in tasks]

        def run(images: Float32) -> dict[str, Float32]:
            found = compiled(images)
            return {task: np.asarray(found[output]) for task, output in zip(tasks, outputs, strict=True)}

        return run

    return opening


def accuracy(
    run: Run, images: Float32, records: Sequence[Record], card: BundleCard, expected: Mapping[str, Float32]
) -> dict[str, Any]:
    """Macro-F1 by task, and the share of answers that are FP32's."""
    logits, scores, same = run(images), {}, []
    for task in card.taxonomy.tasks:
        codes = [record.labels.get(task.name) for record in records]
        truth = np.array([UNKNOWN if code is None else task.index(code) for code in codes])
        metrics = task_metrics(truth, logits[task.name])
        scores[task.name] = round(metrics.macro_f1, 4) if metrics else None
        same.append((logits[task.name].argmax(1) == expected[task.name].argmax(1)).mean())
    return {"macro_f1": scores, "same_answers": round(float(np.mean(same)), 4)}


def speeds(runs: Mapping[str, Run], images: Float32, rounds: int) -> dict[str, float]:
    """Median milliseconds a picture; all take turns, so that what else the machine does falls on all alike."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        for name, run in runs.items():
            started = time.process_time()
            run(images)
            times[name].append((time.process_time() - started) * 1e3 / len(images))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def photographs(store: DirectoryStore, options: argparse.Namespace) -> tuple[Taxonomy, Manifest]:
    taxonomy = load_taxonomy(options.taxonomy or "palace-visual").narrowed(("glaze", "type"))
    with (options.data / "labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["glaze"] or row["type"]]
    places = {group: SPLITS[i % 5] for i, group in enumerate(sorted({row["group"] for row in rows}))}
    records = []
    for row in rows:
        image = put_image(store, (options.data / row["image"]).read_bytes(), "jpg").key
        labels = {task: row[task] or None for task in taxonomy.task_names}
        records.append(Record(image, row["group"], labels, places[row["group"]], source=row["image"]))
    return taxonomy, Manifest.from_records(records, taxonomy.task_names)


def renders(store: DirectoryStore, options: argparse.Namespace) -> tuple[Taxonomy, Manifest]:
    taxonomy = load_taxonomy(options.taxonomy or "kilnsim")
    records = []
    for number, piece in enumerate(sample_balanced(options.kilnsim, 5, classes_of(taxonomy))):
        buffer = io.BytesIO()
        Image.fromarray(render(piece, options.size)).save(buffer, "PNG")
        image = put_image(store, buffer.getvalue(), "png").key
        labels = {task: getattr(piece, task) for task in taxonomy.task_names}
        records.append(Record(image, f"piece-{number}", labels, SPLITS[number % 5]))
    return taxonomy, Manifest.from_records(records, taxonomy.task_names)


def trained(store: DirectoryStore, taxonomy: Taxonomy, manifest: Manifest, options: argparse.Namespace) -> ObjectRef:
    settings = TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="file",
        initial_weights_path=options.weights,
        image_size_px=options.size,
        batch_size=16,
        max_epochs=options.epochs,
        backbone_learning_rate=5e-4,
        head_learning_rate=3e-3,
        dropout=0.2,
        framing="pad",
        projection=False,
        retrain_heads="real",
        reduced_precision="int8",
    )
    text = json.dumps(taxonomy.model_dump(mode="json", by_alias=True), ensure_ascii=False)
    job = TrainingJob(
        write_manifest(store, manifest),
        store.put(f"taxonomies/{taxonomy.id}.yaml", text.encode(), "application/yaml"),
        settings,
    )
    return train(job, Workplace(store, torch.device("cpu"), threads=1)).bundle


if __name__ == "__main__":
    main()
