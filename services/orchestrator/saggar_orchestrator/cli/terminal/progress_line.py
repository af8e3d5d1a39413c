"""One line of progress, rewritten in place on a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from saggar_orchestrator.cli.terminal.output import say

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
        if sys.stderr.isatty():
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


def _cut(text: str) -> str:
    """No wider than the terminal: a line that wraps cannot be rewritten."""
    import shutil

    from rich.cells import cell_len, set_cell_size

    width = max(20, shutil.get_terminal_size().columns - 1)
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"
