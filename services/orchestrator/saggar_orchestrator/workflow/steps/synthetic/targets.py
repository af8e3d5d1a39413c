"""Which label combinations synthetic images are for: rare ones, and pairs that the baseline confuses.

Everything is found in training photographs and in the baseline's answers on validation photographs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from saggar.dataset.synthetic.mix import count_for_share
from saggar.dataset.synthetic.plan import (
    PlannedImage,
    PlanSettings,
    find_confused,
    find_forms_of_surfaces,
    find_rare,
    pair_in_data,
    plan,
)
from saggar.dataset.synthetic.starts import StartRule
from saggar.errors import InvalidInputError
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.arms import Arm, Plan, Synthetic
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.sections import Generation
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.findings.statistics.counting import confusion

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest

Labels = dict[str, str | None]
LabelPair = tuple[Labels, Labels]


def rare_combinations(wanted: Plan, taxonomy: Taxonomy, manifest: Manifest) -> tuple[Labels, ...]:
    """Those that the file names, or the rarest of the training photographs, rarest first; then, where the file asks for
    them, all surfaces in all forms.
    """
    found: tuple[Labels, ...] = find_rare(manifest, at_most=wanted.rarest_at_most, limit=wanted.rarest)
    if wanted.combinations:
        found = tuple({task: named.get(task) for task in manifest.tasks} for named in wanted.combinations)
    forms = find_forms_of_surfaces(manifest, taxonomy) if wanted.every_form else ()
    return (*found, *(labels for labels in forms if labels not in found))


def confused_pairs(
    wanted: Plan, taxonomy: Taxonomy, manifest: Manifest, predictions: Predictions
) -> tuple[LabelPair, ...]:
    """The named pairs, then those classes that the baseline mistakes for one another most often."""
    named: list[LabelPair] = []
    for pair in wanted.pairs:
        found = pair_in_data(manifest, pair.task, pair.codes, dict(pair.labels))
        # Without photographs of both sides the labels that the file gives are all there is to say.
        named.append(_plain(found) if found else _from_labels(pair.labels, pair.task, pair.codes))
    tasks = [task for task in wanted.pair_tasks or taxonomy.task_names if task in predictions.true]
    matrices = {
        task: confusion(predictions.true[task], predictions.predicted[task], len(taxonomy.task(task).codes))
        for task in tasks
    }
    limit = wanted.most_confused + len(named)
    fresh = [
        (first, second)
        for first, second in map(_plain, find_confused(manifest, taxonomy, matrices, limit=limit))
        if (first, second) not in named and (second, first) not in named
    ]
    return tuple(named + fresh[: wanted.most_confused])


def planned_images(
    experiment: Experiment,
    taxonomy: Taxonomy,
    combinations: Sequence[Labels],
    pairs: Sequence[LabelPair],
    training_images: int,
) -> dict[str, tuple[PlannedImage, ...]]:
    """The images that each synthetic arm, by name, wants to have generated.

    Raises InvalidInputError when there is nothing to make images of.
    """
    generation = experiment.generation
    arms: dict[str, tuple[PlannedImage, ...]] = {}
    for arm in experiment.synthetic_arms:
        assert arm.synthetic is not None  # noqa: S101 that makes it a synthetic arm
        taken = pairs if arm.synthetic.pairs is None else pairs[: arm.synthetic.pairs]
        each, per_pair = images_each(arm.synthetic, experiment.plan, len(combinations), len(taken), training_images)
        settings = PlanSettings(
            each, per_pair, generation.seed, generation.avoided, keep_cracked=generation.keep_cracked
        )
        arms[arm.name] = plan(taxonomy, combinations, taken, settings)
    return arms


def start_rule(taxonomy: Taxonomy, generation: Generation) -> StartRule:
    """Which photographs images start from, as the experiment's file says it; surface and form where it doesn't."""
    low = generation.photograph_strength or 1.0
    strengths = (low, max(low, generation.photograph_strength_to or low))
    if generation.photograph_task:
        return StartRule((taxonomy.task(generation.photograph_task).name,), None, strengths)
    tasks = generation.photograph_tasks or tuple(dict.fromkeys(taxonomy.pair_tasks))
    form = taxonomy.pair_tasks[1]
    return StartRule(
        tuple(taxonomy.task(task).name for task in tasks),
        form if form in tasks else tasks[-1],
        strengths,
        generation.photograph_form_strength,
    )


def asked_images(arm: Arm, training_images: int, planned: int) -> int:
    """How many accepted images the arm asks for; all that it plans when it counts them per target."""
    synthetic = arm.synthetic
    assert synthetic is not None  # noqa: S101 that makes it a synthetic arm
    if synthetic.per_combination is not None:
        return planned
    return synthetic.count or count_for_share(synthetic.largest_share or 0.0, training_images)


def images_each(
    synthetic: Synthetic, wanted: Plan, combinations: int, pairs: int, training_images: int
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
    total = synthetic.count or count_for_share(synthetic.largest_share or 0.0, training_images)
    total = math.ceil(total * (1 + wanted.spare_share))
    for_pairs = round(total * wanted.pair_share) if combinations else total
    for_pairs = for_pairs if pairs else 0
    each = math.ceil((total - for_pairs) / combinations) if combinations else 0
    return each, math.ceil(for_pairs / pairs) if pairs else 0


def _from_labels(labels: dict[str, str], task: str, codes: tuple[str, str]) -> LabelPair:
    first: Labels = {**labels, task: codes[0]}
    second: Labels = {**labels, task: codes[1]}
    return first, second


def _plain(pair: tuple[object, object]) -> LabelPair:
    first, second = pair
    return dict(first), dict(second)  # type: ignore[call-overload]
