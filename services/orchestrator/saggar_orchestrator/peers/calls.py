"""Calls that a step makes: patient, cancelled with the experiment, their progress passed on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from saggar.progress import Report
from saggar.rpc.progress import progress_from_message

from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Cancellation


class Calls:
    """The worker services, as one attempt at an experiment calls them. `fresh`: work is done again, though equal
    requests have done it, unless they bore the same token.
    """

    def __init__(self, peers: Peers, cancellation: Cancellation, fresh: str = "") -> None:
        self.peers, self.cancellation, self._fresh = peers, cancellation, fresh

    def anew(self, fresh: str) -> Calls:
        """As these, for work that bears the token `fresh`."""
        return Calls(self.peers, self.cancellation, fresh)

    def stream(self, service: str, rpc: str, request: Any, report: Report) -> Any:
        """The result of a stream, its progress reported. Raises as `Peers.stream`."""

        def on_event(event: Any) -> None:
            if event.HasField("progress"):
                report(progress_from_message(event.progress))

        return self.follow(service, rpc, request, on_event)

    def follow(self, service: str, rpc: str, request: Any, on_event: Callable[[Any], None]) -> Any:
        """The result of a stream, whose other events go to `on_event`. Raises as `Peers.stream`."""
        if self._fresh and "fresh" in request.DESCRIPTOR.fields_by_name:
            request.fresh = self._fresh
        return self.peers.stream(service, rpc, request, on_event, self.cancellation)

    def call(self, service: str, rpc: str, request: Any) -> Any:
        """One answer to a call that may be made twice. Raises as `Peers.call_patiently`."""
        return self.peers.call_patiently(service, rpc, request, self.cancellation)


def file_digest(path: Path) -> str:
    """The file's SHA-256; its path where it lies on another machine and can't be read here."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return json.dumps(str(path))
