"""Environment variables that look like settings and are none: a slip of the pen would go unnoticed."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterator, Mapping

from saggar_orchestrator.local.supervisor import SERVICES

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
    from pydantic_settings import BaseSettings

    names = {f"{PREFIX}{name}" for name in (*_OTHERS, *(service.upper() for service in SERVICES))}
    for service in SERVICES:
        if importlib.util.find_spec(f"saggar_{service}") is None:
            continue
        for value in vars(importlib.import_module(f"saggar_{service}.settings")).values():
            if isinstance(value, type) and issubclass(value, BaseSettings):
                names |= {f"{PREFIX}{field.upper()}" for field in value.model_fields}
    return frozenset(names)
