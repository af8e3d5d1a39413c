"""A home whose drawn photographs an experiment with folds has judged: real store, real tables, an invented model.

The model knows what was drawn; the labels that were imported are wrong where the caller says so.
"""

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from colour_bundle import colour_bundle
from orchestrator_results import results
from saggar.bundle import make_neighbours
from saggar.dataset.manifest import Manifest
from saggar.importing.intake import import_csv
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.identity import experiment_id
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.findings.predictions import class_numbers

FOLDS = 3
TAXONOMY = load_taxonomy("kilnsim")


@dataclass(frozen=True)
class Judged:
    """`drawn`: by photograph and task, what was drawn; `wrong`: what the import says instead, where it is wrong."""

    store: DirectoryStore
    folder: Path
    dataset: str
    experiment: str
    manifest: Manifest
    drawn: dict[str, dict[str, str]]
    wrong: dict[tuple[str, str], str]


def judged_collection(home: Path, folder: Path, count: int = 60, errors: int = 4, folds: int = FOLDS) -> Judged:
    """`errors` labels of every task are wrong."""
    store = DirectoryStore(home / "store")
    rows, wrong = _rows(folder / "photographs", count, errors)
    table = folder / "photographs" / "imported.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(
            {**row, **{t: wrong.get((row["image"], t), row[t]) for t in TAXONOMY.task_names}} for row in rows
        )
    manifest = import_csv(folder / "photographs", table, TAXONOMY, store).manifest
    reference = write_manifest(store, manifest)
    dataset = reference.key.split("/")[1]
    drawn = {row["image"]: {task: row[task] for task in TAXONOMY.task_names} for row in rows}
    text = (
        f"name: judged\ntaxonomy: kilnsim\ndata: {{dataset: {dataset}, folds: {folds}}}\narms: [{{name: baseline}}]\n"
    )
    identity = _specification(store, text, folder)
    values = results(seeds=(0,))
    values["experiment"] |= {"id": identity, "specification": text}
    values["data"] |= {"manifest": reference.to_json()}
    values["evidence"]["folds"] = folds
    values["arms"] = values["arms"][:1]
    values["winner"]["arm"] = "baseline"
    values["arms"][0]["runs"] = [_run(store, values, manifest, drawn, fold, folds) for fold in range(folds)]
    store.put(f"experiments/{identity}/results.json", json.dumps(values).encode(), "application/json")
    store.put(f"experiments/{identity}/report.html", b"<p>report</p>", "text/html")
    return Judged(store, folder, dataset, identity, manifest, drawn, wrong)


def _rows(folder: Path, count: int, errors: int):
    labels = write_collection(folder, count=count, seed=4, size=32)
    with labels.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng, wrong = np.random.default_rng(6), {}
    for task in TAXONOMY.tasks:
        counts = Counter(row[task.name] for row in rows)
        common = [code for code in task.codes if counts[code] > 2]  # of a class alone no model can say anything
        known = [row for row in rows if row[task.name] in common]
        for place in rng.choice(len(known), errors, replace=False):
            others = [code for code in common if code != known[place][task.name]]
            wrong[known[place]["image"], task.name] = others[int(rng.integers(len(others)))]
    return rows, wrong


def _specification(store: DirectoryStore, text: str, folder: Path) -> str:
    experiment, taxonomy = parse_experiment(text, "file", folder)
    source = fingerprint(experiment, store)
    identity = experiment_id(experiment, taxonomy, source)
    record = {
        "experiment": experiment.model_dump(mode="json"),
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "source": source,
        "text": text,
        "created_at": "2026-01-02T03:04:05Z",
    }
    store.put(f"experiments/{identity}/specification.json", json.dumps(record).encode(), "application/json")
    return identity


def _run(store, values, manifest: Manifest, drawn, fold: int, folds: int) -> dict:
    """The fold's model is sure of what was drawn, of some photographs more than of others."""
    frame, rng = manifest.frame, np.random.default_rng(fold)
    numbers = {name: place for place, name in enumerate(dict.fromkeys(frame["object_id"]))}
    tested = np.array([numbers[name] % folds == fold for name in frame["object_id"]])
    own = manifest.take(tested).frame
    columns = {"image": list(own["image"]), "object_id": list(own["object_id"])}
    for task in TAXONOMY.tasks:
        codes = [drawn[source][task.name] or task.codes[0] for source in own["source"]]
        known = np.array([task.codes.index(code) for code in codes])
        said = 0.05 * rng.random((len(own), len(task.codes))) + 0.5 * np.eye(len(task.codes))[known]
        said /= said.sum(axis=1, keepdims=True)
        columns[f"true_{task.name}"] = [code if isinstance(code, str) else None for code in own[f"label_{task.name}"]]
        columns[f"predicted_{task.name}"] = [task.codes[place] for place in said.argmax(axis=1)]
        columns[f"probabilities_{task.name}"] = list(said.astype(np.float32))
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer, index=False)
    predictions = store.put(f"evaluations/{fold}.parquet", buffer.getvalue(), "application/vnd.apache.parquet")
    model, bundle = colour_bundle(
        store, taxonomy=TAXONOMY, neighbours=_neighbours(manifest.take(~tested)), seed=fold + 1
    )
    run = values["arms"][0]["runs"][0]
    return run | {
        "fold": fold,
        "model_id": model,
        "bundle": bundle.to_json(),
        "predictions": predictions.to_json(),
    }


def _neighbours(learnt: Manifest):
    frame = learnt.frame
    labels = {task.name: class_numbers(list(learnt.labels(task.name)), task) for task in TAXONOMY.tasks}
    about = {
        "image": list(frame["image"]),
        "object_id": list(frame["object_id"]),
        "source": list(frame["source"]),
        **{name: [""] * len(frame) for name in ("licence", "credit_line", "object_url")},
    }
    return make_neighbours(np.random.default_rng(0).random((len(frame), 3)).astype(np.float32), labels, about)
