"""Trainings that verdicts.py draws its experiments from: one training set, many seeds, and what each says of the test
split and of thousands of fresh objects.

It is the quickstart's baseline, read from its file and made by the product's own steps: photographs are imported,
split, augmented, trained on, exported, and answered through the exported model. A run is kept as one .npz, and a run
that is there is not made again. A run takes a minute and a half of one otherwise idle core.
"""

import io
import math
import multiprocessing
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from saggar.importing.intake import import_csv
from saggar.kilnsim import classes_of, write_balanced
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore, ObjectRef
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import Taxonomy
from saggar.v1 import trainer_pb2
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.shipped import shipped_text
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.peers.messages import training_settings
from saggar_orchestrator.workflow.run import Specification
from saggar_orchestrator.workflow.steps import dividing
from saggar_orchestrator.workflow.steps.importing import import_photographs
from saggar_orchestrator.workflow.steps.mixing import training_rows
from saggar_trainer.evidence.predicting import PredictionJob, predict
from saggar_trainer.fitting.training_job import TrainingJob, Workplace, train
from saggar_trainer.messages import training_job_from_message

FRESH, FRESH_SEED = 3000, 1007  # pieces, classes about equally often, that no training and no test has seen
KINDS = ("test", "fresh")


@dataclass(frozen=True)
class Prepared:
    """What every run trains on and answers."""

    store: DirectoryStore
    taxonomy: Taxonomy
    jobs: dict[int, TrainingJob]  # by seed
    asked: dict[str, ObjectRef]  # kind -> manifest


def make_runs(work: Path, seeds: int, processes: int) -> None:
    """Train what `work` lacks of the first `seeds` seeds, each with one thread, and keep the answers there."""
    missing = [seed for seed in range(seeds) if not run_file(work, seed).exists()]
    if not missing:
        return
    prepared = prepare(work, missing)
    apart = multiprocessing.get_context("spawn")  # a forked child would hang in torch's threads
    with ProcessPoolExecutor(processes, mp_context=apart) as pool:
        for _ in pool.map(_make_run, missing, [work] * len(missing), [prepared] * len(missing)):
            pass


def _make_run(seed: int, work: Path, prepared: Prepared) -> None:
    bundle = train(prepared.jobs[seed], Workplace(prepared.store, torch.device("cpu"), threads=1)).bundle
    arrays: dict[str, np.ndarray] = {}
    for kind, manifest in prepared.asked.items():
        said = predict(PredictionJob(bundle, manifest), prepared.store, threads=1).predictions
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


def prepare(work: Path, seeds: Iterable[int]) -> Prepared:
    """The quickstart's photographs, imported, split and augmented, its baseline's trainings, and fresh pieces."""
    text = shipped_text("quickstart")
    experiment, taxonomy = parse_experiment(text, "quickstart.yaml", work)
    store, collections = DirectoryStore(work / "store"), work / "collections"
    specification = Specification("quickstart", experiment, taxonomy, {}, text, "")
    imported = import_photographs(store, specification, collections, report=lambda _: None)
    divided = ObjectRef.from_json(dividing.split_manifest(store, imported, experiment.data, 0)["manifest"])
    rows = divided
    if experiment.augmentation is not None:
        rows = ObjectRef.from_json(dividing.augment_manifest(store, divided, experiment.augmentation)["manifest"])
    whole = read_manifest(store, rows)
    baseline = experiment.training_of(experiment.baseline)
    steps = math.ceil(len(training_rows(store, rows)) / baseline.batch_size)  # the orchestrator's equal steps
    taxonomy_file = store.put("taxonomies/verdicts.yaml", taxonomy.model_dump_json(by_alias=True).encode(), "text/yaml")

    def job(seed: int) -> TrainingJob:
        return training_job_from_message(
            trainer_pb2.TrainRequest(
                manifest=ref_to_proto(rows),
                taxonomy=ref_to_proto(taxonomy_file),
                settings=training_settings(baseline.with_values(steps_per_epoch=steps), seed),
            )
        )

    assert experiment.data.kilnsim is not None  # noqa: S101 the quickstart draws
    folder, size_px = collections / f"fresh-{FRESH}-{FRESH_SEED}", experiment.data.kilnsim.size_px
    labels = write_balanced(folder, FRESH, FRESH_SEED, size_px, classes_of(taxonomy))
    fresh = import_csv(folder, labels, taxonomy, store).manifest
    asked = {"test": whole.select(split="test"), "fresh": fresh.with_columns(split=["test"] * len(fresh))}
    return Prepared(
        store=store,
        taxonomy=taxonomy,
        jobs={seed: job(seed) for seed in seeds},
        asked={kind: write_manifest(store, manifest) for kind, manifest in asked.items()},
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
