"""Exported networks, opened and run as a classifier does: one thread, and none that spins."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]

Float32 = npt.NDArray[np.float32]

_RUNS = 20  # of which the median is taken


def opened(onnx: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def logits_of(session: onnxruntime.InferenceSession, tasks: Sequence[str], images: Float32) -> dict[str, Float32]:
    """By task [N, C], of images [N, 3, S, S]."""
    names = [f"logits_{task}" for task in tasks]
    found = session.run(names, {"images": np.ascontiguousarray(images)})
    return {task: np.asarray(values, np.float32) for task, values in zip(tasks, found, strict=True)}


def timed(onnx: bytes, image: Float32) -> tuple[float, float]:
    """(milliseconds to open, median milliseconds of one image [3, S, S])."""
    started = time.perf_counter()
    session = opened(onnx)
    open_ms = (time.perf_counter() - started) * 1e3
    outputs = [output.name for output in session.get_outputs() if output.name.startswith("logits_")]
    batch = {"images": np.ascontiguousarray(image[None])}
    session.run(outputs, batch)
    times = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        session.run(outputs, batch)
        times.append((time.perf_counter() - started) * 1e3)
    return open_ms, statistics.median(times)


def processor() -> str:
    """Its name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
