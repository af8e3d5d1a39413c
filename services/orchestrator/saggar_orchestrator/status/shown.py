"""What the pages show of experiments: steps, trainings by arm and seed, the log; in either language."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saggar_orchestrator.experiment.arms import Arm, Synthetic
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.progress import CANCELLED, StepView, seconds_left
from saggar_orchestrator.status.stories import Story
from saggar_orchestrator.status.words import STAGES, TITLES, UNITS, WORDS

_DONE = {"succeeded", "reused"}


@dataclass(frozen=True)
class StepRow:
    """A step as it is read. `state`: waiting, running, stopped, succeeded, reused or failed."""

    number: int
    title: str
    state: str
    word: str
    done: int
    total: int
    said: str  # e.g. `training, 3 / 12 epochs, loss 0.41`
    rate: str
    left: str
    took: str
    error: str


@dataclass(frozen=True)
class Cell:
    """One training of an arm. `share`: of its steps' work that is done."""

    state: str
    word: str
    share: float


@dataclass(frozen=True)
class ArmRow:
    """An arm, what it learns from, and its trainings by seed."""

    name: str
    about: str
    cells: tuple[Cell, ...]
    score: str  # mean macro-F1 on the test split; empty before it is known


@dataclass(frozen=True)
class LogLine:
    """Something that happened: when (RFC 3339; empty where it is not known), to which step, and what."""

    at: str
    title: str
    said: str
    state: str


@dataclass(frozen=True)
class Live:
    """How an experiment stands now."""

    state: str
    word: str
    finished: int  # steps
    rows: tuple[StepRow, ...]
    arms: tuple[ArmRow, ...]
    seeds: tuple[int, ...]
    log: tuple[LogLine, ...]
    lasted: str
    left: str  # of the whole, while it runs

    @property
    def running(self) -> tuple[StepRow, ...]:
        return tuple(row for row in self.rows if row.state in {"running", "failed", "stopped"})


def live(
    state: str, experiment: Experiment, story: Story, results: Mapping[str, Any] | None, *, language: str, now: float
) -> Live:
    """`state` is the experiment's; `now` in seconds since 1970."""
    steps = story.ordered()
    rows = tuple(step_row(step, state, language, now) for step in steps)
    end = now if state == "running" else story.last
    return Live(
        state=state,
        word=WORDS[language][f"state_{state}"],
        finished=sum(row.state in _DONE for row in rows),
        rows=rows,
        arms=_arms(experiment, rows, steps, results, language),
        seeds=tuple(experiment.seeds),
        log=tuple(_log_line(event, language) for event in story.log),
        lasted=duration(end - story.began, language) if story.began else "",
        left=_left_in_all(steps, rows, now - story.began, language) if story.began and state == "running" else "",
    )


def _left_in_all(steps: Sequence[StepView], rows: Sequence[StepRow], elapsed: float, language: str) -> str:
    """By what steps of each kind took in this run, and by how many went side by side; of kinds that it has not done
    yet nothing is known, so that it is at least so much. Empty before anything is known.
    """
    took: dict[str, list[float]] = defaultdict(list)
    for step in steps:
        if step.state == "succeeded":
            took[_kind(step.title)].append(step.seconds)
    side_by_side = max(1.0, sum(map(sum, took.values())) / elapsed) if elapsed > 0 else 1.0
    left, unknown = 0.0, False
    for step, row in zip(steps, rows, strict=True):
        if row.state not in {"waiting", "running"}:
            continue
        known = took.get(_kind(step.title))
        unknown = unknown or not known
        if known:
            left += max(0.0, sum(known) / len(known) - (step.seconds if row.state == "running" else 0.0))
    said = duration(left / side_by_side, language)
    return WORDS[language]["at_least_left" if unknown else "about_left"].format(said) if said else ""


def _kind(text: str) -> str:
    """`train A, seed 0` and `train B, seed 1` are of one kind."""
    bare = text.rpartition(": ")[2] if text.startswith(("fold ", "without ")) else text
    return next((pattern for pattern, _ in TITLES if re.fullmatch(pattern, bare)), bare)


def step_row(step: StepView, experiment_state: str, language: str, now: float) -> StepRow:
    """A step that runs in an experiment that does not was stopped."""
    words = WORDS[language]
    running = step.state == "running"
    state = "stopped" if was_stopped(step) or (running and experiment_state != "running") else step.state
    seconds = step.seconds + (max(0.0, now - step.at) if running and step.at else 0.0)
    left = seconds_left(step.done, step.total, seconds) if state == "running" else None
    return StepRow(
        number=step.position + 1,
        title=title(step.title, language),
        state=state,
        word=words[f"step_{state}"],
        done=step.done,
        total=step.total if state in {"running", "stopped"} else 0,
        said=_said(step, language) if state in {"running", "stopped"} else "",
        rate=_rate(step, seconds, language) if state == "running" else "",
        left="" if left is None else words["left"].format(duration(left, language)),
        took=duration(seconds, language) if state not in {"waiting", "reused"} else "",
        error="" if state == "stopped" else step.error,
    )


def was_stopped(step: StepView) -> bool:
    """By a cancellation, which is no failure."""
    return step.state == "failed" and step.error.startswith(CANCELLED)


