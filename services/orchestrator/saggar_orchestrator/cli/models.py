"""`saggar models`: which classifiers there are, and which one serves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import chosen, complete_model
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings

if TYPE_CHECKING:
    from saggar.store import ObjectStore

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Lists classifiers; chooses the one that serves.",
)

_DEADLINE_S = 60.0
_ACTIVE = "classifier/active/"  # the classifier's notes: the highest number is the model that it serves


@app.command("list")
def list_models(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Lists all classifiers, best on validation first.

    Test scores are shown and do not order: whoever picks a model by them has no honest test left.
    """
    from saggar_orchestrator.peers.models import known_models

    store = open_home_store(settings(context).home)
    models, active = known_models(store), active_model(store)
    if as_json:
        print_json(
            [
                {
                    "model": m.model_id,
                    "experiment": m.experiment_id,
                    "arm": m.arm,
                    "seed": m.seed,
                    "validation_macro_f1": m.validation_macro_f1,
                    "test_mean_macro_f1": m.test_mean_macro_f1,
                    "active": m.model_id == active,
                }
                for m in models
            ]
        )
        return
    rows = [
        (
            m.model_id,
            m.experiment_id,
            m.arm,
            str(m.seed),
            f"{m.validation_macro_f1:.3f}",
            f"{m.test_mean_macro_f1:.3f}",
            "active" if m.model_id == active else "",
        )
        for m in models
    ]
    print_table(("model", "experiment", "arm", "seed", "validation", "test", ""), rows)
    if not rows:
        say("no model yet: a finished experiment leaves one for every arm and seed")
    elif not active:
        say("none serves; `saggar models activate MODEL` chooses one")


@app.command()
def activate(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model, or the beginning of its id.", autocompletion=complete_model)
    ],
) -> None:
    """Makes the classifier serve a model."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator
    from saggar_orchestrator.peers.models import known_models

    home = settings(context).home
    known = [entry.model_id for entry in known_models(open_home_store(home))]
    identity = chosen(known, model, "model", "`saggar models list` shows all")
    with orchestrator(home) as stub:
        stub.ServeModel(orchestrator_pb2.ServeModelRequest(model_id=identity), timeout=_DEADLINE_S)
    print(f"{identity} serves")


def active_model(store: ObjectStore) -> str:
    """The model that was activated last; empty when none was."""
    import json

    keys = sorted(key for key in store.list(_ACTIVE) if key.endswith(".json"))
    if not keys:
        return ""
    try:
        return str(json.loads(store.get(keys[-1]))["key"]).split("/")[1]
    except (ValueError, KeyError, IndexError):
        return ""  # a note that the classifier cannot read either: it serves nothing
