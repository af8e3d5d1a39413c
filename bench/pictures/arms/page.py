"""The table of bench/pictures/kilnsim_arms.py as Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

TASKS = ("dynasty", "kiln", "glaze", "type")
RARE = "rare, glaze and type"
COMPARED = ("mean", RARE, "glaze")


def markdown(lines: Sequence[str], bar: str) -> list[str]:
    """Scores of every arm, and its differences from `bar`: mean [95 % interval], P(A > B)."""
    arms = [json.loads(line) for line in lines]
    names = ("mean", *TASKS, RARE, "rare, all labels")
    page = [_row("arm", "replicates", *names), _row(*["---"] * (2 + len(names)))]
    page += [_row(arm["arm"], arm["replicates"], *(_number(arm.get(name)) for name in names)) for arm in arms]
    page += ["", _row(f"against {bar}", *COMPARED), _row(*["---"] * (1 + len(COMPARED)))]
    for arm in arms:
        if found := arm.get(f"against {bar}"):
            page.append(_row(arm["arm"], *(_difference(found[name]) for name in COMPARED)))
    return page


def _row(*cells: object) -> str:
    return f"| {' | '.join(str(cell) for cell in cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _difference(found: Sequence[Any]) -> str:
    mean, low, high, better = found
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}], {better:.2f}"
