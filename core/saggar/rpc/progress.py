"""`Progress` of the domain to and from the contract."""

from __future__ import annotations

from saggar.progress import Progress
from saggar.v1 import common_pb2


def progress_to_message(progress: Progress) -> common_pb2.Progress:
    return common_pb2.Progress(
        stage=progress.stage,
        done=progress.done,
        total=progress.total,
        unit=progress.unit,
        metrics=progress.metrics,
        message=progress.message,
    )


def progress_from_message(message: common_pb2.Progress) -> Progress:
    return Progress(
        stage=message.stage,
        done=message.done,
        total=message.total,
        unit=message.unit,
        metrics=dict(message.metrics),
        message=message.message,
    )
