"""`saggar models`: which classifiers there are, and which one serves."""

from __future__ import annotations

from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import chosen, complete_model
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Lists classifiers; chooses the one that serves.",
)

_DEADLINE_S = 60.0


@app.command("list")
def list_models(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Lists all classifiers, best on validation first.

    Test scores are shown and do not order: whoever picks a model by them has no honest test left. Each experiment
    proposes one model: of the simplest arm, the baseline first, within one standard error of the best on validation.
    """
    from saggar_orchestrator.peers.models import active_model, known_models

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
                    "test_interval": m.test_interval,
                    "proposed": m.proposed,
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
            f"{m.test_mean_macro_f1:.3f}" + (" ({:.3f} to {:.3f})".format(*m.test_interval) if m.test_interval else ""),
            ", ".join(word for word, holds in (("active", m.model_id == active), ("proposed", m.proposed)) if holds),
        )
        for m in models
    ]
    print_table(("model", "experiment", "arm", "seed", "validation", "test (95 % interval)", ""), rows)
    if not rows:
        say("no model yet: a finished experiment leaves one for every arm and seed")
    elif not active:
        say("none serves; `saggar models activate MODEL` chooses one, best a proposed one")


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
    entries = {entry.model_id: entry for entry in known_models(open_home_store(home))}
    identity = chosen(list(entries), model, "model", "`saggar models list` shows all")
    of = entries[identity].experiment_id
    proposed = next((one for one in entries.values() if one.proposed and one.experiment_id == of), None)
    if proposed is not None and proposed.model_id != identity:
        say(
            f"its experiment proposes {proposed.model_id} of arm {proposed.arm}: the simplest that validation "
            "cannot tell from its best"
        )
    with orchestrator(home) as stub:
        stub.ServeModel(orchestrator_pb2.ServeModelRequest(model_id=identity), timeout=_DEADLINE_S)
    print(f"{identity} serves")
