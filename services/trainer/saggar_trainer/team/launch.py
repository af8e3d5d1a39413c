"""A training by several processes, one a GPU, seen from the service."""

from __future__ import annotations

import tempfile
from typing import Any

from saggar.team.launch import TeamJob, check_batch, work_together

from saggar_trainer.fitting.training_job import (
    TrainingJob,
    TrainingOutcome,
    Workplace,
    finished_outcome,
    outcome_from_json,
)
from saggar_trainer.listening import EpochScores, TrainingWork
from saggar_trainer.settings import TrainerSettings


def train_together(job: TrainingJob, settings: TrainerSettings, at: Workplace, work: TrainingWork) -> TrainingOutcome:
    """What `train` does `at` a place, by `settings.training_processes` processes.

    Raises as it does, InvalidInputError when a batch has fewer images than there are processes, and UnavailableError
    when one of them dies: the same call goes on from the checkpoint.
    """
    check_batch(settings, job.settings.batch_size)
    if finished := finished_outcome(job, at):  # no team has to be started for it
        return finished
    with tempfile.TemporaryDirectory(prefix="saggar-team-", dir=settings.scratch) as scratch:
        values = {
            "on_gpu": at.device.type == "cuda",
            "scratch": scratch,
            "manifest": job.manifest.to_json(),
            "taxonomy": job.taxonomy.to_json(),
            "settings": job.settings.model_dump(mode="json"),
            "annotations": dict(job.annotations),
            "fresh": job.fresh,
        }

        def epoch(told: dict[str, Any]) -> None:
            work.epoch(EpochScores(**told))

        together = TeamJob("saggar_trainer.team.process", values, "training")
        return outcome_from_json(work_together(together, settings, work, {"epoch": epoch}))
