"""`saggar models` and `saggar classify`: which classifiers there are, which one serves, what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import AsJson, print_json, print_table, say, settings
from saggar_orchestrator.local.home import Home

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List classifiers and choose the one that serves.")

_DEADLINE_S = 60.0


@app.command("list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """Classifiers of all experiments, best test macro-F1 first."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    with orchestrator(settings(context).home) as stub:
        models = stub.ListModels(orchestrator_pb2.ListModelsRequest(), timeout=_DEADLINE_S).models
    if as_json:
        print_json(
            [
                {
                    "model": m.model_id,
                    "experiment": m.experiment_id,
                    "arm": m.arm,
                    "seed": m.seed,
                    "test_mean_macro_f1": m.test_mean_macro_f1,
                    "active": m.active,
                }
                for m in models
            ]
        )
        return
    rows = []
    for m in models:
        state = "serves" if m.active else ""
        score = f"{m.test_mean_macro_f1:.3f}"
        rows.append((m.model_id, m.experiment_id, m.arm, str(m.seed), score, state))
    print_table(("model", "experiment", "arm", "seed", "mean macro-F1", ""), rows)


@app.command()
def activate(context: typer.Context, model: Annotated[str, typer.Argument(help="Model id.")]) -> None:
    """Makes the classifier serve a model."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    with orchestrator(settings(context).home) as stub:
        stub.ServeModel(orchestrator_pb2.ServeModelRequest(model_id=model), timeout=_DEADLINE_S)
    print(f"{model} serves")


def classify(
    context: typer.Context,
    images: Annotated[list[Path], typer.Argument(help="Photographs: JPEG, PNG, WebP or TIFF.")],
    top: Annotated[int, typer.Option(help="Classes per task.", min=1)] = 3,
    as_json: AsJson = False,
) -> None:
    """What the serving classifier says of photographs."""
    found = classify_files(settings(context).home, images, top)
    if as_json:
        print_json(found)
        return
    for entry in found:
        print_classification(entry)
    say(f"model {found[0]['model']}; probabilities are uncalibrated")


def classify_files(home: Home, images: list[Path], top: int) -> list[dict[str, Any]]:
    """The classifier's answer for every file. Raises NotFoundError and InvalidInputError naming the file."""
    from saggar.errors import InvalidInputError, NotFoundError
    from saggar.v1 import classifier_pb2

    from saggar_orchestrator.cli.services.client import classifier

    found = []
    with classifier(home) as stub:
        for path in images:
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                raise NotFoundError(f"{path}: no such file", str(path)) from None
            except IsADirectoryError:
                raise InvalidInputError(f"{path}: is a folder; name the photographs in it") from None
            request = classifier_pb2.ClassifyRequest(image=content, top_k=top)
            try:
                answer = stub.Classify(request, timeout=_DEADLINE_S)
            except InvalidInputError as error:
                raise InvalidInputError(f"{path}: {error}") from None
            found.append(
                {
                    "image": str(path),
                    "model": answer.model_id,
                    "predictions": {
                        p.task: [{"code": c.code, "name": c.name, "probability": c.probability} for c in p.classes]
                        for p in answer.predictions
                    },
                }
            )
    return found


def print_classification(entry: dict[str, Any], truth: dict[str, str | None] | None = None) -> None:
    """One photograph's predictions, a line per task; `truth` adds what the catalogue says."""
    print(entry["image"])
    for task, classes in entry["predictions"].items():
        answers = ", ".join(f"{c['name']} {c['probability']:.0%}" for c in classes)
        said = "" if truth is None else f"   [catalogue: {truth.get(task) or 'unknown'}]"
        print(f"  {task:<10} {answers}{said}")
