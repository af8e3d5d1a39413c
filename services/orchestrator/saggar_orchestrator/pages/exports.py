"""Tables and figures of a report as files: CSV, JSON, LaTeX, SVG and PNG."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from saggar_orchestrator.pages import plots
from saggar_orchestrator.pages.detail_tables import Cell, Table, compared
from saggar_orchestrator.pages.report import several
from saggar_orchestrator.pages.tables import tables

_LONG = 60  # rows; a longer table is no table of a paper


def write_exports(results: Mapping[str, Any], drawn: Mapping[str, tuple[str, bytes]], folder: Path) -> tuple[Path, ...]:
    """Writes `tables/`, and what was `drawn` (`plots.collecting`) as `figures/`, under `folder`; the files written."""
    return _write(list(tables(results)), drawn, folder)


def write_comparison(every: Sequence[Mapping[str, Any]], folder: Path) -> tuple[Path, ...]:
    """Tables and figures of several experiments beside one another, under `folder` as `write_exports` does."""
    with plots.collecting() as collected:
        several.draw_several(every)
    return _write(compared(every), dict(collected), folder)


def _write(every: list[Table], drawn: Mapping[str, tuple[str, bytes]], folder: Path) -> tuple[Path, ...]:
    written: list[Path] = []

    def put(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        written.append(path)

    for table in every:
        put(folder / "tables" / f"{table.name}.csv", as_csv(table).encode())
        if len(table.rows) <= _LONG:
            put(folder / "tables" / f"{table.name}.tex", as_latex(table).encode())
    put(folder / "tables" / "tables.json", as_json(every).encode())
    for name, (svg, png) in drawn.items():
        put(folder / "figures" / f"{name}.svg", svg.encode())
        put(folder / "figures" / f"{name}.png", png)
    return tuple(written)


def as_csv(table: Table) -> str:
    """RFC 4180 with names of columns; numbers whole, unknown values empty, and no cell that a spreadsheet would run."""
    import io

    page = io.StringIO()
    writer = csv.writer(page)
    writer.writerow(table.columns)
    writer.writerows([_harmless(cell) for cell in row] for row in table.rows)
    return page.getvalue()


def as_json(every: list[Table]) -> str:
    """Name -> title and records."""
    values = {
        table.name: {
            "title": table.title,
            "rows": [dict(zip(table.columns, row, strict=True)) for row in table.rows],
        }
        for table in every
    }
    return json.dumps(values, ensure_ascii=False, indent=1)


def as_latex(table: Table) -> str:
    """A `table` with booktabs' rules, three digits behind the point."""
    import pandas as pd

    frame = pd.DataFrame(
        [[_cell(cell) for cell in row] for row in table.rows], columns=[_head(c) for c in table.columns]
    )
    numbers = [any(isinstance(row[i], (int, float)) for row in table.rows) for i in range(len(table.columns))]
    styled = frame.style.format(escape="latex").format_index(escape="latex", axis="columns").hide(axis="index")
    return str(
        styled.to_latex(
            hrules=True,
            caption=table.title.replace("%", r"\%"),
            label=f"tab:{table.name}",
            column_format="".join("r" if number else "l" for number in numbers),
            position_float="centering",
        )
    )


def _harmless(cell: Cell) -> Cell:
    """Text that begins as a formula does is made text to a spreadsheet too; numbers stay numbers."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell


def _cell(cell: Cell) -> str:
    if cell is None:
        return "--"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def _head(column: str) -> str:
    return column.replace("_", " ")
