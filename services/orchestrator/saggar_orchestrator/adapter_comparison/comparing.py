"""Vanilla against adapter (the paper's Table 6): how far images with and without it are from photographs, and
how often a classifier finds in them what was asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.seeds import derived_seed
from saggar.dataset.synthetic.plan import PlannedImage, planned_image
from saggar.errors import InvalidInputError
from saggar.files.object_ids import canonical_id
from saggar.progress import Progress
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import Taxonomy
from saggar.v1 import qc_pb2

from saggar_orchestrator.adapter_comparison.recognition import (
    PHOTOGRAPHS,
    Recognised,
    find_judge,
    recognise,
    share_words,
)
from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.messages import prompt_items
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.progress import Cancellation

_SHARD = 32

Say = Callable[[str, int, int], object]  # stage, done, total


@dataclass(frozen=True)
class Side:
    """Images of one kind, by prompt id, and how far they are from the photographs."""

    name: str
    images: Mapping[str, str]  # prompt id -> store key
    measures: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Both sides of it, and what they were compared with."""

    vanilla: Side
    adapter: Side
    planned: tuple[PlannedImage, ...]
    photographs: Manifest
    recognised: Recognised

    @property
    def warnings(self) -> list[str]:
        """Of the measures and of the classifier, each once."""
        measures = [line for side in (self.vanilla, self.adapter) for line in side.measures["warnings"]]
        return list(dict.fromkeys([*measures, *self.recognised.warnings]))

    def change(self, name: str) -> float | None:
        """(with - without) / without; None where the measure is not above zero without."""
        before, after = self.vanilla.measures[name], self.adapter.measures[name]
        return (after - before) / before if before > 0 else None


