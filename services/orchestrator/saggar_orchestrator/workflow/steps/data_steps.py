"""Steps on data, done here: import, split, augmentation, choice of photographs, plan, mix."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from saggar.dataset import leakage
from saggar.dataset.augment import expand_rare
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.mix import mix
from saggar.dataset.plan import PlannedImage
from saggar.dataset.record import Record
from saggar.dataset.selection import select_for_adapter
from saggar.dataset.split import split
from saggar.dataset.starts import start_from_photographs
from saggar.errors import InvalidInputError
from saggar.importing.intake import import_csv
from saggar.prompts import caption
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef
from saggar.stored_datasets import manifest_key, read_manifest, with_hashes, write_manifest
from saggar.v1 import generator_pb2

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.findings.predictions import read_predictions
from saggar_orchestrator.progress import Result, Ticker
from saggar_orchestrator.workflow.steps.targets import (
    LabelPair,
    Labels,
    confused_pairs,
    planned_images,
    rare_combinations,
    start_rule,
    wanted_images,
)

if TYPE_CHECKING:
    from saggar_orchestrator.workflow.order import Run


@dataclass(frozen=True)
class StoredPlan:
    """All synthetic images that any arm wants, and which of them each arm takes."""

    combinations: tuple[Labels, ...]
    pairs: tuple[LabelPair, ...]
    images: tuple[PlannedImage, ...]
    arms: Mapping[str, tuple[str, ...]]  # arm name -> prompt ids
    wanted: Mapping[str, int]  # arm name -> accepted images that it wants


def import_photographs(run: Run, tick: Ticker) -> Result:
    data = run.experiment.data
    if data.dataset is not None:
        stored = read_manifest(run.store, run.store.stat(manifest_key(data.dataset)))
        manifest = _fitting(run, stored, f"data set {data.dataset}")
        return {
            "manifest": _store(run, manifest),
            "source": run.specification.source,
            "images": len(manifest),
            "warnings": [],
        }
    if data.kilnsim is not None:
        from saggar.kilnsim import RENDERER, classes_of, write_collection

        sim, classes = data.kilnsim, classes_of(run.specification.taxonomy)
        tick("drawing photographs", 0, sim.count, "objects")
        version = digest({"classes": classes, "renderer": RENDERER})[:8]
        name = f"kilnsim-{run.taxonomy.id}-{sim.count}-{sim.seed}-{sim.size_px}px-{version}"
        folder = run.resources.collections / name
        labels = write_collection(folder, sim.count, sim.seed, sim.size_px, classes)
    else:
        folder, labels = Path(data.images or ""), Path(data.labels or "")
    tick("checking and storing photographs")
    report = import_csv(
        folder,
        labels,
        run.specification.taxonomy,  # with the classes that data.where leaves out: rows of these are no errors
        run.store,
        where=data.where or None,
        progress=lambda stage, done, total: tick(stage, done, total, "photographs"),
    )
    manifest = _fitting(run, report.manifest, labels.name)
    return {
        "manifest": _store(run, manifest),
        "source": run.specification.source,
        "images": len(manifest),
        "warnings": list(report.warnings),
    }


def _fitting(run: Run, manifest: Manifest, source: str) -> Manifest:
    """An imported data set with the experiment's tasks, and the rows that `data.where` keeps.

    Raises InvalidInputError when it does not fit the taxonomy, or a task is left with less than two classes.
    """
    asked = run.specification.taxonomy
    if lacking := [name for name in asked.task_names if name not in manifest.tasks]:
        raise InvalidInputError(
            f"{source} has no labels of {', '.join(lacking)}, as taxonomy {asked.id} has; "
            f"put `tasks: [{', '.join(manifest.tasks)}]` into the experiment"
        )
    manifest = manifest.with_tasks(asked.task_names)
    validate(manifest, asked)
    rows = np.ones(len(manifest), dtype=bool)
    for task, codes in run.experiment.data.where.items():
        rows &= manifest.labels(task).isin(list(codes)).to_numpy(dtype=bool)
    chosen = manifest.take(rows).with_tasks(run.taxonomy.task_names)
    counts = {task: chosen.counts(task) for task in run.taxonomy.task_names}
    for task, classes in counts.items():
        if len(classes) < 2:
            others = ", ".join(name for name, found in counts.items() if len(found) > 1)
            remedy = f"leave it out with `tasks: [{others}]`, or " if others else ""
            raise InvalidInputError(
                f"{source}: of {task} {' '.join(classes) or 'no label'} is found only, and a task needs two classes; "
                f"{remedy}label more photographs or widen data.where"
            )
    return chosen


def split_manifest(run: Run, imported: ObjectRef) -> Result:
    divided = split(read_manifest(run.store, imported), run.experiment.data.split_seed)
    leakage.check(divided)
    counts = {name: len(divided.select(split=name)) for name in ("train", "validation", "test")}
    if empty := [name for name, count in counts.items() if not count]:
        raise InvalidInputError(
            f"the {' and '.join(empty)} split is empty: {len(divided)} photographs are too few; import more"
        )
    return {"manifest": _store(run, divided), "counts": counts}


def augment_manifest(run: Run, divided: ObjectRef) -> Result:
    settings = run.experiment.augmentation
    assert settings is not None  # noqa: S101 the workflow asks only then
    expanded = expand_rare(read_manifest(run.store, divided), below=settings.below, to=settings.to, seed=settings.seed)
    leakage.check(expanded)
    return {"manifest": _store(run, expanded), "training_images": len(expanded.select(split="train"))}


def held_out(run: Run, manifest: ObjectRef, name: str) -> ObjectRef:
    """A manifest of the rows of one held-out split."""
    return write_manifest(run.store, read_manifest(run.store, manifest).select(split=name))


def real_training_rows(run: Run, divided: ObjectRef) -> ObjectRef:
    """A manifest of the unaltered training photographs."""
    return write_manifest(run.store, read_manifest(run.store, divided).select(split="train", origin="real"))


def select_photographs(run: Run, real: ObjectRef, confusion: ObjectRef) -> Result:
    """The training photographs, with captions, that the adapter learns from (the paper's seven tiers)."""
    adapter = run.experiment.adapter
    manifest = read_manifest(run.store, real)
    pairs = _pairs(run, manifest, confusion)
    chosen = select_for_adapter(manifest, run.taxonomy, adapter.images, adapter.selection_seed, confusion_pairs=pairs)
    if adapter.tasks:
        told = run.taxonomy.narrowed(adapter.tasks)
        chosen = chosen.with_columns(caption=[caption(told, record.labels) for record in chosen.records()])
    return {"manifest": _store(run, chosen), "count": len(chosen)}


def plan_images(run: Run, real: ObjectRef, confusion: ObjectRef) -> Result:
    """What every arm wants to have generated; images that arms have in common stand once."""
    experiment = run.experiment
    manifest = read_manifest(run.store, real)
    combinations = rare_combinations(experiment.plan, manifest)
    pairs = _pairs(run, manifest, confusion)
    by_arm = planned_images(experiment, run.taxonomy, combinations, pairs, len(manifest.select(split="train")))
    images = {image.prompt_id: image for planned in by_arm.values() for image in planned}
    images = {image.prompt_id: image for image in started(run, tuple(images.values()), real)}
    arms = {name: [image.prompt_id for image in planned] for name, planned in by_arm.items()}
    values = {
        "combinations": combinations,
        "pairs": pairs,
        "images": [planned_to_json(images[prompt_id]) for prompt_id in sorted(images)],
        "arms": arms,
        "wanted": {
            arm.name: wanted_images(arm, len(manifest.select(split="train")), len(by_arm[arm.name]))
            for arm in experiment.synthetic_arms
        },
    }
    data = json.dumps(values, ensure_ascii=False, indent=1).encode()
    reference = run.store.put(f"plans/{hashlib.sha256(data).hexdigest()[:16]}.json", data, "application/json")
    return {
        "plan": reference.to_json(),
        "images": len(images),
        "by_arm": {name: len(ids) for name, ids in arms.items()},
    }


def mix_arm(run: Run, arm: Arm, real: ObjectRef, accepted: ObjectRef) -> Result:
    """The arm's training set: real photographs, and accepted images as it asks for, or all there are.

    Accepted images that are nearly the same picture as a validation or test photograph are left out.
    """
    synthetic = arm.synthetic
    assert synthetic is not None  # noqa: S101 that makes it a synthetic arm
    photographs = read_manifest(run.store, real)
    generated = with_hashes(run.store, read_manifest(run.store, accepted))
    copies = leakage.near_evaluation(generated, photographs)
    generated = generated.take(~copies)
    count = synthetic.count
    if count is None and synthetic.share is None:  # asked for per target: all that passed
        count = len(generated)
    mixed, reached = mix(
        photographs,
        generated,
        count=count,
        share=synthetic.share,
        seed=run.experiment.generation.seed,
    )
    leakage.check(mixed)
    return {
        "manifest": _store(run, mixed),
        "synthetic": len(mixed.select(origin="synthetic")),
        "near_evaluation_images": int(copies.sum()),
        "training_images": len(mixed.select(split="train")),
        "share_reached": reached,
        "share_asked": synthetic.share,
        "count_asked": count,
    }


def read_plan(run: Run, reference: ObjectRef) -> StoredPlan:
    values = json.loads(run.store.read(reference))
    return StoredPlan(
        combinations=tuple(values["combinations"]),
        pairs=tuple((first, second) for first, second in values["pairs"]),
        images=tuple(PlannedImage(**image) for image in values["images"]),
        arms={name: tuple(ids) for name, ids in values["arms"].items()},
        wanted=values["wanted"],
    )


def planned_to_json(image: PlannedImage) -> dict[str, Any]:
    return asdict(image)


def started(run: Run, images: Sequence[PlannedImage], photographs: ObjectRef) -> tuple[PlannedImage, ...]:
    """`images`, each with the photograph that it starts from where the experiment wants that."""
    generation = run.experiment.generation
    if generation.photograph_strength is None or not images:
        return tuple(images)
    manifest = read_manifest(run.store, photographs)
    return start_from_photographs(images, manifest, start_rule(run.taxonomy, generation), generation.seed)


def generated_manifest(
    run: Run, planned: Sequence[PlannedImage], images: Mapping[str, generator_pb2.GeneratedImage]
) -> ObjectRef:
    """A manifest of generated images: the labels that were asked for, and what they were made from."""
    keys = {prompt_id: ref_from_proto(image.image).key for prompt_id, image in images.items()}
    first = run.store.get(keys[planned[0].prompt_id])
    width, height = Image.open(io.BytesIO(first)).size  # one request, one size
    records = [
        Record(
            image=keys[image.prompt_id],
            object_id=f"synthetic-{image.prompt_id}",
            labels=dict(image.labels),
            split="train",
            origin="synthetic",
            width_px=width,
            height_px=height,
            source=image.prompt_id,
            caption=image.prompt,
            made_from=images[image.prompt_id].made_from or None,
        )
        for image in planned
    ]
    return write_manifest(run.store, Manifest.from_records(records, run.taxonomy.task_names))


def images_of_arm(run: Run, arm: Arm, stored_plan: ObjectRef, generated: ObjectRef) -> ObjectRef:
    """A manifest of the generated images that one arm asked for."""
    wanted = set(read_plan(run, stored_plan).arms[arm.name])
    manifest = read_manifest(run.store, generated)
    rows = manifest.frame["source"].isin(wanted).to_numpy(dtype=bool)
    return write_manifest(run.store, manifest.take(rows))


def union_of(run: Run, manifests: Sequence[ObjectRef]) -> ObjectRef:
    """Every row of any of `manifests` once, by the prompt that it came from."""
    rows = {record.source: record for ref in manifests for record in read_manifest(run.store, ref).records()}
    return write_manifest(
        run.store, Manifest.from_records((rows[source] for source in sorted(rows)), run.taxonomy.task_names)
    )


def kept_by_reviews(run: Run, accepted: ObjectRef, reviews: Sequence[Mapping[str, Any]]) -> ObjectRef:
    """Of an arm's screened rows those that a review kept, with the labels that it left; all without any."""
    if not reviews:
        return accepted
    kept = {
        record.source: record
        for reviewed in reviews
        for record in read_manifest(run.store, ObjectRef.from_json(reviewed["accepted"])).records()
    }
    passed = read_manifest(run.store, accepted).records()
    rows = [kept[record.source] for record in passed if record.source in kept]
    return write_manifest(run.store, Manifest.from_records(rows, run.taxonomy.task_names))


def _pairs(run: Run, manifest: Manifest, confusion: ObjectRef) -> tuple[LabelPair, ...]:
    predictions = read_predictions(run.store, confusion, run.taxonomy)
    return confused_pairs(run.experiment.plan, run.taxonomy, manifest, predictions)


def _store(run: Run, manifest: Manifest) -> dict[str, Any]:
    return write_manifest(run.store, manifest).to_json()
