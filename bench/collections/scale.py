"""What a manifest of a million records costs: every operation in a process of its own, with its seconds and
the process's peak memory (reading the manifest included). Prints JSON lines.

    python bench/collections/scale.py                        a million records
    python bench/collections/scale.py --records 100000 --only split --only leakage

The records are made up: combinations of labels with a long tail as in the paper, one to five photographs per
object, some labels unknown, and a perceptual hash each, close together among photographs of one object.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from saggar.dataset import leakage
from saggar.dataset.adapter_rows.selection import select_for_adapter
from saggar.dataset.augment import expand_rare
from saggar.dataset.balance import effective_number_weights, imbalance, sampler_weights
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.split import split
from saggar.dataset.synthetic.mix import mix
from saggar.dataset.synthetic.plan import find_rare, pair_in_data
from saggar.describing.advise import advise
from saggar.describing.describe import describe
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
COMBINATIONS = 2_000
UNKNOWN = 0.05  # of the labels of each task
SYNTHETIC = 150_000  # images that a mix is drawn from


def made_up(records: int, seed: int = 0) -> Manifest:
    """A manifest of about `records` photographs."""
    rng = np.random.default_rng(seed)
    per_object = rng.choice([1, 2, 3, 4, 5], p=[0.55, 0.2, 0.12, 0.08, 0.05], size=records)
    objects = int(np.searchsorted(np.cumsum(per_object), records)) + 1
    of_row = np.repeat(np.arange(objects), per_object[:objects])[:records]
    shares = 1 / np.arange(1, COMBINATIONS + 1) ** 1.2  # the rarest have a handful of objects
    own = rng.choice(COMBINATIONS, p=shares / shares.sum(), size=objects)
    labels = {}
    for task in TAXONOMY.tasks:
        codes = np.array(task.codes, dtype=object)[rng.integers(0, len(task.codes), COMBINATIONS)][own]
        codes[rng.random(objects) < UNKNOWN] = None
        labels[f"label_{task.name}"] = pd.array(codes[of_row], dtype="str")
    hashes = rng.integers(0, 256, (objects, 32), dtype=np.uint8)[of_row]
    hashes[np.arange(records), rng.integers(0, 32, records)] ^= 1  # another photograph of the object
    frame = pd.DataFrame({
        "image": _names("images/{:02x}/{:064x}.jpg", records),
        "object_id": pd.array([f"object-{i}" for i in of_row], dtype="str"),
        "split": None, "origin": "real", "width_px": 1024, "height_px": 768,
        "source": pd.array([f"photographs/{i:07}.jpg" for i in range(records)], dtype="str"),
        "caption": None, "augmentation_seed": pd.array([pd.NA] * records, dtype="Int64"),
        "phash": pd.array([row.tobytes().hex() for row in hashes], dtype="str"), **labels,
    })  # fmt: skip
    return Manifest(frame, TAXONOMY.task_names)


def made_up_synthetic() -> Manifest:
    """Images to mix in, of every kind of combination alike."""
    made = made_up(SYNTHETIC, seed=1)
    return made.with_columns(
        image=_names("images/ff/{:02x}{:062x}.png", SYNTHETIC), origin="synthetic", split="train", phash=None
    )


def _names(pattern: str, count: int) -> Any:
    return pd.array([pattern.format(i % 256, i) for i in range(count)], dtype="str")


# Each operation: prepares what it needs, then returns what is timed.
Timed = Callable[[], Any]


def _read(folder: Path) -> Timed:
    data = (folder / "split.parquet").read_bytes()
    return lambda: len(Manifest.from_parquet(data))


def _write(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: len(manifest.to_parquet())


def _validate(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: validate(manifest, TAXONOMY)


def _split(folder: Path) -> Timed:
    manifest = Manifest.from_parquet((folder / "manifest.parquet").read_bytes())

    def timed() -> Any:
        divided = split(manifest, seed=0)
        return divided.frame["split"].value_counts().to_dict()

    return timed


def _leakage(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: leakage.check(manifest)


def _weights(folder: Path) -> Timed:
    training = _divided(folder).select(split="train")

    def timed() -> Any:
        for task in training.tasks:
            effective_number_weights(list(training.counts(task).values()))
        sampler_weights(training.labels("glaze"))
        ids, combinations = training.combination_ids()
        sampler_weights(ids)
        imbalance(np.bincount(ids))
        return len(combinations)

    return timed


def _expand(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: len(expand_rare(manifest, seed=0))


def _selection(folder: Path) -> Timed:
    manifest = _divided(folder)

    def timed() -> Any:
        pair = pair_in_data(manifest, "glaze", ("White", "IvoryW"))
        find_rare(manifest)
        return len(select_for_adapter(manifest, TAXONOMY, 1000, 0, confusion_pairs=[pair] if pair else []))

    return timed


def _mix(folder: Path) -> Timed:
    manifest, synthetic = _divided(folder), made_up_synthetic()
    return lambda: mix(manifest, synthetic, share=0.085, seed=0)[1]


def _describe(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: describe(manifest)["combinations"]["count"]


def _advise(folder: Path) -> Timed:
    manifest = _divided(folder)
    return lambda: {task.task: task.verdict for task in advise(manifest, TAXONOMY).tasks}


def _divided(folder: Path) -> Manifest:
    return Manifest.from_parquet((folder / "split.parquet").read_bytes())


OPERATIONS = {
    "split": _split, "read": _read, "write": _write, "validate": _validate, "leakage": _leakage,
    "weights": _weights, "expand": _expand, "selection": _selection, "mix": _mix, "describe": _describe,
    "advise": _advise,
}  # fmt: skip


def prepare(folder: Path, records: int) -> None:
    manifest = made_up(records)
    (folder / "manifest.parquet").write_bytes(manifest.to_parquet())
    (folder / "split.parquet").write_bytes(split(manifest, seed=0).to_parquet())


def measure(name: str, folder: Path) -> None:
    timed = OPERATIONS[name](folder)
    begun, cpu = time.perf_counter(), time.process_time()
    result = timed()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({
        "operation": name, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
        "peak_mib": round(peak), "result": result,
    }))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=OPERATIONS, help="may be given several times")
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)  # in a process of its own
    options = parser.parse_args()
    if options.folder:
        measure(options.only[0], options.folder) if options.only else prepare(options.folder, options.records)
        return
    with tempfile.TemporaryDirectory() as folder:
        _process(folder, "--records", str(options.records))
        for name in options.only or OPERATIONS:
            told = json.loads(_process(folder, "--only", name))
            print(json.dumps({"bench": "scale", "records": options.records, **told}), flush=True)


def _process(folder: str, *arguments: str) -> str:
    command = [sys.executable, __file__, "--in", folder, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603 own


if __name__ == "__main__":
    main()
