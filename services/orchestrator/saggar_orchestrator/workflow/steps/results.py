"""results.json: everything that an experiment found, for machines; the report is made from it alone (and
pictures).

Scores and verdicts are those of `findings`, from the stored predictions of each run on the test split.
"""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from saggar.bundle import read_card
from saggar.dataset.balance import imbalance, lorenz
from saggar.dataset.manifest import Manifest
from saggar.prompts import crackled_classes, negative_prompt
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.results_file import SCHEMA, results_key
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.certainty import certainty
from saggar_orchestrator.findings.one_model import interval_of_mean_macro_f1
from saggar_orchestrator.findings.predictions import class_numbers, read_predictions
from saggar_orchestrator.findings.proposal import propose
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts, rare_images
from saggar_orchestrator.findings.statistics.worth import worth
from saggar_orchestrator.workflow.reuse import Result, StepRecord
from saggar_orchestrator.workflow.run import Specification
from saggar_orchestrator.workflow.steps.gathering.advising import advised
from saggar_orchestrator.workflow.steps.gathering.cases import cases
from saggar_orchestrator.workflow.steps.gathering.pictures import pictured
from saggar_orchestrator.workflow.steps.gathering.tail import tail
from saggar_orchestrator.workflow.steps.outcomes import Outcomes, SplitOutcome
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import StoredPlan, read_plan

_POINTS = 60  # of the training loss: means of as many equal stretches
_FROM_SCREENING = ("combinations", "texture", "embedding")


def gather(
    store: ObjectStore, specification: Specification, outcomes: Outcomes, records: Sequence[StepRecord]
) -> ObjectRef:
    """Writes experiments/<id>/results.json, unless an attempt that died afterwards has written it."""
    key = results_key(specification.experiment_id)
    if store.exists(key):
        return store.stat(key)
    values = _values(store, specification, outcomes, records)
    return store.put(key, json.dumps(values, ensure_ascii=False, indent=1).encode(), "application/json")


def _values(
    store: ObjectStore, specification: Specification, outcomes: Outcomes, records: Sequence[StepRecord]
) -> dict[str, Any]:
    experiment, taxonomy = specification.experiment, specification.kept_taxonomy
    base_name = experiment.baseline.name
    splits = [read_manifest(store, ObjectRef.from_json(one.split["manifest"])) for one in outcomes.splits]
    scored = taxonomy.narrowed(experiment.scored_tasks(taxonomy))
    runs = {
        arm.name: [(number, run) for number, one in enumerate(outcomes.splits) for run in one.arms[arm.name].runs]
        for arm in (experiment.baseline, *experiment.other_arms)
    }
    trained = {
        name: [
            Trained(
                run["seed"],
                read_predictions(store, ObjectRef.from_json(run["evaluate"]["predictions"]), scored),
                fold=number,
            )
            for number, run in of_arm
        ]
        for name, of_arm in runs.items()
    }
    nothing_added = [arm.name for arm in experiment.other_arms if _has_nothing_added(outcomes, arm.name)]
    findings = find(scored, trained, base_name, _training_counts(splits, scored), nothing_added=nothing_added)
    intervals = {
        arm: [interval_of_mean_macro_f1(one.predictions, scored) for one in trainings]
        for arm, trainings in trained.items()
    }
    arms = [_arm(store, specification, arm, outcomes, found, intervals[arm]) for arm, found in findings.arms.items()]
    for arm in arms:
        cards = [read_card(store, ObjectRef.from_json(run["train"]["bundle"])) for _, run in runs[arm["name"]]]
        rules = [card.prediction_sets for card in cards]
        arm["certainty"] = certainty(scored, trained[arm["name"]], rules)
        arm["novelty"] = [card.novelty.model_dump() if card.novelty else None for card in cards]
    _say_worth(arms, base_name)
    winner = propose(arms, base_name)
    trainings = [
        run["train"].get("made_with", {}) for one in outcomes.splits for arm in one.arms.values() for run in arm.runs
    ]
    made_with = {name: value for one in trainings for name, value in one.items()}
    devices = {_device(one) for one in trainings if one.get("device")}
    first = outcomes.splits[0]  # what is shown of images and pictures is the first split's
    return {
        "schema": SCHEMA,
        "experiment": {
            "id": specification.experiment_id,
            "name": experiment.name,
            "title": experiment.title or experiment.name,
            "created_at": specification.created_at,
            "specification": specification.text,
        },
        "versions": _versions() | {name: told for name, told in made_with.items() if name not in {"device", "threads"}},
        "devices": sorted(devices),
        "machine": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "taxonomy": {
            "id": taxonomy.id,
            "title": taxonomy.title,
            "tasks": [
                {"name": t.name, "codes": list(t.codes), "names": [c.names.en for c in t.classes]} for t in scored.tasks
            ],
            "not_scored": [name for name in taxonomy.task_names if name not in scored.task_names],
        },
        "data": _data(experiment, outcomes, splits, taxonomy),
        "settings": {
            "seeds": list(experiment.seeds),
            "base_model": experiment.base_model,
            "architecture": experiment.training.architecture,
            "initial_weights": experiment.training.initial_weights,
            "equal_steps": experiment.equal_steps,
            "resolved": experiment.model_dump(mode="json"),
        },
        "baseline": base_name,
        "evidence": findings.evidence,
        "arms": arms,
        "synthesis": _synthesis(store, specification, outcomes, first),
        "reviews": [_without_refs(review) for one in outcomes.splits for review in one.reviews],
        "winner": winner,
        "pictures": pictured(store, taxonomy, first, splits[0]),
        "cases": _cases(scored, trained, winner),
        "advice": advised(splits[0].select(origin="real"), scored, reviewed=bool(first.reviews)),
        "steps": _steps(records),
        "warnings": _warnings(outcomes, arms),
    }


