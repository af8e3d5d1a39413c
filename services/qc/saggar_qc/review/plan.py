"""What a review asks: its items, who sees which twice, and the controls mixed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, InvalidInputError
from saggar.job_settings.review import ReviewSettings
from saggar.store import ObjectRef
from saggar.taxonomy import Taxonomy

NEIGHBOURS = 4  # photographs shown beside an image

Control = Literal["real", "bad"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HeldReview(ReviewSettings):
    """How a review is held: what the caller decides, and what the service does."""

    lease_seconds: float = Field(default=600.0, ge=1)
    seed: int = 0


class Item(Strict):
    """One image to look at, with the labels that it claims."""

    item_id: str
    image: str  # key in the store
    labels: dict[str, str]
    source: str = ""
    control: Control | None = None
    double: bool = False
    neighbours: tuple[str, ...] = ()  # keys of the photographs that are most like it


class Stored(Strict):
    """An object of the store."""

    key: str
    sha256: str
    size_bytes: int
    media_type: str


class Review(Strict):
    """All that reviewers are asked. The order of `items` is the order of the queue."""

    review_id: str
    title: str
    manifest: Stored  # under review
    taxonomy: str  # id
    tasks: tuple[str, ...]
    class_names: dict[str, dict[str, dict[str, str]]]  # task -> code -> language -> name
    settings: HeldReview
    items: tuple[Item, ...]

    @property
    def asked(self) -> tuple[Item, ...]:
        """The items that count: all but controls."""
        return tuple(item for item in self.items if item.control is None)


def plan_review(
    title: str,
    manifest: Manifest,
    stored: ObjectRef,
    photographs: Manifest,
    taxonomy: Taxonomy,
    *,
    settings: HeldReview,
    neighbours: Mapping[str, tuple[str, ...]] | None = None,
) -> Review:
    """A review of `manifest`'s images, with controls from `photographs`; equal inputs give the equal review.

    `stored` is where `manifest` lies.

    `neighbours` names, by image, the photographs to show beside it; without, those with the same labels.

    Known-real controls are photographs with their own labels. Known-bad ones are photographs with the label
    of another class in every task.

    Raises InvalidInputError when there is nothing to review.
    """
    rows = list(manifest.records())
    if not rows:
        text = "the manifest has no rows; there is nothing to review"
        raise InvalidInputError(text, (FieldViolation("manifest", text),))
    identity = _digest([stored.sha256, settings.model_dump(mode="json"), [r.image for r in photographs.records()]])[:16]
    class_names = {
        task.name: {each.code: each.names.model_dump(by_alias=True, exclude_none=True) for each in task.classes}
        for task in taxonomy.tasks
    }
    chosen = _shuffled(rows, identity, "sample")
    if settings.policy == "sample":
        chosen = chosen[: settings.sample_size]
    doubles = round(settings.double_share * len(chosen))
    items = [_item(record, identity, double=place < doubles) for place, record in enumerate(chosen)]
    items += _controls(photographs, identity, settings.controls, class_names)
    if neighbours is None:
        neighbours = _same_labels(items, photographs)
    items = [item.model_copy(update={"neighbours": neighbours.get(item.image, ())}) for item in items]
    items.sort(key=lambda item: _digest([identity, "queue", item.item_id]))
    return Review(
        review_id=identity,
        title=title,
        manifest=Stored(**stored.to_json()),
        taxonomy=taxonomy.id,
        tasks=tuple(manifest.tasks),
        class_names=class_names,
        settings=settings,
        items=tuple(items),
    )


def _same_labels(items: Sequence[Item], photographs: Manifest) -> dict[str, tuple[str, ...]]:
    """For each image the photographs that share most labels with it, itself left out."""
    known = [(r.image, {t: c for t, c in r.labels.items() if c}) for r in photographs.records()]
    found = {}
    for item in items:
        shared = [(-len(item.labels.items() & labels.items()), image) for image, labels in known if image != item.image]
        found[item.image] = tuple(image for _, image in sorted(shared)[:NEIGHBOURS])
    return found


def _controls(
    photographs: Manifest, identity: str, each: int, class_names: dict[str, dict[str, dict[str, str]]]
) -> list[Item]:
    labelled = [record for record in photographs.records() if any(record.labels.values())]
    drawn = _shuffled(labelled, identity, "controls")
    real = [_item(record, identity, control="real") for record in drawn[:each]]
    bad = []
    for record in drawn[each : 2 * each]:
        labels = {task: _another(task, code, class_names) for task, code in record.labels.items() if code}
        bad.append(_item(record, identity, control="bad").model_copy(update={"labels": labels}))
    return real + bad


def _another(task: str, code: str, class_names: dict[str, dict[str, dict[str, str]]]) -> str:
    codes = sorted(class_names.get(task, {}))
    if len(codes) < 2 or code not in codes:
        return code
    return codes[(codes.index(code) + len(codes) // 2) % len(codes)]


def _item(record: Record, identity: str, *, control: Control | None = None, double: bool = False) -> Item:
    labels = {task: code for task, code in record.labels.items() if code}
    return Item(
        item_id=_digest([identity, record.source, record.image, control])[:16],
        image=record.image,
        labels=labels,
        source=record.source,
        control=control,
        double=double,
    )


def _shuffled(records: Sequence[Record], identity: str, purpose: str) -> list[Record]:
    return sorted(records, key=lambda record: _digest([identity, purpose, record.source, record.image]))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
