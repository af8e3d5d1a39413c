"""Every number of the findings in results.json, computed a second time from the stored tables of predictions."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
import recomputed
from invented_answers import taxonomy
from saggar.store import DirectoryStore
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import class_numbers, read_predictions
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts, rare_images

CLASSES = {"dynasty": 2, "kiln": 6, "mark": 3}
TAXONOMY = taxonomy(CLASSES)
CODES = {task.name: list(task.codes) for task in TAXONOMY.tasks}
HITS = {"baseline": 0.6, "little": 0.63, "much": 0.9}
SEEDS = (4, 0, 7)


def collection(rng, n, marked):
    """Labels of n photographs of fewer objects; some kilns unknown, kiln c5 in no test, and no
    mark known unless `marked`.
    """
    objects = np.sort(rng.integers(0, int(n * 0.8), n))
    by_object = {
        "dynasty": rng.integers(0, 2, n),
        "kiln": np.minimum(rng.geometric(0.45, n) - 1, 4),
        "mark": rng.integers(0, 3, n) if marked else np.full(n, -1),
    }
    by_object["kiln"][rng.random(n) < 0.1] = -1
    labels = {task: [CODES[task][v] if v >= 0 else None for v in values[objects]] for task, values in by_object.items()}
    return pd.DataFrame({"object_id": [f"object {i}" for i in objects], **labels})


def table(rng, labels, hit, first):
    """As the trainer stores what a bundle says of photographs."""
    n = len(labels)
    columns = {"image": [f"images/{first + i:04}.png" for i in range(n)], "object_id": labels["object_id"]}
    for task, codes in CODES.items():
        scores = rng.random((n, len(codes)))
        for row, code in enumerate(labels[task]):
            if isinstance(code, str) and rng.random() < hit:
                scores[row, codes.index(code)] += 1
        scores = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
        columns[f"true_{task}"] = labels[task].to_list()
        columns[f"predicted_{task}"] = [codes[place] for place in scores.argmax(axis=1)]
        columns[f"probabilities_{task}"] = list(scores)
    return pd.DataFrame(columns).sample(frac=1, random_state=int(rng.integers(1000)))


def both(tmp_path, folds, marked):
    """(the product's, the second computation's) findings, each (evidence, arms)."""
    rng, store = np.random.default_rng(11), DirectoryStore(tmp_path)
    test, training = collection(rng, 48, marked), collection(rng, 200, marked)
    fold_of = test["object_id"].map({name: i % folds for i, name in enumerate(sorted(set(test["object_id"])))})
    trained, frames = {}, {}
    for arm, hit in HITS.items():
        trained[arm], frames[arm] = [], {}
        for seed in SEEDS:
            parts = []
            for fold in range(folds):
                said = table(rng, test[fold_of == fold].reset_index(drop=True), hit, 1000 * fold)
                buffer = io.BytesIO()
                said.to_parquet(buffer, index=False)
                key = f"evaluations/{arm}-{seed}-{fold}.parquet"
                reference = store.put(key, buffer.getvalue(), "application/vnd.apache.parquet")
                trained[arm].append(Trained(seed, read_predictions(store, reference, TAXONOMY), fold))
                parts.append(pd.read_parquet(tmp_path / key).assign(fold=fold))
            frames[arm][seed] = pd.concat(parts).sort_values("image").reset_index(drop=True)
    first = frames["baseline"][SEEDS[0]]
    numbers = [
        {task.name: class_numbers(frame[start + task.name], task) for task in TAXONOMY.tasks}
        for frame, start in ((first, "true_"), (training, ""))
    ]
    counts = TrainingCounts(
        {task: [int((training[task] == code).sum()) for code in codes] for task, codes in CODES.items()},
        rare_images(tuple(first["image"]), *numbers),
    )
    found = find(TAXONOMY, trained, "baseline", counts)
    second = recomputed.findings(recomputed.Tables(frames, training, CODES), "baseline")
    return json.loads(json.dumps([found.evidence, found.arms])), second


def assert_same(found, expected, where="results"):
    """Equal in structure and in every number, to some digits; nothing of `found` is left unlooked at."""
    if isinstance(expected, dict):
        assert set(found) == set(expected), (where, set(found) ^ set(expected))
        for key, value in expected.items():
            assert_same(found[key], value, f"{where}.{key}")
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected), where
        for place, value in enumerate(expected):
            assert_same(found[place], value, f"{where}[{place}]")
    elif isinstance(expected, float | np.floating) and not isinstance(found, bool):
        assert found is not None, where
        exact = 1e-6 if where.endswith("smallest_difference") else 1e-9  # as exact as the inverse of noncentral t
        assert math.isclose(found, expected, rel_tol=exact, abs_tol=exact), (where, found, expected)
    else:
        assert found == expected, where


@pytest.mark.parametrize(("folds", "marked"), [(1, False), (5, True)])
def test_every_number_is_found_again(tmp_path, folds, marked):
    (evidence, arms), (expected_evidence, expected_arms) = both(tmp_path, folds, marked)
    assert (expected_arms["little"]["rare_combinations"]["images"] > 0) == marked
    words = {"averaging", "correction"}
    assert_same({k: v for k, v in evidence.items() if k not in words}, expected_evidence)
    assert_same(arms, expected_arms)
    verdicts = {row["verdict"] for arm in ("little", "much") for row in arms[arm]["differences"]["macro_f1"].values()}
    assert {"helped", "unclear"} <= verdicts  # both kinds of row were looked at
