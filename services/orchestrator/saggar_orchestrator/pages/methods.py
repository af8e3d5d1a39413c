"""What was done, in sentences that may stand in a paper, and where all of it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Results = Mapping[str, Any]


def methods_text(results: Results) -> list[str]:
    """A paragraph each on data, training, generation and statistics: only what this experiment did."""
    return [each for each in (_data(results), _training(results), _generation(results), _statistics(results)) if each]


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
            f"classifier of {arm['name']}, seed {run['seed']}",
            f"{run['model_id']} (SHA-256 {run['bundle'].get('sha256', '')})",
        )
        for arm in results["arms"]
        for run in arm["runs"]
    ]
    found += [(name, version) for name, version in results["versions"].items()]
    found.append(("machine", results["machine"]))
    return [(name, value) for name, value in found if value]


def _data(results: Results) -> str:
    data = results["data"]
    splits = ", ".join(f"{n:,} {name}" for name, n in data["splits"].items())
    tasks = ", ".join(f"{task['name']} ({len(task['codes'])})" for task in results["taxonomy"]["tasks"])
    drawn = "drawn by kilnsim" if data["source"].get("kind") == "kilnsim" else "photographs"
    return (
        f"{data['images']:,} images ({drawn}) of {data['objects']:,} objects were labelled for {tasks} and divided by "
        f"object and label combination into {splits} images (seed {data['split_seed']}). Validation and test hold "
        "real, unaltered images only."
    )


def _training(results: Results) -> str:
    settings = results["settings"]
    weights = {"imagenet": "ImageNet weights", "random": "random weights", "file": "weights from a file"}
    seeds = len(settings["seeds"])
    arms = ", ".join(
        f"{arm['name']} ({arm['by_origin'].get('synthetic', 0):,} synthetic of {arm['training_images']:,})"
        for arm in results["arms"]
    )
    return (
        f"For each training set ({arms}) a {settings['architecture']} with one head per task, starting from "
        f"{weights[settings['initial_weights']]}, was trained with {seeds} seed{'' if seeds == 1 else 's'}; the "
        "epoch was chosen by mean validation macro-F1. The test split had no say in any choice."
    )


def _generation(results: Results) -> str:
    made = results["synthesis"]
    if not made:
        return ""
    passed = "; ".join(
        f"{arm['name']}: {arm['screening']['accepted_count']:,} of "
        f"{arm['screening']['accepted_count'] + arm['screening']['rejected_count']:,}"
        for arm in results["arms"]
        if arm["screening"]
    )
    reviewed = sum(review["reviewed_count"] for review in results["reviews"])
    people = f"People reviewed {reviewed:,} of them." if reviewed else "No person reviewed them."
    return (
        f"A LoRA adapter was trained on {made['adapter_images']:,} training images for {made['adapter_steps']:,} steps "
        f"on {results['settings']['base_model']}, and {made['generated']:,} images were generated for rare "
        f"combinations and confused pairs of the training split. Automatic screening passed {passed}. {people}"
    )


def _statistics(results: Results) -> str:
    evidence = results.get("evidence")
    if not evidence or not evidence["rows"]:
        return ""
    if evidence["seeds"] < 3:
        return (
            f"With {evidence['seeds']} training seed{'' if evidence['seeds'] == 1 else 's'} no test of differences was "
            "made: three are needed."
        )
    return (
        f"Differences to {results['baseline']} are means over {evidence['seeds']} seeds; 95 % intervals cover the "
        f"choice of test objects ({evidence['objects']:,}) and of seeds. All {evidence['rows']} comparisons were "
        f"corrected together ({evidence['correction']}) at a level of {evidence['level']:g}; differences below "
        f"{evidence['margin']:g} macro-F1 are called none. {evidence['averaging'].capitalize()}."
    )
