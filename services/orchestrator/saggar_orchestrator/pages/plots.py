"""The plots of reports and pages, as SVG text that stands in the page and takes the page's text colour.

Each function takes plain values and returns one `<svg>`; what is drawn against what stands in the function's
name.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

_DOTS_AN_INCH = 200  # of figures as PNG
INK = "#010203"  # stands for the page's text colour
PAPER = "#fefefd"  # and this for what lies under it
# Okabe and Ito's palette: tells arms apart for the colour-blind too (https://jfly.uni-koeln.de/color/).
LEAST_REACH = 0.02  # of axes of differences in macro-F1
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLE: Any = {  # rcParams
    "svg.fonttype": "none",
    "svg.hashsalt": "saggar",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called by a price
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}


def scores_by_task(
    tasks: Sequence[str], means: Mapping[str, Sequence[float]], spreads: Mapping[str, Sequence[float]]
) -> str:
    """Grouped bars of macro-F1: a group per task, a bar per arm, whiskers of one s.d. over seeds."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 2.7), layout="constrained")
        width = 0.8 / len(means)
        for number, (arm, values) in enumerate(means.items()):
            places = [i - 0.4 + width * (number + 0.5) for i in range(len(tasks))]
            axes.bar(
                places, values, width * 0.92, yerr=spreads[arm], label=arm,
                color=COLOURS[number % len(COLOURS)], error_kw={"lw": 1, "ecolor": INK},
            )  # fmt: skip
        axes.set_xticks(range(len(tasks)), [words(task) for task in tasks])
        axes.set_ylim(0, 1)
        axes.set_ylabel(words("test macro-F1"))
        figure.legend(loc="outside upper center", ncols=len(means))
        return as_svg(figure, "scores")


def differences(rows: Sequence[tuple[str, str, float, float | None, float | None]]) -> str:
    """Intervals of difference to the baseline: rows of (task, arm, mean, low, high), in macro-F1; a dot alone where
    there is no interval.
    """
    arms = list(dict.fromkeys(arm for _, arm, *_ in rows))
    tasks = list(dict.fromkeys(task for task, *_ in rows))
    with mpl.rc_context(STYLE):
        height = 0.5 + 0.42 * len(tasks) * max(1, 0.7 * len(arms))
        figure, axes = plt.subplots(figsize=(6.4, height), layout="constrained")
        axes.axvline(0, color=INK, lw=0.8)
        for task, arm, mean, low, high in rows:
            offset = 0.22 * (arms.index(arm) - (len(arms) - 1) / 2)
            colour = COLOURS[(arms.index(arm) + 1) % len(COLOURS)]
            place = tasks.index(task) + offset
            if low is not None and high is not None:
                axes.plot([low, high], [place, place], color=colour, lw=2.2, solid_capstyle="butt")
            axes.plot([mean], [place], "o", color=colour, ms=5, label=arm if task == tasks[0] else None)
        axes.set_yticks(range(len(tasks)), [words(task) for task in tasks])
        axes.set_ylim(len(tasks) - 0.5, -0.5)
        reach_at_least(axes, LEAST_REACH)
        axes.set_xlabel(words("difference to the baseline in test macro-F1 (95 % interval)"))
        figure.legend(loc="outside upper center", ncols=len(arms))
        return as_svg(figure, "differences")


def reach_at_least(axes: Axes, reach: float) -> None:
    """Lets the horizontal axis go so far on both sides of zero: rounding errors are no differences to be drawn."""
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, -reach), max(high, reach))


