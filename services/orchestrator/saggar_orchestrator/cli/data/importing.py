"""`saggar data import`: photographs and labels into the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.data.labels.correcting import import_corrections
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, plural, print_json, say, settings
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saggar.errors import InvalidInputError
    from saggar.importing.intake import Progress
    from saggar.importing.report import ImportReport, RowsRefusedError
    from saggar.store import ObjectStore
    from saggar.taxonomy import Taxonomy

_SHOWN = 20  # refusals on the terminal; the report has all


@dataclass(frozen=True, kw_only=True)
class Labels:
    """Where the labels are: one of five sources, and how to read it."""

    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with a row per photograph: image, one column per task, perhaps object_id."),
    ] = None
    layout: Annotated[
        str | None, typer.Option(help="Labels are the folders: a task per level, e.g. `kiln` or `dynasty/kiln`.")
    ] = None
    labelbee: Annotated[
        Path | None, typer.Option(help="Labels are LabelBee's: its exported JSON, or its result folder.")
    ] = None
    catalogue: Annotated[
        Path | None, typer.Option(help="Labels are read out of a catalogue's text, as `saggar data map` does.")
    ] = None
    accepted: Annotated[
        list[Path] | None,
        typer.Option(help="Labels are what people accepted in the table(s) of `saggar classify --catalogue`."),
    ] = None
    image_column: Annotated[
        str | None,
        typer.Option(help="Column of paths, or of numbers that files are called by (--catalogue, --labels)."),
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Of the CSV, where it is not recognised: gb18030, big5, windows-1252...")
    ] = None

    def check(self) -> None:
        """Raises BadParameter unless one source is given, with what goes with it."""
        given = {
            "--labels": self.labels,
            "--catalogue": self.catalogue,
            "--layout": self.layout,
            "--labelbee": self.labelbee,
            "--accepted": self.accepted or None,
        }
        sources = [name for name, value in given.items() if value is not None]
        if len(sources) != 1:
            raise typer.BadParameter("give one of --labels, --catalogue, --layout, --labelbee and --accepted")
        if sources == ["--accepted"] and self.image_column:
            raise typer.BadParameter("--accepted knows its column of photographs; leave --image-column out")
        if sources[0] in {"--layout", "--labelbee"} and (self.image_column or self.encoding):
            raise typer.BadParameter("--image-column and --encoding go with --labels or --catalogue")

    def check_none(self, images: Path | None) -> None:
        """Raises BadParameter where anything is given that --corrections goes without."""
        others = (self.labels, self.catalogue, self.layout, self.labelbee, self.accepted or None, self.image_column)
        if images is not None or any(value is not None for value in others):
            raise typer.BadParameter(
                "--corrections takes no folder and no other labels: its data set has the photographs already"
            )

    def read(self, images: Path, taxonomy: Taxonomy, store: ObjectStore, **shared: Any) -> ImportReport:
        """Imports from the source that is given; raises as `saggar.importing.intake` does."""
        from saggar.importing import intake

        column, encoding = self.image_column, self.encoding
        if self.labels:
            return intake.import_csv(
                images, self.labels, taxonomy, store, image_column=column, encoding=encoding, **shared
            )
        if self.catalogue:
            return intake.import_catalogue(images, self.catalogue, column, taxonomy, store, encoding=encoding, **shared)
        if self.accepted:
            from saggar.proposals.accepted import import_accepted

            return import_accepted(images, self.accepted, taxonomy, store, encoding=encoding, **shared)
        if self.layout is not None:
            tasks = [name.strip() for name in self.layout.strip("/").split("/")]
            return intake.import_folders(images, tasks, taxonomy, store, **shared)
        return intake.import_labelbee(images, self.labelbee or Path(), taxonomy, store, **shared)


def import_collection(
    context: typer.Context,
    images: Annotated[
        Path | None, typer.Argument(metavar="IMAGES", help="Folder of the photographs; none with --corrections.")
    ] = None,
    *,
    labels: Labels,
    corrections: Annotated[
        Path | None,
        typer.Option(help="Table of `saggar data doubts`: make its data set anew with the labels accepted there."),
    ] = None,
    taxonomy: Annotated[str, typer.Option(help="Shipped taxonomy or path of a YAML file.")] = "song-yuan-porcelain",
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Leave bad rows and files out, and import the others.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Also write all that was refused or noted to this CSV.")] = None,
    as_json: AsJson = False,
) -> None:
    """Imports photographs and their labels.

    Checks every row and file, then copies them into the store.

    A bad row stops it before anything is written, unless --keep-going is given. Give one of --labels,
    --catalogue, --layout, --labelbee and --accepted; or --corrections alone, for photographs that are imported already.
    """
    if corrections is not None:
        labels.check_none(images)
        given = getattr(context.get_parameter_source("taxonomy"), "name", "DEFAULT") != "DEFAULT"
        import_corrections(context, corrections, taxonomy if given else None, labels.encoding, as_json=as_json)
        return
    if images is None:
        raise typer.BadParameter("name the folder of the photographs: saggar data import IMAGES --labels CSV")
    from saggar.errors import InvalidInputError
    from saggar.importing.report import RowsRefusedError, report_csv, write_report
    from saggar.stored_datasets import write_manifest
    from saggar.taxonomy import load_taxonomy

    labels.check()
    store = open_home_store(settings(context).home)
    chosen = load_taxonomy(taxonomy)
    progress: Progress = ProgressLine(quiet_when_piped=True).show
    try:
        found = labels.read(images, chosen, store, strict=not keep_going, progress=progress)
    except RowsRefusedError as error:
        if report:
            report.write_bytes(report_csv(error.refused))
        raise _with_remedy(error, images, report) from None
    except InvalidInputError as error:
        raise _with_catalogue(error, labels.labels, chosen.task_names) from None
    reference = write_manifest(store, found.manifest)
    kept = write_report(store, reference, found)
    if report:
        report.write_bytes(found.to_csv())
    _show_refused(found)
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


def _with_remedy(error: RowsRefusedError, images: Path, report: Path | None) -> Exception:
    from saggar.errors import InvalidInputError
    from saggar.importing.photographs.locating import NO_SUCH_FILE

    lines = [str(error)]
    if not error.importable and all(NO_SUCH_FILE in refusal.reason for refusal in error.refused):
        lines.append(f"none of the files is in {images}; name the folder that the paths start from")
    if report:
        lines.append(f"all of them are in {report}")
    if error.importable:
        lines.append(f"fix these, or add --keep-going to import the other {error.importable:,}")
    return InvalidInputError("\n".join(lines), error.violations)


def _with_catalogue(error: InvalidInputError, labels: Path | None, tasks: Sequence[str]) -> Exception:
    """Points to --catalogue where a table lacks columns of several tasks, or of the only one."""
    from saggar.errors import InvalidInputError

    lacking = {violation.field for violation in error.violations} & set(tasks)
    if labels is None or len(lacking) < min(2, len(tasks)):
        return error
    text = "a catalogue in columns of its own goes in with"
    return InvalidInputError(f"{error}\n{text} --catalogue {labels}", error.violations)


def _show_refused(found: ImportReport) -> None:
    from saggar.importing.report import alike, one_line

    groups = alike(found.refused)
    for group in groups[:_SHOWN]:
        say(f"refused: {one_line(group)}")
    if left := sum(len(group) for group in groups[_SHOWN:]):
        say(f"refused: and {left:,} more")
    for warning in found.warnings:
        say(f"warning: {warning}")


def _refusal(each: Any) -> dict[str, Any]:
    return {"row": each.row or None, "file": each.file, "column": each.column or None, "reason": each.reason}
