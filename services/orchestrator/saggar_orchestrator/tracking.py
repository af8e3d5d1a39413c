"""Trainings of finished experiments in MLflow, for those who keep all theirs there (`SAGGAR_MLFLOW_URI`).

A run per arm, seed and fold in the MLflow experiment `saggar/<name>`: settings, validation by epoch, test scores. The
store keeps the results; MLflow has a copy, so whatever goes wrong there is a warning in the log and nothing else.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from saggar.errors import InvalidInputError
from saggar.store import ObjectRef, ObjectStore

Results = Mapping[str, Any]
log = logging.getLogger(__name__)

_EXPERIMENT, _RUN = "saggar.experiment", "saggar.run"
_IN_A_BATCH = 1000  # metrics that MLflow takes in one call
# MLflow's own seven attempts of two minutes would hold the end of an experiment for a quarter of an hour, and it tells
# its makers what it is used for. What whoever runs the service has set is kept.
_UNLESS_SET = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


class Tracker:
    """Copies results to the MLflow server, database or folder at `uri`.

    Raises InvalidInputError where `uri` is none, or the library is missing: at the start, not after a day's work.
    """

    def __init__(self, uri: str) -> None:
        if importlib.util.find_spec("mlflow") is None:
            raise InvalidInputError(
                "SAGGAR_MLFLOW_URI is set, and the library mlflow is missing: pip install "
                "'saggar-orchestrator[mlflow]', or unset it"
            )
        try:
            parts = urlsplit(uri)
        except ValueError as error:
            raise InvalidInputError(f"SAGGAR_MLFLOW_URI is no address: {error}") from error
        self._uri = uri
        self._place = parts.hostname or parts.scheme or "a folder"
        self._secrets = [text for text in (uri, parts.password) if text]  # a log has none

    def track(self, store: ObjectStore, results: ObjectRef) -> bool:
        """Whether all of results.json is there now. What an earlier attempt has finished is left alone."""
        for name, value in _UNLESS_SET.items():
            os.environ.setdefault(name, value)
        try:
            made = self._track(json.loads(store.read(results)))
        except Exception as error:  # noqa: BLE001 - of a copy, whoever fails and how
            said = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            for secret in self._secrets:
                said = said.replace(secret, "…")
            log.warning("%s is not in MLflow at %s, and the experiment goes on: %s", results.key, self._place, said)
            return False
        log.info("%s: %d runs written to MLflow at %s", results.key, made, self._place)
        return True

    def _track(self, results: Results) -> int:
        from mlflow.tracking import MlflowClient

        client = MlflowClient(tracking_uri=self._uri)
        name, identity = f"saggar/{results['experiment']['name']}", results["experiment"]["id"]
        there = client.get_experiment_by_name(name)
        experiment = there.experiment_id if there else client.create_experiment(name)
        earlier = client.search_runs([experiment], filter_string=f"tags.`{_EXPERIMENT}` = '{identity}'")
        finished = {run.data.tags[_RUN] for run in earlier if run.info.status == "FINISHED"}
        for run in earlier:
            if run.info.status != "FINISHED":  # of an attempt that died
                client.delete_run(run.info.run_id)
        made = 0
        for arm in results["arms"]:
            for place, run in enumerate(arm["runs"]):
                key = f"{arm['name']}, seed {run['seed']}, fold {run.get('fold', 0)}"
                if key not in finished:
                    _write(client, experiment, key, results, arm, place)
                    made += 1
        return made


def _write(client: Any, experiment: str, key: str, results: Results, arm: Results, place: int) -> None:
    from mlflow.entities import Metric, Param

    run = arm["runs"][place]
    tags = {
        "mlflow.runName": key,
        _EXPERIMENT: results["experiment"]["id"],
        _RUN: key,
        "saggar.arm": arm["name"],
        "saggar.model": run["model_id"],
        "saggar.baseline": results["baseline"],
    }
    identity = client.create_run(experiment, tags=tags, run_name=key).info.run_id
    params = [Param(name, str(value)[:500]) for name, value in _settings(results, arm, run).items()]
    client.log_batch(identity, params=params)
    metrics = [Metric(name, value, 0, step) for name, value, step in _numbers(arm, place)]
    for start in range(0, len(metrics), _IN_A_BATCH):
        client.log_batch(identity, metrics=metrics[start : start + _IN_A_BATCH])
    client.set_terminated(identity, "FINISHED")


def _settings(results: Results, arm: Results, run: Results) -> dict[str, Any]:
    settings = results["settings"]
    return {
        "seed": run["seed"],
        "fold": run.get("fold", 0),
        "architecture": settings["architecture"],
        "initial_weights": settings["initial_weights"],
        "base_model": settings["base_model"],
        "training_images": arm["training_images"],
        "synthetic_images": arm["by_origin"].get("synthetic", 0),
        "share_of_synthetic": round(arm["share_reached"], 6),
        **{f"training.{name}": value for name, value in arm["training"].items()},
    }


def _numbers(arm: Results, place: int) -> Iterator[tuple[str, float, int]]:
    """(name, value, epoch) of what can be a metric there: no unknown value."""
    run = arm["runs"][place]
    for epoch in run["epochs"]:
        by_task = epoch.get("validation_macro_f1_by_task") or {}
        named = {name: epoch[name] for name in ("training_loss", "validation_loss", "validation_macro_f1")}
        named |= {f"validation_macro_f1.{task}": value for task, value in by_task.items()}
        for name, value in named.items():
            if _is_known(value):
                yield name, value, epoch["epoch"]
    yield "kept_epoch", run["best_epoch"], run["best_epoch"]
    test = {"test_macro_f1": run["test_mean_macro_f1"]}
    for task in arm["tasks"]:
        if task["n"]:
            test |= {f"test_{score}.{task['task']}": task["runs"][place][score] for score in ("macro_f1", "accuracy")}
    for name, value in test.items():
        if _is_known(value):
            yield name, value, run["best_epoch"]


def _is_known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
