"""`saggar doctor`: what the services need on this machine, and how to get it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from saggar_orchestrator.cli.terminal.output import AsJson, command_settings, print_json, settings
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import PAGES, SERVICES, STATUS

if TYPE_CHECKING:
    from saggar.rpc.channel import ClientTls

_TORCH_S = 60
_SITES = (PAGES, STATUS)  # speak HTTP

Check = tuple[str, str, str]  # what; ok, note or missing; detail with the remedy


def doctor(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Checks what is installed, reachable and missing.

    Says how to fix each. The exit code is 1 where something needed is missing.
    """
    checks = examine(settings(context).home)
    if as_json:
        print_json([{"check": name, "state": state, "detail": detail} for name, state, detail in checks])
    else:
        width = max(len(name) for name, _, _ in checks)
        for name, state, detail in checks:
            print(f"{state:<8} {name:<{width}}  {detail}")
    if any(state == "missing" for _, state, _ in checks):
        raise typer.Exit(1)


def examine(home: Home) -> list[Check]:
    """Everything that matters."""
    from saggar_orchestrator.cli.services import doctor_surroundings

    version = sys.version_info
    found = [
        ("Python", "ok", f"{version.major}.{version.minor}.{version.micro}")
        if version >= (3, 11)
        else ("Python", "missing", f"{version.major}.{version.minor} is too old; install 3.11 or newer")
    ]
    if not home.remote:  # services need these where they run
        found += _installed()
        found.append(_torch())
    found += doctor_surroundings.checks(home)
    found += _running(home)
    return found


def _installed() -> Iterator[Check]:
    versions = {}
    for name in SERVICES:
        if importlib.util.find_spec(f"saggar_{name}") is None:
            yield name, "missing", f"not installed here; `pip install -e services/{name}`, or run it elsewhere"
        else:
            versions[name] = importlib.metadata.version(f"saggar-{name}")
            yield name, "ok", versions[name]
    versions["core"] = importlib.metadata.version("saggar-core")
    if len(set(versions.values())) > 1:
        named = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield "versions", "missing", f"not of one release ({named}); install all parts anew: `make setup`"


def _torch() -> Check:
    """By a process of its own: this one must not load what takes seconds and gigabytes."""
    if importlib.util.find_spec("torch") is None:
        return ("PyTorch", "missing", "generator, trainer and qc need it; `make setup` installs it")
    version = importlib.metadata.version("torch")
    program = "import torch; print(torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')"
    try:
        asked = subprocess.run(  # noqa: S603 our own program
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=_TORCH_S, check=False
        )
    except subprocess.TimeoutExpired:
        return ("PyTorch", "note", f"{version}; it did not load within {_TORCH_S} s, so the device is not known")
    if asked.returncode:
        why = (asked.stderr.strip().splitlines() or ["no reason given"])[-1]
        return ("PyTorch", "missing", f"{version} is installed but does not load ({why}); `make setup` reinstalls it")
    device = asked.stdout.strip()
    return ("PyTorch", "ok", f"{version}, {device or 'no GPU; nano runs well without, SD 1.5 is slow'}")


def _running(home: Home) -> list[Check]:
    from saggar.errors import SaggarError
    from saggar.rpc.channel import client_tls, wait_ready

    running = home.running()
    tls = client_tls(command_settings())
    if running is None:
        return [("services", "note", "none run for this home; `saggar up` starts them")]
    found = []
    for name, address in running.addresses.items():
        try:
            if name in _SITES:
                _answers_http(name, address)
            else:
                wait_ready(address, 2.0, tls=tls)
        except SaggarError as error:
            if name in _SITES and home.remote:  # the address is for people's browsers, which may be elsewhere
                found.append((f"{name} at {address}", "note", f"{error}; that may be well on another machine"))
                continue
            log = "" if home.remote else f"; see {home.logs / name}.log"
            found.append((f"{name} at {address}", "missing", f"{error}{log}"))
        else:
            found.append((f"{name} at {address}", *_serves(name, address, tls)))
    return found


def _serves(name: str, address: str, tls: ClientTls | None) -> tuple[str, str]:
    """Whether a service that answers can also do its work: without its store it cannot."""
    from saggar.errors import SaggarError
    from saggar.rpc.channel import wait_ready

    if name in _SITES:
        return "ok", "serving"
    try:
        wait_ready(address, 2.0, tls=tls, service="", patient=False)
    except SaggarError as error:
        why = str(error).removeprefix(f"{address}: ")
        return "note" if name == "classifier" else "missing", why  # without a model yet, nothing is amiss
    return "ok", "serving"


def _answers_http(name: str, address: str) -> None:
    import urllib.request

    from saggar.errors import UnavailableError

    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy cannot reach this machine's pages
    try:
        place = address if "://" in address else f"http://{address}"
        with direct.open(f"{place.rstrip('/')}/healthz", timeout=2.0):
            pass
    except OSError as error:
        raise UnavailableError(f"the {name} pages do not answer ({error})") from error
