"""Parts and unions of manifests that steps hand on."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.plan import PlannedImage
from saggar.rpc.refs import ref_from_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.v1 import generator_pb2

from saggar_orchestrator.workflow.reuse import Result


def kept(store: ObjectStore, manifest: Manifest) -> Result:
    """The manifest, written, as a result holds it."""
    return write_manifest(store, manifest).to_json()


def held_out(store: ObjectStore, manifest: ObjectRef, name: str) -> ObjectRef:
    """A manifest of the rows of one held-out split."""
    return write_manifest(store, read_manifest(store, manifest).select(split=name))


def real_training_rows(store: ObjectStore, divided: ObjectRef) -> ObjectRef:
    """A manifest of the unaltered training photographs."""
    return write_manifest(store, read_manifest(store, divided).select(split="train", origin="real"))


def with_prompts(store: ObjectStore, manifest: ObjectRef, prompt_ids: Sequence[str]) -> ObjectRef:
    """A manifest of the generated images that were made from these prompts."""
    images = read_manifest(store, manifest)
    return write_manifest(store, images.take(images.frame["source"].isin(set(prompt_ids)).to_numpy(dtype=bool)))


def union_of(store: ObjectStore, manifests: Sequence[ObjectRef]) -> ObjectRef:
    """Every row of any of `manifests` once, by the prompt that it came from."""
    parts = [read_manifest(store, ref) for ref in manifests]
    rows = {record.source: record for part in parts for record in part.records()}
    return write_manifest(store, Manifest.from_records((rows[source] for source in sorted(rows)), parts[0].tasks))


def kept_by_reviews(store: ObjectStore, accepted: ObjectRef, reviews: Sequence[Mapping[str, Any]]) -> ObjectRef:
    """Of an arm's screened rows those that a review kept, with the labels that it left; all without any."""
    if not reviews:
        return accepted
    left = {
        record.source: record
        for reviewed in reviews
        for record in read_manifest(store, ObjectRef.from_json(reviewed["accepted"])).records()
    }
    passed = read_manifest(store, accepted)
    rows = [left[record.source] for record in passed.records() if record.source in left]
    return write_manifest(store, Manifest.from_records(rows, passed.tasks))


def generated_manifest(
    store: ObjectStore,
    planned: Sequence[PlannedImage],
    images: Mapping[str, generator_pb2.GeneratedImage],
    tasks: Sequence[str],
) -> ObjectRef:
    """A manifest of generated images: the labels that were asked for, and what they were made from."""
    keys = {prompt_id: ref_from_proto(image.image).key for prompt_id, image in images.items()}
    first = store.get(keys[planned[0].prompt_id])
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
    return write_manifest(store, Manifest.from_records(records, tasks))
