"""What the adapter learns from, and which images there are to be."""

from __future__ import annotations

from collections.abc import Sequence

from saggar.dataset.adapter_rows.selection import select_for_adapter
from saggar.dataset.manifest import Manifest
from saggar.dataset.synthetic.plan import PlannedImage
from saggar.dataset.synthetic.starts import compose_of_photographs, follow_photographs, start_from_photographs
from saggar.prompts import caption
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.sections import Generation
from saggar_orchestrator.findings.predictions import read_predictions
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.manifests import kept
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import StoredPlan, write_plan
from saggar_orchestrator.workflow.steps.synthetic.targets import (
    LabelPair,
    asked_images,
    confused_pairs,
    planned_images,
    rare_combinations,
    start_rule,
)


def select_photographs(
    store: ObjectStore, real: ObjectRef, confusion: ObjectRef, experiment: Experiment, taxonomy: Taxonomy
) -> Result:
    """The training photographs, with captions, that the adapter learns from (the paper's seven tiers)."""
    adapter = experiment.adapter
    manifest = read_manifest(store, real)
    pairs = _pairs(store, manifest, confusion, experiment, taxonomy)
    chosen = select_for_adapter(manifest, taxonomy, adapter.images, adapter.selection_seed, confusion_pairs=pairs)
    if adapter.tasks:
        narrowed = taxonomy.narrowed(adapter.tasks)
        chosen = chosen.with_columns(caption=[caption(narrowed, record.labels) for record in chosen.records()])
    return {"manifest": kept(store, chosen), "count": len(chosen)}


def plan_images(
    store: ObjectStore, real: ObjectRef, confusion: ObjectRef, experiment: Experiment, taxonomy: Taxonomy
) -> Result:
    """What every arm asks to have generated; images that arms have in common are in it once."""
    manifest = read_manifest(store, real)
    combinations = rare_combinations(experiment.plan, taxonomy, manifest)
    pairs = _pairs(store, manifest, confusion, experiment, taxonomy)
    training_images = len(manifest.select(split="train"))
    by_arm = planned_images(experiment, taxonomy, combinations, pairs, training_images)
    distinct = {image.prompt_id: image for planned in by_arm.values() for image in planned}
    started = starting(store, tuple(distinct.values()), real, experiment.generation, taxonomy)
    images = {image.prompt_id: image for image in started}
    plan = StoredPlan(
        combinations=combinations,
        pairs=pairs,
        images=tuple(images[prompt_id] for prompt_id in sorted(images)),
        arms={name: tuple(image.prompt_id for image in planned) for name, planned in by_arm.items()},
        wanted={
            arm.name: asked_images(arm, training_images, len(by_arm[arm.name])) for arm in experiment.synthetic_arms
        },
    )
    return {
        "plan": write_plan(store, plan).to_json(),
        "images": len(images),
        "by_arm": {name: len(ids) for name, ids in plan.arms.items()},
    }


def starting(
    store: ObjectStore,
    images: Sequence[PlannedImage],
    photographs: ObjectRef,
    generation: Generation,
    taxonomy: Taxonomy,
) -> tuple[PlannedImage, ...]:
    """`images`, each with the photographs that it starts from, is composed of or follows, where the experiment says
    so.
    """
    if generation.glaze_transfer and images:
        surface, form = taxonomy.pair_tasks
        return compose_of_photographs(images, read_manifest(store, photographs), surface, form, generation.seed)
    if generation.control_net and images:
        form = taxonomy.pair_tasks[1]
        return follow_photographs(images, read_manifest(store, photographs), form, generation.seed)
    if generation.photograph_strength is None or not images:
        return tuple(images)
    manifest = read_manifest(store, photographs)
    return start_from_photographs(images, manifest, start_rule(taxonomy, generation), generation.seed)


def _pairs(
    store: ObjectStore, manifest: Manifest, confusion: ObjectRef, experiment: Experiment, taxonomy: Taxonomy
) -> tuple[LabelPair, ...]:
    answered = taxonomy.narrowed(experiment.scored_tasks(taxonomy))
    return confused_pairs(experiment.plan, taxonomy, manifest, read_predictions(store, confusion, answered))
