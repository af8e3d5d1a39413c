"""One line of progress, rewritten in place on a terminal."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from saggar_orchestrator.cli.terminal.output import err, is_live, knows_unicode, say

_EVERY_S = 0.1  # a terminal need not show every one of ten thousand photographs


class ProgressLine:
    """`stage: done of total`: in place on a terminal, no wider than it; the first and the last line elsewhere."""

    def __init__(self, *, quiet_when_piped: bool = False) -> None:
        self._last = ""
        self._shown = 0.0
        self._quiet = quiet_when_piped

    def show(self, stage: str, done: int, total: int) -> None:
        """Shows what is new."""
        text = f"{stage}: {done:,} of {total:,}" if total else stage
        if text == self._last:
            return
        ended = bool(total) and done == total
        if is_live():
            if not ended and done and time.monotonic() - self._shown < _EVERY_S:
                return
            self._shown = time.monotonic()
            say(f"\r\033[K{_cut(text)}", end="\n" if ended else "")
        elif not self._quiet and (done == 0 or ended):
            say(text)
        self._last = text


def counting(stage: str) -> Callable[[int, int], None]:
    """Counts on one line of a terminal; nothing elsewhere."""
    line = ProgressLine(quiet_when_piped=True)
    return lambda done, total: line.show(stage, done, total)


@contextlib.contextmanager
def spinner(text: str) -> Iterator[None]:
    """Something that moves, with the seconds, while the only news is what is waited for; on a terminal alone."""
    if not is_live():
        yield
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = SpinnerColumn("dots" if knows_unicode(sys.stderr) else "line")
    columns = (look, TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=err(), transient=True) as progress:
        progress.add_task(_cut(text, reserved=12))
        yield


def _cut(text: str, reserved: int = 1) -> str:
    """No wider than the terminal: a line that wraps cannot be rewritten."""
    import shutil

    from rich.cells import cell_len, set_cell_size

    width = max(20, shutil.get_terminal_size().columns - reserved)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
