"""What the classifier says of a photograph, as JSON and as lines for a curator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saggar.client import Classification


def entry_of(image: str, found: Classification) -> dict[str, Any]:
    """One photograph's answer, as `saggar classify --json` prints it."""
    everything = found.to_json()
    tasks = everything["tasks"]
    return {
        "image": image,
        "model": found.model_id,
        "predictions": {
            name: [
                {
                    "code": each["code"],
                    "name": each["name"],
                    "name_zh_hans": each["name_zh_hans"],
                    "name_zh_hant": each["name_zh_hant"],
                    "probability": each["probability"],
                }
                for each in task["candidates"]
            ]
            for name, task in tasks.items()
        },
        "calibrated": {name: task["calibrated"] for name, task in tasks.items()},
        "sets": {name: task["sets"] for name, task in tasks.items()},
        "abstentions": {name: task["abstention"] for name, task in tasks.items() if task["abstention"]},
        **{
            name: everything[name]
            for name in ("combination", "not_porcelain", "neighbours", "preprocessing_sha256", "notes", "timing")
        },
    }


def lines_of(entry: Mapping[str, Any], truth: Mapping[str, str | None] | None = None) -> Iterator[str]:
    """A line per task, and what else a curator should know; `truth` adds what the catalogue says."""
    yield entry["image"]
    novelty = entry["not_porcelain"]
    if novelty and novelty["not_porcelain"]:
        yield (
            f"  take no answer: unlike the photographs that the model learnt from (score {novelty['score']:.3g}, above "
            f"{novelty['threshold']:.3g}; so is {novelty['false_alarms']:.0%} of porcelain)"
        )
    for task, classes in entry["predictions"].items():
        doubt = "? " if entry["abstentions"].get(task) else ""
        answers = ", ".join(f"{each['name']} {each['probability']:.0%}" for each in classes)
        said = "" if truth is None else f"   [catalogue: {truth.get(task) or 'unknown'}]"
        yield f"  {task:<10} {doubt}{answers}{_one_of(entry, task)}{said}"
    together = entry["combination"]
    if together and not together["best_classes_agree"]:
        labels = ", ".join(together["labels"].values())
        yield f"  {'together':<10} {labels} {together['probability']:.0%}: the single answers do not go together"
    for neighbour in entry["neighbours"]:
        labels = ", ".join(neighbour["labels"].values()) or "no label"
        whose = neighbour["object_id"] or neighbour["image"]
        where = f" ({neighbour['source']})" if neighbour["source"] else ""
        yield f"  {'like':<10} {whose}{where}: {labels}; distance {neighbour['distance']:.2f}"


def footer_of(entry: Mapping[str, Any]) -> Iterator[str]:
    """What the numbers mean, for all photographs that one model answered."""
    calibrated = all(entry["calibrated"].values())
    yield f"model {entry['model']}" + ("; probabilities are calibrated" if calibrated else "")
    for note in entry["notes"]:
        yield f"  {note}"
    rules = [rule for sets in entry["sets"].values() for rule in sets if rule["kind"] == "marginal"]
    if rules:
        yield f"  one of: holds the true class of {rules[0]['coverage']:.0%} of objects, by {_objects(rules)} set aside"
    if entry["not_porcelain"]:
        yield "  ?: no answer, for the best class is too improbable, or the photograph unlike those learnt from"
    else:
        yield "  ?: no answer, for the best class is too improbable"


def _one_of(entry: Mapping[str, Any], task: str) -> str:
    """The marginal set, where it has more than the most probable class."""
    rule = next((rule for rule in entry["sets"][task] if rule["kind"] == "marginal"), None)
    if rule is None or len(rule["codes"]) < 2:
        return ""
    return f"   one of {', '.join(rule['codes'])}"


def _objects(rules: list[Any]) -> str:
    fewest, most = min(rule["objects"] for rule in rules), max(rule["objects"] for rule in rules)
    return f"{most:,} objects" if fewest == most else f"{fewest:,} to {most:,} objects"
