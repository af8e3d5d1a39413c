"""What happened in an experiment, kept so that whoever watches it, at any time and anywhere, sees the same story."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import sqlalchemy as sa

from saggar_orchestrator.progress import Board, StepView
from saggar_orchestrator.workflow.database.connecting import connect, tables

_EVERY_S = 0.5
AT_ONCE = 1000  # events of one answer
_FIELDS = {each.name for each in fields(StepView)}

_events = sa.Table(
    "saggar_events",
    tables,
    sa.Column("experiment", sa.String(120), primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("step", sa.Text, nullable=False),
)

log = logging.getLogger(__name__)


class Events:
    """The events of all experiments of a workflow database. Safe for many threads."""

    def __init__(self, database_url: str) -> None:
        self._engine = connect(database_url)

    def close(self) -> None:
        self._engine.dispose()

    def read(self, experiment: str, after: int = 0) -> tuple[int, list[StepView]]:
        """Up to a thousand events after that number, and the number of the last; the same number where none are new."""
        asked = (
            sa.select(_events)
            .where(_events.c.experiment == experiment, _events.c.number > after)
            .order_by(_events.c.number)
            .limit(AT_ONCE)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(asked).all()
        steps = json.loads(f"[{','.join(row.step for row in rows)}]")  # at once: twice as fast as one by one
        return (rows[-1].number if rows else after), [_view_of(step) for step in steps]

    def forget(self, experiment: str) -> None:
        """Takes an experiment's events out, where there are any."""
        with contextlib.suppress(sa.exc.OperationalError, sa.exc.ProgrammingError), self._engine.begin() as connection:
            connection.execute(sa.delete(_events).where(_events.c.experiment == experiment))

    def keep(self, experiment: str, board: Board) -> threading.Thread:
        """Writes down what `board` shows, until it is closed: every change of state and every epoch, of what changes
        faster the last of each half second. Returns the thread that does it.
        """
        thread = threading.Thread(target=self._keep, args=(experiment, board), name="events", daemon=True)
        thread.start()
        return thread

    def _keep(self, experiment: str, board: Board) -> None:
        version, over, pause = -1, False, threading.Event()
        last: dict[int, StepView] = {}
        waiting: list[StepView] = []
        while not over:
            version, changed, over = board.changes(version, timeout_s=_EVERY_S)
            for view in (*board.notable(), *changed):
                known = last.get(view.position)
                if view.state != "waiting" and (known is None or not _alike(view, known)):
                    last[view.position] = view
                    waiting.append(view)
            try:
                self._write(experiment, waiting)
            except sa.exc.SQLAlchemyError as error:  # they are written with the next
                log.warning("the workflow database does not take events: %s", error)
            else:
                waiting.clear()
            if not over:
                pause.wait(_EVERY_S)

    def _write(self, experiment: str, views: Sequence[StepView]) -> None:
        if not views:
            return
        with self._engine.connect() as connection:
            asked = sa.select(sa.func.max(_events.c.number)).where(_events.c.experiment == experiment)
            first = (connection.scalar(asked) or 0) + 1
        now = round(time.time(), 3)
        rows = [
            {
                "experiment": experiment,
                "number": number,
                "step": json.dumps(asdict(view) | {"at": now}, ensure_ascii=False),
            }
            for number, view in enumerate(views, first)
        ]
        with self._engine.begin() as connection:
            connection.execute(sa.insert(_events), rows)


def _alike(one: StepView, other: StepView) -> bool:
    """Whether nothing differs but the time; a sign of life is no event."""
    return {**asdict(one), "seconds": 0} == {**asdict(other), "seconds": 0}


def _view_of(step: dict[str, Any]) -> StepView:
    values = {name: value for name, value in step.items() if name in _FIELDS}
    values["metrics"] = tuple((name, value) for name, value in values.get("metrics", ()))
    return StepView(**values)
