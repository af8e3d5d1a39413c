"""Experiment files of one arm and several folds: every photograph is judged by a model that has not seen its object."""

from __future__ import annotations

from typing import Any

import yaml
from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.writing.beginning import Sized, learning_lines

_SEEDS = [0]  # folds give every photograph its answer; more seeds make it steadier, and cost as much again


def folds_of_dataset(dataset: str, manifest: Manifest, taxonomy: Taxonomy, folds: int) -> str:
    """Plain training by settings for so many photographs. Raises InvalidInputError where nothing can be learnt."""
    tasks = [task for task in taxonomy.task_names if len(manifest.counts(task)) > 1]
    if not tasks:
        raise InvalidInputError(f"{dataset}: every task has labels of one class at most, so nothing can be learnt")
    sized = Sized.of(len(manifest) * (folds - 1) // folds)
    learning = yaml.safe_load("\n".join(learning_lines(sized)))
    return _text(
        {
            "name": "folds",
            "title": f"Folds of data set {dataset}",
            "taxonomy": taxonomy.id,
            "tasks": tasks,
            "data": {"dataset": dataset, "folds": folds},
            "seeds": _SEEDS,
            "training": {
                "architecture": "mobilenet_v3_large",
                "initial_weights": "imagenet",
                "batch_size": sized.batch_size,
                **learning,
            },
            "arms": [{"name": "baseline"}],
        }
    )


def folds_of_experiment(experiment: Experiment, folds: int) -> str:
    """The baseline of `experiment` alone, trained as there."""
    values = experiment.model_dump(mode="json", exclude_defaults=True)
    data: dict[str, Any] = {
        name: value for name, value in values["data"].items() if name not in {"folds", "leave_out", "withhold"}
    }
    if "kilnsim" in data:
        data["kilnsim"].pop("fresh_test", None)
    kept: dict[str, Any] = {
        name: values[name] for name in ("taxonomy", "tasks", "augmentation", "training") if name in values
    }
    baseline = experiment.baseline
    arm: dict[str, Any] = {"name": baseline.name}
    if baseline.training:
        arm["training"] = dict(baseline.training)
    return _text(
        {
            "name": "folds",
            "title": f"Folds of {experiment.title or experiment.name}",
            **kept,
            "data": {**data, "folds": folds},
            "seeds": _SEEDS,
            "arms": [arm],
        }
    )


def _text(values: dict[str, Any]) -> str:
    return "# Written by `saggar data doubts --run`.\n" + yaml.safe_dump(values, allow_unicode=True, sort_keys=False)
