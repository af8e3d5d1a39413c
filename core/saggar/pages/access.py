"""Who may come in: tokens, the sessions that they open, and how often one may guess."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from pydantic import RootModel, field_validator

from saggar.errors import AlreadyExistsError, NotFoundError, SaggarError
from saggar.files.yamlfile import read_yaml
from saggar.store import ObjectStore

SESSION_S = 7 * 24 * 3600.0
_SHORTEST_TOKEN = 12
_REMEMBERED_S = 5.0  # how long a session that was ended elsewhere may still be taken for open here
_GUESSES, _GUESSING_S = 10, 60.0  # wrong tokens an address may try, and within which time
_ADDRESSES = 10_000  # remembered

log = logging.getLogger(__name__)


class Tokens(RootModel[dict[str, str]]):
    """Person -> the token that they sign in with."""

    @field_validator("root")
    @classmethod
    def _sound(cls, tokens: dict[str, str]) -> dict[str, str]:
        if not tokens:
            raise ValueError("names nobody; write `name: token`, one a line")
        short = [name for name, token in tokens.items() if len(token) < _SHORTEST_TOKEN]
        if short:
            raise ValueError(f"tokens of {', '.join(short)} are shorter than {_SHORTEST_TOKEN} characters")
        if len(set(tokens.values())) < len(tokens):
            raise ValueError("two people have the same token")
        return tokens


def read_tokens(path: Path) -> dict[str, str]:
    """Person -> token. Raises InvalidInputError or NotFoundError, naming the file."""
    return read_yaml(path, Tokens).root


class TokenFile:
    """The tokens of a file, read again when it changes: who is taken out of it is signed out."""

    def __init__(self, path: Path) -> None:
        """Raises as `read_tokens`."""
        self._path = path
        self._seen = self._stamp()
        self._tokens = read_tokens(path)

    def __call__(self) -> Mapping[str, str]:
        """A file that cannot be read any more, or that is wrong, leaves the tokens as they were."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._seen = stamp
            try:
                self._tokens = read_tokens(self._path)
            except SaggarError as error:
                log.warning("the tokens stay as they were: %s", error)
        return self._tokens

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def owner_of(token: str, tokens: Mapping[str, str]) -> str | None:
    """Whose token it is. Every one is compared, so that the time taken says nothing."""
    found = None
    for person, known in tokens.items():
        if hmac.compare_digest(known.encode(), token.encode()):
            found = person
    return found


@dataclass(frozen=True)
class _Session:
    person: str
    since: float  # seconds since 1970
    of_token: str  # fingerprint: another token for the person ends the session


class Sessions:
    """Sessions in the store, by the hash of their secret number: `<folder>/<hash>.json`, and `.ended` beside it."""

    def __init__(
        self,
        store: ObjectStore,
        tokens: Callable[[], Mapping[str, str]],
        clock: Callable[[], float],
        folder: str = "sessions",
    ) -> None:
        self._store, self._tokens, self._clock, self._folder = store, tokens, clock, folder
        self._known: dict[str, tuple[_Session, float]] = {}  # key -> session, and when it was last looked up
        self._lock = threading.Lock()

    def open(self, person: str) -> str:
        """The cookie's value for a new session."""
        number = secrets.token_urlsafe(32)
        session = {
            "person": person,
            "since": self._clock(),
            "of_token": _fingerprint(person, self._tokens()[person]),
        }
        self._store.put(f"{self._key(number)}.json", json.dumps(session).encode(), "application/json")
        return number

    def person_of(self, number: str) -> str | None:
        """Whose session it is; None where it was ended, is too old, or its token is no longer valid."""
        session = self._find(number) if number else None
        if session is None or self._clock() - session.since > SESSION_S:
            return None
        token = self._tokens().get(session.person)
        if token is None or not hmac.compare_digest(_fingerprint(session.person, token), session.of_token):
            return None
        return session.person

    def end(self, number: str) -> None:
        """Whoever has the cookie cannot use it any more. Nothing happens where there is no such session."""
        key = self._key(number)
        with self._lock:
            self._known.pop(key, None)
        if not self._store.exists(f"{key}.json"):
            return
        try:
            self._store.put(f"{key}.ended", b"ended", "text/plain")
        except AlreadyExistsError:
            return

    def _find(self, number: str) -> _Session | None:
        key, now = self._key(number), self._clock()
        with self._lock:
            known = self._known.get(key)
        if known is not None and now - known[1] < _REMEMBERED_S:
            return known[0]
        try:
            session = _Session(**json.loads(self._store.get(f"{key}.json")))
        except (NotFoundError, TypeError, ValueError):  # none, or of an earlier version
            return None
        if self._store.exists(f"{key}.ended"):
            return None
        with self._lock:
            self._known[key] = session, now
        return session

    def _key(self, number: str) -> str:
        return f"{self._folder}/{hashlib.sha256(number.encode()).hexdigest()}"


class Guesses:
    """How many wrong tokens came from each address lately."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait_s(self, address: str) -> float:
        """Seconds until `address` may try again; 0 for now."""
        with self._lock:
            times = self._wrong.get(_network(address))
            if times is None or len(times) < _GUESSES:
                return 0.0
            return max(0.0, _GUESSING_S - (self._clock() - times[0]))

    def note(self, address: str) -> None:
        """A wrong token came from `address`."""
        with self._lock:
            times = self._wrong.setdefault(_network(address), deque(maxlen=_GUESSES))
            times.append(self._clock())
            self._wrong.move_to_end(_network(address))
            while len(self._wrong) > _ADDRESSES:
                self._wrong.popitem(last=False)


def _network(address: str) -> str:
    """The address; of IPv6 the /64, which one guest may have whole."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    return str(ip_network(f"{found}/64", strict=False)) if found.version == 6 else address


def _fingerprint(person: str, token: str) -> str:
    return hashlib.sha256(f"{person}\n{token}".encode()).hexdigest()
