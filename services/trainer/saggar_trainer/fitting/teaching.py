"""The networks of a job: their first weights, their training, and where an interrupted one goes on."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from saggar.errors import DataCorruptionError, UnavailableError
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress
from saggar.store import ObjectStore

from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.lessons import Classroom
from saggar_trainer.fitting.loop import Lessons, Snapshot, StepReport, Watch, fit
from saggar_trainer.fitting.saving import OCTETS, CheckpointWriter
from saggar_trainer.group import Team
from saggar_trainer.listening import EpochScores, TrainingWork
from saggar_trainer.model.backbone import build_backbone
from saggar_trainer.model.ensemble import member_seed
from saggar_trainer.model.network import MultiTaskClassifier

log = logging.getLogger(__name__)

REPORT_EVERY_S = 0.5


def first_network(room: Classroom, tasks: Sequence[str], member: int) -> tuple[MultiTaskClassifier, tuple[str, ...]]:
    """A network with its first weights, and warnings about these."""
    settings = room.settings
    torch.manual_seed(member_seed(settings.seed, member))
    room.work.report(Progress("loading initial weights"))
    backbone = build_backbone(settings)
    classes = {task: len(room.taxonomy.task(task).classes) for task in tasks}
    return MultiTaskClassifier(backbone.layers, classes, settings.dropout, settings.projection), backbone.warnings


def fitted(
    model: MultiTaskClassifier, room: Classroom, lessons: Lessons, name: str, member: int
) -> tuple[EpochScores, ...]:
    """Train `model`, to its best weights; where an earlier run of the job has done so, take them from there."""
    key, at, work = checkpoint_key(name, member), room.at, room.work
    listener = work if member == 0 else replace(work, epoch=lambda _: None)
    resume = _interrupted(at.store, key, listener)
    _agree_on_start(at.team, key, resume)
    with CheckpointWriter(at.store, key) as writer:

        def epoch_done(current: Snapshot) -> None:
            if at.team.first:
                writer.offer(current)
            listener.epoch(current.history[-1])

        snapshot = fit(
            model,
            lessons,
            room.settings.with_values(seed=member_seed(room.settings.seed, member)),
            device=at.device,
            precision=at.precision,
            resume=resume,
            watch=Watch(
                work, on_step=_StepReports(work, room.settings, member), on_epoch=epoch_done, clock=time.monotonic
            ),
            team=at.team,
        )
    if at.team.first and member + 1 < room.settings.ensemble:  # whoever is killed later begins with the next
        at.store.replace(key, checkpoint.to_bytes(snapshot), OCTETS)
    model.load_state_dict(snapshot.best_model)
    return snapshot.history


def checkpoint_key(name: str, member: int) -> str:
    return f"checkpoints/trainer/{name}/{'state' if member == 0 else f'member-{member + 1}'}.safetensors"


def _interrupted(store: ObjectStore, key: str, work: TrainingWork) -> Snapshot | None:
    """Where an interrupted run of the same job stopped; its epochs are reported again."""
    if not store.exists(key):
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        store.fetch(key, path)
        try:
            snapshot = checkpoint.from_file(str(path))
        except DataCorruptionError as error:
            log.warning("%s: cannot be read, so training starts anew (%s)", key, error)
            return None
    log.info("continuing after epoch %d", len(snapshot.history))
    for scores in snapshot.history:
        work.epoch(scores)
    return snapshot


def _agree_on_start(team: Team, key: str, resume: Snapshot | None) -> None:
    """Raises UnavailableError unless all of the team begin after the same epoch."""
    done = torch.tensor([len(resume.history) if resume else 0])
    in_all = done.clone()
    team.add_up([in_all])
    if team.agree(int(in_all) != team.size * int(done)):
        raise UnavailableError(f"{key} changed while it was read: another trainer has the same job; call again")


class _StepReports:
    """Turns optimiser steps into progress, at most two a second."""

    def __init__(self, work: TrainingWork, settings: TrainingSettings, member: int = 0) -> None:
        self._work = work
        self._settings = settings
        self._member = member
        self._last = self._started = time.monotonic()
        self._steps = 0

    def __call__(self, report: StepReport) -> None:
        self._steps += 1
        now = time.monotonic()
        if now - self._last < REPORT_EVERY_S and report.step < report.steps:
            return
        self._last = now
        rate = self._steps * self._settings.batch_size / max(now - self._started, 1e-9)
        epochs = self._settings.max_epochs
        done = (self._member * epochs + report.epoch - 1) * report.steps + report.step
        total = self._settings.ensemble * epochs * report.steps
        metrics = {"loss": report.loss, "epoch": float(report.epoch), "images_per_second": rate}
        self._work.report(Progress("training", done, total, "steps", metrics))
