"""Tables and lists of reports on the terminal, without rules, to be read at 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def sheet(columns: Sequence[str], texts: Sequence[int] = (0,)) -> Table:
    """An empty table; columns whose numbers are not in `texts` hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number in texts else "right")
    return table


def print_list(lines: Sequence[str], console: Console) -> None:
    """Lines behind dashes, indented where they wrap."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1))
    for line in lines:
        table.add_row("-", Text(line))
    console.print(Padding(table, (0, 0, 0, 2)))
