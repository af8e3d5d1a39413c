"""The examples of the guide for catalogue systems, as they are printed, against a real classifier."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from PIL import Image
from test_classifier import TAXONOMY, Classifier, bundle

ROOT = Path(__file__).resolve().parents[3]
GUIDE = ROOT / "docs" / "catalogues.md"
README = ROOT / "services" / "classifier" / "README.md"
BUF = shutil.which("buf") or str(ROOT / ".cache" / "buf" / "node_modules" / ".bin" / "buf")
_ADDRESS = re.compile(r"127\.0\.0\.1:500\d\d")


def examples(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    made = Classifier(tmp_path / "store")
    made.activate(made.start(threads=2), bundle(made.store))
    yield made.address(0)
    made.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("bowl.jpg", "vase.jpg"):
        photograph = io.BytesIO()
        Image.new("RGB", (64, 64), (220, 20, 20)).save(photograph, "JPEG")
        (tmp_path / name).write_bytes(photograph.getvalue())
    return tmp_path


@pytest.mark.parametrize(
    ("page", "number"),
    [
        (page, number)
        for page in (GUIDE, README)
        for number, program in enumerate(examples(page, "python"))
        if "ClientTls" not in program
    ],
)
def test_python_examples_run(page: Path, number: int, address: str, folder: Path) -> None:
    program = _ADDRESS.sub(address, examples(page, "python")[number])
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{program}\n{ended.stderr}"
    if page == GUIDE:
        assert f"{TAXONOMY.task_names[0]} " in ended.stdout
        assert "not a JPEG" in ended.stdout
        assert "left out: missing.jpg: no such file" in ended.stdout


def test_the_example_with_tls_runs_as_it_is_printed(tmp_path: Path) -> None:
    authority, tls = trustme.CA(), tmp_path / "tls"
    tls.mkdir()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tls / "authority.pem")
    issued.cert_chain_pems[0].write_to_path(tls / "certificate.pem")
    issued.private_key_pem.write_to_path(tls / "key.pem")
    made = Classifier(tmp_path / "store")
    active = made.activate(made.start(), bundle(made.store))
    files = {"tls_cert": tls / "certificate.pem", "tls_key": tls / "key.pem", "tls_client_ca": tls / "authority.pem"}
    made.start(**files)
    program = next(each for each in examples(GUIDE, "python") if "ClientTls" in each)
    program = program.replace("classifier.museum.example:50055", made.address(1))
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    made.stop()
    assert (ended.returncode, ended.stdout.strip()) == (0, active), ended.stderr


@pytest.mark.skipif(not Path(BUF).exists(), reason="buf is not installed (`make lint` brings it)")
def test_it_is_called_by_reflection_alone(address: str, folder: Path) -> None:
    (script,) = [text for text in examples(GUIDE, "sh") if "buf curl" in text]
    environment = os.environ | {"PATH": f"{Path(BUF).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    ended = subprocess.run(
        ["bash", "-ec", _ADDRESS.sub(address, script)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    methods, _, answer = ended.stdout.partition("{")
    assert "saggar.v1.ClassifierService/ClassifyStream" in methods
    assert "inference.GRPCInferenceService/ModelInfer" in methods
    predictions = json.loads("{" + answer)["predictions"]
    assert [each["task"] for each in predictions] == list(TAXONOMY.task_names)
