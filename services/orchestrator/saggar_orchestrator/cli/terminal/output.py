"""What commands share in how they talk: results to standard output, everything else to standard error."""

from __future__ import annotations

import fcntl
import json
import os
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

    from saggar_orchestrator.settings import CommandSettings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class Settings:
    """The options that stand before every command."""

    home: Home
    debug: bool = False


@dataclass
class _Voice:
    """How much is said on standard error."""

    quiet: bool = False


_voice = _Voice()


def be_quiet(quiet: bool) -> None:
    """Whether progress is left out; errors and warnings are not."""
    _voice.quiet = quiet


def is_live() -> bool:
    """Whether progress may be drawn in place: on a terminal, unless it is to be quiet."""
    return sys.stderr.isatty() and not _voice.quiet


def any_text() -> None:
    r"""Makes both outputs take any text: what their encoding lacks, and bytes of file names that are not UTF-8, are
    written as escapes such as `\\u5b9a`.
    """
    for stream in (sys.stdout, sys.stderr):
        change = getattr(stream, "reconfigure", None)
        if change is not None:
            change(errors="backslashreplace")


def open_what_is_closed() -> None:
    """Opens standard streams that the shell closed (`>&-`) on nothing. The next file that is opened would be one of
    them otherwise, and get what this program and those that it starts have to say. In a script of the shell that file
    may be the script, which cannot be written to.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is not None and not (mode == "w" and _is_for_reading(number)):
            continue
        opened = os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        os.set_inheritable(opened, opened == number)
        setattr(sys, name, os.fdopen(opened, mode, encoding="utf-8"))


def _is_for_reading(number: int) -> bool:
    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    except OSError:
        return False


def knows_unicode(stream: Any) -> bool:
    """Whether the stream takes all characters as they are."""
    return str(getattr(stream, "encoding", None) or "").lower().replace("-", "") in {"utf8", "utf16", "gb18030"}


def printable(line: str) -> str:
    """A line in which nothing that a file's name may have steers the terminal or ends the line."""
    from saggar.errors import sendable

    return sendable(line).replace("\n", "\\x0a")


def settings(context: typer.Context) -> Settings:
    found = context.find_object(Settings)
    assert found is not None  # noqa: S101 the callback of `app` has set it
    return found


def open_home_store(home: Home) -> ObjectStore:
    """The store of this home; `SAGGAR_STORE` names another one, such as a bucket. Of a remote home: the orchestrator's,
    through the orchestrator.
    """
    found = command_settings()
    if home.remote and not found.store:
        from saggar.rpc.channel import client_tls, open_channel

        from saggar_orchestrator.remote.store import RemoteStore

        target = home.address("orchestrator")
        return RemoteStore(open_channel(target, tls=client_tls(found)), f"the orchestrator at {target}")
    return found.open(home)


def command_settings() -> CommandSettings:
    """What the environment says of services and stores. Raises InvalidInputError."""
    from saggar.settings import read_settings

    from saggar_orchestrator.settings import CommandSettings

    return read_settings(CommandSettings, "", [])


def say(text: str, end: str = "\n") -> None:
    """A line of progress, for people; not said with --quiet."""
    if not _voice.quiet:
        print(text, end=end, file=sys.stderr, flush=True)


def warn(text: str) -> None:
    """An error or a warning: plain text, whole, on standard error."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    """Indented JSON that any reader of JSON takes, whatever the output's encoding is."""
    print(json_text(value, indent=2))


def print_json_line(value: Any) -> None:
    """JSON on a line of its own, at once."""
    print(json_text(value), flush=True)


def json_text(value: Any, indent: int | None = None) -> str:
    """JSON; characters that standard output cannot write, and halves of characters, as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if knows_unicode(sys.stdout) and _is_whole(text):
        return text
    return json.dumps(value, ensure_ascii=True, indent=indent)


def _is_whole(text: str) -> bool:
    """Whether the text is valid Unicode: file names that are not UTF-8 hold halves of characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def write_page(path: Path, text: str) -> None:
    """Writes UTF-8, with escapes for bytes that are not. Raises InvalidInputError where the file cannot be written."""
    from saggar.errors import InvalidInputError

    try:
        path.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InvalidInputError(
            f"cannot write {path}: {error.strerror}; name a file in a folder that you may write to"
        ) from None


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table on standard output: ruled on a terminal, where there are rows; tab-separated for a pipe."""
    if not sys.stdout.isatty():
        for row in (columns, *rows):
            print("\t".join(row))
        return
    if rows:
        from saggar_orchestrator.cli.terminal.tables import show_table

        show_table(columns, rows, title, out())


def out() -> Console:
    from rich.console import Console

    return Console(highlight=False, markup=False)


def err() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False)


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
