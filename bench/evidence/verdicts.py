"""Do verdicts hold when the experiment is run again? One baseline, trained with many seeds, is compared with itself.

    python bench/evidence/verdicts.py --work DIR    trains what DIR lacks (90 s a run on an idle core), then simulates
    python bench/evidence/verdicts.py --invented    no training: runs of a hierarchical model, as many as are wanted
    python bench/evidence/verdicts.py --folds       no training: out-of-fold answers of that model, five folds
    python bench/evidence/verdicts.py --scale       time and memory of all findings of two arms: 100,000 test objects,
                                                    a task of 100 classes, 8 seeds

Prints JSON. Runs of two versions of the trainer are not seeds of one baseline: give each version a DIR of its own.

null        Reports on two disjoint groups of seeds of one baseline, on the quickstart's test split: five rows (four
            tasks and their mean), and no row should say "helped" or "made worse". `before`: the share of reports with
            such a row when an interval comes from a paired bootstrap over objects (as Saggar did at first); `after`: as
            `saggar_orchestrator.findings` judges, Holm over the rows. Where runs suffice for three groups, reports of
            two arms (ten rows) too.
coverage    How often a 95 % interval of macro-F1 holds the true difference, over rows, on N fresh objects drawn anew
            each time. `none`: both groups are of the same baseline. `worse`: one of them gives its second choice for
            one object in six, the same objects for all its seeds, so that there is a true difference.
            Methods: `objects` (bootstrap over objects), `sum` (objects and seeds, variances added, t with S - 1 degrees
            of freedom), `crossed` (bootstrap over objects and seeds), `findings` (what the product does).
folds       Two arms that are no different: how often a 95 % interval holds 0, and the share of reports with a false
            verdict, where folds differ by chance in what they teach (s.d. `fold_luck`, on the scale where seeds have
            0.4). `without`: the same intervals if folds were taken for one split. `shared`: the same of a learner of
            two class means that is really trained in folds, which share their photographs, over PAIRS pairs of arms.
"""

import argparse
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar_orchestrator.findings.answers import Answers, Trained, bring_together
from saggar_orchestrator.findings.comparison import MEAN, Row, compare, difference
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts
from saggar_orchestrator.findings.statistics.counting import count
from scipy import stats
from verdict_invented import invented_runs
from verdict_runs import kept_runs, make_runs

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "support" / "checks"))

from cross_validated import CrossValidated

TAXONOMY = "kilnsim"
WORK = Path(tempfile.gettempdir()) / "saggar-bench"
RESAMPLES = 600
GROUPS = (1, 3, 4, 5, 6)  # seeds of an arm
DRAWN_OBJECTS = (150, 600)
FOLDS, FOLD_LUCK = 5, (0.0, 0.4)
PAIRS = 1000
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pool:
    """Runs of one arm on one set of objects."""

    taxonomy: Taxonomy
    answers: Answers

    @property
    def size(self) -> int:
        return len(self.answers.seeds)

    def group(self, name: str, runs: Sequence[int], rows: npt.NDArray[np.int64] | None = None) -> Answers:
        """Some runs as an arm, their seeds counted from 0, on all images or some."""
        whole = self.answers
        rows = np.arange(len(whole.images)) if rows is None else rows
        return Answers(
            arm=name,
            seeds=tuple(range(len(runs))),
            images=tuple(whole.images[row] for row in rows),
            objects=np.unique(whole.objects[rows], return_inverse=True)[1],
            folds=whole.folds[rows],
            true={task: values[rows] for task, values in whole.true.items()},
            predicted={task: values[np.ix_(list(runs), rows)] for task, values in whole.predicted.items()},
            places={task: values[np.ix_(list(runs), rows)] for task, values in whole.places.items()},
        )


