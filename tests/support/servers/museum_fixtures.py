"""Fixtures of the tests of museums: a local server, a clock that nobody waits for, a fetch into a folder."""

import os
import random
from datetime import UTC, datetime

import museum_server
import pytest
from saggar.museums.fetching import fetch
from saggar.museums.registry import find_museum
from saggar.museums.settings import MuseumSettings
from saggar.museums.web import Clock, Limits

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Waiting:
    """A clock that nobody waits for: sleeping moves it."""

    def __init__(self):
        self.time = 1_000_000.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.time += seconds

    def clock(self):
        return Clock(now=lambda: self.time, monotonic=lambda: self.time, sleep=self.sleep)


@pytest.fixture
def server():
    with museum_server.museum_server() as found:
        yield found


@pytest.fixture
def waiting():
    return Waiting()


@pytest.fixture
def get(server, waiting, tmp_path, monkeypatch):
    """Fetches into tmp_path/out from the local server."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)

    def call(key, query="bowl", limit=10, image_px=843, limits=None, folder="out", **options):
        museum = find_museum(key)
        addresses = {f"{key}_url": f"{server.url}/{key}", "npm_api_key": "a-key"}
        web = MuseumSettings(**(addresses | options)).open_web(
            museum,
            tmp_path / "cache",
            limits=limits or Limits(read_s=60.0),
            clock=waiting.clock(),
            chance=random.Random(0),
        )
        return fetch(museum, web, query, tmp_path / folder, limit=limit, image_px=image_px, now=lambda: WHEN)

    return call
