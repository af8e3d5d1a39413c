"""Connections to the workflow database for tables of our own, beside those of DBOS."""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

tables = sa.MetaData()


def connect(database_url: str) -> sa.Engine:
    """An engine that waits for others' writing, and notices connections that have ended."""
    url = sa.make_url(database_url)
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    waiting = {"timeout": 30} if url.get_backend_name() == "sqlite" else {"connect_timeout": 10}
    return sa.create_engine(url, connect_args=waiting, pool_pre_ping=True, pool_size=4, max_overflow=12)


def make_tables(engine: sa.Engine) -> None:
    """Makes those that are not there."""
    for _ in range(2):  # another may make the same at the same moment; then they are there
        with contextlib.suppress(sa.exc.IntegrityError, sa.exc.ProgrammingError):
            tables.create_all(engine)
            return
    tables.create_all(engine)
