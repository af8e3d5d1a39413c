"""Two replicas for a while, with a hot swap now and then and one request in twenty hostile.

    python bench/services/soak.py [--seconds 1200] [--swap-every 60]

Prints JSON; exit code 1 where a valid request failed.

The models are of the paper's size and untrained; photographs are JPEGs of 512 px and one of 4000 x 3000. Three honest
callers ask one photograph after another, a fourth sends streams. Says how many requests of each kind there were, which
valid ones failed, and per replica its memory, the slope of it over the second half, descriptors and threads.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

from saggar.store import DirectoryStore

ROOT = Path(__file__).resolve().parents[2]
SUPPORT = ROOT / "tests" / "support"
sys.path[:0] = [str(SUPPORT / "attacks"), str(SUPPORT / "fakes"), str(ROOT / "bench" / "services")]

from classifier import large_photograph, photograph, untrained_bundle  # noqa: E402 as above
from soak_run import Soak  # noqa: E402 as above


def main() -> int:
    parser = argparse.ArgumentParser(description="Two busy replicas of the classifier, for a while.")
    parser.add_argument("--seconds", type=float, default=1200.0)
    parser.add_argument("--swap-every", type=float, default=60.0, metavar="SECONDS")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder) / "store")
        bundles = [untrained_bundle(store, seed) for seed in (0, 1)]
        soak = Soak(store, bundles, [*(photograph(seed) for seed in range(20)), large_photograph(99)])
        soak.run(Path(folder), given.seconds, given.swap_every)
    found = soak.report()
    print(json.dumps({"bench": "soak", "seconds": given.seconds, **found}, indent=1))
    return int(bool(found["failed_valid_requests"] or found["hostile_answered_wrongly"]))


if __name__ == "__main__":
    sys.exit(main())
