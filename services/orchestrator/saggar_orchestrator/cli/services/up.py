"""`saggar up`: all five services on this machine, in the foreground."""

from __future__ import annotations

import os
import signal
from typing import Annotated, Any

import typer
from saggar.errors import WrongStateError

from saggar_orchestrator.cli.services import doctor_surroundings
from saggar_orchestrator.cli.services.environment import misspelt, need_good_settings
from saggar_orchestrator.cli.terminal.output import say, settings, warn
from saggar_orchestrator.local.capacity import MOST, trainer_count
from saggar_orchestrator.local.supervisor import (
    DEFAULT_PORT_BASE,
    STATUS,
    Supervisor,
    choose_addresses,
    need_free_ports,
)


def up(
    context: typer.Context,
    port_base: Annotated[
        int,
        typer.Option(min=0, max=65510, help="First of the ports, for the orchestrator; 0: any that are free."),
    ] = DEFAULT_PORT_BASE,
    trainers: Annotated[
        int,
        typer.Option(
            min=0, max=MOST, help="Trainers, each with its part of the cores; 0: SAGGAR_TRAINERS, or as suits."
        ),
    ] = 0,
) -> None:
    """Runs all five services here, until Ctrl-C.

    Ctrl-C lets them finish what they do; a second one stops them at once.
    """
    home = settings(context).home
    if home.remote:
        raise WrongStateError(
            f"`saggar up` starts services here, and --server or SAGGAR_ORCHESTRATOR names one elsewhere "
            f"({home.address('orchestrator')}): unset it, or use that one"
        )
    stopping: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        if stopping:  # a second Ctrl-C: at once
            os._exit(130)
        stopping.append(number)
        say("stopping; running experiments continue at the next start (again: stop at once)")

    with home.claim():
        doctor_surroundings.need_sound_database(home)
        addresses = choose_addresses(port_base, trainers or trainer_count())
        need_free_ports(addresses)
        supervisor = Supervisor(home, addresses, say)
        need_good_settings(supervisor)
        for name, meant in misspelt(os.environ):
            warn(f"warning: {name} is set and is no setting; {meant} is one")
        signal.signal(signal.SIGINT, stop)
        signal.signal(signal.SIGTERM, stop)
        try:
            say(f"starting services for {home.root.resolve()} (logs: {home.logs})")
            supervisor.start()
            home.publish(supervisor.addresses)
            say(
                f"pages: http://{supervisor.addresses[STATUS]} (`saggar status --link` prints a link that signs you in)"
            )
            supervisor.run(lambda: bool(stopping))
        finally:
            supervisor.stop()
            say("all services have stopped")
