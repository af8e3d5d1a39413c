"""Connections to the workflow database for tables of our own, beside those of DBOS."""

from __future__ import annotations

import contextlib
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
        waiting = {"connect_timeout": 10, "options": " ".join(options)}
    return sa.create_engine(url, connect_args=waiting, pool_pre_ping=True, pool_size=4, max_overflow=12)


def make_tables(engine: sa.Engine) -> None:
    """Makes those that are not there."""
    for _ in range(2):  # another may make the same at the same moment; then they are there
        with contextlib.suppress(sa.exc.IntegrityError, sa.exc.ProgrammingError):
            tables.create_all(engine)
            return
    tables.create_all(engine)
