"""`saggar classify`: what the serving classifier says of photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.catalogue_rows import (
    CatalogueTable,
    Servers,
    Words,
    classify_catalogue,
    write_accepted_table,
)
from saggar_orchestrator.cli.classification_lines import entry_of, footer_of, lines_of
from saggar_orchestrator.cli.services.api_key import read_key
from saggar_orchestrator.cli.terminal.grouping import grouped
from saggar_orchestrator.cli.terminal.output import AsJson, plural, print_json, printable, say, settings, warn
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.client import Question

_DEADLINE_S = 60.0
_ENDINGS = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff"})
_LITTER = frozenset({"__MACOSX", "$RECYCLE.BIN"})


@grouped
def classify(
    context: typer.Context,
    images: Annotated[
        list[Path] | None,
        typer.Argument(metavar="IMAGE", help="Photographs (JPEG, PNG, WebP, TIFF), or folders of them."),
    ] = None,
    *,
    top: Annotated[int, typer.Option(help="Classes per task.", min=1, max=1000)] = 3,
    coverage: Annotated[
        float | None,
        typer.Option(help="Share of objects whose true class is in `one of`: one that the model has; else 0.9."),
    ] = None,
    neighbours: Annotated[
        int, typer.Option(help="Training photographs to show that are most like it.", min=0, max=50)
    ] = 0,
    table: CatalogueTable,
    words: Words,
    servers: Servers,
    api_key_file: Annotated[
        Path | None,
        typer.Option(envvar="SAGGAR_CLASSIFIER_KEY_FILE", help="File with the key, where the service asks for one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Says what the serving classifier sees in photographs.

    An answer or an error for every file; the exit code is 1 when a file could not be classified. With --json that holds
    also where the classifier goes away, or you interrupt: those left have the reason as their error.

    With --catalogue, for every row of a CSV, into a table that people review; interrupted, the same command goes on.
    With --accepted, what they accepted becomes a table that the catalogue system imports. See docs/catalogues.md.
    """
    from saggar.client import Question

    given = images or []
    _check_given(given, table)
    if table.accepted:
        write_accepted_table(table, words, as_json=as_json)
        return
    key = read_key(api_key_file)
    home = settings(context).home
    if table.catalogue is not None:
        asked = Question(top_k=1, coverage=coverage)
        classify_catalogue(home, key, asked, folders=given, table=table, words=words, servers=servers, as_json=as_json)
        return
    files = list(_files(given))
    entries = _printed(files, classify_each(home, files, Question(top, coverage, neighbours=neighbours), key), as_json)
    failed = [entry for entry in entries if "error" in entry]
    answered = next((entry for entry in entries if "error" not in entry), None)
    if answered is not None and not as_json:
        for line in footer_of(answered):
            say(line)
    if failed:
        warn(f"error: {len(failed):,} of {plural(len(entries), 'file')} could not be classified")
        raise typer.Exit(1)


def classify_each(home: Home, files: Sequence[Path], question: Question, api_key: str = "") -> Iterator[dict[str, Any]]:
    """An answer, or what is wrong, for every file in its order.

    Raises UnavailableError and other errors that are no file's fault.
    """
    from saggar.client.answers import classification_from_message, classify_request
    from saggar.errors import BusyError, InvalidInputError

    from saggar_orchestrator.cli.services.client import classifier

    if not files:
        return
    with classifier(home, api_key) as stub:
        for path in files:
            try:
                answer = stub.Classify(classify_request(_read(path), question), timeout=_DEADLINE_S)
            except (InvalidInputError, BusyError) as error:
                yield {"image": str(path), "error": str(error)}
                continue
            yield entry_of(str(path), classification_from_message(answer))


def _printed(files: Sequence[Path], answers: Iterator[dict[str, Any]], as_json: bool) -> list[dict[str, Any]]:
    """The answers, printed: as they come, or as one list that is whole whatever happens meanwhile."""
    entries: list[dict[str, Any]] = []
    try:
        for entry in answers:
            entries.append(entry)
            if not as_json:
                _show(entry)
    except BaseException as error:
        if as_json:
            print_json([*entries, *_left_out(files[len(entries) :], error)])
        raise
    if as_json:
        print_json(entries)
    return entries


def _left_out(files: Sequence[Path], error: BaseException) -> Iterator[dict[str, Any]]:
    """Entries of the file that `error` ended everything at, and of those after it."""
    reason = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error) or type(error).__name__
    for number, path in enumerate(files):
        yield {"image": str(path), "error": f"not asked about: {reason}" if number else reason}


def _check_given(given: Sequence[Path], table: CatalogueTable) -> None:
    if [bool(given) and not table.catalogue, table.catalogue is not None, bool(table.accepted)].count(True) != 1:
        raise typer.BadParameter("give photographs, --catalogue (with the folder of its photographs), or --accepted")
    if table.output and given and not table.catalogue:
        raise typer.BadParameter("--output goes with --catalogue or --accepted; of photographs, --json prints a list")


def _show(entry: dict[str, Any]) -> None:
    if "error" in entry:
        warn(printable(f"{entry['image']}: {entry['error']}"))
    else:
        for line in lines_of(entry):
            print(printable(line))


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named, and those of folders, at any depth, that are called as photographs are. Litter is passed over.

    Raises InvalidInputError for a folder without any.
    """
    from saggar.errors import InvalidInputError

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(
            Path(folder) / name
            for folder, names in _walk(path)
            for name in names
            if Path(name).suffix.lower() in _ENDINGS and not name.startswith(".")
        )
        if not found:
            raise InvalidInputError(f"{path}: no photograph in this folder (JPEG, PNG, WebP, TIFF)")
        yield from found


def _walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Folders and their files, without what file managers and network storage put beside photographs. Links to folders
    are named, not followed: they may lead in circles.
    """
    for folder, folders, names in os.walk(root):
        for linked in sorted(f for f in folders if Path(folder, f).is_symlink()):
            say(printable(f"{Path(folder, linked)}: is a link to a folder and not followed; name the folder itself"))
        folders[:] = sorted(f for f in folders if not f.startswith((".", "@", "#")) and f not in _LITTER)
        yield folder, names


def _read(path: Path) -> bytes:
    """Raises InvalidInputError, without the file's name, for what is no photograph that can be sent."""
    from saggar.client.line import LARGEST_BYTES
    from saggar.errors import InvalidInputError
    from saggar.files.regular import read_regular

    try:
        size = path.stat().st_size
        data = read_regular(path, LARGEST_BYTES) if size <= LARGEST_BYTES else b""
    except InvalidInputError as error:
        raise InvalidInputError(str(error).removeprefix(f"{path}: ")) from None
    except FileNotFoundError:
        address = "; photographs at addresses are named by a catalogue (--catalogue)" if ":/" in str(path) else ""
        raise InvalidInputError(f"no such file; check the path{address}") from None
    except OSError as error:
        raise InvalidInputError(f"cannot be read ({error.strerror})") from None
    if size > LARGEST_BYTES:
        raise InvalidInputError(f"{size / 2**20:.0f} MiB; a photograph may have 16 MiB at most: make it smaller")
    if not data:
        raise InvalidInputError("is empty; copy it again")
    return data
