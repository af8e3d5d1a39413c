"""The workflow database, opened; what is wrong with it is told in words."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS
from saggar.errors import DataCorruptionError, UnavailableError

_FILE = "it is there, that this user may write to it and its folder, and that the disk has room"
_SERVER = (
    "SAGGAR_DATABASE_URL has its address, its user and, for encrypted connections, the right sslmode and sslrootcert"
)


def open_database(url: str, join: Callable[[], None]) -> None:
    """Launches DBOS, after `join`: who works with the database is listed first.

    Raises DataCorruptionError or UnavailableError, which name the database and what to do.
    """
    import sqlalchemy.exc

    name, see_that = "the workflow database", _SERVER
    if url.startswith("sqlite:"):
        name, see_that = url.removeprefix("sqlite:///"), _FILE
    try:
        join()
        DBOS.launch()
    except sqlalchemy.exc.OperationalError as error:
        raise UnavailableError(f"{name} cannot be opened ({error.orig}): see that {see_that}") from error
    except sqlalchemy.exc.DatabaseError as error:
        raise DataCorruptionError(
            f"{name} is no workflow database any more ({error.orig}); move it away and start again: experiments and "
            "their finished steps are in the store, and `saggar experiment resume` finds them"
        ) from error
