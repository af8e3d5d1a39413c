"""Plots of the report beyond scores: intervals per task, tails, stability, certainty, doses. Each is one `<svg>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from saggar_orchestrator.pages.plots import COLOURS, INK, LEAST_REACH, PAPER, STYLE, as_svg, reach_at_least, words

_MARKS = ("o", "D", "s", "^", "v", "P")


def intervals_of_task(task: str, rows: Sequence[tuple[str, Mapping[str, Any]]], reach: float) -> str:
    """Differences to the baseline in one task, a row per arm; the axis goes to `reach` on both sides."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(3.9, 0.62 + 0.24 * len(rows)), layout="constrained")
        axes.axvline(0, color=INK, lw=0.8)
        for number, (_, row) in enumerate(rows):
            colour = COLOURS[(number + 1) % len(COLOURS)]
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [number, number], color=colour, lw=2.4, solid_capstyle="butt")
            filled = row["verdict"] in {"helped", "worse"}
            axes.plot(
                [row["mean"]], [number], _MARKS[number % 6], ms=6, color=colour,
                mfc=colour if filled else PAPER, mew=1.4,
            )  # fmt: skip
        axes.set_yticks(range(len(rows)), [_short(name) for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(-reach, reach)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(f"{words('worse')} ←  {words('baseline')}  → {words('better')}", fontsize=8)
        return as_svg(figure, f"overview-{task}")


def rarest(names: Sequence[str], counts: Mapping[str, Sequence[int]]) -> str:
    """Training images of the rarest combinations, a bar each, a part per origin (paper, Figure 12a)."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.8, 0.8 + 0.21 * len(names)), layout="constrained")
        ends = np.zeros(len(names))
        for number, (origin, values) in enumerate(counts.items()):
            hatch = ("", "///", "...")[number % 3]
            axes.barh(
                range(len(names)), values, 0.74, left=ends, color=COLOURS[number], label=words(origin), hatch=hatch,
                edgecolor="white", lw=0.3,
            )  # fmt: skip
            ends += values
        axes.set_yticks(range(len(names)), [_short(name, 48) for name in names], fontsize=7.5)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(words("training images"))
        figure.legend(loc="outside upper center", ncols=len(counts))
        return as_svg(figure, "rarest")


def loss_variance(curves: Mapping[str, Sequence[Sequence[float]]], window: int) -> str:
    """Variance of the training loss within a window of epochs, mean over seeds (paper, Figure 15)."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.6, 2.5), layout="constrained")
        for number, (arm, runs) in enumerate(curves.items()):
            shortest = min(map(len, runs))
            values = [
                np.mean([np.var(run[end - window : end], ddof=1) for run in runs])
                for end in range(window, shortest + 1)
            ]
            axes.plot(
                range(window, shortest + 1), values, label=arm,
                color=COLOURS[number % 6], marker=_MARKS[number % 6], ms=3.5, lw=1.2,
            )  # fmt: skip
        axes.set_ylim(bottom=0)
        axes.set_xlabel(words("epoch"))
        axes.set_ylabel(words("variance of the training loss"))
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside upper center", ncols=min(3, len(curves)))
        return as_svg(figure, "stability")


def groups(rows: Sequence[tuple[str, str, str, Mapping[str, Any]]], arms: Sequence[str]) -> str:
    """Gains of the rarer and the commoner classes: rows of (task, group, arm, difference) (paper, Figure 18)."""
    lines = list(dict.fromkeys((task, group) for task, group, *_ in rows))
    with mpl.rc_context(STYLE):
        height = 0.8 + 0.2 * len(lines) * max(1.0, 0.75 * len(arms))
        figure, axes = plt.subplots(figsize=(6.4, height), layout="constrained")
        axes.axvline(0, color=INK, lw=0.8)
        for task, group, arm, row in rows:
            number = arms.index(arm)
            place = lines.index((task, group)) + 0.2 * (number - (len(arms) - 1) / 2)
            colour = COLOURS[(number + 1) % len(COLOURS)]
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=2, solid_capstyle="butt")
            first = (task, group) == lines[0]
            axes.plot([row["mean"]], [place], _MARKS[number % 6], ms=4.5, color=colour, label=arm if first else None)
        for number in range(1, len(lines)):
            if lines[number][0] != lines[number - 1][0]:
                axes.axhline(number - 0.5, color=INK, lw=0.3, alpha=0.5)
        named = {"minority": words("rarer classes"), "majority": words("commoner classes")}
        axes.set_yticks(range(len(lines)), [f"{words(task)}, {named[group]}" for task, group in lines])
        axes.set_ylim(len(lines) - 0.5, -0.5)
        reach_at_least(axes, LEAST_REACH)
        axes.set_xlabel(words("difference to the baseline in test F1 (95 % interval)"))
        figure.legend(loc="outside upper center", ncols=min(4, len(arms)))
        return as_svg(figure, "groups")


def reliability(tasks: Mapping[str, Mapping[str, Sequence[Mapping[str, float]]]]) -> str:
    """How often answers of a confidence are right: a panel per task, a line per arm, the diagonal is honest."""
    columns = min(4, len(tasks))
    lines = -(-len(tasks) // columns)
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            lines, columns, figsize=(7.0, 0.5 + 2.0 * lines), layout="constrained", squeeze=False, sharey=True
        )
        for axes, (task, arms) in zip(grid.flat, tasks.items(), strict=False):
            axes.plot([0, 1], [0, 1], color=INK, lw=0.7, ls=":")
            for number, (arm, bins) in enumerate(arms.items()):
                axes.plot(
                    [one["confidence"] for one in bins], [one["accuracy"] for one in bins], color=COLOURS[number % 6],
                    marker=_MARKS[number % 6], ms=3, lw=1, label=arm if axes is grid[0, 0] else None,
                )  # fmt: skip
            axes.set_title(words(task))
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            axes.set_aspect("equal")
            axes.set_xlabel(words("confidence"))
        for axes in list(grid.flat)[len(tasks) :]:
            axes.set_visible(False)
        grid[0, 0].set_ylabel(words("share that is right"))
        figure.legend(loc="outside upper center", ncols=4)
        return as_svg(figure, "reliability")


def doses(tasks: Sequence[str], points: Sequence[tuple[float, Mapping[str, Mapping[str, Any]]]]) -> str:
    """Difference to the baseline by the share of synthetic images: a panel per task, intervals as bars."""
    columns = min(5, len(tasks))
    lines = -(-len(tasks) // columns)
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            lines, columns, figsize=(7.0, 0.3 + 1.9 * lines), layout="constrained", squeeze=False, sharey=True
        )
        for axes, task in zip(grid.flat, tasks, strict=False):
            axes.axhline(0, color=INK, lw=0.8)
            axes.plot([0, *(100 * x for x, _ in points)], [0, *(rows[task]["mean"] for _, rows in points)], "o-",
                      color=COLOURS[0], ms=4, lw=1)  # fmt: skip
            for x, rows in points:
                if rows[task]["low"] is not None:
                    axes.plot([100 * x] * 2, [rows[task]["low"], rows[task]["high"]], color=COLOURS[0], lw=2, alpha=0.6)
            axes.set_title(words("mean of tasks" if task == "mean" else task))
            axes.set_xlabel(words("% synthetic"))
        for axes in list(grid.flat)[len(tasks) :]:
            axes.set_visible(False)
        grid[0, 0].set_ylabel(words("macro-F1 gained"))
        return as_svg(figure, "doses")


def worth(given_back: Sequence[tuple[int, float]], gains: Mapping[str, float]) -> str:
    """Gain in mean macro-F1 by photographs given back; level lines: gains of arms with synthetic images."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.0, 2.8), layout="constrained")
        axes.axhline(0, color=INK, lw=0.8)
        axes.plot(*zip((0, 0.0), *sorted(given_back), strict=True), "o-", color=INK, ms=4, lw=1.2,
                  label=words("photographs given back"))  # fmt: skip
        for number, (arm, gain) in enumerate(gains.items()):
            axes.axhline(gain, color=COLOURS[number % 6], ls=("--", "-.", ":")[number % 3], lw=1.4, label=arm)
        axes.set_xlabel(words("photographs given back"))
        axes.set_ylabel(words("mean macro-F1 gained"))
        figure.legend(loc="outside upper center", ncols=3)
        return as_svg(figure, "worth")


def _short(name: str, length: int = 26) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
