"""Experiment files that come with the package."""

from __future__ import annotations

from importlib import resources


def shipped_text(name: str) -> str:
    """The text of one of them: quickstart, selective, composites or paper."""
    return (resources.files(__package__) / f"{name}.yaml").read_text("utf-8")