def main() -> None:
    """Train where needed, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="folder that keeps the runs")
    parser.add_argument("--runs", type=int, default=12, help="trainings; 0: those that --work has")
    parser.add_argument("--processes", type=int, default=2, help="trainings beside each other, of one thread each")
    parser.add_argument("--invented", action="store_true", help="invented runs in place of trainings")
    parser.add_argument("--folds", action="store_true", help="invented runs with folds, and nothing else")
    parser.add_argument("--scale", action="store_true", help="measure time and memory, and nothing else")
    parser.add_argument("--reports", type=int, default=400, help="simulated reports per line")
    options = parser.parse_args()
    if options.scale:
        print(json.dumps(scale()))
        return
    rng = np.random.default_rng(1)
    taxonomy = load_taxonomy(TAXONOMY)
    if options.folds:
        lines = {"folds": list(fold_lines(taxonomy, rng, options.reports)), "shared": list(shared_lines(rng))}
        print(json.dumps({"bench": "verdicts, folds", **lines}))
        return
    if options.invented:
        test, fresh = (invented_runs(taxonomy, rng, options.runs or 60, n) for n in (150, 3000))
    else:
        options.work.mkdir(parents=True, exist_ok=True)
        make_runs(options.work, options.runs, options.processes)
        test, fresh = (kept_runs(options.work, kind) for kind in ("test", "fresh"))
    if len(test) < 2 * GROUPS[1]:
        sys.exit(
            f"{options.work} has {len(test)} runs; two groups of {GROUPS[1]} seeds need {2 * GROUPS[1]}: raise --runs"
        )
    gc.freeze()  # statsmodels collects garbage with every correction
    on_test, on_fresh = (Pool(taxonomy, bring_together("baseline", runs)) for runs in (test, fresh))
    result = {
        "bench": "verdicts",
        "runs": on_test.size,
        "invented": options.invented,
        "test_objects": on_test.answers.object_count,
        "sd_over_seeds": _spread(on_test),
        "null": list(null_lines(on_test, rng, options.reports)),
        "coverage": list(coverage_lines(on_fresh, fresh, rng, options.reports)),
    }
    print(json.dumps(result))


def scale(objects: int = 100_000, classes: int = 100, seeds: int = 8) -> dict[str, Any]:
    """Seconds and peak memory of all findings of an arm and a baseline, their predictions included."""
    taxonomy = Taxonomy.model_validate(
        {
            "id": "large",
            "title": "Large",
            "caption": ["{kind}"],
            "prompt": ["{kind}"],
            "tasks": [{"name": "kind", "classes": [_class(f"c{number}") for number in range(classes)]}],
        }
    )
    rng = np.random.default_rng(0)
    runs = invented_runs(taxonomy, rng, 2 * seeds, objects)
    again = [Trained(run.seed - seeds, run.predictions) for run in runs[seeds:]]
    arms = {"baseline": runs[:seeds], "arm": again}
    begun = time.perf_counter()
    training = TrainingCounts({"kind": [10] * classes}, frozenset(runs[0].predictions.images[:1000]))
    found = find(taxonomy, arms, "baseline", training)
    seconds = time.perf_counter() - begun
    return {
        "bench": "verdicts, scale",
        "objects": objects,
        "classes": classes,
        "seeds": seeds,
        "seconds": round(seconds, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
        "results_kb": round(len(json.dumps(found.arms)) / 1e3),
    }


def _class(code: str) -> dict[str, Any]:
    return {"code": code, "phrase": code, "names": {"en": code, "zh-Hans": code, "zh-Hant": code}}


def null_lines(pool: Pool, rng: np.random.Generator, reports: int) -> Iterator[dict[str, Any]]:
    """Shares of reports with a false verdict, by seeds of an arm and arms of a report."""
    resampled = _resampled(pool.taxonomy, pool.answers, _weights(pool.answers, rng))  # task -> [runs, B]
    for arms in (1, 2):
        for seeds in GROUPS:
            if seeds * (arms + 1) > pool.size:
                continue
            before = after = 0
            for _ in range(reports):
                runs = rng.permutation(pool.size)[: seeds * (arms + 1)].reshape(arms + 1, seeds)
                groups = [pool.group(f"arm {i}", chosen) for i, chosen in enumerate(runs)]
                rows = compare(pool.taxonomy, groups[1:], groups[0])
                after += any(row.verdict in {"helped", "worse"} for row in rows)
                before += any(
                    _excludes_zero(values[runs[arm]].mean(axis=0) - values[runs[0]].mean(axis=0))
                    for arm in range(1, arms + 1)
                    for values in resampled.values()
                )
            yield {
                "arms": arms,
                "seeds": seeds,
                "rows": 5 * arms,
                "reports": reports,
                "before": round(before / reports, 3),
                "after": round(after / reports, 3),
                "after_95": _wilson(after, reports),
            }


def fold_lines(taxonomy: Taxonomy, rng: np.random.Generator, reports: int) -> Iterator[dict[str, Any]]:
    """Intervals and verdicts of two equal arms, with FOLDS folds."""
    for luck in FOLD_LUCK:
        for seeds in (3, 5):
            for size in DRAWN_OBJECTS:
                held: dict[str, list[bool]] = {"findings": [], "without": []}
                wrong = 0
                for _ in range(reports):
                    runs = invented_runs(taxonomy, rng, 2 * seeds, size, of_folds=(luck,) * FOLDS)
                    base = bring_together("base", [run for run in runs if run.seed < seeds])
                    others = [replace(run, seed=run.seed - seeds) for run in runs if run.seed >= seeds]
                    arm = bring_together("arm", others)
                    rows = compare(taxonomy, [arm], base)
                    wrong += any(row.verdict in {"helped", "worse"} for row in rows)
                    one_split = [replace(side, folds=np.zeros_like(side.folds)) for side in (arm, base)]
                    for method, found in (
                        ("findings", rows),
                        ("without", compare(taxonomy, one_split[:1], one_split[1])),
                    ):
                        for row in found:
                            assert row.macro_f1.low is not None  # noqa: S101 three seeds and more
                            assert row.macro_f1.high is not None  # noqa: S101 three seeds and more
                            held[method].append(row.macro_f1.low <= 0 <= row.macro_f1.high)
                yield {
                    "fold_luck": luck,
                    "seeds": seeds,
                    "objects": size,
                    "reports": reports,
                    "held": {method: round(float(np.mean(values)), 3) for method, values in held.items()},
                    "false_reports": round(wrong / reports, 3),
                    "false_reports_95": _wilson(wrong, reports),
                }


def shared_lines(rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """How often intervals of two equal arms hold 0 where all trainings share photographs."""
    for objects in (60, 200):
        for seeds in (3, 5):
            held: dict[str, list[bool]] = {"findings": [], "without": []}
            for _ in range(PAIRS):
                world = CrossValidated(rng, objects, FOLDS, seeds)
                for method, folds in (("findings", world.folds), ("without", np.zeros_like(world.folds))):
                    found = difference(*world.arms, folds)
                    assert found.low is not None  # noqa: S101 three seeds and more
                    assert found.high is not None  # noqa: S101 three seeds and more
                    held[method].append(found.low <= 0 <= found.high)
            shares = {method: round(float(np.mean(values)), 3) for method, values in held.items()}
            yield {"objects": objects, "seeds": seeds, "pairs": PAIRS, "held": shares}


def coverage_lines(
    pool: Pool, runs: Sequence[Trained], rng: np.random.Generator, draws: int
) -> Iterator[dict[str, Any]]:
    """How often intervals hold the truth, and how wide they are, by method."""
    marred = Pool(pool.taxonomy, bring_together("worse", [_marred(one) for one in runs]))
    for effect, other in (("none", pool), ("worse", marred)):
        after, before = (_scores(pool.taxonomy, side.answers) for side in (other, pool))
        truth = {name: float((after[name] - before[name]).mean()) for name in before}
        for seeds in GROUPS[1:]:
            if 2 * seeds > pool.size:
                continue
            for size in DRAWN_OBJECTS:
                held: dict[str, list[bool]] = {}
                wide: dict[str, list[float]] = {}
                for _ in range(draws):
                    objects = rng.permutation(pool.answers.object_count)[:size]
                    rows = np.flatnonzero(np.isin(pool.answers.objects, objects))
                    chosen = rng.permutation(pool.size)[: 2 * seeds].reshape(2, seeds)
                    base, arm = pool.group("base", chosen[0], rows), other.group("arm", chosen[1], rows)
                    weights = _weights(base, rng)
                    ours, theirs = (_resampled(pool.taxonomy, side, weights) for side in (arm, base))
                    own, others = (_scores(pool.taxonomy, side) for side in (arm, base))
                    for row in compare(pool.taxonomy, [arm], base):
                        name = row.task
                        paired = own[name] - others[name]
                        for method, (low, high) in _intervals(row, ours[name], theirs[name], paired, rng).items():
                            held.setdefault(method, []).append(low <= truth[row.task] <= high)
                            wide.setdefault(method, []).append((high - low) / 2)
                yield {
                    "effect": effect,
                    "seeds": seeds,
                    "objects": size,
                    "intervals": len(held["findings"]),
                    "true_mean_difference": round(truth[MEAN], 3),
                    "held": {method: round(float(np.mean(values)), 3) for method, values in held.items()},
                    "half_width": {method: round(float(np.mean(values)), 3) for method, values in wide.items()},
                }


def _intervals(
    row: Row, ours: Values, theirs: Values, paired: Values, rng: np.random.Generator
) -> Mapping[str, tuple[float, float]]:
    """ours, theirs: [S, B] resampled scores; paired: [S] differences of scores."""
    by_objects = ours.mean(axis=0) - theirs.mean(axis=0)
    picked = [rng.integers(0, len(side), side.shape) for side in (ours, theirs)]
    crossed = [
        np.take_along_axis(side, pick, axis=0).mean(axis=0) for side, pick in zip((ours, theirs), picked, strict=True)
    ]
    error = np.sqrt(by_objects.var() + paired.var(ddof=1) / len(paired))
    half = float(error * stats.t.ppf(0.975, len(paired) - 1))
    assert row.macro_f1.low is not None  # noqa: S101 three seeds and more
    assert row.macro_f1.high is not None  # noqa: S101 three seeds and more
    return {
        "objects": _percentiles(by_objects),
        "sum": (row.macro_f1.mean - half, row.macro_f1.mean + half),
        "crossed": _percentiles(crossed[0] - crossed[1]),
        "findings": (row.macro_f1.low, row.macro_f1.high),
    }


def _weights(answers: Answers, rng: np.random.Generator) -> Values:
    """[B, N] how often each image is drawn, objects drawn with replacement."""
    size = answers.object_count
    return rng.multinomial(size, np.full(size, 1 / size), size=RESAMPLES)[:, answers.objects].astype(np.float64)


def _resampled(taxonomy: Taxonomy, answers: Answers, weights: Values) -> dict[str, Values]:
    """Per task, and for their mean, macro-F1 of every run in every resample: [S, B]."""
    found = {}
    for task in taxonomy.tasks:
        true, said = answers.true[task.name], answers.predicted[task.name]
        known = true >= 0
        classes = np.eye(len(task.codes))
        of, drawn = classes[true[known]], weights[:, known]
        support = drawn @ of  # [B, C]
        scores = []
        for run in said:
            answer = classes[run[known]]
            both = support + drawn @ answer
            f1 = np.divide(2 * (drawn @ (of * answer)), both, out=np.zeros_like(both), where=both > 0)
            scores.append((f1 * (support > 0)).sum(axis=1) / np.maximum(1, (support > 0).sum(axis=1)))
        found[task.name] = np.array(scores)
    return found | {MEAN: np.mean(list(found.values()), axis=0)}


def _scores(taxonomy: Taxonomy, answers: Answers) -> dict[str, Values]:
    """Per task, and for their mean, macro-F1 of every run: [S]."""
    found = {
        task.name: np.array(
            [count(answers.true[task.name], said, len(task.codes)).macro_f1 for said in answers.predicted[task.name]]
        )
        for task in taxonomy.tasks
    }
    return found | {MEAN: np.mean(list(found.values()), axis=0)}


def _marred(run: Trained) -> Trained:
    """`run` with its second choice for every sixth object."""
    said = run.predictions
    every_sixth = np.unique(said.objects, return_inverse=True)[1] % 6 == 0
    predicted = {
        task: np.where(every_sixth, np.argsort(-values, axis=1, kind="stable")[:, 1], said.predicted[task])
        for task, values in said.probabilities.items()
    }
    return Trained(run.seed, type(said)(said.images, said.objects, said.true, predicted, said.probabilities))


def _spread(pool: Pool) -> dict[str, float]:
    scores = _scores(pool.taxonomy, pool.answers)
    return {name: round(float(values.std(ddof=1)), 3) for name, values in scores.items()}


def _percentiles(values: Values) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def _excludes_zero(values: Values) -> bool:
    low, high = _percentiles(values)
    return low > 0 or high < 0


def _wilson(hits: int, n: int) -> list[float]:
    found = stats.binomtest(hits, n).proportion_ci(method="wilson")
    return [round(float(found.low), 3), round(float(found.high), 3)]


if __name__ == "__main__":
    main()
