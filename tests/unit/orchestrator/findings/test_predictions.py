"""Stored predictions, read again."""

import io

import numpy as np
import pandas as pd
import pytest
from saggar.errors import DataCorruptionError
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.findings.predictions import read_predictions

TAXONOMY = load_taxonomy("kilnsim").narrowed(["glaze", "type"])


def stored(tmp_path, **changes):
    store = DirectoryStore(tmp_path)
    columns = {"image": ["b", "a"], "object_id": ["2", "1"]}
    for task in TAXONOMY.tasks:
        columns |= {
            f"true_{task.name}": [task.codes[0], None],
            f"predicted_{task.name}": [task.codes[1], task.codes[0]],
            f"probabilities_{task.name}": [np.full(len(task.codes), 1 / len(task.codes), np.float32)] * 2,
        }
    frame = pd.DataFrame({name: values for name, values in columns.items() if name not in changes.get("without", ())})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return store, store.put("evaluations/x.parquet", buffer.getvalue(), "application/vnd.apache.parquet")


def test_rows_are_sorted_and_unknown_is_minus_one(tmp_path) -> None:
    found = read_predictions(*stored(tmp_path), TAXONOMY)
    assert found.images == ("a", "b")
    assert found.true["glaze"].tolist() == [-1, 0]
    assert found.predicted["glaze"].tolist() == [0, 1]


def test_a_task_that_the_model_does_not_answer_is_unknown_everywhere(tmp_path) -> None:
    gone = ("true_type", "predicted_type", "probabilities_type")
    found = read_predictions(*stored(tmp_path, without=gone), TAXONOMY)
    assert found.true["type"].tolist() == [-1, -1]
    assert found.probabilities["type"].shape == (2, len(TAXONOMY.task("type").codes))
    assert found.place_of_truth("type").tolist() == [-1, -1]


def test_half_a_task_is_a_damaged_file(tmp_path) -> None:
    with pytest.raises(DataCorruptionError, match="without the column 'predicted_type'"):
        read_predictions(*stored(tmp_path, without=("predicted_type",)), TAXONOMY)
