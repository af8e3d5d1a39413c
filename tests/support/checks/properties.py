"""How many examples a property is tried with, and under which limits; tests/conftest.py loads the profile.

No limit of time: what one example takes says more about the machine's other work than about the code.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings

_UNCHECKED = (HealthCheck.too_slow,)
FAST = "fast"  # `make test-fast`: pytest --hypothesis-profile fast


def load_profiles() -> None:
    """Profiles for all tests; the one that pytest's option names replaces the one that is loaded here."""
    settings.register_profile("whole", deadline=None, suppress_health_check=_UNCHECKED)
    settings.register_profile(FAST, parent=settings.get_profile("whole"), max_examples=10)
    settings.load_profile("whole")


def examples(count: int, *, one_fixture_for_all: bool = False) -> Any:
    """Decorator of a property that is tried with `count` examples, and with fewer in the fast profile."""
    unchecked = (*_UNCHECKED, HealthCheck.function_scoped_fixture) if one_fixture_for_all else _UNCHECKED
    return settings(max_examples=min(count, settings.default.max_examples), suppress_health_check=unchecked)
