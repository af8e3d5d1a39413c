"""`saggar experiment init`: an experiment file to begin with."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.identities import complete_dataset
from saggar_orchestrator.cli.terminal.output import open_home_store, say, settings
from saggar_orchestrator.local.home import Home


class Origin(StrEnum):
    """What an experiment file may begin as."""

    QUICKSTART = "quickstart"
    PAPER = "paper"
    SELECTIVE = "selective"
    COMPOSITES = "composites"
    MY_DATA = "my-data"


_ABOUT = {
    Origin.QUICKSTART: "drawn porcelain, minutes on this machine",
    Origin.PAPER: "the paper's numbers; needs its photographs, Stable Diffusion and a GPU",
    Origin.SELECTIVE: "as quickstart; synthetic images teach everything but the glaze",
    Origin.COMPOSITES: "as quickstart; every surface on every form, composed of two photographs",
    Origin.MY_DATA: "your own photographs, with values for their number",
}


def init(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="DATASET FILE",
            help="With my-data the data set, then the file to write; default: NAME.yaml.",
            autocompletion=complete_dataset,
        ),
    ] = None,
    *,
    origin: Annotated[
        Origin | None, typer.Option("--from", help="What to begin with; without it, you are asked.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Writes a commented experiment file.

    `--from my-data DATASET` chooses values for the size of that data set, and says why.
    """
    from saggar.errors import AlreadyExistsError, InvalidInputError

    from saggar_orchestrator.experiment.shipped import shipped_text

    home = settings(context).home
    chosen = origin or _ask()
    given = list(names or [])
    if chosen is Origin.MY_DATA:
        name, text = _for_dataset(home, given.pop(0) if given else _ask_dataset(home))
    else:
        name, text = str(chosen), shipped_text(str(chosen))
    if len(given) > 1:
        raise typer.BadParameter(f"one file is written, and {len(given)} are named: {', '.join(given)}")
    path = Path(given[0] if given else f"{name}.yaml")
    if path.exists() and not force:
        raise AlreadyExistsError(f"{path} is there already; name another file, or add --force to write over it")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"cannot write {path}: {error.strerror}; name a file where you may write") from None
    print(path)
    say(f"next: saggar experiment plan {path}, then saggar experiment run {path}")


def _for_dataset(home: Home, beginning: str) -> tuple[str, str]:
    from saggar.errors import InvalidInputError
    from saggar.stored_datasets import manifest_key, read_manifest

    from saggar_orchestrator.cli.terminal.datasets import find_dataset, taxonomy_of
    from saggar_orchestrator.experiment.writing.beginning import experiment_text

    store = open_home_store(home)
    dataset = find_dataset(store, beginning)
    manifest = read_manifest(store, store.stat(manifest_key(dataset)))
    taxonomy = taxonomy_of(manifest, None)
    if taxonomy is None:
        raise InvalidInputError(
            f"no shipped taxonomy has the tasks and codes of {dataset}; start from `--from quickstart` and name your "
            "taxonomy's file under `taxonomy`"
        )
    return "my-collection", experiment_text(dataset, manifest, taxonomy)


def _ask() -> Origin:
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"say what to begin with: --from {'|'.join(Origin)}")
    for number, each in enumerate(Origin, 1):
        say(f"  {number}  {each:<11} {_ABOUT[each]}")
    answer = typer.prompt("Begin with", default="1", err=True)
    by_answer = {str(number): each for number, each in enumerate(Origin, 1)} | {str(each): each for each in Origin}
    if answer not in by_answer:
        raise typer.BadParameter(f"'{answer}' is none of them; give a number or a name")
    return by_answer[answer]


def _ask_dataset(home: Home) -> str:
    from saggar_orchestrator.workflow.collections import imported

    known = [each.dataset for each in imported(open_home_store(home))]
    if not known:
        raise typer.BadParameter("no data set in this home yet: `saggar data import` brings photographs in")
    if not sys.stdin.isatty():
        raise typer.BadParameter("say which: --from my-data DATASET; `saggar data list` shows them")
    answer: str = typer.prompt("Data set (or the beginning of its id)", default=known[0], err=True)
    return answer
