"""Following an experiment: its events from the orchestrator, shown as they come."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from typing import Any

from saggar.errors import SaggarError, UnavailableError
from saggar.v1 import orchestrator_pb2

from saggar_orchestrator.cli.experiments.following.display import Display, JsonEvents, Lines, Live
from saggar_orchestrator.cli.services.client import orchestrator
from saggar_orchestrator.cli.terminal.output import is_live
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import Supervisor

_PATIENCE_S = 60.0  # how long the orchestrator may be away, e.g. while it is started again


def follow(
    home: Home, identity: str, supervisor: Supervisor | None, *, as_json: bool = False
) -> orchestrator_pb2.Experiment:
    """Shows steps until the experiment ends; returns how it ended. Keeps `supervisor`'s children running
    meanwhile.
    """
    events: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_listen, args=(home, identity, events), daemon=True).start()
    display: Display = JsonEvents() if as_json else Live() if is_live() else Lines()
    with display:
        while True:
            if supervisor is not None:
                supervisor.check()
            with contextlib.suppress(queue.Empty):
                event = events.get(timeout=0.1)
                if isinstance(event, orchestrator_pb2.Experiment):
                    display.end(event)
                    return event
                if isinstance(event, Exception):
                    raise event
                for step in event:
                    display.update(step)
            display.tick()


def _listen(home: Home, identity: str, events: queue.Queue[Any]) -> None:
    """Puts steps that came together, and at last the experiment or an error, into `events`; reconnects to a
    restarted orchestrator.
    """
    lost_at: float | None = None
    while True:
        try:
            for event in _watch(home, identity):
                lost_at = None
                if event.HasField("ended"):
                    events.put(event.ended)
                    return
                events.put(event.past or (event.step,))
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
        request = orchestrator_pb2.WatchExperimentRequest(experiment_id=identity, past_at_once=True)
        yield from stub.WatchExperiment(request)
