"""Settings in the environment, looked at before any service starts: misspelt ones, and bad values."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from saggar_orchestrator.local.supervisor import SERVICES, Supervisor

if TYPE_CHECKING:
    from saggar.settings import ServiceSettings

PREFIX = "SAGGAR_"
_ALIKE = 0.9  # of difflib: two letters exchanged, one too many or one left out
# Read by the command line itself, by `saggar data fetch` and by the compose files.
_OTHERS = (
    "HOME", "TRAINERS", "DATABASE_URL", "CLASSIFIER_KEY_FILE", "CONTACT", "TAKEOVER_S", "ORCHESTRATOR_PORT",
    "CLASSIFIER_PORT", "REVIEW_PORT", "STATUS_PORT", "PROMETHEUS_PORT", "GRAFANA_PORT", "REVIEW_ADDRESS_FILE",
)  # fmt: skip


def misspelt(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(variable, the setting that it nearly is), of variables that no part of Saggar reads."""
    strange = sorted(name for name in environment if name.startswith(PREFIX))
    known = known_settings() if strange else frozenset()
    for name in strange:
        if name not in known and (meant := difflib.get_close_matches(name, known, 1, _ALIKE)):
            yield name, meant[0]


def known_settings() -> frozenset[str]:
    """Names of all environment variables that are read, by the services that are installed here."""
    names = {f"{PREFIX}{name}" for name in (*_OTHERS, *(service.upper() for service in SERVICES))}
    for service in SERVICES:
        if (kind := _settings_of(service)) is not None:
            names |= {f"{PREFIX}{field.upper()}" for field in kind.model_fields}
    return frozenset(names)


def need_good_settings(supervisor: Supervisor) -> None:
    """Raises InvalidInputError or NotFoundError where a service would not start by the settings that it would get."""
    from saggar.rpc.serving.tls import server_credentials
    from saggar.settings import read_settings

    for service in SERVICES:
        if (kind := _settings_of(service)) is None:
            continue
        with _environment(supervisor.environment(service)):
            settings = read_settings(kind, "", [])
        if settings.tls_cert:
            server_credentials(settings)


def _settings_of(service: str) -> type[ServiceSettings] | None:
    """The service's settings, where it is installed here."""
    if importlib.util.find_spec(f"saggar_{service}") is None:
        return None
    found: type[ServiceSettings] = getattr(
        importlib.import_module(f"saggar_{service}.settings"), f"{service.capitalize()}Settings"
    )
    return found


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
