"""The rig that tests of RPCs share."""

import threading
from collections.abc import Iterator

import pytest
from rig import Rig


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    for channel in made.channels:
        channel.close()
    for server in made.servers:
        server.stop()
    left = [t.name for t in threading.enumerate() if t.name == "saggar-work" and t.is_alive()]
    assert left == [], "work goes on after its server has stopped"
