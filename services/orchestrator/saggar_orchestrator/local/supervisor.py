"""The services as child processes of one supervisor on this machine: start, watch, restart, drain."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saggar.errors import EXIT_REFUSED, InvalidInputError, SaggarError, UnavailableError, WrongStateError

from saggar_orchestrator.local.capacity import threads_each
from saggar_orchestrator.local.home import Home

# In the order of their ports. The orchestrator drains first, so that it hands out no new work.
SERVICES = ("orchestrator", "generator", "qc", "trainer", "classifier")
REPLICATED = "trainer"  # of which there may be several: trainer, trainer-2, trainer-3
PAGES = "review"  # the qc service's pages for people have an address of their own, after the services'
STATUS = "status"  # and so have the orchestrator's
DEFAULT_PORT_BASE = 50051
_FIRST_RESTART_S, _LONGEST_RESTART_S = 1.0, 30.0
_SETTLED_S = 60.0  # a child that ran so long starts again at once when it dies
_DRAIN_S = 35.0  # longer than the services give their running calls

Say = Callable[[str], None]


@dataclass
class _Child:
    name: str
    address: str
    log_path: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ready: bool = False
    has_served: bool = False  # in this run of the supervisor, whether or not it has died since
    deaths_in_a_row: int = 0
    restart_at: float = 0.0
    log_start: int = 0  # bytes of earlier runs in the log

    @property
    def service(self) -> str:
        """`trainer` of `trainer-2`."""
        return self.name.partition("-")[0]


def choose_addresses(port_base: int, trainers: int = 1) -> dict[str, str]:
    """host:port for every service, the pages and further trainers: `port_base` onwards, or any free ports for 0."""
    names = (*SERVICES, PAGES, STATUS, *(f"{REPLICATED}-{number}" for number in range(2, trainers + 1)))
    if port_base:
        return {name: f"127.0.0.1:{port_base + i}" for i, name in enumerate(names)}
    sockets = [socket.socket() for _ in names]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
    return {name: f"127.0.0.1:{port}" for name, port in zip(names, ports, strict=True)}


def need_free_ports(addresses: Mapping[str, str]) -> None:
    """Raises WrongStateError where something listens already: it would be taken for the service that cannot start."""
    taken: dict[str, list[str]] = {}
    for name, address in addresses.items():
        host, port = address.rsplit(":", 1)
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed one may linger
            try:
                tried.bind((host, int(port)))
            except OSError as error:
                taken.setdefault(os.strerror(error.errno or 0).lower(), []).append(f"{port} ({name})")
    if taken:
        ports = "; ".join(f"{', '.join(found)}: {why}" for why, found in taken.items())
        raise WrongStateError(f"ports {ports}; give others with --port-base, or --port-base 0 for any that are free")


@dataclass
class Supervisor:
    """Children of this process. All methods are called from one thread, the one that made it.

    Addresses are fixed before the first child starts, so that a child that is restarted comes back where its
    peers expect it. `modules` lets tests run stand-ins.
    """

    home: Home
    addresses: dict[str, str]
    say: Say
    give_up_after: int | None = None  # deaths in a row, without having been ready; None: never
    modules: dict[str, str] = field(default_factory=lambda: {name: f"saggar_{name}" for name in SERVICES})
    _children: dict[str, _Child] = field(default_factory=dict)

    def start(self, names: Sequence[str] = SERVICES) -> None:
        """Starts those of `names` that do not run yet, each with its replicas; returns at once."""
        self.home.logs.mkdir(parents=True, exist_ok=True)
        for name in (replica for service in names for replica in self._replicas(service)):
            if name not in self._children:
                child = _Child(name, self.addresses[name], self.home.logs / f"{name}.log")
                self._children[name] = child
                self._spawn(child)

    def _replicas(self, service: str) -> tuple[str, ...]:
        """The names of the service's processes, itself the first."""
        return tuple(name for name in self.addresses if name == service or name.startswith(f"{service}-"))

    def wait_ready(self, names: Sequence[str], timeout_s: float = 300.0) -> None:
        """Until all of `names` answer; UnavailableError, with the end of its log, when one dies before or
        takes too long.
        """
        deadline = time.monotonic() + timeout_s
        while not all(self._children[name].ready for name in names):
            self.check(restart=False)
            late = [name for name in names if not self._children[name].ready]
            if late and time.monotonic() > deadline:
                tail = self._log_tail(self._children[late[0]])
                raise UnavailableError(f"{late[0]} was not ready after {timeout_s:.0f} s. {tail}")
            time.sleep(0.1)

    def check(self, *, restart: bool = True) -> None:
        """Notices children that became ready or died; starts the dead again, after a wait that grows.

        With restart=False a dead child is an UnavailableError that shows the end of its log; one that refuses its
        settings, before it has served, is an InvalidInputError: the next would refuse them too.
        """
        now = time.monotonic()
        for child in self._children.values():
            if child.process is None:
                if now >= child.restart_at:
                    self._spawn(child)
            elif child.process.poll() is not None:
                self._bury(child, now, restart=restart)
            elif not child.ready and _answers(child.address):
                child.ready = child.has_served = True
                self.say(f"{child.name:<12} ready at {child.address}  ({now - child.started:.1f} s)")

    def run(self, stop: Callable[[], bool], poll_s: float = 0.3) -> None:
        """Watches over the children until `stop()`."""
        while not stop():
            self.check()
            time.sleep(poll_s)

    def stop(self) -> None:
        """Asks all to finish what they do (SIGTERM), the orchestrator first, and ends those that take too
        long.
        """
        alive = [child for child in self._children.values() if child.process and child.process.poll() is None]
        for child in sorted(alive, key=lambda child: child.name != "orchestrator"):
            assert child.process is not None  # noqa: S101 for the type checker
            child.process.terminate()
            if child.name == "orchestrator":
                _wait(child.process, _DRAIN_S)
        deadline = time.monotonic() + _DRAIN_S
        for child in alive:
            if child.process and not _wait(child.process, max(0.1, deadline - time.monotonic())):
                self.say(f"{child.name:<12} did not stop within {_DRAIN_S:.0f} s; killed")
                child.process.kill()
                child.process.wait()
        self._children.clear()

    def _spawn(self, child: _Child) -> None:
        command = [
            sys.executable,
            "-m",
            "saggar_orchestrator.local.child",
            str(os.getpid()),
            self.modules[child.service],
        ]
        environment = os.environ | self.environment(child.name)
        if environment.get("GRPC_VERBOSITY") == "NONE":  # of the command line; a service's log has what gRPC says
            del environment["GRPC_VERBOSITY"]
        with child.log_path.open("ab") as log:
            child.log_start = log.tell()
            # A session of its own: Ctrl-C reaches the supervisor alone, which then drains the children in
            # order.
            child.process = subprocess.Popen(  # noqa: S603 our own modules
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        child.started, child.ready = time.monotonic(), False

    def environment(self, name: str) -> dict[str, str]:
        """What the service or replica of this name finds in its environment beside what this process has."""
        peers = {
            f"SAGGAR_{service.upper()}": ",".join(self.addresses[replica] for replica in self._replicas(service))
            for service in SERVICES
        }
        own = {
            "SAGGAR_LISTEN": self.addresses[name],
            "SAGGAR_STORE": os.environ.get("SAGGAR_STORE") or self.home.store.resolve().as_uri(),
            "SAGGAR_HOME": str(self.home.root.resolve()),
            "SAGGAR_ADDRESS_FILE": str((self.home.root / "run" / f"{name}.address").resolve()),
            "PYTHONUNBUFFERED": "1",
        }
        if name == "qc":
            own |= {
                "SAGGAR_REVIEW_LISTEN": self.addresses[PAGES],
                "SAGGAR_REVIEW_TOKENS": str(self.home.review_tokens().resolve()),
            }
        if name == "orchestrator":
            own |= {
                "SAGGAR_STATUS_LISTEN": self.addresses[STATUS],
                "SAGGAR_STATUS_TOKENS": str(self.home.status_tokens().resolve()),
                "SAGGAR_REVIEW_URL": f"http://{self.addresses[PAGES]}",
            }
        if name.partition("-")[0] == REPLICATED:
            own["SAGGAR_THREADS"] = threads_each(len(self._replicas(REPLICATED)))
        return peers | own

    def _bury(self, child: _Child, now: float, *, restart: bool) -> None:
        assert child.process is not None  # noqa: S101 for the type checker
        code, child.process = child.process.returncode, None
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        if not restart:
            raise UnavailableError(f"{child.name} {ended} while starting. {self._log_tail(child)}")
        if code == EXIT_REFUSED and not child.has_served:
            raise InvalidInputError(f"{child.name} cannot start as it is set up. {self._log_tail(child)}")
        if child.ready and now - child.started > _SETTLED_S:
            child.deaths_in_a_row = 0
        wait = min(_LONGEST_RESTART_S, _FIRST_RESTART_S * 2.0**child.deaths_in_a_row)
        if child.ready and not child.deaths_in_a_row:
            wait = 0.0
        child.deaths_in_a_row += 1
        if not child.ready and self.give_up_after is not None and child.deaths_in_a_row >= self.give_up_after:
            raise UnavailableError(f"{child.name} does not start. {self._log_tail(child)}")
        child.restart_at = now + wait
        when = f"in {wait:.0f} s" if wait else "now"
        self.say(f"{child.name:<12} {ended}; starting it again {when} (log: {child.log_path})")
        if not child.ready:
            self.say(self._log_tail(child))

    def _log_tail(self, child: _Child, lines: int = 12) -> str:
        try:
            text = child.log_path.read_bytes()[child.log_start :].decode("utf-8", "replace")
        except FileNotFoundError:
            return f"It left no log at {child.log_path}."
        tail = "\n".join(f"  | {line}" for line in text.splitlines()[-lines:])
        return f"The end of its log, {child.log_path}:\n{tail}"


def _answers(address: str) -> bool:
    """Whether the service at `address` says that it serves."""
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=0.2).close()
    except OSError:
        return False
    from saggar.rpc.channel import client_tls, wait_ready
    from saggar.settings import CallerSettings

    try:
        wait_ready(address, 0.5, tls=client_tls(CallerSettings()))
    except SaggarError:
        return False
    return True


def _wait(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True