def title(text: str, language: str) -> str:
    """A step's title in `language`."""
    if language == "en":
        return text
    for pattern, said in TITLES:
        if found := re.fullmatch(pattern, text):
            *before, last = found.groups() or ("",)
            return said.format(*before, title(last, language) if said.endswith("{1}") else last)
    return text


def duration(seconds: float, language: str) -> str:
    """E.g. `45 s`, `12 min`, `3.5 h`; empty for less than a second."""
    if seconds < 1:
        return ""
    words = WORDS[language]
    if seconds < 120:
        return words["seconds"].format(f"{seconds:.0f}")
    if seconds < 7200:
        return words["minutes"].format(f"{seconds / 60:.0f}")
    return words["hours"].format(f"{seconds / 3600:.1f}")


def moment(seconds: float) -> str:
    """RFC 3339, UTC; empty for 0."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def _said(step: StepView, language: str) -> str:
    stage = STAGES[language].get(step.stage, step.stage)
    parts = [stage] if stage else []
    if step.total:
        parts.append(f"{step.done:,} / {step.total:,} {UNITS[language].get(step.unit, step.unit)}".rstrip())
    if not parts and step.message:
        parts.append(step.message)
    parts += [f"{name.replace('_', ' ')} {value:.3g}" for name, value in step.metrics[:2]]
    return WORDS[language]["comma"].join(parts)


def _rate(step: StepView, seconds: float, language: str) -> str:
    if not step.done or seconds < 2:
        return ""
    unit = UNITS[language].get(step.unit, step.unit)
    a_second = step.done / seconds
    if a_second >= 1:
        return WORDS[language]["a_second"].format(f"{a_second:.1f}", unit)
    return WORDS[language]["a_minute"].format(f"{60 * a_second:.1f}", unit)


def _arms(
    experiment: Experiment,
    rows: Sequence[StepRow],
    steps: Sequence[StepView],
    results: Mapping[str, Any] | None,
    language: str,
) -> tuple[ArmRow, ...]:
    found = {arm["name"]: arm for arm in results["arms"]} if results is not None else {}
    return tuple(
        ArmRow(
            arm.name,
            about_arm(arm, found.get(arm.name), language),
            tuple(_cell(f"{arm.name}, seed {seed}", rows, steps, language) for seed in experiment.seeds),
            f"{found[arm.name]['mean_macro_f1']['mean']:.3f}" if arm.name in found else "",
        )
        for arm in experiment.all_arms
    )


def about_arm(arm: Arm, found: Mapping[str, Any] | None, language: str) -> str:
    """What an arm learns from beside the photographs that all have: as it was asked for, or, once it is done, what it
    had. `found`: of results.json.
    """
    words = WORDS[language]
    if arm.synthetic is not None:
        return _about_synthetic(arm.synthetic, found, words)
    if arm.control is not None:
        if found is not None and not found["control_images"]:
            return words["arm_none_to_control"].format(arm.control.of)
        return words["arm_control"].format(arm.control.of)
    if arm.give_back is not None:
        return words["arm_back"].format(f"{arm.give_back:,}")
    return words["arm_training"] if arm.training else words["arm_real"]


def _about_synthetic(synthetic: Synthetic, found: Mapping[str, Any] | None, words: Mapping[str, str]) -> str:
    if found is not None:
        reached = found["share_reached"]
        return words["arm_share"].format(f"{100 * reached:.2g}") if reached else words["arm_none_synthetic"]
    if synthetic.share == "auto":
        return words["arm_auto"]
    if synthetic.share is not None:
        return words["arm_share"].format(f"{100 * synthetic.share:g}")
    if synthetic.count is not None:
        return words["arm_count"].format(f"{synthetic.count:,}")
    return words["arm_synthetic"]


def _cell(ending: str, rows: Sequence[StepRow], steps: Sequence[StepView], language: str) -> Cell:
    """Training and evaluation of an arm and a seed, over all folds."""
    wanted = {f"train {ending}", f"evaluate {ending}"}
    own = [row for row, step in zip(rows, steps, strict=True) if step.title.rpartition(": ")[2] in wanted]
    states = {row.state for row in own}
    state = "waiting"
    for each in ("failed", "running", "stopped"):
        if each in states:
            state = each
            break
    else:
        if own and states <= _DONE:
            state = "reused" if states == {"reused"} else "succeeded"
        elif states & _DONE:
            state = "running"
    parts = [1.0 if row.state in _DONE else row.done / row.total if row.total else 0.0 for row in own]
    return Cell(state, WORDS[language][f"step_{state}"], sum(parts) / len(parts) if parts else 0.0)


def _log_line(event: StepView, language: str) -> LogLine:
    words = WORDS[language]
    if event.state == "running" and event.unit == "epochs" and event.done:
        said = _said(event, language)
    elif event.state == "succeeded":
        said = words["log_done"].format(duration(event.seconds, language) or words["seconds"].format("<1"))
    elif was_stopped(event):
        return LogLine(moment(event.at), title(event.title, language), words["log_stopped"], "stopped")
    elif event.state == "failed":
        said = words["log_failed"].format(event.error)
    else:
        said = words[f"log_{event.state}"]
    return LogLine(moment(event.at), title(event.title, language), said, event.state)
