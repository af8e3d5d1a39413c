"""Reliability and sets on the test split, computed a second time row by row with pandas."""

import math
import statistics

import numpy as np
import pandas as pd
import pytest
from invented_answers import taxonomy
from saggar.certainty.sets import SetRule
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.certainty import certainty
from saggar_orchestrator.findings.predictions import Predictions

CLASSES = {"kiln": 4, "mark": 2}
PREVALENCE = (0.5, 0.3, 0.15, 0.05)


def trained(rng, seed, n=60):
    """Several photographs an object, some kilns unknown, no mark known."""
    objects = tuple(f"object {i // 2 if i < 20 else i}" for i in range(n))
    true = {"kiln": rng.integers(-1, 4, n), "mark": np.full(n, -1)}
    probabilities = {task: rng.dirichlet(np.ones(c), n).astype(np.float32) for task, c in CLASSES.items()}
    predicted = {task: values.argmax(axis=1) for task, values in probabilities.items()}
    return Trained(seed, Predictions(tuple(f"{i:03}" for i in range(n)), objects, true, predicted, probabilities))


def rules(shift):
    def rule(kind, coverage, threshold):
        prevalence = PREVALENCE if kind == "prevalence" else ()
        return SetRule(
            kind=kind, coverage=coverage, threshold=threshold, objects=9, coverage_sd=0.1, mean_size=1.0,
            prevalence=prevalence, prior=prevalence[::-1],
        )  # fmt: skip

    return {
        "kiln": (rule("marginal", 0.8, -0.3 + shift), rule("prevalence", 0.9, -1 + shift), rule("marginal", 0.95, None))
    }


def by_hand(one, of_rules):
    """(error, Brier, (kind, coverage) -> (reached, size, single)) of one training."""
    said = one.predictions
    rows = pd.DataFrame(
        {
            "object": said.objects,
            "true": said.true["kiln"],
            "p": [values.astype(float).tolist() for values in said.probabilities["kiln"]],
        }
    )
    rows = rows[rows.true >= 0]
    rows["weight"] = 1 / rows.groupby("object")["true"].transform("size")
    rows["sure"] = rows.p.map(max)
    rows["right"] = [p.index(max(p)) == true for p, true in zip(rows.p, rows.true, strict=True)]
    rows = rows.sort_values("sure", kind="stable")
    middle = (rows.weight.cumsum() - rows.weight / 2) / rows.weight.sum()
    error = 0.0
    for _, part in rows.groupby((middle * 10).astype(int).clip(upper=9)):
        gap = (part.sure * part.weight).sum() - (part.right * part.weight).sum()
        error += abs(gap) / rows.weight.sum()
    squares = [sum((v - (c == true)) ** 2 for c, v in enumerate(p)) for p, true in zip(rows.p, rows.true, strict=True)]
    brier = np.average(squares, weights=rows.weight)
    sets = {}
    for rule in of_rules["kiln"]:
        shares, prior = rule.prevalence or (1, 1, 1, 1), rule.prior or (1, 1, 1, 1)
        chosen = [
            {
                c
                for c, v in enumerate(p)
                if rule.threshold is None
                or -v / prior[c] / sum(v * share / of for v, share, of in zip(p, shares, prior, strict=True))
                <= rule.threshold
            }
            | {p.index(max(p))}
            for p in rows.p
        ]
        sets[rule.kind, rule.coverage] = tuple(
            float(np.average(values, weights=rows.weight))
            for values in (
                [true in inside for true, inside in zip(rows.true, chosen, strict=True)],
                [len(inside) for inside in chosen],
                [len(inside) == 1 for inside in chosen],
            )
        )
    return error, brier, sets


@pytest.fixture(scope="module")
def both():
    rng = np.random.default_rng(3)
    runs, of_rules = [trained(rng, seed) for seed in range(3)], [rules(shift) for shift in (0, 0.05, -0.05)]
    found = certainty(taxonomy(CLASSES), runs, of_rules)
    return found, [by_hand(one, own) for one, own in zip(runs, of_rules, strict=True)]


def test_a_task_without_labels_is_left_out(both):
    assert set(both[0]) == {"kiln"}


def test_error_and_brier_are_found_again(both):
    found, expected = both[0]["kiln"], both[1]
    for name, place in (("expected_error", 0), ("brier", 1)):
        values = [one[place] for one in expected]
        assert math.isclose(found[name]["mean"], statistics.fmean(values), abs_tol=1e-7)
        assert math.isclose(found[name]["sd"], statistics.stdev(values), abs_tol=1e-7)


def test_coverage_and_size_of_sets_are_found_again(both):
    found, expected = both[0]["kiln"]["sets"], both[1]
    assert [(one["kind"], one["promised"]) for one in found] == sorted(expected[0][2])
    for one in found:
        for place, name in enumerate(("reached", "size", "single")):
            values = [training[2][one["kind"], one["promised"]][place] for training in expected]
            assert math.isclose(one[name]["mean"], statistics.fmean(values), abs_tol=1e-9), (one, name)
    assert found[1]["reached"]["mean"] == 1  # no threshold: every class


def test_bins_hold_equally_many_objects(both):
    bins = both[0]["kiln"]["reliability"]
    assert math.isclose(sum(one["share"] for one in bins), 1)
    assert [one["confidence"] for one in bins] == sorted(one["confidence"] for one in bins)


def test_a_rule_that_one_training_lacks_has_no_row():
    rng = np.random.default_rng(4)
    runs = [trained(rng, 0), trained(rng, 1)]
    found = certainty(taxonomy(CLASSES), runs, [rules(0), {"kiln": rules(0)["kiln"][:1]}])
    assert [(one["kind"], one["promised"]) for one in found["kiln"]["sets"]] == [("marginal", 0.8)]
