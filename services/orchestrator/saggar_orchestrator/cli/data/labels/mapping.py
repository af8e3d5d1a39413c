"""`saggar data map`: the text of a catalogue into proposed labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.output import AsJson, plural, print_json, print_table, say

if TYPE_CHECKING:
    from saggar.catalogue.columns import Column, Role
    from saggar.catalogue.mapping import MappedRow
    from saggar.catalogue.tables import Catalogue

_TAXONOMY = "song-yuan-porcelain"
_NEXT_TO_NOTHING = 0.1  # share of labels that are found, as where an encoding was taken for another
_SHOWN = 20  # conflicts on the terminal; JSON and --output have all

Columns = list[str] | None


@dataclass(frozen=True, kw_only=True)
class ColumnRoles:
    """What columns hold, where their content does not show it."""

    name_column: Annotated[Columns, typer.Option(help="Column of names or titles (name, or number).")] = None
    era_column: Annotated[Columns, typer.Option(help="Column of dynasties or years.")] = None
    kiln_column: Annotated[Columns, typer.Option(help="Column of kilns or wares.")] = None
    glaze_column: Annotated[Columns, typer.Option(help="Column of glazes, or materials.")] = None
    type_column: Annotated[Columns, typer.Option(help="Column of types of vessel.")] = None
    description_column: Annotated[Columns, typer.Option(help="Column of descriptions.")] = None
    ignore_column: Annotated[Columns, typer.Option(help="Column to leave alone.")] = None

    def given(self) -> dict[Role, list[str]]:
        """The columns by their role."""
        return {
            "name": self.name_column or [],
            "period": self.era_column or [],
            "kiln": self.kiln_column or [],
            "glaze": self.glaze_column or [],
            "form": self.type_column or [],
            "description": self.description_column or [],
            "noise": self.ignore_column or [],
        }


def map_catalogue(
    catalogue: Annotated[
        Path, typer.Argument(metavar="CATALOGUE", help="CSV with a row per object, Chinese or English.")
    ],
    *,
    taxonomy: Annotated[str, typer.Option(help="Shipped taxonomy or path of a YAML file.")] = _TAXONOMY,
    output: Annotated[
        Path | None, typer.Option(help="Also write the labels to this CSV, to be corrected by hand.")
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of the CSV, where it is not recognised: gb18030, big5, windows-1252...")
    ] = None,
    image_column: Annotated[
        str | None, typer.Option(help="Column of photographs, for --output. [default: as found]")
    ] = None,
    roles: ColumnRoles,
    as_json: AsJson = False,
) -> None:
    """Proposes labels for a catalogue, with the words they rest on.

    It says where columns disagree. What the columns hold is found by their content; the options for columns
    overrule that, and can be given several times. Rows count as in a spreadsheet.
    """
    from saggar.catalogue.mapping import looks_like_an_object, map_rows
    from saggar.catalogue.tables import given_roles, read_catalogue, row_record
    from saggar.catalogue.tables import image_column as found_column
    from saggar.files.text_encoding import recognised_as
    from saggar.taxonomy import load_taxonomy

    table = read_catalogue(catalogue, encoding)
    classes = load_taxonomy(taxonomy)
    image = found_column(table, image_column)
    columns, mapped = map_rows(classes, table.header, table.rows, given_roles(table, roles.given()))
    rows = list(mapped)
    say(f"{catalogue}: {plural(len(rows), 'row')}, {table.encoding}")
    for column in columns:
        say(f"  {column.name}: {'photographs' if column.index == image else _ROLES[column.role]}")
    if not rows:
        say("there are no rows below the header")
    labelled = sum(label is not None for row in rows for label in row.labels.values())
    cells = sum(len(row.labels) for row in rows)
    if encoding is None and labelled <= _NEXT_TO_NOTHING * cells and (told := recognised_as(table.encoding)):
        say(f"warning: {labelled:,} of {cells:,} labels were found; {catalogue} is {told}")
    if looks_like_an_object(classes, table.header):
        say("warning: the first row looks like an object; it was taken for the names of the columns")
        say("put a row of names above it, or that object has no labels")
    if output is not None:
        _write(output, rows, columns, table, image=image, taxonomy=taxonomy)
    if as_json:
        print_json([row_record(row, table) for row in rows])
    else:
        _show(rows, columns, table.numbers)


def _write(
    output: Path,
    rows: list[MappedRow],
    columns: tuple[Column, ...],
    table: Catalogue,
    *,
    image: int | None,
    taxonomy: str,
) -> None:
    from saggar.catalogue.tables import names_files, write_labels

    write_labels(output, rows, columns, table, image)
    say(f"labels written to {output}")
    if image is None:
        say("it cannot be imported: no column names photographs; add one called image, or name one with --image-column")
    else:
        options = "" if names_files(table, image) else " --image-column image"
        options += "" if taxonomy == _TAXONOMY else f" --taxonomy {taxonomy}"
        say(f"correct them, then: saggar data import PHOTOGRAPHS --labels {output}{options}")


_ROLES: dict[Role, str] = {
    "name": "names",
    "period": "dynasties or years",
    "kiln": "kilns or wares",
    "glaze": "glazes or materials",
    "form": "types of vessel",
    "description": "descriptions",
    "other": "other text, counts little",
    "noise": "not read",
}


def _show(rows: list[MappedRow], columns: tuple[Column, ...], numbers: tuple[int, ...]) -> None:
    if not rows:
        return
    counts = []
    for task in rows[0].labels:
        labelled = sum(row.labels[task] is not None for row in rows)
        contested = sum(any(conflict.task == task for conflict in row.conflicts) for row in rows)
        counts.append((task, f"{labelled:,}", f"{len(rows) - labelled:,}", f"{contested:,}"))
    print_table(("", "labelled", "unknown", "in conflict"), counts)
    conflicts = [f"row {numbers[row.row]}\t{c.task}\t{c.text}" for row in rows for c in row.conflicts]
    for conflict in conflicts[:_SHOWN]:
        print(conflict)
    if len(conflicts) > _SHOWN:
        say(f"{len(conflicts) - _SHOWN:,} more conflicts; --json or --output has all")
    if not any(column.role == "name" for column in columns):
        say("no column of names was found; say which with --name-column")
