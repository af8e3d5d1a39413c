"""Labels where they teach most: photographs that `saggar data suggest` names, against as many drawn at random.

python bench/collections/suggestions.py --home DIR --model ID

prints JSON; minutes. The home has a model of kilnsim's taxonomy: the quickstart's, or that of label_doubts.py.

Pieces that the network has not seen are drawn: a few labelled, a pool without labels, a test. Heads (multinomial
logistic regression) are fitted to the network's features of the labelled ones; a batch of the pool is added, and the
heads are fitted again. Every way of choosing is repeated with other beginnings.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from saggar.kilnsim import write_collection
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.labelling.models import ask
from saggar_orchestrator.labelling.suggesting import ranked, uncertainty
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

TAXONOMY = load_taxonomy("kilnsim")
POOL, TEST = 1500, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--model", required=True, help="its whole id")
    parser.add_argument("--labelled", type=int, default=150)
    parser.add_argument("--batch", type=int, default=150)
    parser.add_argument("--repeats", type=int, default=10)
    given = parser.parse_args()
    store = DirectoryStore(given.home / "store")
    features, labels = drawn(store, given.model, given.home / "drawn-for-suggestions", given.labelled + POOL + TEST)
    print(json.dumps(compared(features, labels, given.labelled, given.batch, given.repeats), indent=1))


def drawn(store: DirectoryStore, model: str, folder: Path, count: int) -> tuple[Any, dict[str, Any]]:
    """Features [N, F] and labels of one photograph of every piece, by task; -1 unknown."""
    with write_collection(folder, count, 4321, 64).open(encoding="utf-8", newline="") as file:
        rows = list({row["object_id"]: row for row in reversed(list(csv.DictReader(file)))}.values())
    asked = ask(
        store.stat(f"bundles/{model}/bundle.json"),
        store,
        [row["image"] for row in rows],
        lambda *_: None,
        lambda name: (folder / name).read_bytes(),
    )
    labels = {
        task.name: np.array([task.codes.index(row[task.name]) if row[task.name] else -1 for row in rows])
        for task in TAXONOMY.tasks
    }
    return asked.features, labels


def compared(features: Any, labels: dict[str, Any], begun: int, batch: int, repeats: int) -> dict[str, Any]:
    """Mean macro-F1 over tasks on the test pieces, by way of choosing: mean over repeats, and paired differences."""
    scores: dict[str, list[float]] = {"none added": [], "random": [], "least sure": [], "suggested": []}
    for repeat in range(repeats):
        rng = np.random.default_rng(repeat)
        order = rng.permutation(len(features))
        test, rest = order[:TEST], order[TEST:]
        own, pool = rest[:begun], rest[begun:]
        heads = fitted(features, labels, own)
        said = {task: spread(head, features[pool], task) for task, head in heads.items()}
        chosen = {
            "none added": np.empty(0, np.int64),
            "random": rng.permutation(len(pool))[:batch],
            "least sure": np.argsort(-uncertainty(said), kind="stable")[:batch],
            "suggested": ranked(said, features[pool], batch, repeat),
        }
        for way, rows in chosen.items():
            more = fitted(features, labels, np.concatenate([own, pool[rows]]))
            scores[way].append(macro_f1(more, features, labels, test))
    random = np.array(scores["random"])
    return {
        "labelled": begun,
        "added": batch,
        "pool": POOL,
        "repeats": repeats,
        "macro_f1": {way: round(float(np.mean(values)), 4) for way, values in scores.items()},
        "better_than_random": {
            way: {
                "mean": round(float(np.mean(values - random)), 4),
                "standard_error": round(float(np.std(values - random, ddof=1) / repeats**0.5), 4),
                "of_repeats": int((np.array(values) > random).sum()),
            }
            for way, values in scores.items()
            if way in {"least sure", "suggested"}
        },
    }


def fitted(features: Any, labels: dict[str, Any], rows: Any) -> dict[str, Any]:
    heads = {}
    for task, numbers in labels.items():
        known = rows[numbers[rows] >= 0]
        heads[task] = LogisticRegression(C=10.0, max_iter=300).fit(features[known], numbers[known])
    return heads


def spread(head: Any, features: Any, task: str) -> Any:
    """[N, C] over all classes; those that the head has not met have none."""
    found = np.zeros((len(features), len(TAXONOMY.task(task).codes)), np.float32)
    found[:, head.classes_] = head.predict_proba(features)
    return found


def macro_f1(heads: dict[str, Any], features: Any, labels: dict[str, Any], rows: Any) -> float:
    found = []
    for task, head in heads.items():
        known = rows[labels[task][rows] >= 0]
        truth = labels[task][known]
        said = head.predict(features[known])
        found.append(f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0))
    return float(np.mean(found))


if __name__ == "__main__":
    main()
