"""A team of processes seen from the service: start, listen, stop."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from saggar.errors import FieldViolation, InvalidInputError, SaggarError, UnavailableError, WrongStateError
from saggar.progress import Progress, Work
from saggar.settings import PREFIX, ServiceSettings
from saggar.team.settings import TeamSettings

log = logging.getLogger(__name__)

JOB = f"{PREFIX}TRAINING_JOB"
_PATIENCE_S = 60.0  # for the step at hand, and its checkpoint

Values = dict[str, Any]


@dataclass(frozen=True)
class TeamJob:
    """`module` is what each process runs (`python -m`), by `saggar.team.member`; `values`, JSON-ready, what it gets."""

    module: str
    values: Mapping[str, Any]
    what: str  # such as "adapter training"


def check_gpus(settings: TeamSettings, gpus: int) -> None:
    """Raises WrongStateError unless each of `settings.training_processes` has one of so many GPUs."""
    count = settings.training_processes
    if count > 1 and count > gpus:
        raise WrongStateError(f"SAGGAR_TRAINING_PROCESSES is {count}, but {gpus} GPU(s) are here; lower it")


def check_batch(settings: TeamSettings, batch_size: int) -> None:
    """Raises InvalidInputError when a batch has fewer images than there are processes."""
    if batch_size < settings.training_processes:
        text = (
            f"settings.batch_size is {batch_size}, fewer than the {settings.training_processes} processes that train "
            "together (SAGGAR_TRAINING_PROCESSES); raise it"
        )
        raise InvalidInputError(text, (FieldViolation("settings.batch_size", text),))


def work_together(
    job: TeamJob, settings: TeamSettings, work: Work, events: Mapping[str, Callable[[Values], None]] | None = None
) -> Values:
    """The result that the first of `settings.training_processes` processes tells.

    `events`: who hears what they tell beside progress, result and error. Raises the first error that one of them tells,
    CancelledError, and UnavailableError when one of them dies; the others are ended then.
    """
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        f"--nproc-per-node={settings.training_processes}",
        *("-m", job.module),
    ]
    threads = str(max(1, (settings.threads or os.cpu_count() or 1) // settings.training_processes))
    # Threads that spin while they wait would take the other processes' cores.
    defaults = {"OMP_NUM_THREADS": threads, "OMP_WAIT_POLICY": "PASSIVE"}
    env = defaults | os.environ | environment(settings) | {JOB: json.dumps(job.values)}
    ended = threading.Event()
    with subprocess.Popen(  # noqa: S603 our own modules
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stopper = threading.Thread(target=_stop_when, args=(work.cancelled, ended, process), daemon=True)
        stopper.start()
        try:
            outcome = _listen(process, work, events or {})
            code = process.wait()
        finally:
            ended.set()
            stopper.join()
            _end(process)
    if "result" in outcome:
        return dict(outcome["result"])
    work.stop_if_cancelled(job.what)
    if "error" in outcome:
        raise SaggarError.from_json(outcome["error"])
    raise UnavailableError(
        f"{job.what}: one of {settings.training_processes} processes died (code {code}; the service's log says more); "
        "the same request goes on from the last checkpoint"
    )


def environment(settings: ServiceSettings) -> dict[str, str]:
    """Variables that make equal settings."""
    found = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if value is None:
            continue
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        found[PREFIX + name.upper()] = json.dumps(value) if isinstance(value, tuple | bool) else str(value)
    return found


def _listen(
    process: subprocess.Popen[str], work: Work, events: Mapping[str, Callable[[Values], None]]
) -> dict[str, Values]:
    """Passes on what the processes say; returns the result, or the first error."""
    outcome: dict[str, Values] = {}
    for line in process.stdout or ():
        try:
            ((what, value),) = json.loads(line).items()
        except (ValueError, AttributeError):
            log.info("training process: %s", line.rstrip())
            continue
        if what == "progress":
            work.report(Progress(**value))
        elif what in events:
            events[what](value)
        else:
            outcome.setdefault(what, value)
    return outcome


def _stop_when(cancelled: threading.Event, ended: threading.Event, process: subprocess.Popen[str]) -> None:
    while not ended.wait(0.2):
        if cancelled.is_set():
            _end(process)
            return


def _end(process: subprocess.Popen[str]) -> None:
    """Closes its input, at which it stops after the step at hand; kills it when it doesn't."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.terminate()  # torch's launcher ends its workers
        process.wait()