def lorenz_curves(curves: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Lorenz curves of training images over label combinations, one per training set."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.2, 3.2), layout="constrained")
        axes.plot([0, 1], [0, 1], color=INK, lw=0.7, ls=":", label=words("equality"))
        dashes = ("-", "--", "-.", (0, (1, 1)), (0, (5, 1)), "-")
        for number, (name, points) in enumerate(curves.items()):
            axes.plot(*zip(*points, strict=True), color=COLOURS[number % 6], ls=dashes[number % 6], label=name)
        axes.set_xlabel(words("share of combinations, rarest first"))
        axes.set_ylabel(words("share of training images"))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.legend(loc="upper left")
        return as_svg(figure, "lorenz")


def long_tail(before: Sequence[int], after: Sequence[int], noun: str = "training images") -> str:
    """Images per combination, commonest first, on a logarithmic scale: before and after augmentation."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 2.6), layout="constrained")
        for values, name, colour, fill in (
            (after, "after threshold augmentation", COLOURS[1], 0.0),
            (before, "before", COLOURS[0], 0.35),
        ):
            places = [i + 0.5 for i in range(len(values) + 1)]
            axes.stairs(values, places, baseline=0.7, color=colour, lw=1.4, label=name)
            if fill:
                axes.stairs(values, places, baseline=0.7, fill=True, color=colour, alpha=fill)
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.7)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlim(0.5, max(1, len(before), len(after)) + 0.5)
        axes.set_xlabel("combinations of labels, commonest first")
        axes.set_ylabel(noun)
        figure.legend(loc="outside upper right", ncols=2, reverse=True)
        return as_svg(figure, "tail")


def class_counts(names: Sequence[str], counts: Mapping[str, Sequence[int]], task: str) -> str:
    """Images per class: a bar per class, commonest first, a part of it per split."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 0.75 + 0.24 * len(names)), layout="constrained")
        ends = [0] * len(names)
        for number, (split, values) in enumerate(counts.items()):
            axes.barh(range(len(names)), values, 0.72, left=ends, color=COLOURS[number], label=split)
            ends = [end + n for end, n in zip(ends, values, strict=True)]
        for place, end in enumerate(ends):
            axes.annotate(f"{end:,}", (end, place), (3, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(names)), [_shortened(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, max(1, *ends) * 1.08)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper left", ncols=len(counts))
        return as_svg(figure, f"counts-{task}")


def smallest_differences(curve: Sequence[tuple[int, float]], marks: Sequence[tuple[str, int, float | None]]) -> str:
    """The smallest difference in accuracy that a number of test photographs shows, with some numbers marked
    (name, photographs, difference; None: none).
    """
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 2.9), layout="constrained")
        axes.plot([n for n, _ in curve], [100 * d for _, d in curve], color=INK, lw=1.2)
        for number, (name, n, difference) in enumerate(marks):
            words = "shows none" if difference is None else f"{100 * difference:.1f}"
            label = f"{name}: {n:,} objects, {words}"
            axes.plot(
                [n], [100 * curve[0][1] if difference is None else 100 * difference],
                ("o", "D", "s", "^", "v", "P")[number % 6], color=COLOURS[number % 6], ms=6, label=label,
                fillstyle="none" if difference is None else "full", clip_on=False,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("test objects with a label")
        axes.set_ylabel("points of accuracy")
        axes.legend(loc="upper right")
        return as_svg(figure, "power")


def learning_curves(
    curves: Mapping[str, Sequence[Sequence[Mapping[str, float]]]],
) -> str:
    """Training loss and validation macro-F1 by epoch: a colour per arm, a thin line per seed, a dot at the
    chosen epoch.
    """
    with mpl.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 2.7), layout="constrained")
        for number, (arm, runs) in enumerate(curves.items()):
            colour = COLOURS[number % len(COLOURS)]
            for index, epochs in enumerate(runs):
                numbers = [e["epoch"] for e in epochs]
                label = arm if index == 0 else None
                alone = "o" if len(epochs) == 1 else None  # a line of one point is not seen
                losses = [e["training_loss"] for e in epochs]
                left.plot(numbers, losses, color=colour, lw=1.1, label=label, marker=alone, ms=4)
                scores = [e["validation_macro_f1"] for e in epochs]
                right.plot(numbers, scores, color=colour, lw=1.1)
                if scores:
                    best = max(range(len(scores)), key=scores.__getitem__)
                    right.plot([numbers[best]], [scores[best]], "o", color=colour, ms=4)
        left.set_ylabel(words("training loss"))
        left.set_ylim(bottom=0)
        right.set_ylabel(words("validation macro-F1"))
        right.set_ylim(0, 1)
        for axes in (left, right):
            axes.set_xlabel(words("epoch"))
        figure.legend(loc="outside upper center", ncols=min(4, len(curves)))
        return as_svg(figure, "learning")


def adapter_losses(training: Sequence[Sequence[float]], validation: Sequence[Sequence[float]]) -> str:
    """An adapter's losses by step, (step, loss) each: means of stretches of the training, and what was
    measured on photographs held out of it. Empty without any.
    """
    if not training:
        return ""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.8, 2.3), layout="constrained")
        axes.plot(*zip(*training, strict=True), color=COLOURS[0], lw=1.1, label=words("training"))
        if validation:
            axes.plot(*zip(*validation, strict=True), "o-", color=COLOURS[1], ms=3, lw=1.1, label=words("held out"))
            axes.legend(loc="upper right")
        axes.set_xlabel(words("step"))
        axes.set_ylabel(words("adapter's loss"))
        return as_svg(figure, "adapter")


