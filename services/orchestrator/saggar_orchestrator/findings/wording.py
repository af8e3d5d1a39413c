"""Findings in words and cells, from results.json: the same on the command line and in the report."""

from __future__ import annotations

from typing import Any

Results = dict[str, Any]
UNUSED = "no generated image was used, so nothing was compared"
FOUND_ALREADY = "one of %(target)s would probably have been found; that there is none takes more objects and seeds"
UNUSED_CONTROL = "there was no generated image to stand in for, so nothing was compared"
WORDS = {"helped": "helped", "worse": "made worse", "same": "no difference", "unclear": "cannot tell"}


def unused(arm: dict[str, Any]) -> str:
    """Why nothing was compared, of an arm that got none of the images it was to have; empty of all others."""
    if not arm.get("unused"):
        return ""
    return UNUSED_CONTROL if arm["kind"] == "control" else UNUSED


def headline(results: Results) -> str:
    """What was compared, on how much."""
    test, seeds = results["evidence"]["images"], len(results["settings"]["seeds"])
    runs = "1 training seed" if seeds == 1 else f"mean of {seeds} training seeds"
    return f"{results['experiment']['title']}: test split of {test:,} photographs, {runs}"


def in_short(results: Results) -> str:
    """E.g. `90:10: type helped, glaze made worse`; an arm of which the data cannot tell is named with the others."""
    settled, unsettled = [], []
    words = {verdict: word for verdict, word in WORDS.items() if verdict != "unclear"}
    for arm in results["arms"]:
        if why := unused(arm):
            settled.append(f"{arm['name']}: {why}")
            continue
        found = arm.get("differences", {}).get("macro_f1")
        if not found:
            continue
        said = [f"{task} {words[d['verdict']]}" for task, d in found.items() if d["verdict"] in words]
        if said:
            settled.append(f"{arm['name']}: {', '.join(said)}")
        else:
            unsettled.append(arm["name"])
    if unsettled:
        settled.append(f"{', '.join(unsettled)}: cannot tell")
    return "; ".join(settled) or f"mean macro-F1 {results['arms'][0]['mean_macro_f1']['mean']:.3f}, no synthetic arm"


def table(results: Results) -> tuple[list[str], list[list[str]]]:
    """A row per arm: share of synthetic images reached, macro-F1 / accuracy per task, mean macro-F1."""
    tasks = [task["name"] for task in results["taxonomy"]["tasks"]]
    columns = ["arm (macro-F1 / accuracy)", "synthetic", *tasks, "mean macro-F1"]
    rows = []
    for arm in results["arms"]:
        synthetic = arm["by_origin"].get("synthetic", 0)
        share = f"{synthetic:,} = {arm['share_reached']:.1%}" if synthetic else "none"
        cells = [
            f"{t['macro_f1']['mean']:.3f} / {t['accuracy']['mean']:.3f}" if t["n"] else "no labels"
            for t in arm["tasks"]
        ]
        rows.append([arm["name"], share, *cells, with_spread(arm["mean_macro_f1"])])
    counts = [f"n = {task['n']:,}" for task in results["arms"][0]["tasks"]]
    return columns, [*rows, ["test photographs with a label", "", *counts, ""]]


def sentences(results: Results) -> list[str]:
    """For every arm and task, what the data say of it, in plain words with the interval."""
    return [
        f"{arm['name']}, {name}: {verdict(row)}"
        for arm in results["arms"]
        if "differences" in arm
        for name, row in arm["differences"]["macro_f1"].items()
    ]


def arm_sentences(results: Results) -> list[str]:
    """As `sentences`, but one for all that the data cannot tell of an arm for the same reason."""
    said: list[str] = []
    for arm in results["arms"]:
        rows = arm.get("differences", {}).get("macro_f1", {})
        if why := unused(arm):
            said.append(f"{arm['name']}: {why}")
        untold: dict[str, list[str]] = {}
        for name, row in rows.items():
            if row["verdict"] == "unclear":
                untold.setdefault(verdict_word(row), []).append(name)
            else:
                said.append(f"{arm['name']}, {name}: {verdict(row)}")
        for word, names in untold.items():
            of = listed(["the mean" if name == "mean" else name for name in names])
            said.append(f"{arm['name']}: {word} for {of}{_nearest([rows[name] for name in names])}")
        if (found := arm.get("worth")) and rows.get("mean", {}).get("verdict") == "helped":
            said.append(f"{arm['name']}: {worth_in_words(found)}")
    return said


