"""Which label combinations synthetic images are for: rare ones, and pairs that the baseline confuses.

Everything is found in training photographs and in the baseline's answers on validation photographs.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from saggar.dataset.mix import count_for_share
from saggar.dataset.plan import find_confused, find_rare, pair_in_data
from saggar.errors import InvalidInputError
from saggar.taxonomy import Taxonomy

from saggar_orchestrator import evidence
from saggar_orchestrator.experiment import Plan, Synthetic
from saggar_orchestrator.predictions import Predictions

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest

Labels = dict[str, str | None]
LabelPair = tuple[Labels, Labels]


def rare_combinations(plan: Plan, manifest: Manifest) -> tuple[Labels, ...]:
    """Those that the file names, or the rarest of the training photographs, rarest first."""
    if plan.combinations:
        return tuple({task: named.get(task) for task in manifest.tasks} for named in plan.combinations)
    return find_rare(manifest, at_most=plan.rarest_at_most, limit=plan.rarest)


def confused_pairs(
    plan: Plan, taxonomy: Taxonomy, manifest: Manifest, predictions: Predictions
) -> tuple[LabelPair, ...]:
    """The named pairs, then those classes that the baseline mistakes for one another most often."""
    named: list[LabelPair] = []
    for pair in plan.pairs:
        found = pair_in_data(manifest, pair.task, pair.codes, dict(pair.labels))
        # Without photographs of both sides the labels that the file gives are all there is to say.
        named.append(_plain(found) if found else _from_labels(pair.labels, pair.task, pair.codes))
    tasks = plan.pair_tasks or taxonomy.task_names
    matrices = {
        task: evidence.confusion(
            predictions.true[task], predictions.predicted[task], len(taxonomy.task(task).codes)
        )
        for task in tasks
    }
    limit = plan.most_confused + len(named)
    fresh = [_plain(p) for p in find_confused(manifest, taxonomy, matrices, limit=limit)]
    return tuple(named + [pair for pair in fresh if pair not in named][: plan.most_confused])


def images_each(
    synthetic: Synthetic, plan: Plan, combinations: int, pairs: int, training_images: int
) -> tuple[int, int]:
    """(images per combination, images per pair) that an arm plans, with spares for those that screening
    rejects.

    Raises InvalidInputError when there is nothing to make images of.
    """
    if synthetic.per_combination is not None:
        return synthetic.per_combination, synthetic.per_pair or 0
    if not combinations and not pairs:
        raise InvalidInputError(
            "plan: no rare combination and no confused pair was found, so there is nothing to generate; name "
            "some under plan.combinations or plan.pairs, or raise plan.rarest_at_most"
        )
    wanted = synthetic.count or count_for_share(synthetic.share or 0.0, training_images)
    wanted = math.ceil(wanted * (1 + plan.spare_share))
    for_pairs = round(wanted * plan.pair_share) if combinations else wanted
    for_pairs = for_pairs if pairs else 0
    each = math.ceil((wanted - for_pairs) / combinations) if combinations else 0
    return each, math.ceil(for_pairs / pairs) if pairs else 0


def _from_labels(labels: dict[str, str], task: str, codes: tuple[str, str]) -> LabelPair:
    first: Labels = {**labels, task: codes[0]}
    second: Labels = {**labels, task: codes[1]}
    return first, second


def _plain(pair: tuple[object, object]) -> LabelPair:
    first, second = pair
    return dict(first), dict(second)  # type: ignore[call-overload]
