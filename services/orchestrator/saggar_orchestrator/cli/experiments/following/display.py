"""How a followed experiment is shown: drawn in place on a terminal, as lines in a pipe, as JSON for programs."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Protocol, Self

from saggar.v1 import orchestrator_pb2

from saggar_orchestrator.cli.terminal.output import err, knows_unicode, print_json_line, say
from saggar_orchestrator.progress import seconds_left

if TYPE_CHECKING:
    from rich.console import RenderableType

_LINE_EVERY_S = 10.0
_REDRAW_S = 0.2
_BAR = 12  # columns
_LONGEST_TITLE = 40
_MARKS = {"waiting": "·", "running": "▸", "succeeded": "✓", "reused": "=", "failed": "✗"}
_ASCII_MARKS = {"waiting": ".", "running": ">", "succeeded": "+", "reused": "=", "failed": "x"}
_WAITING = "waiting for the orchestrator to begin"


class Display(Protocol):
    """What shows steps; `tick` is called several times a second."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def update(self, step: orchestrator_pb2.Step) -> None: ...

    def tick(self) -> None: ...

    def end(self, experiment: orchestrator_pb2.Experiment) -> None: ...


def step_state(state: int) -> str:
    return orchestrator_pb2.StepState.Name(state).removeprefix("STEP_STATE_").lower()


def describe_progress(step: orchestrator_pb2.Step) -> str:
    """E.g. `training 3/12 epochs, loss 1.234`; what is waited for where nothing is counted."""
    progress = step.progress
    parts = [progress.stage] if progress.stage else []
    if progress.total:
        parts.append(f"{progress.done:,}/{progress.total:,} {progress.unit}".rstrip())
    text = " ".join(parts) or progress.message
    numbers = [f"{name.replace('_', ' ')} {value:.3g}" for name, value in sorted(progress.metrics.items())]
    return ", ".join([text, *numbers[:2]]) if numbers else text


def time_left(step: orchestrator_pb2.Step, seconds: float) -> str:
    """By what is done, e.g. `3 min left`; empty before a twentieth, or two seconds, are over."""
    left = seconds_left(step.progress.done, step.progress.total, seconds)
    if left is None:
        return ""
    return (
        f"{left:.0f} s left"
        if left < 90
        else f"{left / 60:.0f} min left"
        if left < 5400
        else f"{left / 3600:.1f} h left"
    )


class JsonEvents:
    """A JSON object a line on standard output: steps as they change, at last how the experiment ended."""

    def __init__(self) -> None:
        self._last: dict[int, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, step: orchestrator_pb2.Step) -> None:
        value = {
            "event": "step",
            "position": step.position,
            "title": step.title,
            "state": step_state(step.state),
            "stage": step.progress.stage,
            "done": step.progress.done,
            "total": step.progress.total,
            "unit": step.progress.unit,
            "metrics": dict(step.progress.metrics),
            "message": step.progress.message,
            "error": step.error,
        }
        if self._last.get(step.position) != value:  # a mere sign of life is no event
            self._last[step.position] = value
            print_json_line(value | {"seconds": round(step.seconds, 3)})

    def tick(self) -> None:
        return None

    def end(self, experiment: orchestrator_pb2.Experiment) -> None:
        state = orchestrator_pb2.ExperimentState.Name(experiment.state).removeprefix("EXPERIMENT_STATE_").lower()
        print_json_line(
            {
                "event": "ended",
                "experiment": experiment.experiment_id,
                "state": state,
                "error": experiment.error,
                "results": experiment.results.uri if experiment.HasField("results") else None,
            }
        )