def _has_nothing_added(outcomes: Outcomes, arm: str) -> bool:
    """Whether its training sets, of all splits, got none of the generated images that it, or the arm that it is a
    control of, was to have.
    """
    of_splits = [one.arms[arm].data for one in outcomes.splits]
    added = [data.get("synthetic", data.get("control_images")) for data in of_splits]
    return all(number == 0 for number in added)


def _steps(records: Sequence[StepRecord]) -> list[dict[str, Any]]:
    """Reused is what another experiment did, or a step before it: not what an attempt before this one did."""
    first = {record["step_id"]: record["position"] for record in reversed(records)}
    return [
        {
            "title": record["title"],
            "step_id": record["step_id"],
            "seconds": record["seconds"],
            "reused": record["taken_over"] or first[record["step_id"]] != record["position"],
        }
        for record in records
    ]


def _arm(
    store: ObjectStore,
    specification: Specification,
    name: str,
    outcomes: Outcomes,
    found: Result,
    intervals: Sequence[tuple[float, float] | None],
) -> dict[str, Any]:
    """What the arm was trained on and how, and what was found of it; `intervals` of its trainings' test scores."""
    arm = next(arm for arm in specification.experiment.all_arms if arm.name == name)
    of_splits = [one.arms[name] for one in outcomes.splits]
    data = of_splits[0].data
    manifest = read_manifest(store, ObjectRef.from_json(data["manifest"])).select(split="train")
    split = read_manifest(store, ObjectRef.from_json(outcomes.splits[0].split["manifest"]))
    combinations = [int(n) for n in manifest.combinations().value_counts()]
    several = len(of_splits) > 1
    runs = [(number, run) for number, one in enumerate(of_splits) for run in one.runs]
    means = [run["evaluate"]["mean_macro_f1"] for _, run in runs] if several else found["mean_macro_f1"]["runs"]
    return {
        "name": name,
        "extends": next((one.extends for one in specification.experiment.arms if one.name == name), None),
        "kind": arm.kind,
        "unused": name != specification.experiment.baseline.name and "differences" not in found,
        "training": arm.training | {"synthetic_task_weights": arm.synthetic_task_weights}
        if arm.synthetic_task_weights
        else arm.training,
        "training_images": len(manifest),
        "by_origin": {str(k): int(v) for k, v in manifest.frame["origin"].value_counts().sort_index().items()},
        "share_asked": data.get("share_asked"),
        "count_asked": data.get("count_asked"),
        "share_reached": float(np.mean([one.data.get("share_reached", 0.0) for one in of_splits])),
        "share_chosen": [one.chosen for one in of_splits if one.chosen is not None],
        "control_of": arm.control.of if arm.control else None,
        "control_images": data.get("control_images"),
        "given_back": data.get("given_back"),
        "imbalance": imbalance(combinations),
        "lorenz": lorenz(combinations).round(4).tolist(),
        "tail": tail(manifest, split.select(split="train", origin="real")),
        "screening": _screening(store, of_splits[0].screen),
        "warnings": list(dict.fromkeys(text for one in of_splits for text in one.data.get("warnings", ()))),
        **found,
        "runs": [
            {
                "seed": run["seed"],
                "fold": number,
                "model_id": run["train"]["bundle"]["key"].split("/")[1],
                "bundle": run["train"]["bundle"],
                "predictions": run["evaluate"]["predictions"],
                "best_epoch": run["train"]["best_epoch"],
                "validation_macro_f1": run["train"]["validation_macro_f1"],
                "test_mean_macro_f1": mean,
                "test_interval": interval,
                "warnings": run["train"]["warnings"],
                "epochs": _epochs(json.loads(store.read(ObjectRef.from_json(run["train"]["history"])))),
            }
            for (number, run), mean, interval in zip(runs, means, intervals, strict=True)
        ],
    }


