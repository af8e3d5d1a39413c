"""Settings in the environment, looked at before any service starts: misspelt ones, and bad values."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from saggar_orchestrator.local.supervisor import SERVICES, Supervisor
from saggar_orchestrator.settings import OrchestratorSettings

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
    """Raises InvalidInputError, NotFoundError or WrongStateError where a service would not start by the settings that
    it would get, or by the files that they name.
    """
    from saggar.settings import read_settings

    for service in SERVICES:
        if (kind := _settings_of(service)) is None:
            continue
        with _environment(supervisor.environment(service)):
            settings = read_settings(kind, "", [])
        _need_good_files(settings)
        if (own := _module_of(service, "files")) is not None:
            own.need_good_files(settings)


def _need_good_files(settings: ServiceSettings) -> None:
    """Of the files that any service may have: certificates, secrets, and tokens of people."""
    from saggar.pages.access import read_tokens
    from saggar.rpc.channel import client_tls
    from saggar.rpc.serving.tls import server_credentials
    from saggar.settings import read_secret

    if settings.tls_cert:
        server_credentials(settings)
    client_tls(settings)
    values = vars(settings)
    for name, value in values.items():
        secret = values.get(name.removesuffix("_file"))
        if name.endswith("_file") and isinstance(secret, SecretStr):
            read_secret(secret, value, name.removesuffix("_file"))
        if name.endswith("_tokens") and value is not None and value.exists():
            read_tokens(value)
    if isinstance(settings, OrchestratorSettings):
        settings.keys()


def _settings_of(service: str) -> type[ServiceSettings] | None:
    """The service's settings, where it is installed here."""
    module = _module_of(service, "settings")
    found: type[ServiceSettings] | None = getattr(module, f"{service.capitalize()}Settings", None)
    return found


def _module_of(service: str, name: str) -> Any:
    """The service's module of that name; None where it has none, or is not installed here."""
    package = f"saggar_{service}"
    if importlib.util.find_spec(package) is None or importlib.util.find_spec(f"{package}.{name}") is None:
        return None
    return importlib.import_module(f"{package}.{name}")


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
