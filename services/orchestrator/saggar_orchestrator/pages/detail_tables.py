"""Tables of what lies behind the scores, and of several experiments, as plain values (see `pages.tables`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saggar_orchestrator.pages.report import besides, several
from saggar_orchestrator.pages.report.drawn.drawing import combination_words

Results = Mapping[str, Any]
Cell = str | int | float | None


@dataclass(frozen=True)
class Table:
    """A rectangle of values; `name` becomes the file's, `title` the caption."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def detail_tables(results: Results) -> Iterator[Table]:
    """All of one experiment; those without rows too."""
    yield _groups(results)
    yield from _certainty(results)
    yield from _tail(results)
    yield _milestones(results)
    yield from _paper(results)
    yield _advice(results)
    yield from _reviews(results)
    yield _worth(results)


def compared(every: Sequence[Results]) -> list[Table]:
    """Of several experiments beside one another."""
    tasks = several.common_tasks(every)
    differences = [
        (
            row["experiment"], row["id"], row["arm"], row["task"], row["baseline"], row["share"], row["found"]["mean"],
            row["found"]["low"], row["found"]["high"], row["found"]["p_adjusted"], row["found"]["verdict"],
        )
        for row in several.rows_of(every)
    ]  # fmt: skip
    differences += [
        (
            experiment["name"], experiment["id"], arm["name"], None, one["baseline"], arm["share_reached"],
            *[None] * 4, why,
        )
        for one in every
        for experiment, arm, why in several.unused_of([one])
    ]  # fmt: skip
    scores = [
        (
            row["experiment"], row["id"], row["arm"], row["synthetic"], row["seeds"],
            *(cell for score in row["scores"] for cell in (score["mean"], score["sd"])),
        )
        for row in several.scores_of(every)
    ]  # fmt: skip
    heads = tuple(head for task in tasks for head in (task, f"{task}_sd"))
    return [
        Table(
            "compared_differences",
            "Differences to each experiment's own baseline in test macro-F1, with 95 % intervals",
            (
                "experiment", "id", "arm", "task", "baseline", "share_reached", "macro_f1_difference", "low", "high",
                "p_adjusted", "verdict",
            ),
            tuple(differences),
        ),
        Table(
            "compared_scores",
            "Test macro-F1, mean and s.d. over seeds",
            ("experiment", "id", "arm", "synthetic", "seeds", *heads),
            tuple(scores),
        ),
    ]  # fmt: skip


def _groups(results: Results) -> Table:
    """The paper's Table 15."""
    rows = [
        (arm["name"], task, group, len(d["classes"]), d["baseline"], d["arm"], d["mean"], d["low"], d["high"])
        for arm in results["arms"]
        for task, groups in arm.get("groups", {}).items()
        for group, d in groups.items()
    ]
    columns = ("arm", "task", "group", "classes", "baseline", "arm_f1", "difference", "low", "high")
    return Table("groups", "F1 of rarer and of commoner classes against the baseline", columns, tuple(rows))


def _certainty(results: Results) -> Iterator[Table]:
    every = [(arm["name"], task, found) for arm in results["arms"] for task, found in arm.get("certainty", {}).items()]
    errors = [(arm, task, *_spread(found["expected_error"]), *_spread(found["brier"])) for arm, task, found in every]
    heads = ("arm", "task", "calibration_error", "calibration_error_sd", "brier", "brier_sd")
    yield Table("certainty", "Calibration on the test split", heads, tuple(errors))
    bins = [
        (arm, task, number, one["confidence"], one["accuracy"], one["share"])
        for arm, task, found in every
        for number, one in enumerate(found["reliability"], start=1)
    ]
    of_bins = ("arm", "task", "bin", "confidence", "accuracy", "share")
    yield Table("reliability", "Reliability diagrams, all seeds together", of_bins, tuple(bins))
    sets = [
        (arm, task, s["kind"], s["promised"], *_spread(s["reached"]), *_spread(s["size"]), s["single"]["mean"])
        for arm, task, found in every
        for s in found["sets"]
    ]
    of_sets = ("arm", "task", "kind", "promised", "reached", "reached_sd", "size", "size_sd", "single")
    yield Table("sets", "Prediction sets on the test split", of_sets, tuple(sets))


def _spread(value: Mapping[str, Any]) -> tuple[Cell, Cell]:
    return value["mean"], value["sd"]


