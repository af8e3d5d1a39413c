"""The orchestrators of one workflow database: which of them live, and what each works on.

Each counts up a number of its own. Whoever sees another's number stand still for so many looks takes it for dead;
clocks have no say in it, and a machine that slept is given its looks anew. Work has a name, and who begins it writes
the name down first: nobody else begins it until its holder has let go, or is dead. A worker drops the work of a caller
that does not answer within 40 seconds (gRPC's keepalive), which is less than the looks take.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from saggar.errors import UnavailableError

from saggar_orchestrator.workflow.database.connecting import connect, make_tables, tables

LOOKS = 12
_WAIT_S = 1.0

_orchestrators = sa.Table(
    "saggar_orchestrators",
    tables,
    sa.Column("executor", sa.String(80), primary_key=True),
    sa.Column("beat", sa.BigInteger, nullable=False),
    sa.Column("version", sa.String(80), nullable=False),
)
_work = sa.Table(
    "saggar_work",
    tables,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("executor", sa.String(80), nullable=False),
    sa.Column("token", sa.String(40), nullable=False),
)

log = logging.getLogger(__name__)


class Fleet:
    """As one of its orchestrators, `executor`, sees it. Safe for many threads."""

    def __init__(self, database_url: str, executor: str, version: str) -> None:
        self.executor, self.version = executor, version
        self._engine = connect(database_url)
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._seen: dict[str, tuple[int, int]] = {}  # of each other: its number, and for how many looks it stood still

    def join(self) -> None:
        """Is alive from now on. Work that this orchestrator left behind when it died is nobody's."""
        make_tables(self._engine)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(_work).where(_work.c.executor == self.executor))
            connection.execute(sa.delete(_orchestrators).where(_orchestrators.c.executor == self.executor))
            connection.execute(sa.insert(_orchestrators).values(self._row()))

    def need_writable(self) -> None:
        """Raises UnavailableError where the database takes nothing, as on a full disk: DBOS would wait, and not say."""
        try:
            with self._engine.begin() as connection:
                own = _orchestrators.c.executor == self.executor
                connection.execute(sa.update(_orchestrators).where(own).values(version=self.version))
        except sa.exc.OperationalError as error:
            raise UnavailableError(
                f"the workflow database takes nothing now ({error.orig}): see that its disk has room, and try again"
            ) from error

    def beat(self) -> None:
        """A sign of life, and a look at those of the others."""
        own = _orchestrators.c.executor == self.executor
        known = {row.executor: row.beat for row in self._read(sa.select(_orchestrators))}
        claimed = {row.token for row in self._read(sa.select(_work.c.token).where(_work.c.executor == self.executor))}
        with self._lock:  # after they were read: what is claimed meanwhile is no leftover
            left = claimed - self._held
        with self._engine.begin() as connection:  # apart from reading: SQLite refuses to go from one to the other
            if self.executor in known:
                connection.execute(sa.update(_orchestrators).where(own).values(beat=_orchestrators.c.beat + 1))
            else:  # taken for dead while it slept
                connection.execute(sa.insert(_orchestrators).values(self._row()))
            if left:  # whose letting go the database did not learn of
                connection.execute(sa.delete(_work).where(_work.c.token.in_(left)))
        with self._lock:
            seen = self._seen
            self._seen = {
                executor: (beat, seen[executor][1] + 1 if seen.get(executor, (None,))[0] == beat else 0)
                for executor, beat in known.items()
                if executor != self.executor
            }

    def leave(self) -> None:
        """Ends in order: what it had begun may be taken up at once."""
        with contextlib.suppress(sa.exc.SQLAlchemyError), self._engine.begin() as connection:
            connection.execute(sa.delete(_work).where(_work.c.executor == self.executor))
            connection.execute(sa.delete(_orchestrators).where(_orchestrators.c.executor == self.executor))
        self._engine.dispose()

    def dead(self, executors: Collection[str]) -> set[str]:
        """Those of `executors` that are none of the living; what is known of them goes."""
        listed = {row.executor for row in self._read(sa.select(_orchestrators))}
        found = {each for each in executors if self._is_dead(each, listed)}
        if gone := found & listed:
            with self._engine.begin() as connection:
                connection.execute(sa.delete(_orchestrators).where(_orchestrators.c.executor.in_(gone)))
        return found

    def versions(self) -> set[str]:
        """Of the programs of all that live."""
        rows = self._read(sa.select(_orchestrators))
        return {row.version for row in rows if not self._is_dead(row.executor, {row.executor})}

    @contextlib.contextmanager
    def alone(
        self, name: str, wait: Callable[[float], None], on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        """The block runs while nobody else of the fleet is in a block of that name. `wait` sleeps, or raises to give
        up; `on_wait` is called when there is something to wait for.
        """
        token, told = uuid.uuid4().hex, False
        with self._lock:
            self._held.add(token)
        try:
            while not self._claims(name, token):
                if not told:
                    on_wait()
                    told = True
                wait(_WAIT_S)
            yield
        finally:
            with self._lock:
                self._held.discard(token)
            try:
                with self._engine.begin() as connection:
                    connection.execute(sa.delete(_work).where(_work.c.name == name, _work.c.token == token))
            except sa.exc.SQLAlchemyError as error:  # the next sign of life lets go of it
                log.warning("the workflow database does not learn that %s has ended: %s", name, error)

    def _row(self) -> dict[str, Any]:
        """Its number begins anywhere: one that comes back does not look as if it had stood still."""
        return {"executor": self.executor, "beat": secrets.randbelow(1 << 40), "version": self.version}

    def under_way(self, prefix: str) -> set[str]:
        """Names, beginning so, of the blocks that somebody who lives is in, or waits at the door of."""
        rows = self._read(sa.select(_work).where(_work.c.name.startswith(prefix, autoescape=True)))
        return {row.name for row in rows if not self._is_free(row.executor, row.token)}

    def is_free(self, name: str) -> bool:
        """Whether nobody who lives is in a block of that name."""
        return all(
            self._is_free(row.executor, row.token) for row in self._read(sa.select(_work).where(_work.c.name == name))
        )

    def _claims(self, name: str, token: str) -> bool:
        try:
            return self._claim(name, token)
        except sa.exc.OperationalError as error:
            log.warning("the workflow database cannot be asked who does %s: %s", name, error)
            return False

    def _claim(self, name: str, token: str) -> bool:
        mine = {"executor": self.executor, "token": token}
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(_work).values(name=name, **mine))
        except sa.exc.IntegrityError:
            for row in self._read(sa.select(_work).where(_work.c.name == name)):
                if self._is_free(row.executor, row.token):
                    theirs = sa.update(_work).where(_work.c.name == name, _work.c.token == row.token)
                    with self._engine.begin() as connection:
                        return connection.execute(theirs.values(mine)).rowcount == 1
            return False
        return True

    def _is_free(self, executor: str, token: str) -> bool:
        if executor == self.executor:
            with self._lock:
                return token not in self._held
        return self._is_dead(executor, {row.executor for row in self._read(sa.select(_orchestrators))})

    def _read(self, question: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(question).all()

    def _is_dead(self, executor: str, listed: Collection[str]) -> bool:
        if executor == self.executor:
            return False
        with self._lock:
            return executor not in listed or self._seen.get(executor, (0, 0))[1] >= LOOKS
