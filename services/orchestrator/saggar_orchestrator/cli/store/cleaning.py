"""`saggar store clean`: what nothing refers to any more, out of the store."""

from __future__ import annotations

import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    plural,
    print_json,
    print_table,
    say,
    settings,
)
from saggar_orchestrator.cli.terminal.progress_line import spinner
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar_orchestrator.cleaning import Cleaned


def clean(
    context: typer.Context,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it; else only say what would be deleted.")] = False,
    older_than: Annotated[
        float, typer.Option(metavar="HOURS", min=1, help="Keep what was written in the last so many hours.")
    ] = 24.0,
    as_json: AsJson = False,
) -> None:
    """Says what nothing refers to any more; --delete deletes it.

    Kept are experiments with all that they name and would take over, imported photographs and adapters, reviews and the
    model that serves. Safe beside running experiments: what their steps may find again is left until none is under way.
    """
    home = settings(context).home
    with spinner("looking for what nothing refers to"):
        found = _clean_there(home, older_than, delete) if _is_served(home) else _clean_here(home, older_than, delete)
    if as_json:
        print_json(asdict(found))
        return
    _show(found)


def _is_served(home: Home) -> bool:
    return home.remote or home.running() is not None


def _clean_there(home: Home, older_than: float, delete: bool) -> Cleaned:
    """By the orchestrator, which knows what runs."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator
    from saggar_orchestrator.messages import cleaned_from_message

    request = orchestrator_pb2.CleanStoreRequest(delete=delete, older_than_hours=older_than)
    with orchestrator(home) as stub:
        for event in stub.CleanStore(request):
            if event.HasField("result"):
                return cleaned_from_message(event.result)
    raise AssertionError("the stream ended without a result")


def _clean_here(home: Home, older_than: float, delete: bool) -> Cleaned:
    """While no service runs, and none of this home can start."""
    from saggar.errors import WrongStateError
    from saggar.store import ListedStore

    from saggar_orchestrator.cleaning import Cleaned, take_out
    from saggar_orchestrator.cli.experiments.archive import Archive
    from saggar_orchestrator.peers.peers import Peers
    from saggar_orchestrator.workflow.run import Resources
    from saggar_orchestrator.workflow.upkeep.forgotten import forgotten

    if not home.root.exists() and not os.environ.get("SAGGAR_STORE"):
        return Cleaned((), delete, is_partial=False)
    if os.environ.get("SAGGAR_DATABASE_URL"):
        raise WrongStateError(
            "other orchestrators may work with this workflow database: start this home's with `saggar up`, or name one "
            "with --server, which knows what runs"
        )
    with home.claim():
        store = open_home_store(home)
        assert isinstance(store, ListedStore)  # noqa: S101 every store of this machine is one
        found = forgotten(
            store,
            Resources(store, Peers({}, 0.0), home.collections, 1),
            tuple(Archive(home).recorded_steps().items()),
            older_than_s=older_than * 3600,
            under_way=(),
            report=lambda _: None,
        )
        if delete:
            found = take_out(store, found, lambda _: None)
    return Cleaned.of(found, deleted=delete, is_partial=False)


def _show(found: Cleaned) -> None:
    objects, size = sum(each.objects for each in found.folders), sum(each.size_bytes for each in found.folders)
    if found.folders:
        rows = [(each.name, f"{each.objects:,}", _megabytes(each.size_bytes)) for each in found.folders]
        print_table(("folder", "objects", "MB"), [*rows, ("all", f"{objects:,}", _megabytes(size))])
    if found.deleted:
        say(f"{plural(objects, 'object')} deleted, {_megabytes(size)} MB")
    elif objects:
        say(f"nothing refers to {plural(objects, 'object')}, {_megabytes(size)} MB; add --delete to delete them")
    else:
        say("everything that is old enough is referred to; there is nothing to delete")
    if found.is_partial:
        say(
            "steps are under way: images, models, adapters and notes of finished work were left to them; once no "
            "experiment runs there may be more"
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f}"
