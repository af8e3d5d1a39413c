"""Connections to the workflow database for tables of our own, beside those of DBOS."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import sqlalchemy as sa

tables = sa.MetaData()
_IDLE_S = 60  # DBOS gives its own connections as long


def connect(database_url: str) -> sa.Engine:
    """An engine that waits for others' writing, and notices connections that have ended. PostgreSQL takes back what a
    process has locked that stands still in the middle of writing (stopped, or on a machine that sleeps); the others
    wait as long as that. SQLite cannot: they wait until that process goes on or ends.
    """
    url = sa.make_url(database_url)
    waiting: dict[str, Any] = {"timeout": 30}
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
        options = (*url.normalized_query.get("options", ()), f"-c idle_in_transaction_session_timeout={_IDLE_S}s")
        waiting = {"connect_timeout": 10, "options": " ".join(options), "client_encoding": "UTF8"}
    return sa.create_engine(url, connect_args=waiting, pool_pre_ping=True, pool_size=4, max_overflow=12)


@sa.event.listens_for(sa.Engine, "handle_error")
def _full_disk(context: sa.engine.ExceptionContext) -> sa.exc.OperationalError | None:
    """SQLite's full disk in words that DBOS waits for, as it waits where PostgreSQL has no room: workflows pause until
    there is some. Otherwise an experiment would break off, and the database could not even learn of that.
    """
    error = context.original_exception
    if not isinstance(error, sqlite3.OperationalError) or error.sqlite_errorcode != sqlite3.SQLITE_FULL:
        return None
    told = sqlite3.OperationalError("its disk is full, and until there is room the database is locked")
    return sa.exc.OperationalError(str(context.statement or "COMMIT"), context.parameters, told)


def make_tables(engine: sa.Engine) -> None:
    """Makes those that are not there."""
    for _ in range(2):  # another may make the same at the same moment; then they are there
        with contextlib.suppress(sa.exc.IntegrityError, sa.exc.ProgrammingError):
            tables.create_all(engine)
            return
    tables.create_all(engine)
