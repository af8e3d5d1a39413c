"""`saggar data import`: photographs and labels into the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, plural, print_json, say, settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saggar.errors import InvalidInputError
    from saggar.importing.intake import Progress
    from saggar.importing.report import ImportReport, RowsRefusedError

_SHOWN = 20  # refusals on the terminal; the report has all


def import_collection(
    context: typer.Context,
    images: Annotated[Path, typer.Argument(help="Folder of the photographs.")],
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with a row per photograph: image, one column per task, perhaps object_id."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(help="Labels are the folders: a task per level, e.g. `kiln` or `dynasty/kiln`."),
    ] = None,
    labelbee: Annotated[
        Path | None, typer.Option(help="Labels are LabelBee's: its exported JSON, or its result folder.")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="Labels are read out of a catalogue's text, as `saggar data map` does."),
    ] = None,
    image_column: Annotated[
        str | None,
        typer.Option(help="Column of paths, or of numbers that files are called by (--catalogue, --labels)."),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of the CSV, where it cannot be told: gb18030, big5, windows-1252...")
    ] = None,
    taxonomy: Annotated[str, typer.Option(help="Shipped taxonomy or path of a YAML file.")] = "song-yuan-porcelain",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave bad rows and files out, and import the others.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Also write all that was refused or noted to this CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    """Checks every row and photograph, then copies them into the store.

    A bad row stops it before anything is written, unless told to keep going. Give one of --labels,
    --catalogue, --layout and --labelbee.
    """
    from saggar.dataset.manifest import write_manifest
    from saggar.errors import InvalidInputError
    from saggar.importing import intake
    from saggar.importing.report import RowsRefusedError, report_csv, write_report
    from saggar.taxonomy import load_taxonomy

    given = {"--labels": labels, "--catalogue": catalogue, "--layout": layout, "--labelbee": labelbee}
    _check_usage([name for name, value in given.items() if value is not None], image_column, encoding)
    store = open_home_store(settings(context).home)
    chosen = load_taxonomy(taxonomy)
    shared: dict[str, Any] = {"strict": not keep_going, "progress": _progress_line()}
    try:
        if labels:
            found = intake.import_csv(
                images, labels, chosen, store, image_column=image_column, encoding=encoding, **shared
            )
        elif catalogue:
            found = intake.import_catalogue(
                images, catalogue, image_column or "", chosen, store, encoding=encoding, **shared
            )
        elif layout:
            tasks = [name.strip() for name in layout.strip("/").split("/")]
            found = intake.import_folders(images, tasks, chosen, store, **shared)
        else:
            found = intake.import_labelbee(images, labelbee or Path(), chosen, store, **shared)
    except RowsRefusedError as error:
        if report:
            report.write_bytes(report_csv(error.refused))
        raise _with_remedy(error, images, report) from None
    except InvalidInputError as error:
        raise _with_catalogue(error, labels, chosen.task_names) from None
    reference = write_manifest(store, found.manifest)
    kept = write_report(store, reference, found)
    if report:
        report.write_bytes(found.to_csv())
    _tell(found)
    identity = reference.key.split("/")[1]
    if as_json:
        print_json(
            {
                "dataset": identity,
                "images": len(found.manifest),
                "objects": int(found.manifest.frame["object_id"].nunique()),
                "refused": [_refusal(each) for each in found.refused],
                "warnings": list(found.warnings),
                "report": kept.key if kept else None,
            }
        )
        return
    print(f"{identity}\t{plural(len(found.manifest), 'photograph')} imported")
    if kept:
        say(f"what was refused, merged, joined or noted: {report or kept.key}")
    say(f"next: saggar data describe {identity}")


def _check_usage(sources: list[str], image_column: str | None, encoding: str | None) -> None:
    if len(sources) != 1:
        raise typer.BadParameter("give one of --labels, --catalogue, --layout and --labelbee")
    if sources == ["--catalogue"] and not image_column:
        raise typer.BadParameter("--catalogue needs --image-column: the column that tells the photographs")
    if sources[0] in {"--layout", "--labelbee"} and (image_column or encoding):
        raise typer.BadParameter("--image-column and --encoding go with --labels or --catalogue")


def _with_remedy(error: RowsRefusedError, images: Path, report: Path | None) -> Exception:
    from saggar.errors import InvalidInputError
    from saggar.importing.photographs.files import NO_SUCH_FILE

    lines = [str(error)]
    if not error.importable and all(NO_SUCH_FILE in refusal.reason for refusal in error.refused):
        lines.append(f"none of the files is in {images}; name the folder that the paths start from")
    if report:
        lines.append(f"all of them are in {report}")
    if error.importable:
        lines.append(f"mend these, or add --keep-going to import the other {error.importable:,}")
    return InvalidInputError("\n".join(lines), error.violations)


def _with_catalogue(error: InvalidInputError, labels: Path | None, tasks: Sequence[str]) -> Exception:
    """Tells of --catalogue where a table has none of the tasks' columns."""
    from saggar.errors import InvalidInputError

    if labels is None or not set(tasks) <= {violation.field for violation in error.violations}:
        return error
    text = "a catalogue in columns of its own goes in with"
    return InvalidInputError(f"{error}\n{text} --catalogue {labels} --image-column COLUMN", error.violations)


def _tell(found: ImportReport) -> None:
    for refusal in found.refused[:_SHOWN]:
        say(f"refused: {refusal}")
    if len(found.refused) > _SHOWN:
        say(f"refused: and {len(found.refused) - _SHOWN:,} more")
    for warning in found.warnings:
        say(f"warning: {warning}")


def _refusal(each: Any) -> dict[str, Any]:
    return {"row": each.row or None, "file": each.file, "column": each.column or None, "reason": each.reason}


def _progress_line() -> Progress | None:
    """Counts on one line of a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def tell(stage: str, done: int, total: int) -> None:
        if done % 20 == 0 or done == total:
            end = "\n" if done == total else ""
            print(f"\r{stage}: {done:,} of {total:,}", end=end, file=sys.stderr, flush=True)

    return tell
