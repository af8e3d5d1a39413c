"""`saggar explain`: where in a photograph a classifier's answers come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import chosen, complete_model, ids_in
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, say, settings

if TYPE_CHECKING:
    from saggar.store import ObjectStore

_LARGEST_BYTES = 256 * 2**20


def explain(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Photograph (JPEG, PNG, WebP, TIFF).")],
    *,
    model: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="Model, or the beginning of its id; the one that serves where it is left out.",
            autocompletion=complete_model,
        ),
    ] = "",
    output: Annotated[
        Path | None, typer.Option(help="PNG to write; IMAGE.explained.png in this folder where it is left out.")
    ] = None,
    top: Annotated[int, typer.Option(help="Likeliest classes per task, a row each.", min=1, max=5)] = 1,
    as_json: AsJson = False,
) -> None:
    """Draws where in a photograph the likeliest classes of every task come from (Grad-CAM), as one PNG.

    Warm places speak for the class; what the network does not see, the frame cuts off. A place that is warm says what
    the network looked at, not that it was right to.
    """
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.explanations.drawing import draw
    from saggar_orchestrator.explanations.explaining import explain_photograph

    store = open_home_store(settings(context).home)
    identity = _model(store, model)
    found = explain_photograph(store, identity, _read(image), str(image), top)
    path = output or Path(f"{image.stem}.explained.png")
    try:
        draw(found, path)
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be written ({error.strerror}); name another --output") from None
    if as_json:
        print_json({"image": str(image), "model": identity, "output": str(path), "tasks": found.to_json()})
        return
    for task, classes in found.classes.items():
        print(f"  {task:<10} {', '.join(f'{one.name} {one.probability:.0%}' for one in classes)}")
    say(f"model {identity}; {path} shows where that comes from")


def _read(path: Path) -> bytes:
    from saggar.errors import InvalidInputError, NotFoundError
    from saggar.files.regular import read_regular

    try:
        return read_regular(path, _LARGEST_BYTES)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror}); name a photograph") from None


def _model(store: ObjectStore, beginning: str) -> str:
    from saggar.errors import WrongStateError

    if beginning:
        known = ids_in(store.list("bundles/"), "bundle.json")
        return chosen(known, beginning, "model", "`saggar models list` shows all")
    from saggar_orchestrator.peers.models import active_model

    active = active_model(store)
    if not active:
        raise WrongStateError(
            "no model serves; name one with --model (`saggar models list`), or `saggar models activate` one"
        )
    return active