def task_curves(tasks: Sequence[str], curves: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]) -> str:
    """Validation macro-F1 by epoch, a panel per task (paper, figure 16)."""
    columns = min(4, len(tasks))
    rows = -(-len(tasks) // columns)
    with mpl.rc_context(STYLE):
        figure, grid = plt.subplots(
            rows, columns, figsize=(6.8, 1.9 * rows), layout="constrained", squeeze=False, sharey=True
        )
        for axes, task in zip(grid.flat, tasks, strict=False):
            for number, runs in enumerate(curves.values()):
                for epochs in runs:
                    values = [e["validation_macro_f1_by_task"].get(task, float("nan")) for e in epochs]
                    alone = "o" if len(epochs) == 1 else None
                    axes.plot(
                        [e["epoch"] for e in epochs], values, color=COLOURS[number % len(COLOURS)], lw=1, marker=alone,
                        ms=4,
                    )  # fmt: skip
            axes.set_title(words(task))
            axes.set_ylim(0, 1)
            axes.set_xlabel(words("epoch"))
        for axes in list(grid.flat)[len(tasks) :]:
            axes.set_visible(False)
        grid[0, 0].set_ylabel(words("validation macro-F1"))
        return as_svg(figure, "tasks")


def confusion_matrices(
    names: Sequence[str],
    left: Sequence[Sequence[int]],
    right: Sequence[Sequence[int]],
    titles: tuple[str, str],
    task: str,
) -> str:
    """Two confusion matrices side by side, shaded by share of the true class, counts in the cells."""
    size = 0.8 + 0.3 * len(names)
    width = 2 * size + 0.8  # inches
    with mpl.rc_context(STYLE | {"font.size": 8 if len(names) <= 10 else 6.5}):
        figure, pair = plt.subplots(1, 2, figsize=(width, size + 0.4), layout="constrained", sharey=True)
        for axes, matrix, title in zip(pair, (left, right), titles, strict=True):
            shares = [[cell / max(1, sum(row)) for cell in row] for row in matrix]
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            for i, row in enumerate(matrix):
                for j, cell in enumerate(row):
                    if cell:
                        ink = "#ffffff" if shares[i][j] > 0.55 else "#222222"
                        axes.text(j, i, str(cell), ha="center", va="center", color=ink)
            axes.set_xticks(range(len(names)), list(names), rotation=60, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(names)), list(names))
            axes.set_title(title)
            axes.set_xlabel(words("predicted"))
        pair[0].set_ylabel(words("true"))
        drawn = as_svg(figure, f"confusion-{task}")
    return drawn.replace("<svg ", f'<svg style="max-width: {min(46.0, 7.2 * width):.1f}rem" ', 1)  # few classes: small


def class_scores(
    names: Sequence[str], supports: Sequence[int], scores: Mapping[str, Sequence[float]], task: str
) -> str:
    """F1 per class: a row per class with its number of test images, a dot per arm."""
    with mpl.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.4, 0.95 + 0.24 * len(names)), layout="constrained")
        for place in range(len(names)):
            axes.axhline(place, color=INK, lw=0.3, alpha=0.35)
        marks = ("o", "D", "s", "^", "v", "P")
        for number, (arm, values) in enumerate(scores.items()):
            places = [i + 0.16 * (number - (len(scores) - 1) / 2) for i in range(len(names))]
            axes.plot(values, places, marks[number % 6], color=COLOURS[number % 6], ms=4.5, label=arm, clip_on=False)
        labels = [f"{name} (n = {n})" for name, n in zip(names, supports, strict=True)]
        axes.set_yticks(range(len(names)), labels)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(0, 1)
        axes.set_xlabel(words("test F1, mean over seeds"))
        figure.legend(loc="outside upper center", ncols=len(scores))
        return as_svg(figure, f"classes-{task}")


def _shortened(name: str, length: int = 36) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


_words: ContextVar[Callable[[str], str]] = ContextVar("words", default=str)


def words(english: str) -> str:
    """A label of a plot, in the language of the page."""
    return _words.get()(english)


@contextlib.contextmanager
def in_language(text: Callable[[str], str]) -> Iterator[None]:
    """Labels of what is drawn meanwhile are `text(English)`."""
    token = _words.set(text)
    try:
        with warnings.catch_warnings():
            # Browsers draw the text; only its size is taken from a font that may not have all characters.
            warnings.filterwarnings("ignore", message="Glyph .* missing from")
            yield
    finally:
        _words.reset(token)


_collected: ContextVar[dict[str, tuple[str, bytes]] | None] = ContextVar("collected", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[dict[str, tuple[str, bytes]]]:
    """Keeps every figure that is drawn meanwhile by its name, as files: (SVG, PNG), dark on white."""
    found: dict[str, tuple[str, bytes]] = {}
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an `<svg>` of class `name`, which must be one of its kind on a page; closes it."""
    buffer = io.StringIO()
    # `savefig` lays out and draws twice.
    FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    if (collected := _collected.get()) is not None:
        picture = io.BytesIO()
        figure.set_layout_engine(None)  # its parts stay where they were laid out
        figure.savefig(picture, format="png", dpi=_DOTS_AN_INCH, facecolor="white", metadata={"Software": None})
        collected[name] = (text, picture.getvalue())
    plt.close(figure)
    text = text[text.index("<svg") :]
    text = text.replace(INK, "currentColor").replace(PAPER, f"var(--paper, {PAPER})")
    for number, colour in enumerate(COLOURS):  # style sheets make them lighter on dark pages
        text = text.replace(colour.lower(), f"var(--plot-{number}, {colour.lower()})")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # Ids must be unique over all plots of one page.
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text)
    return re.sub(
        r'<svg ([^>]*?)width="[^"]+" height="[^"]+"', rf'<svg \1role="img" class="plot {name}"', text, count=1
    )
