"""The table of faults: `python bench/services/faults.py [WORD ...] [--hold SECONDS] [--markdown]`.

Words choose faults by title.

Every disturbance of tests/faults/disturbances.py at every moment, on an experiment with worker services that stand in
for the real ones (real gRPC, real objects, no torch), beside the same experiment undisturbed. Says of each what came of
it, how many images are missing from the store and how many are there that should not be, whether results.json is equal
but for times, the order of keys and which steps were found done, and how many tracebacks the orchestrator logged. Exits
with 1 where any of this is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(_TESTS / "support" / room) for room in ("fakes", "servers")]
sys.path.insert(0, str(_TESTS / "faults"))

from disturbances import DISTURBANCES  # noqa: E402 as above
from disturbed import Disturbance, Found, disturbed, undisturbed  # noqa: E402 as above

_COLUMNS = ("fault", "when", "outcome", "lost", "doubled", "equal", "tracebacks", "seconds")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--hold", type=float, help="how long the disturbance lasts")
    parser.add_argument("--markdown", action="store_true", help="a table instead of JSON lines")
    options = parser.parse_args()
    chosen = [d for d in DISTURBANCES if all(word in d.title for word in options.words)]
    if options.hold:
        chosen = [replace(each, hold_s=options.hold) for each in chosen]
    if options.markdown:
        print(f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}")
    well = True
    with tempfile.TemporaryDirectory() as folder:
        expected = undisturbed(Path(folder) / "undisturbed")
        for number, disturbance in enumerate(chosen):
            try:
                for row in _rows(Path(folder) / str(number), disturbance, expected):
                    well &= row["lost"] == row["doubled"] == row["tracebacks"] == 0 and row["equal"] == "yes"
                    text = f"| {' | '.join(str(row[name]) for name in _COLUMNS)} |"
                    print(text if options.markdown else json.dumps(row, ensure_ascii=False), flush=True)
            except AssertionError as error:  # it did not end in time; the others are tried all the same
                well = False
                print(f"{disturbance.title}: {error}", file=sys.stderr)
    return int(not well)


def _rows(folder: Path, disturbance: Disturbance, expected: dict[str, Found]) -> Iterator[dict[str, Any]]:
    if lacking := disturbance.lacking():
        print(f"{disturbance.title}: not tried, needs {lacking}", file=sys.stderr)
        return
    began = time.monotonic()
    for title, found in disturbed(folder, disturbance).items():
        beside = expected[title]
        yield {
            "fault": disturbance.title,
            "when": title,
            "outcome": found.outcome,
            "lost": len(beside.images - found.images),
            "doubled": len(found.images - beside.images),
            "equal": "yes" if found.results == beside.results else "no",
            "tracebacks": found.tracebacks,
            "seconds": f"{found.seconds:.0f}",
        }
    print(f"{disturbance.title}: {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
