"""The services a command works with: those that run for its home, or its own for the duration."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from saggar_orchestrator.cli.services import doctor_surroundings
from saggar_orchestrator.cli.terminal.output import say
from saggar_orchestrator.cli.terminal.progress_line import spinner
from saggar_orchestrator.local.capacity import trainer_count
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import SERVICES, Supervisor, choose_addresses


@contextlib.contextmanager
def local_services(
    home: Home, needed: Sequence[str] = ("orchestrator",), started: Sequence[str] = SERVICES
) -> Iterator[Supervisor | None]:
    """None when services run already for `home`; else a supervisor of new ones, stopped at the end.

    Returns when `needed` answer; the rest of `started` may still be loading. Steps wait for those they need.
    """
    if home.running() is not None:
        yield None
        return
    with home.claim():
        doctor_surroundings.need_sound_database(home)
        supervisor = Supervisor(home, choose_addresses(0, trainer_count()), say, give_up_after=3)
        say("no services run for this home; starting them for the duration of this command")
        try:
            supervisor.start(started)
            home.publish(supervisor.addresses)
            with spinner(f"waiting for the {' and the '.join(needed)} to load"):
                supervisor.wait_ready(needed)
            yield supervisor
        finally:
            with spinner("letting the services finish"):
                supervisor.stop()
