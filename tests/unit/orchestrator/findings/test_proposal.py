"""Which model is proposed for service, by the rule of one standard error on validation."""

import math

import pytest
from saggar_orchestrator.findings.proposal import propose


def arm(name, scores, synthetic=0):
    runs = [
        {"seed": seed, "fold": 0, "model_id": f"{name}-{seed}", "bundle": {}, "validation_macro_f1": score}
        for seed, score in enumerate(scores)
    ]
    return {"name": name, "by_origin": {"real": 100, "synthetic": synthetic}, "runs": runs}


def test_an_arm_without_evidence_of_a_gain_does_not_replace_the_baseline():
    found = propose([arm("baseline", [0.60, 0.62, 0.61]), arm("95:5", [0.56, 0.62, 0.68], 50)], "baseline")
    assert (found["arm"], found["model_id"], found["best_arm"]) == ("baseline", "baseline-1", "95:5")
    assert found["standard_error"] == pytest.approx(0.06 / math.sqrt(3))


def test_a_gain_beyond_one_standard_error_does():
    found = propose([arm("baseline", [0.60, 0.62, 0.61]), arm("95:5", [0.65, 0.66, 0.67], 50)], "baseline")
    assert (found["arm"], found["model_id"]) == ("95:5", "95:5-2")
    assert found["mean_validation_macro_f1"] == found["best_mean_validation_macro_f1"] == pytest.approx(0.66)


def test_after_the_baseline_fewer_synthetic_images_are_simpler():
    many, few, real = (arm("90:10", [0.70, 0.72], 500), arm("95:5", [0.71, 0.70], 50), arm("drawn", [0.705, 0.707]))
    base = arm("baseline", [0.5, 0.5])
    assert propose([base, many, few], "baseline")["arm"] == "95:5"
    assert propose([base, many, few, real], "baseline")["arm"] == "drawn"


def test_one_training_an_arm_shows_nothing_against_the_baseline():
    found = propose([arm("other", [0.9]), arm("baseline", [0.5])], "baseline")
    assert (found["arm"], found["standard_error"]) == ("baseline", None)


def test_the_baseline_is_kept_when_equal():
    found = propose([arm("other", [0.5, 0.5]), arm("baseline", [0.5, 0.5])], "baseline")
    assert (found["arm"], found["best_arm"]) == ("baseline", "baseline")
