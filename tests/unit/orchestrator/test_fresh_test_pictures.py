"""Pieces that kilnsim draws for the test split alone."""

from pathlib import Path

import pytest
from saggar.dataset.leakage import near_any
from saggar.errors import InvalidInputError
from saggar.store import DirectoryStore, ObjectRef
from saggar.stored_datasets import read_manifest
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.source import fingerprint
from saggar_orchestrator.workflow.run import Specification
from saggar_orchestrator.workflow.steps.dividing import split_inputs, split_manifest
from saggar_orchestrator.workflow.steps.importing import import_photographs

TEXT = """
name: fresh
taxonomy: kilnsim
data:
  kilnsim: {{count: 120, seed: 3, size_px: 32{fresh}}}
{more}arms: [{{name: baseline}}]
"""


def imported(folder: Path, fresh: str):
    store = DirectoryStore(folder / "store")
    text = TEXT.format(fresh=fresh, more="")
    experiment, taxonomy = parse_experiment(text, "fresh.yaml", folder)
    specification = Specification("fresh-1", experiment, taxonomy, fingerprint(experiment, store), text, "")
    result = import_photographs(store, specification, folder / "collections", lambda _: None)
    return store, experiment.data, result


def test_they_are_tested_on_and_nothing_else_changes(tmp_path):
    store, data, with_fresh = imported(tmp_path, ", fresh_test: 90")
    *_, without = imported(tmp_path, "")
    assert with_fresh["manifest"] == without["manifest"]
    assert "fresh" not in without
    whole, part = (
        read_manifest(store, ObjectRef.from_json(split_manifest(store, one, data, 0)["manifest"]))
        for one in (with_fresh, without)
    )
    for name in ("train", "validation"):
        assert whole.select(split=name) == part.select(split=name)
    test, old = whole.select(split="test"), part.select(split="test")
    assert len(test) == len(old) + with_fresh["fresh_images"]
    assert 80 <= with_fresh["fresh_images"] <= 90
    added = test.take(~test.frame["image"].isin(set(old.frame["image"])).to_numpy())
    assert not near_any(added, part).any()
    assert split_inputs(with_fresh, data, 0) != split_inputs(without, data, 0)


def test_folds_have_no_use_for_them(tmp_path):
    text = TEXT.format(fresh=", fresh_test: 50", more="  folds: 3\n")
    with pytest.raises(InvalidInputError, match="fresh_test is for a single split"):
        parse_experiment(text, "fresh.yaml", tmp_path)
