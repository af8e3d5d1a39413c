"""Following an experiment: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from saggar.errors import SaggarError, UnavailableError
from saggar.v1 import orchestrator_pb2

from saggar_orchestrator.cli.services.client import orchestrator
from saggar_orchestrator.cli.terminal.output import err, say
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import Supervisor

if TYPE_CHECKING:
    from rich.console import RenderableType

_LINE_EVERY_S = 10.0
_PATIENCE_S = 60.0  # how long the orchestrator may be away, e.g. while it is started again
_MARKS = {"waiting": "·", "running": "▸", "succeeded": "✓", "reused": "=", "failed": "✗"}


def follow(home: Home, identity: str, supervisor: Supervisor | None) -> orchestrator_pb2.Experiment:
    """Shows steps until the experiment ends; returns how it ended. Keeps `supervisor`'s children running
    meanwhile.
    """
    events: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(home, identity, events), daemon=True).start()
    display = _Live() if sys.stderr.isatty() else _Lines()
    with display:
        while True:
            if supervisor is not None:
                supervisor.check()
            with contextlib.suppress(queue.Empty):
                event = events.get(timeout=0.25)
                if isinstance(event, orchestrator_pb2.Experiment):
                    return event
                if isinstance(event, Exception):
                    raise event
                display.update(event)
            display.tick()


def _listen(home: Home, identity: str, events: queue.Queue[Any]) -> None:
    """Puts steps, and at last the experiment or an error, into `events`; reconnects to a restarted
    orchestrator.
    """
    lost_at: float | None = None
    while True:
        try:
            for event in _watch(home, identity):
                lost_at = None
                events.put(event.ended if event.HasField("ended") else event.step)
                if event.HasField("ended"):
                    return
        except UnavailableError as error:
            lost_at = lost_at or time.monotonic()
            if time.monotonic() - lost_at > _PATIENCE_S:
                events.put(error)
                return
            time.sleep(0.5)
        except SaggarError as error:
            events.put(error)
            return


def _watch(home: Home, identity: str) -> Iterator[orchestrator_pb2.WatchExperimentResponse]:
    with orchestrator(home) as stub:
        yield from stub.WatchExperiment(orchestrator_pb2.WatchExperimentRequest(experiment_id=identity))


def step_state(state: int) -> str:
    return orchestrator_pb2.StepState.Name(state).removeprefix("STEP_STATE_").lower()


def describe_progress(step: orchestrator_pb2.Step) -> str:
    """E.g. `training 3/12 epochs, loss 1.234`."""
    progress = step.progress
    parts = [progress.stage] if progress.stage else []
    if progress.total:
        parts.append(f"{progress.done:,}/{progress.total:,} {progress.unit}".rstrip())
    text = " ".join(parts)
    numbers = [f"{name.replace('_', ' ')} {value:.3g}" for name, value in sorted(progress.metrics.items())]
    return ", ".join([text, *numbers[:2]]) if numbers else text


class _Lines:
    """A line when a step begins or ends, and every ten seconds in between."""

    def __init__(self) -> None:
        self._states: dict[int, str] = {}
        self._steps: dict[int, orchestrator_pb2.Step] = {}
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

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
            self._say(f"[{step.position + 1}] {step.title}: {describe_progress(step) or 'waiting'}")
        if not running:
            self._say("waiting for the orchestrator")

    def _say(self, text: str) -> None:
        self._last = time.monotonic()
        say(text)


class _Live:
    """A table that is redrawn: a row per step, with a bar on the one that runs."""

    def __init__(self) -> None:
        from rich.live import Live

        self._steps: dict[int, orchestrator_pb2.Step] = {}
        self._began: dict[int, float] = {}
        self._live = Live(console=err(), auto_refresh=False, transient=False, vertical_overflow="ellipsis")
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.update(self._table(), refresh=True)
        self._live.stop()

    def update(self, step: orchestrator_pb2.Step) -> None:
        self._steps[step.position] = step
        if step_state(step.state) == "running":
            self._began.setdefault(step.position, time.monotonic())

    def tick(self) -> None:
        if time.monotonic() - self._drawn > 0.5:
            self._drawn = time.monotonic()
            self._live.update(self._table(), refresh=True)

    def _table(self) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        for step in self._visible():
            state = step_state(step.state)
            mark: Any = Spinner("dots") if state == "running" else Text(_MARKS.get(state, " "))
            style = {"waiting": "dim", "failed": "red", "running": "bold"}.get(state, "")
            bar: Any = ""
            if state == "running" and step.progress.total:
                bar = ProgressBar(total=step.progress.total, completed=step.progress.done, width=24)
            elif state == "failed":
                bar = Text(step.error.splitlines()[0][:80] if step.error else "", style="red")
            note = describe_progress(step) if state == "running" else {"reused": "reused"}.get(state, "")
            seconds = step.seconds
            if state == "running":
                seconds = max(seconds, time.monotonic() - self._began.get(step.position, time.monotonic()))
            took = f"{seconds:.0f} s" if seconds >= 0.5 else ""
            table.add_row(mark, Text(step.title, style=style), bar, Text(took), Text(note, style="dim"))
        return table

    def _visible(self) -> list[orchestrator_pb2.Step]:
        """All steps when they fit; else those around the running one, with the finished ones cut first."""
        steps = [self._steps[position] for position in sorted(self._steps)]
        room = max(5, self._live.console.height - 3)
        if len(steps) <= room:
            return steps
        finished = {"succeeded", "reused"}
        first = next((i for i, s in enumerate(steps) if step_state(s.state) not in finished), len(steps) - 1)
        begin = max(0, min(first - 3, len(steps) - room))
        return steps[begin : begin + room]
