"""The workflow database, opened; what is wrong with it is told in words."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS
from saggar.errors import DataCorruptionError, UnavailableError, WrongStateError

from saggar_orchestrator.workflow.database.connecting import connect

_FILE = "it is there, that this user may write to it and its folder, and that the disk has room"
_SERVER = (
    "SAGGAR_DATABASE_URL has its address, its user and, for encrypted connections, the right sslmode and sslrootcert"
)


def open_database(url: str, join: Callable[[], None]) -> None:
    """Launches DBOS, after `join`: who works with the database is listed first.

    Raises DataCorruptionError, UnavailableError or WrongStateError, which name the database and what to do.
    """
    import sqlalchemy.exc

    name, see_that = "the workflow database", _SERVER
    if url.startswith("sqlite:"):
        name, see_that = url.removeprefix("sqlite:///"), _FILE
    try:
        _see_encoding(url)
        join()
        DBOS.launch()
    except sqlalchemy.exc.OperationalError as error:
        raise UnavailableError(f"{name} cannot be opened ({error.orig}): see that {see_that}") from error
    except sqlalchemy.exc.DatabaseError as error:
        raise DataCorruptionError(
            f"{name} is no workflow database any more ({error.orig}); move it away and start again: experiments and "
            "their finished steps are in the store, and `saggar experiment resume` finds them"
        ) from error


def _see_encoding(url: str) -> None:
    """Raises WrongStateError for a database of PostgreSQL that cannot hold every text."""
    engine = connect(url)
    try:
        if engine.dialect.name != "postgresql":
            return
        with engine.connect() as connection:
            encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
    finally:
        engine.dispose()
    if encoding != "UTF8":
        raise WrongStateError(
            f"the workflow database {engine.url.database} has the encoding {encoding}, which cannot hold every title: "
            "make one with CREATE DATABASE ... TEMPLATE template0 ENCODING 'UTF8', and name it in SAGGAR_DATABASE_URL"
        )
