"""Start-up of the command line, beside a bare Python interpreter. Prints JSON; run it with `make bench`."""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

RUNS = 7
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "saggar --help": [str(Path(sys.executable).with_name("saggar")), "--help"],
    "saggar experiment --help": [str(Path(sys.executable).with_name("saggar")), "experiment", "--help"],
}


def main() -> None:
    """Take turns, so that a slow moment of the machine hits all commands alike."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS + 1):  # the first round fills the caches and does not count
        for name, command in COMMANDS.items():
            begun = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 our own commands
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: round(statistics.median(values[1:]), 3) for name, values in seconds.items()}
    print(json.dumps({"bench": "startup", "runs": RUNS, "median_seconds": medians}))


if __name__ == "__main__":
    main()
