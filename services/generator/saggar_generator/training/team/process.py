"""One of several processes that train an adapter together: `team.launch` starts them."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Work
from saggar.rpc.logs import configure_logs
from saggar.settings import read_settings
from saggar.store import ObjectRef
from saggar.team.member import Member, take_part

from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import choose
from saggar_generator.requests import TrainingRequest
from saggar_generator.settings import GeneratorSettings
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.group import Accelerated


def train(member: Member) -> dict[str, Any]:
    """Train; the adapter is in the store then."""
    settings = read_settings(GeneratorSettings, __doc__ or "", [])
    configure_logs(settings.log_level if member.first else "warning", as_json=settings.log_json)
    job = member.job
    placement = choose(
        f"cuda:{member.rank}" if job["on_gpu"] else "cpu",
        settings.precision,
        settings.memory,
        attention_slicing=settings.attention_slicing,
    )
    result = train_adapter(
        settings.open_store(),
        BaseModels(placement),
        TrainingRequest(
            job["base_model"],
            ObjectRef.from_json(job["manifest"]),
            AdapterSettings.model_validate(job["settings"]),
            job["fresh"],
        ),
        Work(member.report, member.cancelled),
        lambda preview: member.tell("preview", asdict(preview)),
        targets=settings.lora_targets,
        team=Accelerated(placement.device),
    )
    return asdict(result)


if __name__ == "__main__":
    sys.exit(take_part(train))
