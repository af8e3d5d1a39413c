"""How often the interval of one model's test score holds the score that it has on all objects there are.

    python bench/evidence/one_model.py [--samples 500] [--classes 5]

Classes are alike, or each is half as common as the one before; every answer is right by the same chance, and a wrong
one is any other class. The true score is of the classes that the sample has. `without`: the jackknife alone, no floor.
Prints one line of JSON per case.
"""

import argparse
import json

import numpy as np
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_orchestrator.findings.one_model import interval_of_mean_macro_f1
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.findings.statistics.counting import count, macro_f1_without
from saggar_orchestrator.findings.statistics.variance_of_difference import quantile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--classes", type=int, default=5)
    options = parser.parse_args()
    taxonomy = load_taxonomy("song-yuan-porcelain")
    taxonomy = taxonomy.narrowed([next(task.name for task in taxonomy.tasks if len(task.codes) >= options.classes)])
    for ratio in (1.0, 0.5):
        for accuracy in (0.7, 0.9, 0.97, 0.99):
            for objects in (20, 60, 200, 600):
                found = held(taxonomy, ratio, accuracy, objects, options)
                print(json.dumps({"ratio": ratio, "accuracy": accuracy, "objects": objects} | found), flush=True)


def held(
    taxonomy: Taxonomy, ratio: float, accuracy: float, objects: int, options: argparse.Namespace
) -> dict[str, float]:
    """Shares of the samples whose interval holds the truth, with and without the floor, and the mean width."""
    rng, classes, samples = np.random.default_rng(0), options.classes, options.samples
    shares = ratio ** np.arange(classes)
    shares /= shares.sum()
    said_share = shares * accuracy + (1 - shares) * (1 - accuracy) / (classes - 1)
    f1 = 2 * shares * accuracy / (shares + said_share)
    (task,) = taxonomy.tasks
    names = tuple(str(number) for number in range(objects))
    inside, widths = np.zeros(2), 0.0
    for _ in range(samples):
        true = rng.choice(classes, objects, p=shares)
        right = rng.random(objects) < accuracy
        said = np.where(right, true, (true + rng.integers(1, classes, objects)) % classes)
        truth = f1[np.unique(true)].mean()
        answers = Predictions(names, names, {task.name: true}, {task.name: said}, {})
        interval = interval_of_mean_macro_f1(answers, taxonomy)
        assert interval is not None  # noqa: S101 - there are two objects
        change = macro_f1_without(true, said, len(task.codes), np.arange(objects))
        reach = quantile(0.975, objects - 1) * np.sqrt((objects - 1) * change.var())
        score = count(true, said, len(task.codes)).macro_f1
        inside += [interval[0] <= truth <= interval[1], abs(score - truth) <= reach]
        widths += interval[1] - interval[0]
    with_floor, without = (inside / samples).tolist()
    return {"held": round(with_floor, 3), "without": round(without, 3), "width": round(widths / samples, 3)}


if __name__ == "__main__":
    main()