def _nearest(rows: list[dict[str, Any]]) -> str:
    """What the row needs that is the nearest to a verdict, e.g. ` (at least 350 more test objects or 6 more seeds would
    be needed)`; empty where that is not known.
    """
    ways = []
    for name, noun in (("more_objects", "more test object"), ("more_seeds", "more seed")):
        if numbers := [row["needs"][name] for row in rows if row["needs"] and row["needs"][name]]:
            ways.append(counted(min(numbers), noun))
    return f" (at least {' or '.join(ways)} would be needed)" if ways else ""


def worth_in_words(found: dict[str, Any]) -> str:
    """E.g. `worth about 120 more photographs`."""
    if found["beyond"]:
        return f"worth more than the {counted(found['photographs'], 'photograph')} that were given back"
    return f"worth about {counted(found['photographs'], 'more photograph')}"


def listed(names: list[str]) -> str:
    """E.g. `dynasty, kiln and type`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def rules_in_words(results: Results) -> str:
    """What stands behind the verdicts, in one sentence; empty when there are none."""
    evidence = results["evidence"]
    if not evidence["rows"]:
        return ""
    folds = f", {evidence['folds']} folds" if evidence["folds"] > 1 else ""
    return (
        f"{counted(evidence['rows'], 'comparison')} on {counted(evidence['objects'], 'test object')}, "
        f"{counted(evidence['seeds'], 'seed')}{folds}: intervals cover another choice of both; the chance that any "
        f"“helped” or “made worse” is false is {evidence['level']:.0%} at most (Holm)"
    )


def verdict(row: dict[str, Any]) -> str:
    """E.g. `cannot tell (+0.012 macro-F1, 95 % interval -0.020 to +0.044; to find a difference of 0.020: 350 more test
    objects or 6 more seeds)`.
    """
    if row["identical"]:
        return "no difference: every answer is the baseline's"
    if row["low"] is None:
        return f"{verdict_word(row)} ({row['mean']:+.3f} macro-F1)"
    return f"{verdict_word(row)} ({row['mean']:+.3f} macro-F1, {interval(row)}{_addition(row)})"


def verdict_word(row: dict[str, Any]) -> str:
    """The verdict alone: `helped`, `made worse`, `no difference larger than 0.020`, `cannot tell`, and why not."""
    word = WORDS[row["verdict"]]
    if row["verdict"] == "same" and not row["identical"]:
        return f"{word} larger than {row['margin']:.3f}"
    if row["verdict"] == "unclear":
        if row["low"] is None:
            return f"{'trained once' if row['seeds'] == 1 else 'trained twice'}: {word}"
        if row["p"] is None:
            return f"{counted(row['objects'], 'test object')}: {word}"
    return word


def interval(difference: dict[str, Any]) -> str:
    """E.g. `95 % interval -0.020 to +0.044`."""
    return f"95 % interval {difference['low']:+.3f} to {difference['high']:+.3f}"


def needed(row: dict[str, Any]) -> str:
    """What would let the data tell, e.g. `to find a difference of 0.020: 350 more test objects or 6 more seeds`."""
    needs = row["needs"]
    if needs["more_objects"] == 0:  # as the experiment stands, and yet not that there is none
        return FOUND_ALREADY % {"target": f"{needs['target']:.3f}"}
    ways = [
        counted(number, noun)
        for number, noun in ((needs["more_objects"], "more test object"), (needs["more_seeds"], "more seed"))
        if number
    ]
    return f"to find a difference of {needs['target']:.3f}: {' or '.join(ways) or 'more test objects and more seeds'}"


def counted(number: int, noun: str) -> str:
    """E.g. `1 seed`, `1,250 seeds`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def with_spread(value: dict[str, Any]) -> str:
    """E.g. `0.812 ± 0.010`; without seeds to spread over, the mean alone."""
    return f"{value['mean']:.3f}" + ("" if value["sd"] is None else f" ± {value['sd']:.3f}")


def _addition(row: dict[str, Any]) -> str:
    if row["verdict"] in {"helped", "worse"}:
        return f", p = {row['p_adjusted']:.2g}"
    if row["verdict"] == "same":
        return f"; its 90 % interval is within {row['margin']:.3f}"  # what such a claim rests on
    return f"; {needed(row)}" if row["needs"] else ""
