"""Hundreds of hostile requests to one classifier: each has its status, it lives, and honest callers are served."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from classifier_process import ClassifierProcess
from saggar.client import Classifier as Client
from saggar.store import DirectoryStore
from saggar_classifier.access.keyring import new_key
from test_classifier import RED, bundle

ATTACK = Path(__file__).parents[2] / "support" / "attacks" / "classifier_attack.py"
HARDLY_FELT_MS = 500  # below it a noisy machine says nothing of how much slower honest calls became

pytestmark = pytest.mark.slow


def keys(folder: Path) -> tuple[Path, dict[str, str]]:
    """A file of keys, and the keys by name; `flood` may call 60 times a minute."""
    secrets, lines = {}, ["keys:"]
    for name, per_minute in (("honest", 1_000_000), ("hostile", 1_000_000), ("flood", 60)):
        secrets[name], sha256 = new_key()
        scopes = "[classify, administer]"
        lines.append(f'  - {{name: {name}, sha256: "{sha256}", scopes: {scopes}, requests_per_minute: {per_minute}}}')
    path = folder / "keys.yaml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path, secrets


@pytest.mark.timeout(600)
def test_honest_callers_are_served_whatever_others_send(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store")
    path, secrets = keys(tmp_path)
    with ClassifierProcess(store.root, tmp_path, model=bundle(store).key, api_keys=path, log_level="error") as served:
        address = served.address()
        with Client(address, api_key=secrets["honest"]) as honest:

            def wait_ms() -> float:
                begun = time.perf_counter()
                honest.classify(RED)  # raises where it is not answered
                time.sleep(0.01)
                return 1e3 * (time.perf_counter() - begun) - 10

            quiet = [wait_ms() for _ in range(200)]
            command = [sys.executable, str(ATTACK), address, secrets["hostile"], secrets["flood"], "1"]
            with subprocess.Popen(command, stdout=subprocess.PIPE) as attack:
                under = []
                while attack.poll() is None:
                    under.append(wait_ms())
                assert attack.stdout is not None
                found = json.load(attack.stdout)
        assert served.process.poll() is None, served.log.read_text(encoding="utf-8")[-2000:]
        assert found["wrong"] == []
        assert found["requests"] >= 300
        before, after = np.quantile(quiet, 0.99), np.quantile(under, 0.99)
        print(f"{found['requests']} hostile requests: {found['statuses']}; honest p99 {before:.1f} -> {after:.1f} ms")
        assert after <= max(2 * before, HARDLY_FELT_MS)
        assert served.leave() == 0
