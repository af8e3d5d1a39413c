"""How well `saggar data map` reads a real catalogue, against labels given by hand.

    python bench/collections/mapper.py CATALOGUE.csv [--labels tests/data/palace_museum_labels.csv] [--json]

The labels name rows of the catalogue by number and hold none of its text. 200 rows (150 of Song or Yuan by
their era column, 50 others) were labelled before there were rules, and the rules were mended on them; 60
further rows (45 and 15) were labelled when the rules for Chinese were finished. `--check-sample` draws both
sets anew from the seed and compares.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.catalogue.mapping import MappedRow, map_rows
from saggar.catalogue.tables import Catalogue, read_catalogue
from saggar.taxonomy import load_taxonomy

LABELS = Path(__file__).resolve().parents[2] / "tests" / "data" / "palace_museum_labels.csv"
SEED = 20
SIZES = {"tuned": (150, 50), "held-out": (45, 15)}  # rows of Song or Yuan, and others
ERA = 1  # column of the catalogue that says Song or Yuan


@dataclass(frozen=True)
class HandLabel:
    """What a person read in one row; `conflicts` are the tasks about which its columns disagree."""

    part: str
    row: int
    labels: Mapping[str, str | None]
    conflicts: tuple[str, ...]


def main() -> int:
    """Print the table; exit code 1 where the sample is not the one that the seed draws."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("catalogue", type=Path)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check-sample", action="store_true")
    options = parser.parse_args()
    catalogue, taxonomy = read_catalogue(options.catalogue), load_taxonomy("song-yuan-porcelain")
    known = read_labels(options.labels, taxonomy.task_names)
    if options.check_sample:
        drawn = draw(catalogue)
        same = all(sorted(one.row for one in known if one.part == part) == drawn[part] for part in drawn)
        print("the rows are those that the seed draws" if same else "the rows are NOT those that the seed draws")
        return 0 if same else 1
    started = time.perf_counter()
    mapped = list(map_rows(taxonomy, catalogue.header, catalogue.rows)[1])
    seconds = time.perf_counter() - started
    scores = [row for part in SIZES for row in score(known, mapped, part)]
    unseen = [one.row for one in known if not _reported(one, mapped[one.row])]
    if options.json:
        told = {"rows": len(mapped), "seconds": round(seconds, 2), "conflicts_not_reported": unseen}
        print(json.dumps({**told, "scores": scores}, indent=2))
        return 0
    seen = sum(bool(one.conflicts) for one in known)
    print(f"{len(mapped):,} rows in {seconds:.1f} s")
    print(f"{seen - len(unseen)} of {seen} conflicts that a person saw are reported")
    print(_line(dict(zip(scores[0], scores[0], strict=True))))
    for one in scores:
        print(_line(one))
    return 0


def _line(one: Mapping[str, object]) -> str:
    words, numbers = list(one.values())[:3], list(one.values())[3:]
    return " ".join(f"{word!s:10}" for word in words) + " ".join(f"{number!s:>9}" for number in numbers)


def read_labels(path: Path, tasks: Sequence[str]) -> list[HandLabel]:
    """The labels that a person gave."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            HandLabel(
                row["set"],
                int(row["row"]),
                {task: row[task] or None for task in tasks},
                tuple(row["conflict"].split()),
            )
            for row in csv.DictReader(file)
        ]


def draw(catalogue: Catalogue) -> dict[str, list[int]]:
    """The rows of both sets, from the seed."""
    eras = [row[ERA] for row in catalogue.rows]
    wanted = [i for i, era in enumerate(eras) if "宋" in era or era == "元"]
    others = sorted(set(range(len(eras))) - set(wanted))
    rng, taken, drawn = random.Random(SEED), set[int](), {}
    for part, (many, few) in SIZES.items():
        free = [[i for i in rows if i not in taken] for rows in (wanted, others)]
        drawn[part] = sorted(rng.sample(free[0], many) + rng.sample(free[1], few))
        taken |= set(drawn[part])
    return drawn


def score(known: Sequence[HandLabel], mapped: Sequence[MappedRow], part: str) -> list[dict[str, object]]:
    """Precision and recall of every field, for rows of Song and Yuan and for the others.

    Precision: share of the proposed labels that are right. Recall: share of the labels given by hand that
    were proposed. None where there is nothing to share.
    """
    table: list[dict[str, object]] = []
    for rows, inside in (("Song, Yuan", True), ("others", False)):
        chosen = [one for one in known if one.part == part and (one.labels["dynasty"] is not None) == inside]
        for field in chosen[0].labels if chosen else ():
            counts = Counter(
                outcome for one in chosen for outcome in _outcomes(one.labels[field], mapped[one.row].labels[field])
            )
            right, wrong, missed = counts["right"], counts["wrong"], counts["missed"]
            table.append(
                {
                    "set": part,
                    "rows": rows,
                    "field": field,
                    "precision": round(right / (right + wrong), 3) if right + wrong else None,
                    "recall": round(right / (right + missed), 3) if right + missed else None,
                    "right": right,
                    "wrong": wrong,
                    "missed": missed,
                }
            )
    return table


def _reported(one: HandLabel, mapped: MappedRow) -> bool:
    return set(one.conflicts) <= {conflict.task for conflict in mapped.conflicts}


def _outcomes(wanted: str | None, proposed: str | None) -> list[str]:
    """A wrong label is wrong, and the right one missed."""
    if wanted == proposed:
        return ["right"] if wanted is not None else []
    return ["wrong"] * (proposed is not None) + ["missed"] * (wanted is not None)


if __name__ == "__main__":
    sys.exit(main())
