"""Progress of long work, and its way through the contract."""

from __future__ import annotations

import pytest
from saggar.errors import CancelledError
from saggar.progress import Progress, Work
from saggar.rpc.progress import progress_from_message, progress_to_message


def test_progress_survives_the_contract() -> None:
    progress = Progress("training", 3, 50, "epochs", {"loss": 0.5}, "epoch 3 of 50")
    assert progress_from_message(progress_to_message(progress)) == progress
    assert progress_from_message(progress_to_message(Progress("idle"))) == Progress("idle")


def test_work_stops_once_its_caller_is_gone() -> None:
    reports: list[Progress] = []
    work = Work(reports.append)
    work.stop_if_cancelled("training")
    work.report(Progress("training"))
    work.cancelled.set()
    with pytest.raises(CancelledError, match="training was cancelled"):
        work.stop_if_cancelled("training")
    assert reports == [Progress("training")]


def test_work_without_listeners_reports_to_nobody() -> None:
    Work().report(Progress("training"))
