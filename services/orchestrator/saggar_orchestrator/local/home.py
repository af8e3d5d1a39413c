"""The folder that holds everything a run keeps on this machine: store, workflow database, logs, reports."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from saggar.errors import UnavailableError, WrongStateError

DEFAULT_HOME = Path(".saggar")


@dataclass(frozen=True)
class RunningServices:
    """Addresses (host:port) of the services that one `saggar up` supervises, by name, and its process id."""

    pid: int
    addresses: dict[str, str]


@dataclass(frozen=True)
class Home:
    """Paths under one folder. Nothing is created until it is needed.

    `servers` are targets (host:port) of services that run elsewhere, by name; they go before the home's own. With an
    orchestrator among them the home is `remote`: it holds reports, and nothing else.
    """

    root: Path
    servers: Mapping[str, str] = field(default_factory=dict)

    @property
    def remote(self) -> bool:
        return "orchestrator" in self.servers

    @property
    def store(self) -> Path:
        """UnavailableError where it has been and is gone: made anew, it would look like an empty one."""
        path = self.root / "store"
        if self.database.exists() and not path.exists():
            raise UnavailableError(
                f"the store's folder {path} is gone, though experiments were run in this home; mount or "
                "restore it, or choose another --home to begin anew"
            )
        return path

    @property
    def database(self) -> Path:
        return self.root / "workflows.sqlite"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def collections(self) -> Path:
        return self.root / "collections"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def services_file(self) -> Path:
        return self.root / "run" / "services.json"

    def review_tokens(self) -> Path:
        """The file of reviewers and their tokens (`name: token`, one a line); made for one at first use."""
        return self._tokens("review-tokens.yaml", "curator", "may review images")

    def status_tokens(self) -> Path:
        """The same of those who may start and stop experiments on the status pages."""
        return self._tokens("status-tokens.yaml", "researcher", "may start experiments and activate models")

    def _tokens(self, name: str, first: str, about: str) -> Path:
        import secrets

        path = self.root / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(f"# Who {about}, and with which token; one a line.\n")
                    file.write(f"{first}: {secrets.token_urlsafe(18)}\n")
        return path

    def executor(self) -> str:
        """The name of this home's orchestrator among those of a workflow database, the same at every start."""
        import uuid

        path = self.root / "run" / "orchestrator.id"
        try:
            found = path.read_text(encoding="ascii").strip()
        except (FileNotFoundError, UnicodeDecodeError):
            found = ""
        if not found:
            found = f"orchestrator-{uuid.uuid4().hex[:12]}"
            path.write_text(found, encoding="ascii")
        return found

    def prepare(self) -> None:
        """Makes the folder, for this user alone; what this process and its children write there is too.

        Raises UnavailableError where that cannot be done.
        """
        os.umask(0o077)
        try:
            ours = not self.root.exists() or (self.root / "run").exists()
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = self.root.stat()
            if ours and status.st_uid == os.getuid() and not status.st_mode & stat.S_ISVTX:  # a shared folder stays so
                self.root.chmod(0o700)
            (self.root / "run").mkdir(exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"the home {self.root} cannot be used ({error.strerror or error}): make it writable for this user, or "
                "choose another folder with --home or SAGGAR_HOME"
            ) from error

    @contextlib.contextmanager
    def hold(self, service: str) -> Iterator[None]:
        """Holds the home for the one process of `service`; WrongStateError when another has it."""
        self.prepare()
        path = self.root / "run" / f"{service}.lock"
        with _opened(path) as lock:
            if not _lock(lock, attempts=40):  # one that is ending lets go within moments
                lock.seek(0)
                by = lock.read(20).strip()
                raise WrongStateError(
                    f"another {service}{f' (process {by})' if by else ''} works in {self.root}; stop it, or choose "
                    "another folder with --home or SAGGAR_HOME"
                )
            lock.seek(0)
            lock.truncate()
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    @contextlib.contextmanager
    def claim(self) -> Iterator[None]:
        """Holds the home for one supervisor; WrongStateError when another has it.

        The operating system frees the lock when its holder dies, however it dies: no stale locks.
        """
        self.prepare()
        with _opened(self.root / "run" / "up.lock") as lock:
            if not _lock(lock, attempts=5):
                running = self._read()
                by = f" (process {running.pid})" if running else ""
                raise WrongStateError(
                    f"services of {self.root} are running already{by}: use them, stop them with Ctrl-C where "
                    "they run, or choose another folder with --home"
                )
            self.services_file.unlink(missing_ok=True)  # left by one that was killed
            try:
                yield
            finally:
                self.services_file.unlink(missing_ok=True)

    def publish(self, addresses: dict[str, str]) -> None:
        """Writes where the services listen; only for whoever holds the claim."""
        text = json.dumps(asdict(RunningServices(os.getpid(), addresses)), indent=1)
        temporary = self.services_file.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(self.services_file)

    def running(self) -> RunningServices | None:
        """The services that run now; None when none do, whatever a stale file says.

        Those of a remote home always do, as far as this machine knows.
        """
        if self.remote:
            return RunningServices(0, dict(self.servers))
        lock_path = self.root / "run" / "up.lock"
        if not lock_path.exists():
            return None
        with lock_path.open("a") as lock:
            return None if _lock(lock, attempts=1) else self._read()

    def address(self, service: str) -> str:
        """Where `service` listens; UnavailableError when it does not run."""
        if service in self.servers:
            return self.servers[service]
        if self.remote:
            raise UnavailableError(
                f"it is not known where the {service} beside the orchestrator {self.servers['orchestrator']} is: give "
                f"its address in {address_variable(service)}"
            )
        running = self.running()
        if running is None or service not in running.addresses:
            raise UnavailableError(
                f"no {service} runs for {self.root.resolve()}: start the services with "
                f"`saggar --home {self.root} up` in another terminal"
            )
        return running.addresses[service]

    def _read(self) -> RunningServices | None:
        try:
            data = json.loads(self.services_file.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return RunningServices(int(data["pid"]), dict(data["addresses"]))


def address_variable(service: str) -> str:
    """Where the command line learns that a service is elsewhere."""
    return f"SAGGAR_{service.upper()}_URL" if service in {"review", "status"} else f"SAGGAR_{service.upper()}"


def _opened(path: Path) -> IO[str]:
    try:
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise UnavailableError(
            f"{path} cannot be written ({error.strerror or error}): make the home writable for this user, or choose "
            "another folder with --home"
        ) from error


def _lock(file: IO[Any], attempts: int) -> bool:
    """Takes the lock; several attempts, for someone may be probing it at the same moment."""
    for attempt in range(attempts):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if attempt + 1 < attempts:
                time.sleep(0.05)
        else:
            return True
    return False
