"""Trainings that bench/verdicts.py draws its simulated experiments from: one training set, many seeds, and the
answers of each on the test split and on thousands of fresh objects.

Two arms at the quickstart's size: `whole` is its baseline; `part` has two thirds of the training objects, so that
there is a true difference between the two. Each run goes the whole way of the product: photographs are imported,
split, augmented, trained on, exported, and answered through the exported model. A run is kept as one .npz, and a
run that is there is not made again. Two cores take about a minute and a half a run.
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
from saggar_trainer.evidence.predicting import PredictionJob, predict
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train

TAXONOMY = "kilnsim"
COLLECTION, COLLECTION_SEED, SIZE_PX = 1200, 7, 64  # the quickstart's
FRESH, FRESH_SEED = 3000, 1007  # objects of the same long tail that no training has seen
BELOW, TO = 8, 16  # classical augmentation
ARMS = {"whole": 3, "part": 2}  # thirds of the training objects
KINDS = ("test", "fresh")


@dataclass(frozen=True)
class Prepared:
    """What every run trains on and answers."""

    store: ObjectStore
    taxonomy: Taxonomy
    taxonomy_file: ObjectRef
    training: dict[str, ObjectRef]  # arm -> manifest
    asked: dict[str, ObjectRef]  # kind -> manifest


def make_runs(work: Path, seeds: int, arms: tuple[str, ...] = tuple(ARMS), threads: int = 1) -> None:
    """Train what `work` lacks of `seeds` runs of each arm, and keep the answers there."""
    missing = [(arm, s) for s in range(seeds) for arm in arms if not run_file(work, arm, s).exists()]
    if not missing:
        return
    prepared = prepare(work)
    at = Workplace(prepared.store, torch.device("cpu"), threads)
    for arm, seed in missing:
        job = TrainingJob(prepared.training[arm], prepared.taxonomy_file, settings(seed))
        bundle = train(job, at).bundle
        arrays: dict[str, np.ndarray] = {}
        for kind, manifest in prepared.asked.items():
            said = predict(PredictionJob(bundle, manifest), prepared.store, threads=threads).predictions
            arrays |= answers(prepared.store.read(said), prepared.taxonomy, kind)
        path = run_file(work, arm, seed)
        beside = path.with_suffix(".part")
        with beside.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        beside.replace(path)
        print(f"{arm}, seed {seed}: kept in {path}", flush=True)


def run_file(work: Path, arm: str, seed: int) -> Path:
    """Where the answers of a run are kept: `objects_KIND`, `true_KIND_TASK`, `probabilities_KIND_TASK`."""
    return work / f"verdict-run-{arm}-{seed:02}.npz"


def prepare(work: Path) -> Prepared:
    """The collection, drawn, imported, split and augmented, and the fresh objects."""
    taxonomy = load_taxonomy(TAXONOMY)
    store = DirectoryStore(work / "store")
    whole = split(_imported(work, store, taxonomy, COLLECTION, COLLECTION_SEED), 0)
    fresh = _imported(work, store, taxonomy, FRESH, FRESH_SEED)
    training = {
        arm: write_manifest(store, expand_rare(thinned(whole, thirds), below=BELOW, to=TO, seed=0))
        for arm, thirds in ARMS.items()
    }
    asked = {
        "test": write_manifest(store, whole.select(split="test")),
        "fresh": write_manifest(store, fresh.with_columns(split=["test"] * len(fresh))),
    }
    text = taxonomy.model_dump_json(by_alias=True).encode()
    taxonomy_file = store.put(f"taxonomies/{zlib.crc32(text):08x}.yaml", text, "application/yaml")
    return Prepared(store, taxonomy, taxonomy_file, training, asked)


def thinned(whole: Manifest, thirds: int) -> Manifest:
    """`whole` with this many thirds of its training objects, by their names; held-out rows stay."""
    thirds_of = np.array([zlib.crc32(name.encode()) % 3 for name in whole.frame["object_id"]])
    return whole.take((whole.frame["split"] != "train").to_numpy(dtype=bool) | (thirds_of < thirds))


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


def answers(table: bytes, taxonomy: Taxonomy, kind: str) -> dict[str, np.ndarray]:
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
