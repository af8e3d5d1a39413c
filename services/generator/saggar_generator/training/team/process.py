"""One of several processes that train an adapter together: `team.launch` starts them.

The job comes in the variable SAGGAR_TRAINING_JOB, what happens goes out as JSON lines. When the standard
input ends, because the parent stops the training or is gone itself, the training stops.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import asdict
from typing import Any

from saggar.errors import SaggarError
from saggar.job_settings.adapter import AdapterSettings
from saggar.progress import Progress, Work
from saggar.rpc.logs import configure_logs
from saggar.settings import read_settings
from saggar.store import ObjectRef

from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import choose
from saggar_generator.requests import AdapterPreview, TrainingRequest
from saggar_generator.settings import GeneratorSettings
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.group import Accelerated
from saggar_generator.training.team.launch import JOB


def main() -> int:
    """Train; 0 when the adapter is in the store."""
    job = json.loads(os.environ[JOB])
    rank = int(os.environ["LOCAL_RANK"])
    cancelled = threading.Event()
    threading.Thread(target=_wait_for_end, args=(cancelled,), daemon=True).start()
    first = rank == 0
    try:
        settings = read_settings(GeneratorSettings, __doc__ or "", [])
        configure_logs(settings.log_level if first else "warning", as_json=settings.log_json)
        placement = choose(
            f"cuda:{rank}" if job["on_gpu"] else "cpu",
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
            Work(_tell_progress if first else _say_nothing, cancelled),
            _tell_preview if first else _say_nothing,
            targets=settings.lora_targets,
            team=Accelerated(placement.device),
        )
    except SaggarError as error:
        _tell("error", error.to_json())
        return 1
    if first:
        _tell("result", asdict(result))
    return 0


def _tell_progress(progress: Progress) -> None:
    _tell("progress", asdict(progress))


def _tell_preview(preview: AdapterPreview) -> None:
    _tell("preview", asdict(preview))


def _say_nothing(_: object) -> None:
    """The first process speaks for all."""


def _tell(what: str, value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({what: value}) + "\n")
    sys.stdout.flush()


def _wait_for_end(cancelled: threading.Event) -> None:
    sys.stdin.read()
    cancelled.set()


if __name__ == "__main__":
    sys.exit(main())
