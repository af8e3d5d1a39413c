"""What commands share in how they talk: results to standard output, everything else to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from rich.console import Console
    from saggar.store import ObjectStore

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class Settings:
    """The options that stand before every command."""

    home: Home
    debug: bool = False


def settings(context: typer.Context) -> Settings:
    found = context.find_object(Settings)
    assert found is not None  # noqa: S101 the callback of `app` has set it
    return found


def open_home_store(home: Home) -> ObjectStore:
    """The store of this home; `SAGGAR_STORE` names another one, such as a bucket."""
    from saggar_orchestrator.settings import StoreSettings

    return StoreSettings().open(home)


def say(text: str, end: str = "\n") -> None:
    """A line of progress, for people."""
    print(text, end=end, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """An error or a warning: plain text, whole, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))


def write_page(path: Path, text: str) -> None:
    """Raises InvalidInputError where the file cannot be written."""
    from saggar.errors import InvalidInputError

    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {path}: {error.strerror}; name a file in a folder that you may write to"
        ) from None


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table on standard output: ruled on a terminal, tab-separated for a pipe."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(row))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    out().print(table)


def out() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False)


def err() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
