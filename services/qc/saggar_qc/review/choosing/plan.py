"""What a review asks: its items, who sees which twice, and the controls mixed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, refuse
from saggar.job_settings.review import ReviewSettings
from saggar.store import ObjectRef
from saggar.taxonomy import Taxonomy

from saggar_qc.measures.featureset import combination_tag
from saggar_qc.review.choosing.sampling import Strata, draw, tally

NEIGHBOURS = 4  # photographs of each kind shown beside an image

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
    neighbours: tuple[str, ...] = ()  # keys of the photographs that look most like it
    alike: tuple[str, ...] = ()  # keys of photographs with the labels that it claims


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
    experiment: str = ""  # whose images they are; empty: of no experiment
    manifest: Stored  # under review
    taxonomy: str  # id
    tasks: tuple[str, ...]
    class_names: dict[str, dict[str, dict[str, str]]]  # task -> code -> language -> name
    captions: dict[str, dict[str, str]] = {}  # key of a photograph shown beside an image -> its labels
    strata: Strata = {}  # combination -> images; empty: of before samples were drawn by combination
    settings: HeldReview
    items: tuple[Item, ...]

    @property
    def asked(self) -> tuple[Item, ...]:
        """The items that count: all but controls."""
        return tuple(item for item in self.items if item.control is None)


@dataclass(frozen=True)
class Question:
    """What people are asked about: `manifest`, which lies at `stored`, beside `photographs`."""

    title: str
    manifest: Manifest
    stored: ObjectRef
    photographs: Manifest
    taxonomy: Taxonomy
    experiment: str = ""


def plan_review(
    question: Question, settings: HeldReview, neighbours: Mapping[str, tuple[str, ...]] | None = None
) -> Review:
    """A review of the question's images, with controls from its photographs; equal inputs give the equal review.

    `neighbours` names, by image, the photographs nearest to it. Beside them stand photographs with the labels that
    the image claims. Control images appear as neither.

    Known-real controls are photographs with their own labels. Known-bad ones are photographs of which one label, of
    a task that can be seen (form or surface), is another class's.

    Raises InvalidInputError when there is nothing to review.
    """
    rows = list(question.manifest.records())
    refuse([] if rows else [FieldViolation("manifest", "has no rows; there is nothing to review")])
    photographs = list(question.photographs.records())
    identity = _digest(
        [question.stored.sha256, settings.model_dump(mode="json"), [r.image for r in photographs], question.experiment]
    )[:16]
    strata = tally(combination_tag(record.labels) for record in rows)
    chosen = _shuffled(rows, identity, "sample")
    if settings.policy == "sample":
        chosen = draw(chosen, [combination_tag(record.labels) for record in chosen], settings.sample_size)
    doubles = round(settings.double_share * len(chosen))
    items = [_item(record, identity, double=place < doubles) for place, record in enumerate(chosen)]
    controls = _controls(photographs, identity, settings.controls, question.taxonomy)
    shown = {item.image for item in controls}
    beside = [record for record in photographs if record.image not in shown]
    items = _with_photographs(items + controls, beside, neighbours or {})
    items.sort(key=lambda item: _digest([identity, "queue", item.item_id]))
    labels = {record.image: _known(record.labels) for record in beside}
    return Review(
        review_id=identity,
        title=question.title,
        experiment=question.experiment,
        manifest=Stored(**question.stored.to_json()),
        taxonomy=question.taxonomy.id,
        tasks=tuple(question.manifest.tasks),
        class_names={
            task.name: {each.code: each.names.model_dump(by_alias=True, exclude_none=True) for each in task.classes}
            for task in question.taxonomy.tasks
        },
        captions={key: labels[key] for item in items for key in (*item.neighbours, *item.alike)},
        strata=strata,
        settings=settings,
        items=tuple(items),
    )


def _with_photographs(
    items: Sequence[Item], photographs: Sequence[Record], neighbours: Mapping[str, tuple[str, ...]]
) -> list[Item]:
    """Items with their nearest photographs, and those that share most labels with them."""
    free = {record.image for record in photographs}
    by_combination: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for record in photographs:
        by_combination.setdefault(tuple(_known(record.labels).items()), []).append(record.image)
    found: dict[tuple[tuple[str, str], ...], tuple[str, ...]] = {}  # few combinations, many items
    made = []
    for item in items:
        claimed = tuple(item.labels.items())
        if claimed not in found:
            ranked = sorted(by_combination, key=lambda known: (-len(set(claimed) & set(known)), known))
            some = [image for known in ranked[: 2 * NEIGHBOURS] for image in by_combination[known]]
            found[claimed] = tuple(some[: 2 * NEIGHBOURS])
        near = tuple(key for key in neighbours.get(item.image, ()) if key in free)[:NEIGHBOURS]
        alike = tuple(key for key in found[claimed] if key not in near)[:NEIGHBOURS]
        made.append(item.model_copy(update={"neighbours": near, "alike": alike}))
    return made


def _controls(photographs: Sequence[Record], identity: str, each: int, taxonomy: Taxonomy) -> list[Item]:
    labelled = [record for record in photographs if any(record.labels.values())]
    drawn = _shuffled(labelled, identity, "controls")
    real = [_item(record, identity, control="real") for record in drawn[:each]]
    bad: list[Item] = []
    for record in drawn[each:]:
        wrong = _one_wrong(_known(record.labels), taxonomy, int(_digest([identity, "wrong", record.image])[:8], 16))
        if wrong is not None and len(bad) < each:
            bad.append(_item(record, identity, control="bad").model_copy(update={"labels": wrong}))
    return real + bad


def _one_wrong(labels: dict[str, str], taxonomy: Taxonomy, place: int) -> dict[str, str] | None:
    """The labels with another class in one task; None where no task has two classes."""
    tasks = [task for task in taxonomy.tasks if labels.get(task.name) in task.codes and len(task.codes) > 1]
    tasks = [task for task in tasks if task.told_by in ("form", "surface")] or tasks
    if not tasks:
        return None
    task = tasks[place % len(tasks)]
    codes = sorted(task.codes)
    other = codes[(codes.index(labels[task.name]) + len(codes) // 2) % len(codes)]
    return labels | {task.name: other}


def _known(labels: Mapping[str, str | None]) -> dict[str, str]:
    return {task: code for task, code in labels.items() if code}


def _item(record: Record, identity: str, *, control: Control | None = None, double: bool = False) -> Item:
    return Item(
        item_id=_digest([identity, record.source, record.image, control])[:16],
        image=record.image,
        labels=_known(record.labels),
        source=record.source,
        control=control,
        double=double,
    )


def _shuffled(records: Sequence[Record], identity: str, purpose: str) -> list[Record]:
    return sorted(records, key=lambda record: _digest([identity, purpose, record.source, record.image]))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
