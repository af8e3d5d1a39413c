"""How many planted defects screening finds, and how many sound photographs it rejects. Prints JSON lines.

    python bench/pictures/planted_defects.py [LABELS.CSV] [--taxonomy palace-visual] [--part report]

The photographs are cut in three by object: six tenths are the reference (limits, classes and the classifier
come from them), two tenths are for development, two tenths for the report. Thirty-five kinds of defect, ten images
of each, are made from the held-out part; its photographs themselves are the sound ones. Without a CSV: the
photographs of the tests, or kilnsim where there are none.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from planted.defects import TRAINING_COPIES
from planted.sets import EACH, manifest_of, planted, probe, read_collection, with_combinations
from saggar.dataset.manifest import Manifest
from saggar.describing.shares import Share, wilson
from saggar.job_settings.reject_reasons import Reason
from saggar.job_settings.screening import ScreenSettings
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar_qc.extractors.choice import BundleChoice, identity, open_extractor
from saggar_qc.extractors.extraction import Extraction
from saggar_qc.screening.reference import comparison_side_px, study
from saggar_qc.screening.screen_run import Screened, screen_beside

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SAGGAR_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
WEIGHTS = DATA / "weights" / "mobilenet_v3_large_minimalistic_imagenet.safetensors"


def collection(options: argparse.Namespace, scratch: Path) -> tuple[Path, str]:
    if options.labels:
        return options.labels, options.taxonomy
    if (DATA / "real_porcelain").is_dir() and not options.drawn:
        return DATA / "real_porcelain" / "labels.csv", "palace-visual"
    from saggar.kilnsim import write_collection

    count = options.drawn or 1200
    return write_collection(scratch / "drawn", count=count, seed=options.seed + 11, size=options.size), "kilnsim"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("labels", type=Path, nargs="?")
    parser.add_argument("--taxonomy", default="palace-visual")
    parser.add_argument("--part", choices=("development", "report"), default="report")
    parser.add_argument("--drawn", type=int, default=0, help="kilnsim pieces in place of photographs")
    parser.add_argument("--size", type=int, default=64, help="their side in pixels")
    parser.add_argument("--reference", type=int, default=0, help="use only so many reference photographs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trimmed-share", type=float, default=ScreenSettings().trimmed_share)
    parser.add_argument("--details", action="store_true", help="also what was missed, and what was rejected")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        compare(options, Path(name))


def compare(options: argparse.Namespace, scratch: Path) -> None:
    labels, taxonomy_name = collection(options, scratch)
    taxonomy = load_taxonomy(taxonomy_name)
    photographs = read_collection(labels, taxonomy.task_names)
    taxonomy = with_combinations(taxonomy, photographs)
    reference = [p for p in photographs if p.part == "reference"][: options.reference or None]
    held_out = [p for p in photographs if p.part == options.part]
    store = DirectoryStore(scratch / "store")
    choice = BundleChoice(
        probe(store, reference, taxonomy, WEIGHTS if WEIGHTS.is_file() else None, 128 if options.drawn else 224)
    )
    extraction = Extraction(store, open_extractor(choice, store, 1), identity(choice))
    known = manifest_of(store, reference, taxonomy.task_names)
    sound = manifest_of(store, held_out, taxonomy.task_names)
    sound = sound.with_columns(origin="synthetic", source="sound/" + sound.frame["source"])
    bad = planted(store, held_out, reference, taxonomy, options.seed)
    thresholds = ScreenSettings(trimmed_share=options.trimmed_share, kid_resamples=1)

    beside = study(known, extraction, comparison_side_px(sound), thresholds.trimmed_share, Work())

    def screened(manifest: Manifest) -> Screened:
        return screen_beside(beside, manifest, extraction, thresholds, Work())

    hits = copied = copies = 0
    missed = []
    started = time.perf_counter()
    for kind, manifest in bad.items():
        found = screened(manifest)
        reasons = Counter(str(each.reason) for each in found.rejections)
        recognised = sum(Reason.TRAINING_COPY in each for each in found.reasons)
        if kind in TRAINING_COPIES:
            copied, copies = copied + recognised, copies + EACH
        passed = set(found.accepted.frame["source"])
        if kind == "duplicate in the set":  # original, copy, original, copy, ...
            passed = {source for source in passed if int(source) % 2}
        hits += EACH - len(passed)
        missed += [f"{kind} {source}" for source in sorted(passed)]
        print(json.dumps({
            "bench": "planted defects", "kind": kind, "planted": EACH, "recall": 1 - len(passed) / EACH,
            "interval": interval(wilson(EACH - len(passed), EACH)), "first_reasons": dict(reasons.most_common()),
            "found_reasons": dict(Counter(str(reason) for each in found.reasons for reason in each).most_common()),
        }), flush=True)  # fmt: skip
    planted_s, started = time.perf_counter() - started, time.perf_counter()
    honest = screened(sound)
    labelled = sound.frame[[f"label_{task}" for task in sound.tasks]].notna().all(axis=1).to_numpy()
    wrong = sound.frame["source"].isin(set(honest.rejected.frame["source"])).to_numpy()
    print(json.dumps({
        "bench": "planted defects", "photographs": taxonomy_name, "part": options.part,
        "reference": len(reference), "kinds": len(bad), "planted": len(bad) * EACH,
        "recall": round(hits / (len(bad) * EACH), 4), "recall_interval": interval(wilson(hits, len(bad) * EACH)),
        "copies_recognised": copied / copies, "copies_interval": interval(wilson(copied, copies)), "sound": len(sound),
        "false_rejects": round(float(wrong.mean()), 4),
        "false_rejects_interval": interval(wilson(int(wrong.sum()), len(sound))),
        "false_reject_reasons": honest.by_reason, "copy_detail_limit": round(beside.copy_detail, 3),
        "sound_images_per_s": round(len(sound) / (time.perf_counter() - started), 1),
        "planted_images_per_s": round(len(bad) * EACH / planted_s, 1),
        "sound_with_all_labels": int(labelled.sum()),
        "false_rejects_with_all_labels": round(float(wrong[labelled].mean()), 4) if labelled.any() else None,
        "trimmed_share": options.trimmed_share, "seed": options.seed,
    }))  # fmt: skip
    if options.details:
        print(json.dumps({"missed": missed}))
        for source, each in zip(honest.rejected.frame["source"], honest.rejections, strict=True):
            print(json.dumps({"rejected": source, "reason": each.reason, "detail": each.detail}))


def interval(share: Share) -> list[float]:
    return [round(share.low, 3), round(share.high, 3)]


if __name__ == "__main__":
    main()
