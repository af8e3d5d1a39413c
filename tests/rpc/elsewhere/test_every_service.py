"""Each service as a process: it says when its store is away, serves when that is back, and is gone once stopped."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
from saggar.errors import UnavailableError
from saggar.rpc.channel import wait_ready

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
START_S = 400.0  # to load torch on a busy machine
# From the last line of the log to the end of the process; torch's modules, taken down one by one, took 21 s.
LEAVES_S = 8.0


@contextmanager
def service(name, folder):
    """(process, address, log file) of `python -m saggar_<name>` on the store FOLDER/store."""
    address, log = folder / "address", folder / "log"
    environment = os.environ | {
        "SAGGAR_STORE": str(folder / "store"),
        "SAGGAR_HOME": str(folder / "home"),
        "SAGGAR_ADDRESS_FILE": str(address),
        "SAGGAR_LISTEN": "127.0.0.1:0",
        "SAGGAR_DRAIN_SECONDS": "0",
    }
    (folder / "store").mkdir()
    with log.open("w") as file:
        process = subprocess.Popen([sys.executable, "-m", f"saggar_{name}"], env=environment, stderr=file)
    try:
        deadline = time.monotonic() + START_S
        while "serving at" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        yield process, address.read_text(), log
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("name", ["generator", "qc", "trainer", "orchestrator", "classifier"])
def test_its_store_is_lost_and_found_and_it_ends_at_once(name, tmp_path):
    with service(name, tmp_path) as (process, address, log):
        if name != "classifier":  # which has no model yet, and with one needs no store
            wait_ready(address, 60, service="")
            (tmp_path / "store").rename(tmp_path / "away")
            deadline = time.monotonic() + 120
            while True:
                try:
                    wait_ready(address, 5, service="", patient=False)
                except UnavailableError as error:
                    if "the store's folder" in str(error):
                        break
                assert time.monotonic() < deadline, "it does not say that its store is gone"
                time.sleep(0.5)
            wait_ready(address, 60)  # live all the time: nothing has to restart it
            (tmp_path / "away").rename(tmp_path / "store")
            wait_ready(address, 120, service="")
        process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 60
        while "saggar.rpc.serving.server: stopped" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        stopped = time.monotonic()
        assert process.wait(60) == 0
        assert time.monotonic() - stopped < LEAVES_S
