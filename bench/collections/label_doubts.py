"""Planted label errors: how many of them `saggar data doubts` lists, and how many of those it lists are planted.

python bench/collections/label_doubts.py --home DIR

draws pieces, plants errors, trains folds, judges; prints JSON. Some ten minutes on two cores; with the same DIR again,
seconds.

Labels of whole objects are replaced by another class of the task, each class as likely as the others. Folds are trained
on the wrong labels, as a user's would be.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
from pathlib import Path

from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.labelling.doubts import find_doubts
from saggar_orchestrator.labelling.held_out import held_out

TAXONOMY = load_taxonomy("kilnsim")
EXPERIMENT = """\
name: folds
taxonomy: kilnsim
data: {images: planted, labels: planted/wrong.csv, folds: 5}
seeds: [0]
training:
  architecture: mobilenet_v3_large_minimalistic
  initial_weights: random
  image_size_px: 64
  batch_size: 32
  max_epochs: 10
  patience_epochs: 10
  backbone_learning_rate: 3.0e-3
  head_learning_rate: 3.0e-3
  dropout: 0.2
  projection: false
  logit_adjustment: loss
  sampler: combination
  sampler_tasks: [glaze, type]
  retrain_heads: real
arms:
  - name: baseline
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000, help="objects")
    parser.add_argument("--share", type=float, default=0.06, help="of the labels that are wrong, per task")
    parser.add_argument("--seed", type=int, default=21)
    given = parser.parse_args()
    folder = given.home / "drawn"
    wrong = plant(folder / "planted", given.count, given.share, given.seed)
    file = folder / "folds.yaml"
    file.write_text(EXPERIMENT, encoding="utf-8")
    if code := run(["--home", str(given.home), "experiment", "run", str(file)]):
        raise SystemExit(code)
    print(json.dumps(measured(DirectoryStore(given.home / "store"), wrong), indent=1))


def plant(folder: Path, count: int, share: float, seed: int) -> set[tuple[str, str]]:
    """Writes wrong.csv beside the drawings; the photographs and tasks that are wrong there."""
    with write_collection(folder, count, seed, 64).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng, by_object = random.Random(5), dict[str, dict[str, str]]()
    planted: set[tuple[str, str]] = set()
    for row in rows:
        if row["object_id"] not in by_object:
            by_object[row["object_id"]] = {
                task.name: rng.choice([code for code in task.codes if code != row[task.name]])
                for task in TAXONOMY.tasks
                if row[task.name] and rng.random() < share
            }
        for task, code in by_object[row["object_id"]].items():
            if row[task]:
                row[task] = code
                planted.add((row["image"], task))
    with (folder / "wrong.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return planted


def measured(store: DirectoryStore, wrong: set[tuple[str, str]]) -> dict[str, object]:
    """Precision and recall of the whole list, and of its beginning: as many as there are planted errors."""
    keys = [key for key in store.list("experiments/") if key.endswith("/results.json")]
    results = max((json.loads(store.get(key)) for key in keys), key=lambda each: each["experiment"]["created_at"])
    found = find_doubts(held_out(store, results), store.get)
    accuracy = {each["task"]: each["accuracy"]["mean"] for each in results["arms"][0]["tasks"]}
    lines = {}
    for task in (*TAXONOMY.task_names, "all"):
        listed = [(one.source, one.task) for one in found.doubts if task in {one.task, "all"}]
        planted = {each for each in wrong if task in {each[1], "all"}}
        hits = sum(each in planted for each in listed)
        lines[task] = {
            "labels": sum(found.labels.values()) if task == "all" else found.labels[task],
            "planted": len(planted),
            "listed": len(listed),
            "precision": round(hits / max(1, len(listed)), 3),
            "recall": round(hits / len(planted), 3),
        }
        if task != "all":
            first = sum(each in planted for each in listed[: len(planted)])
            lines[task] |= {
                "precision_of_as_many": round(first / len(planted), 3),
                "accuracy_by_wrong_labels": round(accuracy[task], 3),
            }
    return {"photographs": found.photographs, "tasks": lines}


if __name__ == "__main__":
    main()
