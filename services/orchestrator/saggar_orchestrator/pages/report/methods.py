"""What was done, in sentences that may stand in a paper, and where all of it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saggar_orchestrator.pages.language import Language

Results = Mapping[str, Any]


def methods_text(results: Results, tongue: Language) -> list[str]:
    """A paragraph each on data, training, generation and statistics: only what this experiment did."""
    return [each for part in (_data, _training, _generation, _statistics) if (each := part(results, tongue))]


def provenance(results: Results) -> list[tuple[str, str]]:
    """(what, its version, seed or hash) of everything that decides the numbers."""
    experiment, settings = results["experiment"], results["settings"]
    found = [
        ("experiment", experiment["id"]),
        ("started", experiment["created_at"]),
        ("command", f"saggar experiment run {experiment['name']}.yaml (the file is below)"),
        ("photographs", ", ".join(f"{name} {value}" for name, value in results["data"]["source"].items())),
        ("taxonomy", results["taxonomy"]["id"]),
        ("seed of the split", str(results["data"]["split_seed"])),
        ("seeds of the trainings", ", ".join(map(str, settings["seeds"]))),
        ("base model", settings["base_model"]),
    ]
    if made := results["synthesis"]:
        found.append(("weights of the base model (SHA-256)", made["base_hash"]))
        found.append(
            ("adapter", str(made["adapter"].get("key", "")).split("/")[1:2][0] if made["adapter"].get("key") else "")
        )
    found += [
        (
            f"{arm['name']}, {run['seed']}",
            f"{run['model_id']} (SHA-256 {run['bundle'].get('sha256', '')})",
        )
        for arm in results["arms"]
        for run in arm["runs"]
    ]
    found += [(name, version) for name, version in results["versions"].items()]
    found.append(("machine", results["machine"]))
    return [(name, value) for name, value in found if value]


def _data(results: Results, tongue: Language) -> str:
    data = results["data"]
    drawn = data["source"].get("kind") == "kilnsim"
    return tongue.say(
        "%(images)s images (%(kind)s) of %(objects)s objects were labelled for %(tasks)s and divided by object and "
        "label combination into %(splits)s images (seed %(seed)s). Validation and test hold real, unaltered images "
        "only.",
        images=f"{data['images']:,}",
        kind=tongue.say("drawn by kilnsim") if drawn else tongue.say("photographs"),
        objects=f"{data['objects']:,}",
        tasks=tongue.listed([f"{tongue.task(t['name'])} ({len(t['codes'])})" for t in results["taxonomy"]["tasks"]]),
        splits=tongue.listed([f"{n:,} {tongue.text(name)}" for name, n in data["splits"].items()]),
        seed=data["split_seed"],
    )


def _training(results: Results, tongue: Language) -> str:
    settings = results["settings"]
    weights = {"imagenet": "ImageNet weights", "random": "random weights", "file": "weights from a file"}
    arms = [
        tongue.say(
            "%(arm)s (%(made)s synthetic of %(all)s)",
            arm=arm["name"],
            made=f"{arm['by_origin'].get('synthetic', 0):,}",
            all=f"{arm['training_images']:,}",
        )
        for arm in results["arms"]
    ]
    return tongue.say(
        "For each training set (%(arms)s) a %(architecture)s with one head per task, starting from %(weights)s, was "
        "trained with %(seeds)s; the epoch was chosen by mean validation macro-F1. The test split had no say in any "
        "choice.",
        arms=tongue.listed(arms),
        architecture=settings["architecture"],
        weights=tongue.text(weights[settings["initial_weights"]]),
        seeds=_seeds(len(settings["seeds"]), tongue),
    )


def _generation(results: Results, tongue: Language) -> str:
    made = results["synthesis"]
    if not made:
        return ""
    passed = ("; " if tongue.code == "en" else "；").join(
        tongue.say(
            "%(arm)s: %(hits)s of %(total)s",
            arm=arm["name"],
            hits=f"{arm['screening']['accepted_count']:,}",
            total=f"{arm['screening']['accepted_count'] + arm['screening']['rejected_count']:,}",
        )
        for arm in results["arms"]
        if arm["screening"]
    )
    reviewed = sum(review["reviewed_count"] for review in results["reviews"])
    people = (
        tongue.say("People reviewed %(n)s of them.", n=f"{reviewed:,}")
        if reviewed
        else tongue.say("No person reviewed them.")
    )
    if any(review["whole_set_rejected"] for review in results["reviews"]):
        low = tongue.text("The pass rate is below what was asked for, so no generated image was used.")
        people = f"{people}{' ' if tongue.code == 'en' else ''}{low}"
    return tongue.say(
        "A LoRA adapter was trained on %(photographs)s training images for %(steps)s steps on %(base)s, and %(made)s "
        "images were generated for rare combinations and confused pairs of the training split. Automatic screening "
        "passed %(passed)s. %(people)s",
        photographs=f"{made['adapter_images']:,}",
        steps=f"{made['adapter_steps']:,}",
        base=results["settings"]["base_model"],
        made=f"{made['generated']:,}",
        passed=passed,
        people=people,
    ) + _learnt_words(results, tongue)


def _learnt_words(results: Results, tongue: Language) -> str:
    task = results["settings"].get("resolved", {}).get("adapter", {}).get("learnt_words")
    if not task:
        return ""
    said = tongue.say(
        "With the adapter, new words were learnt for the classes of %(task)s (textual inversion, Gal et al. 2022).",
        task=tongue.task(task),
    )
    return said if tongue.code == "zh" else f" {said}"


def _statistics(results: Results, tongue: Language) -> str:
    evidence = results["evidence"]
    if not evidence["rows"]:
        return ""
    seeds = _seeds(evidence["seeds"], tongue)
    if evidence["seeds"] < 3:
        return tongue.say("With %(seeds)s no test of differences was made: three are needed.", seeds=seeds)
    return tongue.say(
        "Differences to %(baseline)s are means over %(seeds)s; 95 %% intervals cover the choice of test objects "
        "(%(objects)s) and of seeds. All %(rows)s comparisons were corrected together (Holm, over all rows) at a level "
        "of %(level)s; differences below %(margin)s macro-F1 are called none. Macro means run over the classes with a "
        "labelled test object, the same for all arms and seeds.",
        baseline=results["baseline"],
        seeds=seeds,
        objects=f"{evidence['objects']:,}",
        rows=evidence["rows"],
        level=f"{evidence['level']:g}",
        margin=f"{evidence['margin']:g}",
    )


def _seeds(number: int, tongue: Language) -> str:
    return tongue.say("1 seed") if number == 1 else tongue.say("%(n)s seeds", n=number)
