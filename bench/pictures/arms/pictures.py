"""The synthetic pictures of bench/pictures/kilnsim_arms.py, a manifest for each way of making them.

noise    nano with an adapter of the collection, from noise: the nine rarest combinations and the paper's four pairs
starts   the same images from training photographs of their combination, or of their form
transfer the same images composed of two training photographs, the form of one and the glaze of another
spread   composed in the same way, of every glaze and type alike; period and kiln are not known of them
known    as spread, yet the glaze is of one period and kiln, which the photographs and the labels of the picture share
many     twice as many of known
forms    as spread, but forms are the model's own pictures, the half of each type that judges rank first
best     noise, four times as many, of which judges rank a quarter of each combination first

Two judges, each a classifier that half of the training photographs' objects have taught, with seeds of their own: none
of them is a classifier that is scored. They rank; no threshold says what is good.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from saggar.dataset.adapter_rows.selection import select_for_adapter
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.synthetic.mix import count_for_share
from saggar.dataset.synthetic.plan import (
    PlannedImage,
    PlanSettings,
    find_forms_of_surfaces,
    find_rare,
    pair_in_data,
    plan,
    planned_image,
)
from saggar.dataset.synthetic.starts import StartRule, compose_of_photographs, start_from_photographs
from saggar.errors import InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.kilnsim import CONFUSION_PAIRS, KILNSIM
from saggar.progress import Work
from saggar.store import ObjectRef, put_image
from saggar.stored_datasets import read_manifest, write_manifest
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import choose
from saggar_generator.images.generation_job import generate
from saggar_generator.requests import (
    AdapterUse,
    GenerationRequest,
    GlazeTransfer,
    ImageRequest,
    PromptItem,
    StartImage,
    TrainingRequest,
)
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.transfer.glaze import Donor, transferred

from arms.holdings import SIZE, Collection
from arms.trainings import Trained

LARGEST_SHARE = 0.1
RAREST, PAIR_SHARE = 9, 0.2
BEST_OF = 4
EACH_PAIR = 6  # composites of every glaze and type
EACH_KNOWN = 2  # composites of every period, kiln, glaze, and type
EACH_FORM = 32  # pictures of every type, of which half are taken
ADAPTER_WEIGHT, FORM_WEIGHT = 0.8, 0.4  # the quickstart's; and one that leaves the base its dishes
ADAPTER = {"steps": 200, "batch_size": 8, "learning_rate": 1e-3}
ADAPTER_PHOTOGRAPHS = 160
Judges = Callable[[], tuple[Trained, ...]]


@dataclass(frozen=True)
class Pictures:
    """Pictures of one collection; what is made is kept in its store, and beside it in `work`."""

    collection: Collection
    work: Path
    judges: Judges

    def of(self, way: str) -> Manifest:
        """The pictures of one way of making them."""
        note = self.work / f"pictures-{way}.json"
        if not note.exists():
            made = getattr(self, f"_{way}")()
            beside = note.with_suffix(".part")
            beside.write_text(json.dumps(write_manifest(self.collection.store, made).to_json()))
            beside.replace(note)
        return read_manifest(self.collection.store, ObjectRef.from_json(json.loads(note.read_text())))

    @cached_property
    def count(self) -> int:
        """Of the largest share."""
        return count_for_share(LARGEST_SHARE, len(self.collection.augmented.select(split="train")))

    def planned(self, times: int = 1) -> tuple[PlannedImage, ...]:
        """The nine rarest combinations, and the paper's four pairs."""
        real, taxonomy = self.collection.split, self.collection.taxonomy
        rare = find_rare(real, at_most=5, limit=RAREST)
        found = [
            pair_in_data(real, task, codes, fixed)
            for one, other in CONFUSION_PAIRS
            for task, codes, fixed in (_varied(one, other),)
        ]
        pairs = [pair for pair in found if pair is not None]
        each = -(-round(self.count * (1 - PAIR_SHARE)) // len(rare)) * times
        per_pair = -(-round(self.count * PAIR_SHARE) // max(1, len(pairs))) * times
        return plan(taxonomy, rare, pairs, PlanSettings(each, per_pair, 1))

    def _noise(self) -> Manifest:
        return self._drawn(self.planned(), ADAPTER_WEIGHT)

    def _starts(self) -> Manifest:
        rule = StartRule(("glaze", "type"), "type", (0.6, 0.6), 0.8)
        return self._drawn(start_from_photographs(self.planned(), self.collection.split, rule, 1), ADAPTER_WEIGHT)

    def _transfer(self) -> Manifest:
        images = compose_of_photographs(self.planned(), self.collection.split, "glaze", "type", 1)
        return self._drawn(images, ADAPTER_WEIGHT).with_columns(label_dynasty=None, label_kiln=None)

    def _spread(self) -> Manifest:
        return self._drawn(self._composed(), ADAPTER_WEIGHT)

    def _composed(self) -> list[PlannedImage]:
        split, found = self.collection.split, []
        for glaze in KILNSIM["glaze"]:
            for kind in KILNSIM["type"]:
                for index in range(EACH_PAIR):
                    one = planned_image(self.collection.taxonomy, {"glaze": glaze, "type": kind}, index, 1)
                    found += compose_of_photographs([one], split, "glaze", "type", 1)
        return found

    def _known(self) -> Manifest:
        return self._of_one_source(EACH_KNOWN)

    def _many(self) -> Manifest:
        return self._of_one_source(2 * EACH_KNOWN)

    def _of_one_source(self, each: int) -> Manifest:
        split, taxonomy = self.collection.split, self.collection.taxonomy
        wanted = find_forms_of_surfaces(split, taxonomy)
        ordered = sorted(wanted, key=lambda one: (*list(one.values())[:-1], KILNSIM["type"].index(str(one["type"]))))
        images = [planned_image(taxonomy, labels, index, 1) for labels in ordered for index in range(each)]
        return self._drawn(compose_of_photographs(images, split, "glaze", "type", 1), ADAPTER_WEIGHT)

    def _best(self) -> Manifest:
        many = self._drawn(self.planned(BEST_OF), ADAPTER_WEIGHT)
        return self._first(many, many.tasks, 1 / BEST_OF)

    def _forms(self) -> Manifest:
        """Pictures of every type, whose glaze gives way to that of photographs."""
        taxonomy, kinds = self.collection.taxonomy, KILNSIM["type"]
        prompts = [
            replace(planned_image(taxonomy, {"glaze": glaze, "type": kind}, 1000 + index, 1), photograph=None)
            for kind in kinds
            for index, glaze in enumerate(KILNSIM["glaze"] * (EACH_FORM // len(KILNSIM["glaze"])))
        ]
        first = self._first(self._drawn(prompts, FORM_WEIGHT), ("type",), 0.5, within=("type",))
        by_kind = {kind: list(first.take((first.labels("type") == kind).to_numpy()).frame["image"]) for kind in kinds}
        records = []
        for number, image in enumerate(self._composed()):
            assert image.labels["type"] is not None  # noqa: S101
            forms = by_kind[image.labels["type"]]
            start = number % EACH_PAIR * 5 + number // EACH_PAIR
            turned = [forms[(start + place) % len(forms)] for place in range(8)]
            try:
                pixels, _, _ = transferred(self._donors(turned), self._donors(image.glazes), image.seed % (1 << 63))
            except InvalidInputError:
                continue
            records.append(self._kept(image, pixels))
        return Manifest.from_records(records, first.tasks)

    def _donors(self, keys: Sequence[str]) -> list[Donor]:
        store = self.collection.store
        return [Donor(np.asarray(Image.open(io.BytesIO(store.get(key))).convert("RGB")), key) for key in keys]

    def _kept(self, image: PlannedImage, pixels: np.ndarray) -> Record:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, "PNG")
        return _record(image, put_image(self.collection.store, out.getvalue(), "png").key)

    def _first(
        self, many: Manifest, tasks: Sequence[str], share: float, within: Sequence[str] | None = None
    ) -> Manifest:
        """The `share` of each combination of `within` that the judges rank first for the labels of `tasks`; says how
        many of all, and of those, they take for what was asked for.
        """
        pixels = np.stack([one.pixels.transpose(2, 0, 1) for one in self._donors(list(many.frame["image"]))])
        said = [judge.probabilities(pixels) for judge in self.judges()]
        score, right = np.zeros(len(many)), np.ones(len(many), dtype=bool)
        for task in tasks:
            places = np.array([self.collection.taxonomy.task(task).index(code) for code in many.labels(task)])
            mean = np.mean([one[task] for one in said], axis=0)
            score += np.log(mean[np.arange(len(many)), places] + 1e-9)
            right &= mean.argmax(axis=1) == places
        ids, _ = many.combination_ids(within)
        taken = np.zeros(len(many), dtype=bool)
        for group in range(ids.max() + 1):
            rows = np.flatnonzero(ids == group)
            taken[rows[np.argsort(-score[rows], kind="stable")][: round(len(rows) * share)]] = True
        shares = {"of": len(many), "right": float(right.mean()), "right_of_taken": float(right[taken].mean())}
        (self.work / f"judged-{'-'.join(tasks)}.json").write_text(json.dumps(shares))
        return many.take(taken)

    def _drawn(self, planned: Sequence[PlannedImage], weight: float) -> Manifest:
        store = self.collection.store
        refs = {key: store.stat(key) for one in planned for key in (one.photograph, *one.forms, *one.glazes) if key}
        items = [PromptItem(one.prompt_id, _request(one, refs)) for one in planned]
        settings = GenerationSettings(steps=20, width_px=SIZE, height_px=SIZE)
        uses = [AdapterUse("collection", self._adapter, weight)]
        images = generate(store, self._models, GenerationRequest("nano", items, uses, settings), Work())
        records = [_record(one, image.image.key) for one, image in zip(planned, images, strict=True)]
        return Manifest.from_records(records, self.collection.split.tasks)

    @cached_property
    def _models(self) -> BaseModels:
        return BaseModels(choose("cpu", "auto"))

    @cached_property
    def _adapter(self) -> ObjectRef:
        torch.set_num_threads(1)
        chosen = select_for_adapter(self.collection.split, self.collection.taxonomy, ADAPTER_PHOTOGRAPHS, 0)
        manifest = write_manifest(self.collection.store, chosen)
        request = TrainingRequest("nano", manifest, AdapterSettings.checked(ADAPTER))
        return train_adapter(self.collection.store, self._models, request, Work()).adapter


def _varied(one: tuple[str, str], other: tuple[str, str]) -> tuple[str, tuple[str, str], dict[str, str]]:
    """The task in which two (glaze, type) differ, its codes, and what they share."""
    if one[0] != other[0]:
        return "glaze", (one[0], other[0]), {"type": one[1]}
    return "type", (one[1], other[1]), {"glaze": one[0]}


def _request(one: PlannedImage, refs: dict[str, ObjectRef]) -> ImageRequest:
    start = None if one.photograph is None else StartImage(refs[one.photograph], one.strength or 1.0)
    transfer = None
    if one.forms:
        transfer = GlazeTransfer(tuple(refs[key] for key in one.forms), tuple(refs[key] for key in one.glazes))
    return ImageRequest(one.prompt, one.negative_prompt, one.seed, start, transfer)


def _record(one: PlannedImage, key: str) -> Record:
    return Record(
        image=key,
        object_id=f"synthetic-{one.prompt_id}",
        labels=dict(one.labels),
        split="train",
        origin="synthetic",
        width_px=SIZE,
        height_px=SIZE,
        source=one.prompt_id,
    )
