"""One of several processes that train together: `team.launch` starts them."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from saggar.job_settings.training import TrainingSettings
from saggar.rpc.logs import configure_logs
from saggar.settings import read_settings
from saggar.store import ObjectRef
from saggar.team.member import Member, take_part

from saggar_trainer.fitting.training_job import TrainingJob, train, train_along
from saggar_trainer.group import Distributed
from saggar_trainer.listening import TrainingWork
from saggar_trainer.settings import TrainerSettings
from saggar_trainer.workplace import workplace


def take_lessons(member: Member) -> dict[str, Any] | None:
    """Train; the first process exports too, and returns what it came to."""
    settings = read_settings(TrainerSettings, __doc__ or "", [])
    configure_logs(settings.log_level if member.first else "warning", as_json=settings.log_json)
    told = member.job
    device = torch.device("cuda", member.rank) if told["on_gpu"] else torch.device("cpu")
    at = workplace(settings.open_store(), settings, device)
    at = replace(at, scratch=Path(told["scratch"]), team=Distributed(device))
    job = TrainingJob(
        ObjectRef.from_json(told["manifest"]),
        ObjectRef.from_json(told["taxonomy"]),
        TrainingSettings.model_validate(told["settings"]),
        told["annotations"],
        told["fresh"],
    )
    work = TrainingWork(member.report, member.cancelled, epoch=lambda scores: member.tell("epoch", asdict(scores)))
    if member.first:
        return asdict(train(job, at, work))
    train_along(job, at, work)
    return None


if __name__ == "__main__":
    sys.exit(take_part(take_lessons))
