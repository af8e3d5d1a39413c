"""`saggar quickstart`: the whole story on this machine, on drawn porcelain."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import typer

from saggar_orchestrator.cli.terminal.output import say, settings
from saggar_orchestrator.local.home import Home

_NEEDED = ("orchestrator", "classifier")  # enough for a second time; the others are for new work


def quickstart(context: typer.Context) -> None:
    """Runs the whole story on this machine, in minutes.

    Photographs, adapter, images, mixes, report, serving classifier.
    """
    from saggar_orchestrator.cli.experiments.results import results_of, show_results
    from saggar_orchestrator.cli.experiments.running import finish, start
    from saggar_orchestrator.cli.services.local import local_services
    from saggar_orchestrator.local.supervisor import SERVICES

    home = settings(context).home
    with resources.as_file(
        resources.files("saggar_orchestrator") / "experiment" / "shipped" / "quickstart.yaml"
    ) as file:
        text = file.read_text(encoding="utf-8")
        say("Saggar quickstart: does synthetic data help to classify drawn porcelain?")
        with local_services(home, needed=_NEEDED, started=_NEEDED) as supervisor:
            experiment = start(home, text, file)
            identity = experiment.experiment_id
            if not experiment.HasField("report"):
                if supervisor is not None:
                    supervisor.start(SERVICES)
                finish(home, identity, supervisor)
            results = results_of(home, identity)
            show_results(home, results)
            _serve_and_classify(home, results)


def _serve_and_classify(home: Home, results: dict[str, Any]) -> None:
    """Puts the winner into service and shows it one photograph that no training has seen."""
    from saggar.client import Question
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.classification_lines import lines_of
    from saggar_orchestrator.cli.classify import classify_each
    from saggar_orchestrator.cli.services.client import orchestrator
    from saggar_orchestrator.cli.terminal.output import open_home_store

    winner, held_out = results["winner"], results["pictures"]["held_out"]
    with orchestrator(home) as stub:
        stub.ServeModel(orchestrator_pb2.ServeModelRequest(model_id=winner["model_id"]), timeout=120)
    came = f"arm {winner['arm']}, seed {winner['seed']}"
    print(f"\nserving: model {winner['model_id']} ({came}), chosen on validation images")
    key = held_out["image"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(key).name
        open_home_store(home).fetch(key, path)
        entry = next(classify_each(home, [path], Question(top_k=3)))
    entry["image"] = f"one photograph of the test split, {key}:"
    for line in lines_of(entry, truth=held_out["labels"]):
        print(line)
