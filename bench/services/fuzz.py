"""Fuzzing of all that reads bytes from outside: `python bench/services/fuzz.py [TARGET ...] [--minutes 60]`.

Targets are those of tests/support/attacks/fuzz_targets.py. Atheris (libFuzzer) follows which lines of Saggar's code an
input reaches, and keeps in CORPUS/TARGET what reaches new ones; the next run begins there. `--corpus` names the folder
(default .fuzz, which git ignores). Half the time it makes bytes, half the time it leads hypothesis, which changes sound
examples. One process works at a time, in turns of a minute. Any error that is no refusal, and any input that takes more
than 5 s of a processor, is kept in CORPUS/found/TARGET, once for each place in the code. Prints JSON; exits with 1
where something was found. `--keep N` then writes N files of each corpus, from small to large, and whatever was found to
tests/data/fuzz, where tests/unit/core/test_fuzzed_readers.py reads them.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support" / "attacks"))

_TURN_S = 60
_SLOW_S = 5.0
_LONGEST = 20_000  # bytes of an input
_LONGEST_KEPT = 3_000
_MODES = ("bytes", "changes")
_SILENT = ("-print_final_stats=1", "-verbosity=0", "-rss_limit_mb=3000", "-timeout=300", f"-max_len={_LONGEST}")


def main() -> int:
    options = _options()
    if options.turn:
        return _turn(options.target[0], options.turn, options.corpus, options.seconds)
    from fuzz_targets import TARGETS

    targets = options.target or list(TARGETS)
    done: dict[str, Counter[str]] = {name: Counter() for name in targets}
    ends = time.monotonic() + 60 * options.minutes
    while time.monotonic() < ends:
        for name in targets:
            for mode in _MODES:
                if (left := ends - time.monotonic()) > 1:
                    _count(done[name], name, mode, options.corpus, min(_TURN_S, left))
    found = {name: _found(options.corpus, name) for name in targets}
    for name in targets if options.keep else ():
        _keep(name, options.corpus, options.keep)
    report = {name: {**done[name], "corpus": _size(options.corpus / name), "found": found[name]} for name in targets}
    print(json.dumps({"minutes": options.minutes, "targets": report}, indent=1, ensure_ascii=False))
    return int(any(found.values()) or any(each["failed_turns"] for each in done.values()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", nargs="*", help="default: all")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--corpus", type=Path, default=ROOT / ".fuzz")
    parser.add_argument("--keep", type=int, default=0)
    parser.add_argument("--turn", choices=_MODES, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=_TURN_S, help=argparse.SUPPRESS)
    return parser.parse_args()


def _count(done: Counter[str], name: str, mode: str, corpus: Path, seconds: float) -> None:
    """One turn in a process of its own: libFuzzer ends the process that it runs in."""
    command = [sys.executable, __file__, name, "--turn", mode, "--corpus", str(corpus), "--seconds", str(seconds)]
    began = time.monotonic()
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 itself
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", ended.stderr)
    done[f"inputs_{mode}"] += int(executed[1]) if executed else 0
    done["seconds"] += round(time.monotonic() - began)
    if ended.returncode:
        done["failed_turns"] += 1
        print(ended.stderr[-2000:], file=sys.stderr)


def _turn(name: str, mode: str, corpus: Path, seconds: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["saggar", "saggar_orchestrator", "saggar_classifier", "fuzz_targets"]):
        import fuzz_targets
    target = fuzz_targets.TARGETS[name]
    folder = corpus / name / mode
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "tried"

        def tried(data: bytes) -> None:
            _watched(target, data, path, corpus / "found" / name)

        if mode == "bytes":
            seeds = [*target.examples(), *(file.read_bytes() for file in (fuzz_targets.KEPT / name).glob("*"))]
            for seed in seeds:
                (folder / hashlib.sha1(seed, usedforsecurity=False).hexdigest()).write_bytes(seed)
        run = tried if mode == "bytes" else _changing(target, tried)
        limit = f"-max_total_time={max(1, int(seconds))}"
        atheris.Setup([sys.argv[0], *_SILENT, limit, f"-artifact_prefix={folder.parent}/", str(folder)], run)
        atheris.Fuzz()
    return 0


def _changing(target: Any, tried: Callable[[bytes], None]) -> Callable[[bytes], object]:
    """Bytes as the choices of a hypothesis test: which example, and which changes to it."""
    from fuzz_targets import CHANGES, changed
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    examples = target.examples()

    @settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(number=st.integers(0, len(examples) - 1), changes=CHANGES)
    def one(number: int, changes: list[tuple[str, int, int, bytes]]) -> None:
        tried(changed(examples[number], changes))

    fuzzed: Callable[[bytes], object] = one.hypothesis.fuzz_one_input  # type: ignore[attr-defined]
    return fuzzed


def _watched(target: Any, data: bytes, path: Path, found: Path) -> None:
    began = time.process_time()
    try:
        target.tried(data, path)
    except (Exception, RecursionError) as error:  # noqa: BLE001 that is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "saggar" in f.filename][-1:]
        places = " ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in (*ours, last))
        _note(found, f"{type(error).__name__} {places}", data, traceback.format_exc())
    if (took := time.process_time() - began) > _SLOW_S:
        _note(found, "slow", data, f"{took:.1f} s of a processor")


def _note(folder: Path, title: str, data: bytes, text: str) -> None:
    """The first input for each title."""
    place = folder / hashlib.sha1(title.encode(), usedforsecurity=False).hexdigest()[:12]
    if not place.exists():
        place.mkdir(parents=True)
        (place / "input").write_bytes(data)
        (place / "error.txt").write_text(f"{title}\n{text}", encoding="utf-8")


def _found(corpus: Path, name: str) -> list[str]:
    return sorted(file.read_text("utf-8").splitlines()[0] for file in (corpus / "found" / name).glob("*/error.txt"))


def _size(folder: Path) -> int:
    return sum(1 for file in folder.glob("*/*"))


def _keep(name: str, corpus: Path, most: int) -> None:
    """Every file of a corpus once reached a line that none before it did; these are taken evenly by size."""
    from fuzz_targets import KEPT

    files = sorted((corpus / name / "bytes").glob("*"), key=lambda file: file.stat().st_size)
    files = [file for file in files if 0 < file.stat().st_size <= _LONGEST_KEPT]
    chosen = files[:: max(1, len(files) // most)][:most] if files else []
    shutil.rmtree(KEPT / name, ignore_errors=True)
    (KEPT / name).mkdir(parents=True)
    for file in [*chosen, *(corpus / "found" / name).glob("*/input")]:
        data = file.read_bytes()
        (KEPT / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