def of_unknown_training(cards: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The adapters whose cards do not say what they were trained on: imported ones."""
    return tuple(str(card["adapter_id"]) for card in cards if not card.get("manifest"))


def unseen_photographs(store: ObjectStore, dataset: Manifest, cards: Sequence[Mapping[str, Any]]) -> Manifest:
    """The real photographs of `dataset` of objects that no adapter says, in `cards`, it was trained on.

    Raises InvalidInputError when there are none.
    """
    left = without_trained(store, dataset.select(origin="real"), cards)
    if not len(left):
        raise InvalidInputError(
            "the adapter was trained on photographs of every object of this data set; compare with another"
        )
    return left


def without_trained(store: ObjectStore, photographs: Manifest, cards: Sequence[Mapping[str, Any]]) -> Manifest:
    """Those of objects that no adapter says, in `cards`, it was trained on; what it held out is none of these."""
    seen: set[str] = set()
    for card in cards:
        if card.get("manifest"):
            frame = read_manifest(store, ObjectRef.from_json(card["manifest"])).frame
            frame = frame[~frame["object_id"].isin(_held_out(store, card))]
            seen |= {*map(canonical_id, frame["object_id"]), *frame["image"]}
    fresh = ~(photographs.frame["object_id"].map(canonical_id).isin(seen) | photographs.frame["image"].isin(seen))
    return photographs.take(fresh.to_numpy(dtype=bool))


def _held_out(store: ObjectStore, card: Mapping[str, Any]) -> list[str]:
    """Objects of an adapter's manifest that its training left out, where it says which."""
    key = f"adapters/{card.get('kept_from') or card.get('adapter_id')}/held-out.json"
    return list(json.loads(store.get(key))["objects"]) if store.exists(key) else []


def plan_comparison(
    taxonomy: Taxonomy, photographs: Manifest, most: int, seed: int
) -> tuple[tuple[PlannedImage, ...], Manifest]:
    """As many images as photographs of each combination, at most `most` in all, and those photographs.

    Every combination takes part with the same share of its photographs. Equal arguments give equal plans.
    """
    rows = sorted(photographs.records(), key=lambda record: derived_seed("compare", seed, record.image))[:most]
    counts: dict[tuple[tuple[str, str | None], ...], int] = {}
    planned = []
    for record in rows:
        labels = tuple(sorted(record.labels.items()))
        counts[labels] = counts.get(labels, -1) + 1
        planned.append(planned_image(taxonomy, record.labels, counts[labels], seed))
    return tuple(planned), Manifest.from_records(rows, photographs.tasks)


@dataclass(frozen=True)
class Bench:
    """What both sides of a comparison are made and measured with."""

    store: ObjectStore
    peers: Peers
    extractor: qc_pb2.FeatureExtractor
    planned: Sequence[PlannedImage]
    photographs: Manifest
    say: Say


def compare(bench: Bench, order: Order, classifier: ObjectRef | None) -> Comparison:
    """Generates every planned image with the adapters of `order` and without any, and measures both.

    The bundle `classifier` says what it sees in them, where it knows the photographs' classes. Raises the
    services' domain errors.
    """
    judge, missing = find_judge(bench.store, classifier, bench.photographs)
    bare = Order(order.base_model, (), order.settings)
    vanilla = measure(bench, "without adapter", bare)
    adapter = measure(bench, "with adapter", order)
    recognised = Recognised(missing=missing)
    if judge is not None:
        sets = {side.name: as_manifest(bench, side.images) for side in (vanilla, adapter)}
        recognised = recognise(bench.store, bench.peers, judge, sets, bench.photographs, bench.say)
    return Comparison(vanilla, adapter, tuple(bench.planned), bench.photographs, recognised)


def measure(bench: Bench, name: str, order: Order) -> Side:
    """Generates every planned image as `order` says, and measures how far they are from the photographs."""

    def say(at: Progress) -> None:
        bench.say(f"images {name}{f' ({at.message})' if at.message else ''}", at.done, at.total)

    cancellation = Cancellation()
    made = generate_in_shards(
        Calls(bench.peers, cancellation),
        order,
        prompt_items(bench.planned, bench.store),
        shard_size=_SHARD,
        parallel=1,
        report=say,
    )
    keys = {identity: ref_from_proto(image.image).key for identity, image in made.items()}
    manifest = write_manifest(bench.store, as_manifest(bench, keys))
    request = qc_pb2.CompareSetsRequest(
        request_id=digest([manifest.sha256, sorted(bench.photographs.frame["image"]), str(bench.extractor)])[:32],
        first=ref_to_proto(manifest),
        second=ref_to_proto(write_manifest(bench.store, bench.photographs)),
        extractor=bench.extractor,
    )
    bench.say(f"measuring images {name}", 0, 0)
    result = bench.peers.stream("qc", "CompareSets", request, lambda _: None, cancellation)
    return Side(name, keys, _measures(result))


def as_manifest(bench: Bench, keys: Mapping[str, str]) -> Manifest:
    """Images made of the plan, given by their store keys, with the labels that were asked for."""
    size = bench.photographs.frame.iloc[0]
    records = [
        Record(
            image=keys[image.prompt_id],
            object_id=f"synthetic-{image.prompt_id}",
            labels=dict(image.labels),
            split="train",
            origin="synthetic",
            width_px=int(size["width_px"]),
            height_px=int(size["height_px"]),
            source=image.prompt_id,
            caption=image.prompt,
        )
        for image in bench.planned
    ]
    return Manifest.from_records(records, bench.photographs.tasks)


def _measures(result: qc_pb2.SetMeasures) -> dict[str, Any]:
    values = {field.name: value for field, value in result.ListFields()}
    return {"fid": 0.0, "kid": 0.0, "kid_low": 0.0, "kid_high": 0.0} | values | {"warnings": list(result.warnings)}


def resize_words(measures: Mapping[str, Any]) -> str:
    """The resize mode of measures and what it does: `clean (299 px, ...)`."""
    mode, preparation = measures.get("resize", ""), measures.get("preparation", "")
    return f"{mode} ({preparation})" if preparation else str(mode)


def table(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    """A row per measure, as in the paper: without the adapter, with it, the change, and the photographs."""
    sides = (comparison.vanilla, comparison.adapter)
    measures = [side.measures for side in sides]
    kid = [f"{m['kid']:.4f} ({m['kid_low']:.4f} to {m['kid_high']:.4f})" for m in measures]
    counts = [f"{m['first_count']} / {m['second_count']}" for m in measures]
    rows = [
        ["FID", *(f"{m['fid']:.1f}" for m in measures), _percent(comparison.change("fid")), ""],
        ["KID (95 % interval)", *kid, _percent(comparison.change("kid")), ""],
        ["n images / photographs", *counts, "", ""],
        *(_recognised_row(comparison, asked) for asked in comparison.recognised.asked),
    ]
    return ["", *(side.name for side in sides), "change", PHOTOGRAPHS], rows


def _percent(change: float | None) -> str:
    return "–" if change is None else f"{change:+.0%}"


def _recognised_row(comparison: Comparison, asked: str) -> list[str]:
    found, name = comparison.recognised, f"{asked} as asked"
    if found.sets is None:
        return [name, f"not known: {found.missing}", "", "", ""]
    before, after, known = (
        found.sets[of][asked] for of in (comparison.vanilla.name, comparison.adapter.name, PHOTOGRAPHS)
    )
    points = f"{100 * (after.value - before.value):+.0f} points" if before.n and after.n else "–"
    return [name, share_words(before), share_words(after), points, share_words(known)]
