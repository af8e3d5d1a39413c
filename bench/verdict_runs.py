"""Trainings that bench/verdicts.py draws its experiments from: one training set, many seeds, and what each says of the
test split and of thousands of fresh objects.

It is the quickstart's baseline. Each run goes the whole way of the product: photographs are imported, split,
augmented, trained on, exported, and answered through the exported model. A run is kept as one .npz, and a run that is
there is not made again. A run takes three minutes of one otherwise idle core.
"""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from saggar.dataset.augment import expand_rare
from saggar.dataset.manifest import Manifest
from saggar.dataset.split import split
from saggar.importing.intake import import_csv
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import classes_of, write_collection
from saggar.store import DirectoryStore, ObjectRef, ObjectStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import Predictions
from saggar_trainer.evidence.predicting import PredictionJob, predict
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train

TAXONOMY = "kilnsim"
COLLECTION, COLLECTION_SEED, SIZE_PX = 1200, 7, 64  # the quickstart's
FRESH, FRESH_SEED = 3000, 1007  # objects of the same long tail that no training has seen
BELOW, TO = 8, 16  # classical augmentation
KINDS = ("test", "fresh")


@dataclass(frozen=True)
class Prepared:
    """What every run trains on and answers."""

    store: ObjectStore
    taxonomy: Taxonomy
    taxonomy_file: ObjectRef
    training: ObjectRef
    asked: dict[str, ObjectRef]  # kind -> manifest


def make_runs(work: Path, seeds: int, threads: int) -> None:
    """Train what `work` lacks of the first `seeds` seeds, and keep the answers there."""
    missing = [seed for seed in range(seeds) if not run_file(work, seed).exists()]
    if not missing:
        return
    prepared = prepare(work)
    at = Workplace(prepared.store, torch.device("cpu"), threads)
    for seed in missing:
        bundle = train(TrainingJob(prepared.training, prepared.taxonomy_file, settings(seed)), at).bundle
        arrays: dict[str, np.ndarray] = {}
        for kind, manifest in prepared.asked.items():
            said = predict(PredictionJob(bundle, manifest), prepared.store, threads=threads).predictions
            arrays |= _answers(prepared.store.read(said), prepared.taxonomy, kind)
        path = run_file(work, seed)
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        beside.replace(path)


def run_file(work: Path, seed: int) -> Path:
    """Where the answers of a run are kept: `objects_KIND`, `true_KIND_TASK`, `probabilities_KIND_TASK`."""
    return work / f"verdict-run-{seed:02}.npz"


def kept_runs(work: Path, kind: str) -> list[Trained]:
    """All runs that `work` has, on the `test` split or on the `fresh` objects."""
    found = []
    for path in sorted(work.glob("verdict-run-*.npz")):
        with np.load(path, allow_pickle=False) as kept:
            names = tuple(kept[f"objects_{kind}"].tolist())
            start = f"true_{kind}_"
            tasks = [key.removeprefix(start) for key in kept.files if key.startswith(start)]
            probabilities = {task: kept[f"probabilities_{kind}_{task}"] for task in tasks}
            said = Predictions(
                images=tuple(f"{number:06}" for number in range(len(names))),
                objects=names,
                true={task: kept[start + task].astype(np.int64) for task in tasks},
                predicted={task: values.argmax(axis=1) for task, values in probabilities.items()},
                probabilities=probabilities,
            )
        found.append(Trained(int(path.stem.rsplit("-", 1)[1]), said))
    return found


def prepare(work: Path) -> Prepared:
    """The collection, drawn, imported, split and augmented, and the fresh objects."""
    taxonomy = load_taxonomy(TAXONOMY)
    store = DirectoryStore(work / "store")
    whole = split(_imported(work, store, taxonomy, COLLECTION, COLLECTION_SEED), 0)
    fresh = _imported(work, store, taxonomy, FRESH, FRESH_SEED)
    asked = {"test": whole.select(split="test"), "fresh": fresh.with_columns(split=["test"] * len(fresh))}
    text = taxonomy.model_dump_json(by_alias=True).encode()
    return Prepared(
        store=store,
        taxonomy=taxonomy,
        taxonomy_file=store.put(f"taxonomies/{zlib.crc32(text):08x}.yaml", text, "application/yaml"),
        training=write_manifest(store, expand_rare(whole, below=BELOW, to=TO, seed=0)),
        asked={kind: write_manifest(store, manifest) for kind, manifest in asked.items()},
    )


def settings(seed: int) -> TrainingSettings:
    """The quickstart's."""
    return TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="random",
        image_size_px=SIZE_PX,
        batch_size=32,
        max_epochs=13,
        patience_epochs=7,
        backbone_learning_rate=3e-3,
        head_learning_rate=3e-3,
        dropout=0.2,
        projection=False,
        seed=seed,
    )


def _answers(table: bytes, taxonomy: Taxonomy, kind: str) -> dict[str, np.ndarray]:
    """The arrays of one stored table of predictions, rows by image."""
    frame = pd.read_parquet(io.BytesIO(table)).sort_values("image", kind="stable")
    found = {f"objects_{kind}": np.array(frame["object_id"], dtype=np.str_)}
    for task in taxonomy.tasks:
        numbers = {code: place for place, code in enumerate(task.codes)}
        found[f"true_{kind}_{task.name}"] = np.array([numbers.get(code, -1) for code in frame[f"true_{task.name}"]])
        found[f"probabilities_{kind}_{task.name}"] = np.array(list(frame[f"probabilities_{task.name}"]), np.float32)
    return found


def _imported(work: Path, store: ObjectStore, taxonomy: Taxonomy, count: int, seed: int) -> Manifest:
    folder = work / f"kilnsim-{count}-{seed}"
    labels = write_collection(folder, count, seed, SIZE_PX, classes_of(taxonomy))
    return import_csv(folder, labels, taxonomy, store).manifest
