"""What a sweep compares: cells of steps and weight, photographs that no adapter was trained on, images for them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.dataset.seeds import derived_seed
from saggar.dataset.synthetic.plan import PlannedImage, find_rare, planned_image
from saggar.errors import InvalidInputError
from saggar.store import ObjectStore
from saggar.taxonomy import Labels, Taxonomy

from saggar_orchestrator.adapter_comparison.comparing import without_trained
from saggar_orchestrator.peers.adapters import AdapterEntry, find_adapter

LEAST = 2  # photographs: one has no spread
_ALL = 1_000_000_000


@dataclass(frozen=True)
class Cell:
    """An adapter, trained for `steps`, at `weight`; without an adapter: the bare base model."""

    adapter: AdapterEntry | None = None
    weight: float = 0.0

    @property
    def steps(self) -> int:
        return int(self.adapter.card["steps"]) if self.adapter else 0

    @property
    def name(self) -> str:
        if self.adapter is None:
            return "without adapter"
        return f"{self.adapter.adapter_id[:8]}, {self.steps} steps at {self.weight:g}"


def stages_of(store: ObjectStore, entries: Sequence[AdapterEntry], steps: Sequence[int]) -> list[AdapterEntry]:
    """Each adapter after those that its training kept on the way; only of `steps` where any are given.

    Raises InvalidInputError for adapters of different base models, and for steps that none of them has.
    """
    found = {one.adapter_id: one for entry in entries for one in (*_kept(store, entry), entry)}
    bases = {one.card["base_hash"]: one.base_model for one in found.values()}
    if len(bases) > 1:
        raise InvalidInputError(
            f"these adapters are for different base models ({', '.join(sorted(bases.values()))}); sweep them apart"
        )
    known = sorted({int(one.card["steps"]) for one in found.values()})
    if lacking := [str(step) for step in steps if step not in known]:
        raise InvalidInputError(
            f"no adapter after {', '.join(lacking)} steps; there are: {', '.join(map(str, known))}. A training keeps "
            "more with adapter.keep_every_steps"
        )
    return [one for one in found.values() if not steps or int(one.card["steps"]) in steps]


def _kept(store: ObjectStore, entry: AdapterEntry) -> list[AdapterEntry]:
    names = sorted(store.list(f"adapters/{entry.adapter_id}/kept/"))
    return [find_adapter(store, json.loads(store.get(name))["adapter"]) for name in names]


@dataclass(frozen=True)
class Subject:
    """Photographs to compare with, as many images for each as asked, and what was left out.

    `rarer`: combinations that are rarer than the ones chosen, or as rare, and have no photograph to compare with.
    """

    photographs: Manifest
    planned: tuple[PlannedImage, ...]
    rarer: int = 0

    @property
    def combinations(self) -> list[tuple[Labels, int]]:
        """Each with its number of photographs, in the order of the plan."""
        counts = Counter(tuple(sorted(record.labels.items())) for record in self.photographs.records())
        return [(dict(labels), count) for labels, count in counts.items()]


@dataclass(frozen=True)
class Choice:
    """Which photographs take part: `combinations` by some of their labels, else the `rarest`; at most `photographs` of
    each; and how many images there are for each of them.
    """

    combinations: tuple[Mapping[str, str], ...] = ()
    rarest: int = 9
    photographs: int = 8
    images: int = 2
    seed: int = 0


def choose_subject(
    store: ObjectStore, taxonomy: Taxonomy, dataset: Manifest, stages: Sequence[AdapterEntry], choice: Choice
) -> Subject:
    """Photographs of the training split, and of no other, of objects that none of `stages` was trained on.

    Images have the photographs' labels in equal shares; prompts and seeds depend on labels, numbers and the choice's
    seed alone. Raises InvalidInputError where there are no such photographs, or too few.
    """
    training = dataset.select(split="train", origin="real")
    if not len(training):
        raise InvalidInputError(
            "this data set has no training split, and photographs of validation and test must not choose: name one "
            "that an experiment has divided; `saggar data list --all` shows them with their split"
        )
    left = without_trained(store, training, [entry.card for entry in stages])
    if not len(left):
        raise InvalidInputError(
            "the adapter was trained on every object of the training split: hold some out with "
            "adapter.validation_share (0.1, say), or show it fewer with adapter.images, and train again"
        )
    groups, rarer = (
        (_asked_for(taxonomy, left, choice.combinations), 0) if choice.combinations else _rarest(training, left, choice)
    )
    rows = [record for group in groups for record in _drawn(group, choice)]
    if len(rows) < LEAST:
        raise InvalidInputError(
            f"{len(rows)} photograph to compare with; {LEAST} are the least: name more combinations, or hold out more "
            "photographs with adapter.validation_share"
        )
    numbers: Counter[tuple[tuple[str, str | None], ...]] = Counter()
    planned = []
    for record in rows:
        labels = tuple(sorted(record.labels.items()))
        for _ in range(choice.images):
            planned.append(planned_image(taxonomy, record.labels, numbers[labels], choice.seed))
            numbers[labels] += 1
    return Subject(Manifest.from_records(rows, training.tasks), tuple(planned), rarer)


def _asked_for(taxonomy: Taxonomy, left: Manifest, combinations: Sequence[Mapping[str, str]]) -> list[list[Record]]:
    groups: list[list[Record]] = []
    taken: set[str] = set()
    for labels in combinations:
        for task, code in labels.items():
            taxonomy.task(task).index(code)  # refuses what it lacks
        group = [
            record
            for record in left.records()
            if record.image not in taken and all(record.labels.get(task) == code for task, code in labels.items())
        ]
        if not group:
            words = ", ".join(f"{task}={code}" for task, code in labels.items())
            raise InvalidInputError(
                f"no held-out training photograph of {words}: the adapter was trained on all there are, or there is "
                "none; leave it out, or hold some out with adapter.validation_share"
            )
        taken |= {record.image for record in group}
        groups.append(group)
    return groups


def _rarest(training: Manifest, left: Manifest, choice: Choice) -> tuple[list[list[Record]], int]:
    """Photographs of the combinations with the fewest of them in the training split, and how many as rare have none."""
    ranked = find_rare(training, at_most=_ALL, limit=_ALL)
    by_labels: dict[tuple[tuple[str, str | None], ...], list[Record]] = {}
    for record in left.records():
        by_labels.setdefault(tuple(sorted(record.labels.items())), []).append(record)
    groups: list[list[Record]] = []
    without = 0
    for labels in ranked:
        if len(groups) == choice.rarest:
            break
        group = by_labels.get(tuple(sorted(labels.items())))
        if group is None:
            without += 1
        else:
            groups.append(group)
    if not groups:
        raise InvalidInputError(
            "no photograph that the adapter was not trained on has all its labels; name combinations by some of them "
            "with --combination"
        )
    return groups, without


def _drawn(group: Sequence[Record], choice: Choice) -> list[Record]:
    ordered = sorted(group, key=lambda record: derived_seed("sweep", choice.seed, record.image))
    return ordered[: choice.photographs]
