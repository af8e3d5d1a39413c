"""The workflow database, opened; what is wrong with it is told in words."""

from __future__ import annotations

from collections.abc import Callable

from dbos import DBOS
from saggar.errors import DataCorruptionError, UnavailableError


def open_database(url: str, join: Callable[[], None]) -> None:
    """Launches DBOS, after `join`: who works with the database is listed first.

    Raises DataCorruptionError or UnavailableError, which name the database and what to do.
    """
    import sqlalchemy.exc

    name = url.removeprefix("sqlite:///") if url.startswith("sqlite:") else "the workflow database"
    try:
        join()
        DBOS.launch()
    except sqlalchemy.exc.OperationalError as error:
        raise UnavailableError(
            f"{name} cannot be opened ({error.orig}): see that it is there, that this user may "
            "write to it and its folder, and that the disk has room"
        ) from error
    except sqlalchemy.exc.DatabaseError as error:
        raise DataCorruptionError(
            f"{name} is no workflow database any more ({error.orig}); move it away and start again: experiments and "
            "their finished steps are in the store, and `saggar experiment resume` finds them"
        ) from error
