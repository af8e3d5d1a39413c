"""Adapter training by several processes, one a GPU, seen from the service: start, listen, stop."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch
from pydantic import SecretStr
from saggar.errors import FieldViolation, InvalidInputError, SaggarError, UnavailableError, WrongStateError
from saggar.progress import Progress, Report, Work
from saggar.settings import PREFIX
from saggar.store import ObjectRef

from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import AdapterPreview, KeptAdapter, TrainedAdapter, TrainingRequest
from saggar_generator.settings import GeneratorSettings

log = logging.getLogger(__name__)

JOB = f"{PREFIX}TRAINING_JOB"
_PATIENCE_S = 60.0  # for the step at hand, and its checkpoint


def check_team(settings: GeneratorSettings, placement: Placement) -> None:
    """Raises WrongStateError unless each of `settings.training_processes` has a GPU of its own."""
    count = settings.training_processes
    if count > 1 and placement.on_gpu and count > torch.cuda.device_count():
        raise WrongStateError(
            f"SAGGAR_TRAINING_PROCESSES is {count}, but {torch.cuda.device_count()} GPU(s) are here; lower it"
        )


def train_together(
    settings: GeneratorSettings,
    on_gpu: bool,
    training: TrainingRequest,
    work: Work,
    on_preview: Callable[[AdapterPreview], None],
) -> TrainedAdapter:
    """What `train_adapter` does, by `settings.training_processes` processes.

    Raises as it does, InvalidInputError when a batch has fewer images than there are processes, and UnavailableError
    when one of them dies: the same call goes on from the checkpoint.
    """
    if training.settings.batch_size < settings.training_processes:
        text = (
            f"settings.batch_size is {training.settings.batch_size}, fewer than the {settings.training_processes} "
            "processes that train together (SAGGAR_TRAINING_PROCESSES); raise it"
        )
        raise InvalidInputError(text, (FieldViolation("settings.batch_size", text),))
    job = {
        "on_gpu": on_gpu,
        "base_model": training.base_model,
        "manifest": training.manifest.to_json(),
        "fresh": training.fresh,
        "settings": training.settings.model_dump(mode="json"),
    }
    threads = str(max(1, (settings.threads or os.cpu_count() or 1) // settings.training_processes))
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
        f"--nproc-per-node={settings.training_processes}",
        *("-m", "saggar_generator.training.team.process"),
    ]
    env = {"OMP_NUM_THREADS": threads} | os.environ | _environment(settings) | {JOB: json.dumps(job)}
    ended = threading.Event()
    with subprocess.Popen(  # noqa: S603 our own modules
        command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        stopper = threading.Thread(target=_stop_when, args=(work.cancelled, ended, process), daemon=True)
        stopper.start()
        try:
            outcome = _listen(process, work.report, on_preview)
            code = process.wait()
        finally:
            ended.set()
            stopper.join()
            _end(process)
    if "result" in outcome:
        return _trained(outcome["result"])
    work.stop_if_cancelled("adapter training")
    if "error" in outcome:
        raise SaggarError.from_json(outcome["error"])
    raise UnavailableError(
        f"a process that trained the adapter died (code {code}; the generator's log says more); the same "
        "request goes on from the last checkpoint"
    )


def _listen(
    process: subprocess.Popen[str], report: Report, on_preview: Callable[[AdapterPreview], None]
) -> dict[str, Any]:
    """Passes on what the processes say; returns the result, or the first error."""
    outcome: dict[str, Any] = {}
    for line in process.stdout or ():
        try:
            ((what, value),) = json.loads(line).items()
        except (ValueError, AttributeError):
            log.info("training process: %s", line.rstrip())
            continue
        if what == "progress":
            report(Progress(**value))
        elif what == "preview":
            on_preview(AdapterPreview(**{**value, "image": ObjectRef.from_json(value["image"])}))
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


def _environment(settings: GeneratorSettings) -> dict[str, str]:
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


def _trained(value: dict[str, Any]) -> TrainedAdapter:
    kept = tuple(KeptAdapter(**_with_references(one)) for one in value["kept"])
    return TrainedAdapter(**{**_with_references(value), "kept": kept})


def _with_references(value: dict[str, Any]) -> dict[str, Any]:
    refs = {key: ObjectRef.from_json(one) for key, one in value.items() if isinstance(one, dict)}
    return {**value, **refs}
