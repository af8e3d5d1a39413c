"""results.json: everything that an experiment found, for machines; the report is made from it alone (and
pictures).

Scores and verdicts are those of `findings`, from the stored predictions of each run on the test split.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from typing import TYPE_CHECKING, Any

import numpy as np
from saggar.dataset.balance import imbalance, lorenz
from saggar.dataset.manifest import Manifest
from saggar.prompts import crackled_classes, negative_prompt
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.predictions import class_numbers, read_predictions
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts, rare_images
from saggar_orchestrator.progress import Result
from saggar_orchestrator.workflow.steps.adapter_course import adapter_course
from saggar_orchestrator.workflow.steps.data_steps import StoredPlan, read_plan

if TYPE_CHECKING:
    from saggar_orchestrator.workflow.order import Run

SCHEMA = 2  # of results.json; 2: verdicts count seeds too
_PICTURED_COMBINATIONS, _PICTURES_EACH = 6, 3
_FROM_SCREENING = ("combinations", "texture", "embedding")


def gather(run: Run, outcomes: Result) -> ObjectRef:
    """Writes experiments/<id>/results.json, unless an attempt that died afterwards has written it."""
    key = f"experiments/{run.specification.experiment_id}/results.json"
    if run.store.exists(key):
        return run.store.stat(key)
    values = _values(run, outcomes)
    return run.store.put(key, json.dumps(values, ensure_ascii=False, indent=1).encode(), "application/json")


def _values(run: Run, outcomes: Result) -> dict[str, Any]:
    experiment, taxonomy, store = run.experiment, run.taxonomy, run.store
    base_name = experiment.baseline.name
    split = read_manifest(store, ObjectRef.from_json(outcomes["split"]["manifest"]))
    trained = {
        name: [
            Trained(r["seed"], read_predictions(store, ObjectRef.from_json(r["evaluate"]["predictions"]), taxonomy))
            for r in outcomes["arms"][name]["runs"]
        ]
        for name in (base_name, *(arm.name for arm in experiment.synthetic_arms))
    }
    findings = find(taxonomy, trained, base_name, _training_counts(split, taxonomy))
    arms = [_arm(run, name, outcomes["arms"][name], found) for name, found in findings.arms.items()]
    return {
        "schema": SCHEMA,
        "experiment": {
            "id": run.specification.experiment_id,
            "name": experiment.name,
            "title": experiment.title or experiment.name,
            "created_at": run.specification.created_at,
            "specification": run.specification.text,
        },
        "versions": _versions(),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "taxonomy": {
            "id": taxonomy.id,
            "title": taxonomy.title,
            "tasks": [
                {"name": t.name, "codes": list(t.codes), "names": [c.names.en for c in t.classes]}
                for t in taxonomy.tasks
            ],
        },
        "data": _data(experiment, outcomes, split, taxonomy),
        "settings": {
            "seeds": list(experiment.seeds),
            "base_model": experiment.base_model,
            "architecture": experiment.training.architecture,
            "initial_weights": experiment.training.initial_weights,
        },
        "baseline": base_name,
        "evidence": findings.evidence,
        "arms": arms,
        "synthesis": _synthesis(run, outcomes),
        "reviews": [_without_refs(review) for review in outcomes.get("reviews", ())],
        "winner": _winner(arms),
        "pictures": _pictures(run, outcomes, split),
        "steps": [{k: r[k] for k in ("title", "step_id", "seconds", "reused")} for r in run.records],
        "warnings": _warnings(outcomes, arms),
    }


def _arm(run: Run, name: str, outcome: Result, found: Result) -> Result:
    """What the arm was trained on and how, and what was found of it."""
    store = run.store
    manifest = read_manifest(store, ObjectRef.from_json(outcome["mix"]["manifest"])).select(split="train")
    combinations = [int(n) for n in manifest.combinations().value_counts()]
    return {
        "name": name,
        "training_images": len(manifest),
        "by_origin": {str(k): int(v) for k, v in manifest.frame["origin"].value_counts().sort_index().items()},
        "share_asked": outcome["mix"].get("share_asked"),
        "count_asked": outcome["mix"].get("count_asked"),
        "share_reached": outcome["mix"].get("share_reached", 0.0),
        "imbalance": imbalance(combinations),
        "lorenz": lorenz(combinations).round(4).tolist(),
        "screening": _screening(store, outcome.get("screen")),
        **found,
        "runs": [
            {
                "seed": r["seed"],
                "model_id": r["train"]["bundle"]["key"].split("/")[1],
                "bundle": r["train"]["bundle"],
                "best_epoch": r["train"]["best_epoch"],
                "validation_macro_f1": r["train"]["validation_macro_f1"],
                "test_mean_macro_f1": mean,
                "warnings": r["train"]["warnings"],
                "epochs": _epochs(json.loads(store.read(ObjectRef.from_json(r["train"]["history"])))),
            }
            for r, mean in zip(outcome["runs"], found["mean_macro_f1"]["runs"], strict=True)
        ],
    }


def _training_counts(split: Manifest, taxonomy: Taxonomy) -> TrainingCounts:
    """Of the real training photographs of the split."""
    training, test = (split.select(split=name, origin="real") for name in ("train", "test"))

    labels, asked = (
        {task.name: class_numbers(part.labels(task.name), task) for task in taxonomy.tasks} for part in (training, test)
    )
    return TrainingCounts(
        classes={
            task.name: [int((labels[task.name] == number).sum()) for number in range(len(task.codes))]
            for task in taxonomy.tasks
        },
        rare=rare_images(tuple(test.frame["image"]), asked, labels),
    )


def _data(experiment: Any, outcomes: Result, split: Manifest, taxonomy: Taxonomy) -> dict[str, Any]:
    parts = {name: split.select(split=name) for name in ("train", "validation", "test")}
    return {
        "source": outcomes["import"]["source"],
        "where": experiment.data.where,
        "images": len(split),
        "objects": int(split.frame["object_id"].nunique()),
        "split_seed": experiment.data.split_seed,
        "splits": {name: len(part) for name, part in parts.items()},
        "split_objects": {name: int(part.frame["object_id"].nunique()) for name, part in parts.items()},
        "class_counts": {
            task: {name: dict(part.counts(task)) for name, part in parts.items()} for task in taxonomy.task_names
        },
        "combinations": int(split.combinations().nunique()),
        "warnings": outcomes["import"]["warnings"],
    }


def _synthesis(run: Run, outcomes: Result) -> dict[str, Any] | None:
    made = outcomes.get("synthesis")
    if made is None:
        return None
    plan = read_plan(run, ObjectRef.from_json(made["plan"]["plan"]))
    return {
        "base_hash": made["base"]["content_hash"],
        "adapter": made["adapter"]["adapter"],
        "adapter_images": made["select"]["count"],
        "adapter_steps": made["adapter"]["steps"],
        "adapter_final_loss": made["adapter"]["final_loss"],
        "adapter_course": adapter_course(run.store, ObjectRef.from_json(made["adapter"]["adapter"])),
        "generated": made["generate"]["count"],
        "distinct": made["generate"]["distinct"],
        "truncated_prompts": made["generate"]["truncated_prompts"],
        "combinations": [dict(labels) for labels in plan.combinations],
        "pairs": [[dict(first), dict(second)] for first, second in plan.pairs],
        "example_prompt": plan.images[0].prompt,
        "example_negative_prompt": plan.images[0].negative_prompt,
        "cracked": _cracked(run, outcomes, plan),
    }


def _cracked(run: Run, outcomes: Result, plan: StoredPlan) -> dict[str, Any]:
    """How many of the images that were made, for the plan and to top up, are of crackled wares, so that
    "cracked" leaves their negative prompt, unless the experiment keeps it there.
    """
    generation = run.experiment.generation
    made = {image.prompt_id: image.labels for image in plan.images}
    for arm in outcomes["arms"].values():
        made |= {image["prompt_id"]: image["labels"] for image in arm.get("screen", {}).get("further", ())}
    crackled = [labels for labels in made.values() if negative_prompt(run.taxonomy, labels, generation.avoided)[1]]
    wares = {entry.names.en for labels in crackled for entry in crackled_classes(run.taxonomy, labels)}
    return {
        "images": len(crackled),
        "of": len(made),
        "wares": sorted(wares),
        "left_out": not generation.keep_cracked,
    }


def _winner(arms: list[dict[str, Any]]) -> dict[str, Any]:
    """The arm with the best mean validation macro-F1 over seeds, and its best seed; the test split has no
    say.
    """

    def mean(arm: dict[str, Any]) -> float:
        return float(np.mean([r["validation_macro_f1"] for r in arm["runs"]]))

    arm = max(arms, key=mean)
    best = max(arm["runs"], key=lambda r: r["validation_macro_f1"])
    return {
        "arm": arm["name"],
        "mean_validation_macro_f1": mean(arm),
        "seed": best["seed"],
        "model_id": best["model_id"],
        "bundle": best["bundle"],
        "validation_macro_f1": best["validation_macro_f1"],
    }


def _pictures(run: Run, outcomes: Result, split: Manifest) -> dict[str, Any]:
    """Keys of real beside generated images of the same combinations, and one held-out photograph."""
    tasks = run.taxonomy.task_names
    example = max(
        split.select(split="test").records(),
        key=lambda r: (sum(code is not None for code in r.labels.values()), r.image),
    )
    pictures: dict[str, Any] = {
        "held_out": {"image": example.image, "labels": dict(example.labels)},
        "grid": [],
    }
    made = outcomes.get("synthesis")
    if made is None:
        return pictures
    generated = read_manifest(run.store, ObjectRef.from_json(made["generate"]["manifest"]))
    plan = read_plan(run, ObjectRef.from_json(made["plan"]["plan"]))
    wanted = [*plan.combinations, *(labels for pair in plan.pairs for labels in pair)]
    training = split.select(split="train")

    def some(manifest: Manifest, labels: dict[str, str | None]) -> list[str]:
        rows = [r.image for r in manifest.records() if all(r.labels.get(t) == labels.get(t) for t in tasks)]
        return rows[:_PICTURES_EACH]

    for labels in wanted:
        made_for = some(generated, dict(labels))
        real_of = some(training, dict(labels))
        if made_for and len(pictures["grid"]) < _PICTURED_COMBINATIONS:
            pictures["grid"].append({"labels": dict(labels), "real": real_of, "generated": made_for})
    return pictures


def _warnings(outcomes: Result, arms: list[dict[str, Any]]) -> list[str]:
    found = list(outcomes["import"]["warnings"])
    for arm in arms:
        for run in arm["runs"]:
            found += run["warnings"]
    return list(dict.fromkeys(found))


def _epochs(history: dict[str, Any]) -> list[dict[str, Any]]:
    names = (
        "epoch",
        "training_loss",
        "validation_loss",
        "validation_macro_f1",
        "validation_macro_f1_by_task",
    )
    return [{name: epoch.get(name) for name in names} for epoch in history["epochs"]]


def _without_refs(screen: Result) -> Result:
    left_out = {"accepted", "rejected", "report", "images", "further"}
    return {name: value for name, value in screen.items() if name not in left_out}


def _screening(store: ObjectStore, screen: Result | None) -> Result | None:
    """What the experiment knows of a screening, and from its own report the parts that are shown."""
    if screen is None:
        return None
    found = json.loads(store.read(ObjectRef.from_json(screen["report"])))
    return {"rounds": []} | _without_refs(screen) | {name: found.get(name) for name in _FROM_SCREENING}


def _versions() -> dict[str, str]:
    names = ("saggar-core", "saggar-orchestrator", "dbos", "grpcio", "numpy", "pandas")
    return {name: importlib.metadata.version(name) for name in names}
