"""What an ensemble costs beside one network, and what it answers better: `ensemble: M` against 1.

    python bench/classifiers/ensemble.py --weights mobilenet_v3_large_minimalistic_imagenet.safetensors --members 1 3

Trains a bundle of each number of networks on `--pieces` of kilnsim's pieces (three fifths train, a fifth each validate
and test) as the trainer does, and prints: processor seconds to the last step and from there to the bundle, MiB of each
file, milliseconds of processor time a prepared picture at batch 1 with one thread (the median over rounds in which all
take turns), mean macro-F1 over tasks on the test split. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from precision import accuracy, onnx_runtime, renders, speeds
from saggar.bundle import fetch_onnx, read_card
from saggar.images import decode, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress
from saggar.store import DirectoryStore, ObjectRef
from saggar.stored_datasets import write_manifest
from saggar_trainer.export.sessions import processor
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train
from saggar_trainer.listening import TrainingWork


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--members", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--pieces", dest="kilnsim", type=int, default=300)
    parser.add_argument("--taxonomy", default="kilnsim")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=31)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        taxonomy, manifest = renders(store, options)
        text = json.dumps(taxonomy.model_dump(mode="json", by_alias=True), ensure_ascii=False)
        written = store.put(f"taxonomies/{taxonomy.id}.yaml", text.encode(), "application/yaml")
        rows = write_manifest(store, manifest)
        records, lines, runs = list(manifest.select(split="test").records()), {}, {}
        for members in options.members:
            job = TrainingJob(rows, written, settings_of(members, options))
            bundle, lines[members] = timed(job, Workplace(store, torch.device("cpu"), threads=options.threads))
            card = read_card(store, bundle)
            runs[members] = onnx_runtime(card.taxonomy.task_names)(fetch_onnx(store, card))
            spec = card.input_spec
            images = np.stack([preprocess(decode(store.get(record.image), record.image), spec) for record in records])
            scores = accuracy(runs[members], images, records, card, runs[members](images))["macro_f1"]
            lines[members]["mean_macro_f1"] = round(float(np.mean(list(scores.values()))), 3)
            sizes = card.file_sizes()
            lines[members]["MiB"] = {name: round(size / 2**20, 2) for name, size in sizes.items()}
        for members, milliseconds in speeds(runs, images[:1], options.rounds).items():
            lines[members]["ms_batch_1"] = round(milliseconds, 2)
    shown = {name: getattr(options, name) for name in ("size", "epochs", "threads")}
    print(json.dumps({"bench": "ensemble", "processor": processor(), "pieces": options.kilnsim, **shown, "of": lines}))


def timed(job: TrainingJob, at: Workplace) -> tuple[ObjectRef, dict[str, Any]]:
    """The bundle, and processor seconds: to the last step, and after it."""
    started = last_step = time.process_time()

    def report(progress: Progress) -> None:
        nonlocal last_step
        if progress.stage == "training":
            last_step = time.process_time()

    bundle = train(job, at, TrainingWork(report=report)).bundle
    ended = time.process_time()
    return bundle, {
        "processor_seconds": {"to_the_last_step": round(last_step - started, 1), "after": round(ended - last_step, 1)}
    }


def settings_of(members: int, options: argparse.Namespace) -> TrainingSettings:
    return TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="file",
        initial_weights_path=options.weights,
        image_size_px=options.size,
        batch_size=16,
        max_epochs=options.epochs,
        backbone_learning_rate=5e-4,
        head_learning_rate=3e-3,
        dropout=0.2,
        projection=False,
        ensemble=members,
    )


if __name__ == "__main__":
    main()
