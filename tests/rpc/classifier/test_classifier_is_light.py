"""The classifier's process serves where the libraries of data sets are not installed, so that its image stays small."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from saggar.client import Classifier, Question
from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore
from saggar_classifier.serving import active
from test_classifier import RED, TAXONOMY, bundle

# What the image of the classifier does not have: importing one of them fails as it would there.
_ABSENT = ("pandas", "pyarrow", "scipy", "skimage", "matplotlib", "torch", "onnx", "requests", "statsmodels")
_PROGRAM = f"""
import runpy, sys
for name in {_ABSENT!r}:
    sys.modules[name] = None
sys.argv = ["saggar_classifier"]
runpy.run_module("saggar_classifier", run_name="__main__")
"""


def test_it_serves_without_the_libraries_of_data_sets(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    active.remember(store, bundle(store))
    address = tmp_path / "address"
    environment = os.environ | {
        "SAGGAR_STORE": str(tmp_path / "store"),
        "SAGGAR_LISTEN": "127.0.0.1:0",
        "SAGGAR_ADDRESS_FILE": str(address),
    }
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", _PROGRAM], env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 120
        while not address.exists():
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        target = address.read_text().strip()
        wait_ready(target, 60.0, service="saggar.v1.ClassifierService")
        with Classifier(target) as client:
            found = client.classify(RED, Question(top_k=1, neighbours=2))
            assert found.best(TAXONOMY.task_names[0]).code == TAXONOMY.tasks[0].codes[0]
            assert client.describe().model_id == found.model_id
            (answer,) = client.classify_many([RED])
            assert answer == client.classify(RED)
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0, (tmp_path / "log").read_text()