class Lines:
    """A line when a step begins or ends, and every ten seconds in between."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}
        self._steps: dict[int, orchestrator_pb2.Step] = {}
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def end(self, experiment: orchestrator_pb2.Experiment) -> None:
        del experiment

    def update(self, step: orchestrator_pb2.Step) -> None:
        self._steps[step.position] = step
        state = step_state(step.state)
        if self._states.get(step.position, "waiting") == state:
            return
        self._states[step.position] = state
        label = f"[{step.position + 1}] {step.title}"
        if state == "running":
            self._say(f"{label} ...")
        elif state == "failed":
            self._say(f"{label}: failed: {step.error}")
        else:
            took = "" if state == "reused" else f" in {step.seconds:.1f} s"
            self._say(f"{label}: {'reused' if state == 'reused' else 'done'}{took}")

    def tick(self) -> None:
        if time.monotonic() - self._last < _LINE_EVERY_S:
            return
        running = [step for step in self._steps.values() if step_state(step.state) == "running"]
        for step in running:
            left = time_left(step, step.seconds)
            said = describe_progress(step) or "no news from it yet"
            self._say(f"[{step.position + 1}] {step.title}: {said}{f', {left}' if left else ''}")
        if not running:
            self._say(_WAITING)

    def _say(self, text: str) -> None:
        self._last = time.monotonic()
        say(text)


class Live:
    """Rows that are redrawn in place: one a step, never wider than the window, for what wraps cannot be redrawn."""

    def __init__(self) -> None:
        from rich.live import Live as RichLive
        from rich.spinner import Spinner

        self._steps: dict[int, orchestrator_pb2.Step] = {}
        self._began: dict[int, float] = {}
        self._started = time.monotonic()
        self._unicode = knows_unicode(sys.stderr)
        self._spinner = Spinner("dots" if self._unicode else "line")
        self._live = RichLive(console=err(), auto_refresh=False, transient=False, vertical_overflow="crop")
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        self.tick()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self.table(), refresh=True)
        self._live.stop()

    def end(self, experiment: orchestrator_pb2.Experiment) -> None:
        del experiment

    def update(self, step: orchestrator_pb2.Step) -> None:
        self._steps[step.position] = step
        if step_state(step.state) == "running":
            self._began.setdefault(step.position, time.monotonic() - step.seconds)

    def tick(self) -> None:
        if time.monotonic() - self._drawn > _REDRAW_S:
            self._drawn = time.monotonic()
            self._live.update(self.table(), refresh=True)

    def table(self) -> RenderableType:
        """Steps as they stand; before the first is known, what is waited for."""
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        if not self._steps:
            table.add_row(self._spinner, Text(_WAITING), Text(f"{time.monotonic() - self._started:.0f} s"))
            return table
        table.add_column(width=1, no_wrap=True)
        table.add_column(width=self._title_width(), no_wrap=True, overflow="ellipsis")
        table.add_column(width=_BAR, no_wrap=True)
        table.add_column(no_wrap=True, justify="right", min_width=5)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.expand = True
        for step in self._visible():
            table.add_row(*self._row(step))
        return table

    def _title_width(self) -> int:
        """That of the longest title, as far as the window leaves room for what happens."""
        from rich.cells import cell_len

        longest = max((cell_len(step.title) for step in self._steps.values()), default=1)
        return max(8, min(longest, _LONGEST_TITLE, self._live.console.width // 2 - 4))

    def _row(self, step: orchestrator_pb2.Step) -> tuple[Any, ...]:
        from rich.progress_bar import ProgressBar
        from rich.text import Text

        state = step_state(step.state)
        marks = _MARKS if self._unicode else _ASCII_MARKS
        running = state == "running"
        style = {"waiting": "dim", "failed": "red", "running": "bold"}.get(state, "")
        seconds = step.seconds
        if running:
            seconds = max(seconds, time.monotonic() - self._began.get(step.position, time.monotonic()))
        bar: Any = ""
        if running and step.progress.total:
            bar = ProgressBar(total=step.progress.total, completed=step.progress.done, width=_BAR)
        note = {"reused": "reused", "failed": step.error.partition("\n")[0]}.get(state, "")
        if running:
            note = ", ".join(filter(None, (time_left(step, seconds), describe_progress(step))))
        return (
            self._spinner if running else Text(marks.get(state, " ")),
            Text(step.title, style=style, no_wrap=True, overflow="ellipsis"),
            bar,
            Text(f"{seconds:.0f} s" if seconds >= 0.5 else ""),
            Text(note, style="red" if state == "failed" else "dim", no_wrap=True, overflow="ellipsis"),
        )

    def _visible(self) -> list[orchestrator_pb2.Step]:
        """All steps when they fit; else those that run or failed, what is next, and the last that were finished."""
        steps = [self._steps[position] for position in sorted(self._steps)]
        room = max(5, self._live.console.height - 3)
        if len(steps) <= room:
            return steps
        urgency = {"failed": 0, "running": 0, "waiting": 1, "succeeded": 2, "reused": 2}
        begun = max((i for i, s in enumerate(steps) if urgency[step_state(s.state)] != 1), default=0)
        by_urgency = sorted(range(len(steps)), key=lambda i: (urgency[step_state(steps[i].state)], abs(i - begun)))
        return [steps[i] for i in sorted(by_urgency[:room])]