def _tail(results: Results) -> Iterator[Table]:
    """The paper's Figure 12, Tables 11 and 12."""
    tails = [(arm["name"], arm["tail"]) for arm in results["arms"] if arm.get("tail")]
    rarest = [
        (name, combination_words(dict(results), row["labels"]), row["real"], row["augmented"], row["synthetic"])
        for name, tail in tails
        for row in tail["rarest"]
    ]
    columns = ("arm", "combination", "real", "augmented", "synthetic")
    yield Table("rarest", "Training images of the rarest combinations", columns, tuple(rarest))
    names = ("at_most", "combinations", "photographs", "before", "synthetic", "reached")
    rare = [(name, *(tail["rare"][column] for column in names)) for name, tail in tails]
    yield Table("rare", "Rare combinations before and after", ("arm", *names), tuple(rare))


def _milestones(results: Results) -> Table:
    """The paper's Table 13."""
    found = besides.milestones(dict(results))
    rows = [
        (row["arm"], *row["at"], row["kept"], row["kept_epoch"], row["last"], row["last_epoch"])
        for row in found["rows"]
    ]
    heads = tuple(f"epoch_{epoch}" for epoch in found["epochs"])
    columns = ("arm", *heads, "kept", "kept_epoch", "last", "last_epoch")
    return Table("milestones", "Validation macro-F1 by epoch, mean over trainings", columns, tuple(rows))


def _paper(results: Results) -> Iterator[Table]:
    """Ours beside the paper's Tables 14 and 17."""
    found = besides.beside_the_paper(dict(results))
    scores = [
        (
            row["task"], row["score"], found["arm"], row["baseline"], row["arm"], row["difference"]["mean"],
            row["difference"]["low"], row["difference"]["high"], *row["paper"], row["paper"][1] - row["paper"][0],
        )
        for row in found["scores"]
    ]  # fmt: skip
    columns = (
        "task", "score", "arm", "baseline", "arm_score", "difference", "low", "high", "paper_baseline", "paper_2500",
        "paper_difference",
    )  # fmt: skip
    yield Table("beside_the_paper", "Scores beside the paper's", columns, tuple(scores))
    names = ("task", "true", "taken_for", "images", "baseline", "arm", "change", "low", "high")
    confusions = [(*(row["found"].get(name) for name in names), *row["paper"]) for row in found["confusions"]]
    columns = (*names, "paper_baseline", "paper_2500")
    yield Table("confusions_beside_the_paper", "Confusions beside the paper's", columns, tuple(confusions))


def _advice(results: Results) -> Table:
    """The paper's Table 16 and section 5.2."""
    names = ("task", "nature", "verdict", "reason", "few", "classes", "test_objects", "smallest_difference")
    rows = [tuple(one[name] for name in names) for one in (results.get("advice") or {}).get("tasks", ())]
    return Table("advice", "What the paper's framework advises", names, tuple(rows))


def _reviews(results: Results) -> Iterator[Table]:
    rounds = [(number, review) for number, review in enumerate(results["reviews"], start=1)]
    names = ("subject", "right", "judged", "unsure", "low", "high")
    shares = [(n, *(one[name] for name in names)) for n, review in rounds for one in review.get("attributes", ())]
    yield Table("reviewed", "What people judged right", ("review", *names), tuple(shares))
    agreed = [
        (n, one["subject"], one["pairs"], one["agreed"], *_coefficient(one["kappa"]), *_coefficient(one["alpha"]))
        for n, review in rounds
        for one in review.get("agreements", ())
    ]
    columns = (
        "review", "subject", "pairs", "agreed", "kappa", "kappa_low", "kappa_high", "alpha", "alpha_low", "alpha_high",
    )  # fmt: skip
    yield Table("agreement", "How far reviewers agree", columns, tuple(agreed))
    names = ("reviewer", "verdicts", "controls_right", "controls_seen", "median_seconds", "concern")
    people = [(n, *(one[name] for name in names)) for n, review in rounds for one in review.get("reviewers", ())]
    yield Table("reviewers", "Reviewers", ("review", *names), tuple(people))


def _coefficient(value: Mapping[str, Any] | None) -> tuple[Cell, Cell, Cell]:
    return (value["value"], value["low"], value["high"]) if value else (None, None, None)


def _worth(results: Results) -> Table:
    rows = [
        (arm["name"], arm["worth"]["photographs"], "yes" if arm["worth"]["beyond"] else "no")
        for arm in results["arms"]
        if arm.get("worth")
    ]
    return Table("worth", "Worth in photographs", ("arm", "photographs", "beyond"), tuple(rows))
