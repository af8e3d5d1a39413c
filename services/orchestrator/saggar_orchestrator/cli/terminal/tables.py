"""Ruled tables that fit the window: columns give way where words break, and no cell is ever cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_GAP, _EDGES = 3, 2  # of `box.SIMPLE_HEAD`


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, console: Console) -> None:
    """A ruled table; where its longest words do not fit beside one another, a paragraph for every row."""
    room = console.width - _EDGES - _GAP * (len(columns) - 1)
    widths = fitted([[head, *(row[place] for row in rows)] for place, head in enumerate(columns)], room)
    if widths is None:
        _show_paragraphs(columns, rows, title, console)
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
        table.add_column(column, justify="left" if number == 0 else "right", width=width)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def fitted(columns: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths of columns of such texts: as they are, or with the widest made narrower until all fit; None where a word
    would be cut.
    """
    from rich.cells import cell_len

    widths = [max(map(cell_len, texts)) for texts in columns]
    least = [max((cell_len(word) for text in texts for word in text.split()), default=0) for texts in columns]
    while sum(widths) > room:
        yielding = [place for place, width in enumerate(widths) if width > least[place]]
        if not yielding:
            return None
        widths[max(yielding, key=widths.__getitem__)] -= 1
    return widths


def _show_paragraphs(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str, console: Console) -> None:
    from rich.padding import Padding
    from rich.text import Text

    if title:
        console.print(title)
    for row in rows:
        console.print(Text(row[0], style="bold"))
        facts = [f"{name} {cell}".strip() for name, cell in zip(columns[1:], row[1:], strict=True) if cell]
        console.print(Padding(Text("; ".join(facts)), (0, 0, 0, 2)))
