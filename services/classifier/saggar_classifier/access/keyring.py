"""API keys: a file that names callers, what they may do, and how often. Only hashes of keys are in it.

keys:
- name: catalogue
sha256: "3f0a..."        # of the key; `python -m saggar_classifier.access NAME` makes a key and this entry
scopes: [classify]       # and administer: activate, load and unload models
requests_per_minute: 600
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from saggar.errors import InvalidInputError, NotFoundError, SaggarError
from saggar.files.text_encoding import marked_text
from saggar.files.yamlfile import parse_yaml

log = logging.getLogger(__name__)

Scope = Literal["classify", "administer"]
_LOOK_S = 1.0  # between looks at the file
_BURST_SHARE = 0.1  # of a minute's requests may come at once


class Key(BaseModel):
    """One caller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z0-9._-]{1,80}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: frozenset[Scope]
    requests_per_minute: int = Field(default=6000, ge=1, le=1_000_000)


class KeyFile(BaseModel):
    """All callers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[Key, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> KeyFile:
        for what in ("name", "sha256"):
            values = [getattr(key, what) for key in self.keys]
            if doubled := next((value for value in values if values.count(value) > 1), None):
                raise ValueError(f"{what} {doubled} appears twice")
        return self


def new_key() -> tuple[str, str]:
    """A key of 256 random bits, and its hash."""
    key = secrets.token_urlsafe(32)
    return key, hash_of(key)


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


class Keyring:
    """The keys of a file, read again when it changes. Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        """Raises NotFoundError, or InvalidInputError with the line, for a file that cannot be used."""
        self._path = path
        self._lock = threading.Lock()
        self._allowances: dict[str, _Allowance] = {}
        self._read_at = self._changed_at()
        self._keys = self._read()
        self._looked = time.monotonic()

    def find(self, key: str) -> Key | None:
        """The caller whose key it is."""
        self._look()
        return self._keys.get(hash_of(key))

    def wait_s(self, key: Key) -> float:
        """0 where the caller may call now, which counts as a call; else the seconds until it may."""
        with self._lock:
            allowance = self._allowances.get(key.name)
            if allowance is None or allowance.per_minute != key.requests_per_minute:
                allowance = self._allowances[key.name] = _Allowance(key.requests_per_minute)
            return allowance.take(time.monotonic())

    def _look(self) -> None:
        with self._lock:
            if time.monotonic() - self._looked < _LOOK_S:
                return
            self._looked = time.monotonic()
            try:
                changed = self._changed_at()
                if changed == self._read_at:
                    return
                self._read_at = changed
                self._keys = self._read()
            except SaggarError as error:
                log.error("the keys stay as they were: %s", error)  # noqa: TRY400 the text says it all
            else:
                log.info("%d API keys read from %s", len(self._keys), self._path)

    def _changed_at(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError as error:
            raise self._unreadable(error) from None
        return found.st_mtime_ns, found.st_ino

    def _read(self) -> dict[str, Key]:
        try:
            text = marked_text(self._path.read_bytes(), str(self._path))
        except OSError as error:
            raise self._unreadable(error) from None
        except InvalidInputError as error:
            raise NotFoundError(f"SAGGAR_API_KEYS: {error}", str(self._path)) from None
        try:
            found = parse_yaml(text, KeyFile, source=str(self._path))
        except InvalidInputError as error:
            raise InvalidInputError(f"SAGGAR_API_KEYS: {error}", error.violations) from None
        return {key.sha256: key for key in found.keys}

    def _unreadable(self, error: OSError) -> NotFoundError:
        return NotFoundError(f"SAGGAR_API_KEYS: cannot read {self._path}: {error.strerror}", str(self._path))


@dataclass
class _Allowance:
    """A bucket that fills at `per_minute`, and holds a tenth of it."""

    per_minute: int
    left: float = -1.0
    at: float = 0.0

    def take(self, now: float) -> float:
        room = max(1.0, self.per_minute * _BURST_SHARE)
        self.left = room if self.left < 0 else min(room, self.left + (now - self.at) * self.per_minute / 60)
        self.at = now
        if self.left >= 1:
            self.left -= 1
            return 0.0
        return (1 - self.left) * 60 / self.per_minute
