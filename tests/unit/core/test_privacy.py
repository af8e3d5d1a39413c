"""Nothing is written into the user's home and nobody is called, by us or by the libraries that we import."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

WATCHED = """
import sys

def watch(event, arguments):
    if event == "socket.connect" and not str(arguments[1]).startswith(("('127.", "('::1", "/")):
        raise SystemExit(f"called {arguments[1]}")
    if event == "socket.getaddrinfo":
        raise SystemExit(f"asked for {arguments[0]}")

sys.addaudithook(watch)
"""
SESSION = """
import {package}
import onnxruntime
onnxruntime.InferenceSession({model!r}, providers=["CPUExecutionProvider"])
onnxruntime.get_available_providers()
"""
WORKFLOWS = """
import {package}
from dbos import DBOS

DBOS(config={{"name": "saggar", "system_database_url": "sqlite:///{folder}/workflows.db", "enable_otlp": False}})
DBOS.launch()
DBOS.destroy()
"""
HUB = """
import {package}
from huggingface_hub import constants
assert constants.HF_HUB_DISABLE_TELEMETRY
import diffusers, transformers
"""


def run(code: str, folder: Path, **more: str) -> str:
    """Runs `code` in a home of its own, without the variables that would make it pass; returns its errors."""
    home = folder / "home"
    home.mkdir()
    env = {
        name: value
        for name, value in os.environ.items()
        if "TELEMETRY" not in name and not name.startswith(("XDG_", "HF_")) and name != "DO_NOT_TRACK"
    }
    ended = subprocess.run(
        [sys.executable, "-c", WATCHED + code],
        env=env | {"HOME": str(home), "USERPROFILE": str(home)} | more,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    left = [path for path in home.rglob("*") if path.is_file() and "fontlist" not in path.name]
    assert left == [], f"written into the home: {left}"
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    "package", ["saggar", "saggar_classifier", "saggar_qc", "saggar_trainer", "saggar_generator", "saggar_orchestrator"]
)
def test_onnxruntime_writes_nothing_whoever_imports_it(tmp_path: Path, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    value = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    run(SESSION.format(package=package, model=model.SerializeToString()), tmp_path)


def test_the_workflow_library_calls_nobody(tmp_path: Path) -> None:
    pytest.importorskip("dbos")
    run(WORKFLOWS.format(package="saggar_orchestrator", folder=tmp_path), tmp_path)


@pytest.mark.slow
def test_the_libraries_of_the_hub_describe_nothing(tmp_path: Path) -> None:
    pytest.importorskip("diffusers")
    run(HUB.format(package="saggar_generator"), tmp_path)


def test_who_wants_to_report_may(tmp_path: Path) -> None:
    """The variables are defaults: what the user set stands."""
    code = "import os, saggar; assert os.environ['ORT_DISABLE_TELEMETRY'] == '0'"
    run(code, tmp_path, ORT_DISABLE_TELEMETRY="0")
