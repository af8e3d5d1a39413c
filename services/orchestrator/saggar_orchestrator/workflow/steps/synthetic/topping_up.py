"""Images in place of rejected ones: made, screened and reviewed until an arm has what it asks for, or a limit.

The generator finds again what it made for another arm or before a restart, and a screening or review with
equal inputs is found too, so the rounds may begin anew at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.dataset.synthetic.plan import PlannedImage
from saggar.dataset.synthetic.top_up import top_up
from saggar.progress import Report
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.manifests import union_of
from saggar_orchestrator.workflow.steps.synthetic.generating import Painter
from saggar_orchestrator.workflow.steps.synthetic.judging import Judges, Reviewers
from saggar_orchestrator.workflow.steps.synthetic.planning import starting
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import StoredPlan, planned_from_json, planned_to_json


@dataclass(frozen=True)
class _Standing:
    """How far an arm is: what was asked for, its images, and what came of their screening."""

    arm: str
    planned: tuple[PlannedImage, ...]
    asked: tuple[PlannedImage, ...]
    images: ObjectRef
    screened: Result
    rounds: tuple[dict[str, int], ...] = ()


@dataclass(frozen=True)
class ToppingUp:
    """What further images are made and judged with, and for how many rounds."""

    store: ObjectStore
    taxonomy: Taxonomy
    stored: StoredPlan
    painter: Painter
    judges: Judges
    photographs: ObjectRef  # manifest that images may start from
    rounds: int

    def after_screening(self, arm: str, images: ObjectRef, screened: Result, report: Report) -> Result:
        """The arm's screening once it has the accepted images that it asks for, with the rounds that this took."""
        standing = self._begin(arm, images, screened)
        for _ in range(self.rounds):
            accepted = self._ids(ObjectRef.from_json(standing.screened["accepted"]))
            further = self._missing(standing, accepted)
            if not further:
                break
            standing = self._extended(standing, further, frozenset(), report)
        return self._account(standing)

    def after_review(
        self, screenings: Mapping[str, Result], reviewed: Result, reviewers: Reviewers, report: Report
    ) -> Result:
        """As `after_screening` for all arms, in place of what people rejected; they see the new images only."""
        standings = [
            self._begin(arm, ObjectRef.from_json(screened["images"]), screened) for arm, screened in screenings.items()
        ]
        reviews = [reviewed]
        for _ in range(self.rounds):
            kept, rejected = self._judged(reviews)
            grown = []
            for standing in standings:
                accepted = self._ids(ObjectRef.from_json(standing.screened["accepted"])) & kept
                further = self._missing(standing, accepted)
                grown.append(self._extended(standing, further, rejected, report) if further else standing)
            if grown == standings:
                break
            standings = grown
            passed = [ObjectRef.from_json(standing.screened["accepted"]) for standing in standings]
            new = self._unseen(union_of(self.store, passed), kept | rejected)
            if new is not None:
                reviews.append(reviewers.review(new, report, further=True))
        return {"arms": {standing.arm: self._account(standing) for standing in standings}, "reviews": reviews}

    def _begin(self, arm: str, images: ObjectRef, screened: Result) -> _Standing:
        asked_for = set(self.stored.arms[arm])
        planned = tuple(image for image in self.stored.images if image.prompt_id in asked_for)
        extra = tuple(planned_from_json(image) for image in screened.get("further", ()))
        return _Standing(arm, planned, (*planned, *extra), images, screened, tuple(screened.get("rounds", ())))

    def _missing(self, standing: _Standing, accepted: frozenset[str]) -> tuple[PlannedImage, ...]:
        generation = self.painter.generation
        further = top_up(
            self.taxonomy,
            standing.planned,
            standing.asked,
            accepted,
            wanted=self.stored.wanted[standing.arm],
            seed=generation.seed,
            negative=generation.avoided,
            keep_cracked=generation.keep_cracked,
        )
        return starting(self.store, further, self.photographs, generation, self.taxonomy)

    def _extended(
        self, standing: _Standing, further: Sequence[PlannedImage], without: frozenset[str], report: Report
    ) -> _Standing:
        """With `further` images made, and all of them screened together but for those that people rejected."""
        made = self.painter.generate(further, report)
        images = union_of(self.store, [standing.images, ObjectRef.from_json(made["manifest"])])
        if without:
            images = write_manifest(self.store, _rest(read_manifest(self.store, images), without))
        screened = self.judges.screen(images, report)
        done = {"asked": len(further), "accepted": screened["accepted_count"]}
        return replace(
            standing,
            asked=(*standing.asked, *further),
            images=images,
            screened=screened,
            rounds=(*standing.rounds, done),
        )

    def _account(self, standing: _Standing) -> Result:
        """The last screening's result, and how it came about."""
        further = standing.asked[len(standing.planned) :]
        account: dict[str, Any] = {
            "images": standing.images.to_json(),
            "wanted": self.stored.wanted[standing.arm],
            "planned": len(standing.planned),
            "rounds": list(standing.rounds),
            "further": [planned_to_json(image) for image in further],
        }
        return standing.screened | account

    def _judged(self, reviews: Sequence[Result]) -> tuple[frozenset[str], frozenset[str]]:
        """Ids of the images that people kept, and of those that they rejected."""
        kept = [self._ids(ObjectRef.from_json(review["accepted"])) for review in reviews]
        rejected = [self._ids(ObjectRef.from_json(review["rejected"])) for review in reviews]
        return frozenset().union(*kept), frozenset().union(*rejected)

    def _unseen(self, manifest: ObjectRef, seen: frozenset[str]) -> ObjectRef | None:
        rest = _rest(read_manifest(self.store, manifest), seen)
        return write_manifest(self.store, rest) if len(rest) else None

    def _ids(self, manifest: ObjectRef) -> frozenset[str]:
        return frozenset(str(source) for source in read_manifest(self.store, manifest).frame["source"])


def _rest(manifest: Manifest, without: frozenset[str]) -> Manifest:
    return manifest.take(~manifest.frame["source"].isin(without).to_numpy(dtype=bool))
