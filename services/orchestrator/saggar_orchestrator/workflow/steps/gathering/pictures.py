"""Which pictures a report shows: real beside generated, accepted and rejected, and one held-out photograph."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.outcomes import SplitOutcome
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import read_plan

_PICTURED_COMBINATIONS, _PICTURES_EACH = 6, 3
ACCEPTED, REJECTED = 24, 24  # pictures of an arm's gallery
_REVIEWED = "review"  # who rejected, where it was people


def pictured(store: ObjectStore, taxonomy: Taxonomy, outcome: SplitOutcome, split: Manifest) -> dict[str, Any]:
    """`held_out`: a test photograph; `grid`: keys of real beside generated images of the same combinations; `gallery`:
    by arm, accepted and rejected ones.
    """
    example = max(
        split.select(split="test").records(),
        key=lambda r: (sum(code is not None for code in r.labels.values()), r.image),
    )
    return {
        "held_out": {"image": example.image, "labels": dict(example.labels)},
        "grid": list(_grid(store, taxonomy, outcome, split)),
        "gallery": _gallery(store, outcome),
    }


def _grid(store: ObjectStore, taxonomy: Taxonomy, outcome: SplitOutcome, split: Manifest) -> Iterator[dict[str, Any]]:
    made = outcome.synthesis
    if made is None:
        return
    generated = read_manifest(store, ObjectRef.from_json(made["generate"]["manifest"]))
    plan = read_plan(store, ObjectRef.from_json(made["plan"]["plan"]))
    training = split.select(split="train")

    def some(manifest: Manifest, labels: Mapping[str, str | None]) -> list[str]:
        tasks = taxonomy.task_names
        rows = [r.image for r in manifest.records() if all(r.labels.get(t) == labels.get(t) for t in tasks)]
        return rows[:_PICTURES_EACH]

    shown = 0
    for labels in [*plan.combinations, *(labels for pair in plan.pairs for labels in pair)]:
        if shown < _PICTURED_COMBINATIONS and (made_for := some(generated, labels)):
            shown += 1
            yield {"labels": dict(labels), "real": some(training, labels), "generated": made_for}


def _gallery(store: ObjectStore, outcome: SplitOutcome) -> dict[str, dict[str, Any]]:
    """By arm: of the images that came through screening and review, and of those that did not with the reason, evenly
    many of each reason.
    """
    found = {}
    for name, arm in outcome.arms.items():
        if arm.screen is None:
            continue
        accepted = read_manifest(store, ObjectRef.from_json(arm.screen["accepted"])).frame
        rejected = list(_rejected(store, arm.screen))
        by_people = {one["image"]: one for review in outcome.reviews for one in _rejected(store, review, _REVIEWED)}
        reviewed_out = accepted["image"].isin(by_people)
        rejected += [by_people[image] for image in accepted["image"][reviewed_out]]
        accepted = accepted[~reviewed_out]
        step = max(1, len(accepted) // ACCEPTED)
        found[name] = {
            "accepted": [_picture(row) for row in accepted.iloc[::step].head(ACCEPTED).to_dict("records")],
            "rejected": _spread(rejected),
        }
    return found


def _rejected(store: ObjectStore, judged: Result, reason: str = "") -> Iterator[dict[str, Any]]:
    """Rows of the table of rejected images; `reason`: of all of them, where the table does not say."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(store.read(ObjectRef.from_json(judged["rejected"]))))
    for row in frame.to_dict("records"):
        why = row.get("reject_reason") or reason
        yield _picture(row) | {"reason": str(why), "detail": str(row.get("reject_detail") or "")}


def _picture(row: Mapping[Any, Any]) -> dict[str, Any]:
    labels = {str(name).removeprefix("label_"): code for name, code in row.items() if str(name).startswith("label_")}
    known = {task: code if isinstance(code, str) else None for task, code in labels.items()}
    return {"image": row["image"], "labels": known}


def _spread(rejected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most REJECTED, the first of every reason before the second of any."""
    places: dict[str, int] = {}
    ranked = []
    for one in rejected:
        places[one["reason"]] = places.get(one["reason"], 0) + 1
        ranked.append((places[one["reason"]], one["reason"], one))
    return [one for _, _, one in sorted(ranked, key=lambda each: each[:2])[:REJECTED]]