def _device(made_with: Mapping[str, str]) -> str:
    """As in `cpu, 1 thread`: sums of another number of threads may differ in their last bits."""
    threads = made_with.get("threads", "")
    return made_with["device"] + (f", {threads} thread{'' if threads == '1' else 's'}" if threads else "")


def _say_worth(arms: Sequence[dict[str, Any]], baseline: str) -> None:
    """Adds to arms with synthetic images, and to controls, how many photographs they are worth."""
    means = {arm["name"]: arm["mean_macro_f1"]["mean"] for arm in arms}
    doses = [(arm["given_back"], means[arm["name"]] - means[baseline]) for arm in arms if arm["given_back"]]
    for arm in arms:
        measured = arm["kind"] in {"synthetic", "control"} and not arm["unused"]
        found = worth(means[arm["name"]] - means[baseline], doses) if measured else None
        arm["worth"] = asdict(found) if found else None


def _training_counts(splits: Sequence[Manifest], taxonomy: Taxonomy) -> TrainingCounts:
    """Of the real training photographs: with folds, the mean over them; a test image is rare by its own fold."""
    counts = [_counts_of(split, taxonomy) for split in splits]
    return TrainingCounts(
        classes={
            task: np.rint(np.mean([one.classes[task] for one in counts], axis=0)).astype(int).tolist()
            for task in taxonomy.task_names
        },
        rare=frozenset().union(*(one.rare for one in counts)),
    )


def _counts_of(split: Manifest, taxonomy: Taxonomy) -> TrainingCounts:
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


def _data(experiment: Any, outcomes: Outcomes, splits: Sequence[Manifest], taxonomy: Taxonomy) -> dict[str, Any]:
    """`splits` and what follows is of the first split; with folds every object is in one fold's test split."""
    split = splits[0]
    parts = {name: split.select(split=name) for name in ("train", "validation", "test")}
    return {
        "source": outcomes.imported["source"],
        "manifest": outcomes.imported["manifest"],
        "where": experiment.data.where,
        "images": len(split),
        "objects": int(split.frame["object_id"].nunique()),
        "split_seed": experiment.data.split_seed,
        "folds": experiment.data.folds,
        "leave_out": list(experiment.data.leave_out),
        "withheld": outcomes.splits[0].withheld,
        "test_images_by_split": [len(one.select(split="test")) for one in splits],
        "splits": {name: len(part) for name, part in parts.items()},
        "split_objects": {name: int(part.frame["object_id"].nunique()) for name, part in parts.items()},
        "class_counts": {
            task: {name: dict(part.counts(task)) for name, part in parts.items()} for task in taxonomy.task_names
        },
        "combinations": int(split.combinations().nunique()),
        "warnings": outcomes.imported["warnings"],
    }


