"""What around the services goes wrong most: disk, network file systems, clocks, proxies, the store's address."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from saggar_orchestrator.cli.services.environment import misspelt
from saggar_orchestrator.local.home import Home

_ROOM_NEEDED_GB = 2.0
_SKEW_S = 5.0  # S3 refuses requests at 15 minutes; leases and time stamps go wrong before
# By the type in /proc/self/mountinfo. SQLite's locks do not hold on these (sqlite.org/howtocorrupt.html, section 2.1).
_NETWORK = (
    "nfs", "cifs", "smb", "9p", "afs", "ceph", "glusterfs", "lustre", "beegfs", "ncpfs", "davfs", "vboxsf", "virtiofs",
    "gpfs", "orangefs", "fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gvfsd-fuse", "fuse.davfs",
)  # fmt: skip
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy")

Check = tuple[str, str, str]


def checks(home: Home) -> Iterator[Check]:
    """(what, ok | note | missing, detail with the remedy)."""
    place = _existing(home.root)
    yield _room(home, place)
    yield from _file_system(place)
    yield from _database(home)
    yield from _clock(place)
    yield from proxies(os.environ)
    for name, meant in misspelt(os.environ):
        yield "settings", "note", f"{name} is set and is no setting; {meant} is one"
    if url := os.environ.get("SAGGAR_STORE", ""):
        yield from store_address(url)


def _existing(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    place = path.resolve()
    while not place.exists():
        place = place.parent
    return place


def _room(home: Home, place: Path) -> Check:
    if not os.access(place, os.W_OK | os.X_OK):
        return (
            "home",
            "missing",
            f"{place} cannot be written to; change its permissions or choose another with --home",
        )
    free = shutil.disk_usage(place).free / 1e9
    if free < _ROOM_NEEDED_GB:
        return ("home", "missing", f"{free:.1f} GB free at {place}; make room, or choose another folder with --home")
    return ("home", "ok", f"{home.root.resolve()}, {free:.0f} GB free")


def _file_system(place: Path) -> Iterator[Check]:
    kind = file_system_of(place)
    if kind is None or not is_network(kind):
        return
    if os.environ.get("SAGGAR_DATABASE_URL"):
        yield "file system", "note", f"the home is on {kind}; the workflow database is elsewhere, so that is well"
        return
    yield (
        "file system",
        "missing",
        (
            f"{place} is on {kind}, a network file system: SQLite's locks do not hold there, and the "
            "workflow database may be damaged; choose a home on a local disk (--home), or a PostgreSQL by "
            "SAGGAR_DATABASE_URL"
        ),
    )


def file_system_of(place: Path, mounts: str | None = None) -> str | None:
    """The type of the file system that holds `place`; None where the system does not say (not Linux)."""
    if mounts is None:
        try:
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    best, kind = "", None
    path = str(place)
    for line in mounts.splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if len(fields) < 5 or not right:
            continue
        point = fields[4].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


def is_network(kind: str) -> bool:
    return kind.startswith(_NETWORK)


def need_sound_database(home: Home) -> None:
    """Raises DataCorruptionError where the workflow database is none: the orchestrator could not start with it."""
    from saggar.errors import DataCorruptionError

    for _, _, detail in _database(home):
        raise DataCorruptionError(detail)


def _database(home: Home) -> Iterator[Check]:
    if not home.database.exists() or os.environ.get("SAGGAR_DATABASE_URL"):
        return
    try:
        address = f"{home.database.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:  # in use, or a write-ahead log that a reader may not open: no damage
        return
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        yield (
            "database",
            "missing",
            f"{home.database} is damaged ({found}); restore it, or move it away: what is finished stays in the store",
        )


def _clock(place: Path) -> Iterator[Check]:
    """Of the machine that keeps the files: its stamps beside this machine's time."""
    if not os.access(place, os.W_OK):
        return
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".clock-") as file:
            file.write(b".")
            file.flush()
            skew = Path(file.name).stat().st_mtime - time.time()
    except OSError:
        return  # said under "home"
    if abs(skew) > _SKEW_S:
        yield _skewed("the file server's clock", skew)


def store_address(url: str, timeout_s: float = 3.0) -> Iterator[Check]:
    """An S3 store: the form of its address, whether it answers, and its clock."""
    import urllib.error
    import urllib.request

    parts = urlsplit(url)
    if parts.scheme != "s3":
        return
    endpoint = dict(parse_qsl(parts.query)).get("endpoint", "https://s3.amazonaws.com")
    server = urlsplit(endpoint)
    if server.scheme not in {"http", "https"} or not server.netloc:
        yield "store", "missing", f"SAGGAR_STORE: endpoint={endpoint} is no http or https address"
        return
    if server.path.strip("/"):
        yield (
            "store",
            "missing",
            f"SAGGAR_STORE: the endpoint {endpoint} has a path; give the server alone, the bucket goes after s3://",
        )
        return
    request = urllib.request.Request(endpoint, method="HEAD")  # noqa: S310 http or https, by the line above
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310  # nosec B310
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("Date")  # a refusal is an answer too
    except OSError as error:
        yield "store", "missing", f"{endpoint} does not answer ({error}); check SAGGAR_STORE and the network"
        return
    if date:
        skew = parsedate_to_datetime(date).timestamp() - time.time()
        if abs(skew) > _SKEW_S:
            yield _skewed("the store's clock", skew)
            return
    yield "store", "ok", f"{endpoint} answers"


def _skewed(whose: str, skew: float) -> Check:
    ahead = "ahead of" if skew > 0 else "behind"
    return (
        "clock",
        "missing",
        f"{whose} is {abs(skew):.0f} s {ahead} this machine's; let both follow a time server",
    )


def proxies(environment: Mapping[str, str]) -> Iterator[Check]:
    """What proxies in the environment mean for calls between services."""
    found = {name: environment.get(name) or environment.get(name.upper()) for name in _PROXIES}
    named = [name for name, value in found.items() if value]
    if not named:
        return
    direct = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    yield (
        "proxy",
        "note",
        (
            f"{', '.join(named)} set: calls on this machine go past it; services and stores on other machines need "
            f"their names in no_proxy (now: {direct or 'empty'})"
        ),
    )
