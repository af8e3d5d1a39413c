"""Import of a folder of photographs beside a plain Pillow loop that only decodes them. Prints JSON lines.

    python bench/collections/importing.py DIR    DIR has images/ and labels.csv (palace-visual); by default that of
                                                 the tests, or kilnsim where there is none

Both read the same files in the same run and take turns. Each import goes to a store of its own, in a process
whose peak memory is told; one of few photographs shows that memory does not grow with their number.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROUNDS = 3
FEW = 200

DECODE = """
import sys, time
from PIL import Image
paths = sys.stdin.read().splitlines()
begun, cpu = time.perf_counter(), time.process_time()
for path in paths:
    with Image.open(path) as image:
        image.load()
print(time.perf_counter() - begun, time.process_time() - cpu)
"""
IMPORT = """
import resource, sys, time
from pathlib import Path
from saggar.importing.intake import import_csv
from saggar.stored_datasets import write_manifest
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
import pandas, pyarrow.parquet, saggar.decoding, scipy.fft
root, labels, taxonomy, target = sys.argv[1:]
taxonomy = load_taxonomy(taxonomy)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun, cpu = time.perf_counter(), time.process_time()
store = DirectoryStore(Path(target))
report = import_csv(Path(root), Path(labels), taxonomy, store)
write_manifest(store, report.manifest)
seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
print(seconds, cpu, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(report.manifest))
"""


def collection(folder: Path | None, scratch: Path) -> tuple[Path, Path, str]:
    """Folder of photographs, CSV and taxonomy."""
    repository = Path(__file__).resolve().parents[2]
    data = Path(os.environ.get("SAGGAR_TEST_DATA", repository.parent / "shared" / "data"))
    folder = folder or data / "real_porcelain"
    if folder.is_dir():
        return folder, folder / "labels.csv", "palace-visual"
    from saggar.kilnsim.collection import write_collection

    labels = write_collection(scratch / "drawn", count=1150, seed=1, size=384)
    return labels.parent, labels, "kilnsim"


def run(program: str, *arguments: str, text: str = "") -> list[float]:
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, input=text, text=True, check=True, capture_output=True)  # noqa: S603 own program
    return [float(value) for value in done.stdout.split()]


def head(labels: Path, rows: int, target: Path) -> Path:
    """The first rows of `labels` that give every task two classes."""
    lines = list(csv.reader(labels.read_text(encoding="utf-8").splitlines()))
    chosen = sorted(lines[1:], key=lambda row: -sum(bool(cell) for cell in row))[:rows]
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([lines[0], *chosen])
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        root, labels, taxonomy = collection(options.folder, scratch)
        few = head(labels, FEW, scratch / "few.csv")
        rows = csv.DictReader(labels.read_text(encoding="utf-8").splitlines())
        paths = [str(root / row["image"]) for row in rows]
        times: dict[str, list[list[float]]] = {"decoding": [], "import": [], "import_again": []}
        for number in range(ROUNDS):
            store = str(scratch / f"store-{number}")
            times["decoding"].append(run(DECODE, text="\n".join(paths)))
            times["import"].append(run(IMPORT, str(root), str(labels), taxonomy, store))
            times["import_again"].append(run(IMPORT, str(root), str(labels), taxonomy, store))
        _, _, base, few_peak, few_count = run(IMPORT, str(root), str(few), taxonomy, str(scratch / "few"))
        _, _, before, peak, count = times["import"][0]
        wall = {name: statistics.median(each[0] for each in found) for name, found in times.items()}
        work = {name: statistics.median(each[1] for each in found) for name, found in times.items()}
        print(json.dumps({
            "bench": "importing", "photographs": int(count), "rounds": ROUNDS, "cores": os.cpu_count(),
            "images_per_second": {name: round(len(paths) / value, 1) for name, value in wall.items()},
            "cpu_ms_per_image": {name: round(1e3 * value / len(paths), 2) for name, value in work.items()},
            "ratio_to_decoding": round(wall["decoding"] / wall["import"], 2),
        }))  # fmt: skip
        for number, above, start in ((few_count, few_peak - base, base), (count, peak - before, before)):
            print(json.dumps({
                "bench": "importing, memory", "photographs": int(number),
                "peak_above_start_mib": round(above / 1024, 1), "start_mib": round(start / 1024, 1),
            }))  # fmt: skip


if __name__ == "__main__":
    main()