def _synthesis(
    store: ObjectStore, specification: Specification, outcomes: Outcomes, split: SplitOutcome
) -> dict[str, Any] | None:
    made = split.synthesis
    if made is None or outcomes.base is None:
        return None
    plan = read_plan(store, ObjectRef.from_json(made["plan"]["plan"]))
    adapter = ObjectRef.from_json(made["adapter"]["adapter"])
    return {
        "base_hash": outcomes.base["content_hash"],
        "adapter": made["adapter"]["adapter"],
        "adapter_images": made["select"]["count"],
        "adapter_steps": made["adapter"]["steps"],
        "adapter_final_loss": made["adapter"]["final_loss"],
        "adapter_course": _adapter_course(store, adapter),
        "generated": made["generate"]["count"],
        "distinct": made["generate"]["distinct"],
        "truncated_prompts": made["generate"]["truncated_prompts"],
        "combinations": [dict(labels) for labels in plan.combinations],
        "pairs": [[dict(first), dict(second)] for first, second in plan.pairs],
        "example_prompt": plan.images[0].prompt,
        "example_negative_prompt": plan.images[0].negative_prompt,
        "cracked": _cracked(specification, split, plan),
    }


def _cracked(specification: Specification, split: SplitOutcome, plan: StoredPlan) -> dict[str, Any]:
    """How many of the images that were made, for the plan and to top up, are of crackled wares, so that
    "cracked" leaves their negative prompt, unless the experiment keeps it there.
    """
    generation, taxonomy = specification.experiment.generation, specification.kept_taxonomy
    made = {image.prompt_id: image.labels for image in plan.images}
    for arm in split.arms.values():
        made |= {image["prompt_id"]: image["labels"] for image in (arm.screen or {}).get("further", ())}
    crackled = [labels for labels in made.values() if negative_prompt(taxonomy, labels, generation.avoided)[1]]
    wares = {entry.names.en for labels in crackled for entry in crackled_classes(taxonomy, labels)}
    return {
        "images": len(crackled),
        "of": len(made),
        "wares": sorted(wares),
        "left_out": not generation.keep_cracked,
    }


def _cases(taxonomy: Taxonomy, trained: Mapping[str, Sequence[Trained]], winner: Mapping[str, Any]) -> dict[str, Any]:
    """Of the model that is proposed for service."""
    seed, fold = winner["seed"], winner["fold"]
    one = next(one for one in trained[winner["arm"]] if (one.seed, one.fold) == (seed, fold))
    return cases(taxonomy, one, winner["model_id"])


def _warnings(outcomes: Outcomes, arms: Sequence[Mapping[str, Any]]) -> list[str]:
    found = list(outcomes.imported["warnings"])
    for arm in arms:
        found += [f"arm {arm['name']}: {text}" for text in arm["warnings"]]
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
    """Of what numbers may depend on here; what trained has told its own."""
    names = ("saggar-core", "saggar-orchestrator", "dbos", "grpcio", "numpy", "pandas", "scipy", "pyarrow", "pillow")
    return {name: importlib.metadata.version(name) for name in names}


def _adapter_course(store: ObjectStore, adapter: ObjectRef) -> Result:
    """`training` and `validation`: (step, loss) each; `previews`: step, prompt and image (a store key)."""
    card: dict[str, Any] = json.loads(store.read(adapter))
    curve = json.loads(store.read(ObjectRef.from_json(card["curve"]))) if card["curve"] else {}
    return {
        "training": _thinned(curve.get("loss", [])),
        "validation": [[point["step"], point["loss"]] for point in curve.get("validation", ())],
        "previews": [
            {"step": one["step"], "prompt": one["prompt"], "image": one["image"]["key"]} for one in card["previews"]
        ],
    }


def _thinned(losses: list[float]) -> list[list[float]]:
    """Mean losses of stretches of steps, at the last step of each."""
    parts = np.array_split(np.asarray(losses), min(_POINTS, len(losses))) if losses else []
    ends = np.cumsum([len(part) for part in parts])
    return [[int(end), round(float(part.mean()), 6)] for end, part in zip(ends, parts, strict=True)]
