"""Images in place of rejected ones: made, screened and reviewed until an arm has what it wants, or a limit.

The generator finds again what it made for another arm or before a restart, and a screening or review with
equal inputs is found too, so the rounds may begin anew at any time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from saggar.dataset.manifest import Manifest
from saggar.dataset.plan import PlannedImage
from saggar.dataset.top_up import top_up
from saggar.store import ObjectRef
from saggar.stored_datasets import read_manifest, write_manifest

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.progress import Result, Ticker
from saggar_orchestrator.workflow.steps import data_steps, remote_steps

if TYPE_CHECKING:
    from saggar_orchestrator.workflow.order import Run


@dataclass(frozen=True)
class Sources:
    """What images are made and judged with."""

    adapter: ObjectRef
    reference: ObjectRef  # manifest of training photographs
    baseline: ObjectRef  # bundle
    photographs: ObjectRef  # manifest that images may start from
    taxonomy: ObjectRef


@dataclass(frozen=True)
class _Standing:
    """How far an arm is: what was asked for, its images, and what came of their screening."""

    arm: Arm
    planned: tuple[PlannedImage, ...]
    asked: tuple[PlannedImage, ...]
    images: ObjectRef
    screened: Result
    rounds: tuple[dict[str, int], ...] = ()


def after_screening(
    run: Run, tick: Ticker, arm: Arm, plan: ObjectRef, images: ObjectRef, screened: Result, sources: Sources
) -> Result:
    """The arm's screening once it has the accepted images that it wants, with the rounds that this took."""
    stored = data_steps.read_plan(run, plan)
    standing = _begin(stored, arm, images, screened)
    for _ in range(run.experiment.plan.top_up_rounds):
        accepted = _ids(run, ObjectRef.from_json(standing.screened["accepted"]))
        further = _missing(run, stored, standing, accepted, sources)
        if not further:
            break
        standing = _extended(run, tick, standing, further, sources, without=frozenset())
    return _told(stored, standing)


def after_review(
    run: Run,
    tick: Ticker,
    plan: ObjectRef,
    screenings: dict[str, Result],
    reviewed: Result,
    sources: Sources,
) -> Result:
    """As `after_screening` for all arms, in place of what people rejected; they see the new images only."""
    stored = data_steps.read_plan(run, plan)
    standings = [
        _begin(stored, arm, ObjectRef.from_json(screenings[arm.name]["images"]), screenings[arm.name])
        for arm in run.experiment.synthetic_arms
    ]
    reviews = [reviewed]
    for _ in range(run.experiment.plan.top_up_rounds):
        kept, rejected = _judged(run, reviews)
        grown = []
        for standing in standings:
            accepted = _ids(run, ObjectRef.from_json(standing.screened["accepted"])) & kept
            further = _missing(run, stored, standing, accepted, sources)
            grown.append(_extended(run, tick, standing, further, sources, without=rejected) if further else standing)
        if grown == standings:
            break
        standings = grown
        passed = [ObjectRef.from_json(standing.screened["accepted"]) for standing in standings]
        new = _unseen(run, data_steps.union_of(run, passed), kept | rejected)
        if new is None:
            continue
        reviews.append(remote_steps.review(run, tick, new, sources.reference, sources.taxonomy, sources.baseline))
    return {
        "arms": {standing.arm.name: _told(stored, standing) for standing in standings},
        "reviews": reviews,
    }


def _begin(stored: data_steps.StoredPlan, arm: Arm, images: ObjectRef, screened: Result) -> _Standing:
    wanted = set(stored.arms[arm.name])
    planned = tuple(image for image in stored.images if image.prompt_id in wanted)
    extra = tuple(PlannedImage(**image) for image in screened.get("further", ()))
    rounds = tuple(screened.get("rounds", ()))
    return _Standing(arm, planned, (*planned, *extra), images, screened, rounds)


def _missing(
    run: Run, stored: data_steps.StoredPlan, standing: _Standing, accepted: frozenset[str], sources: Sources
) -> tuple[PlannedImage, ...]:
    generation = run.experiment.generation
    further = top_up(
        run.taxonomy,
        standing.planned,
        standing.asked,
        accepted,
        wanted=stored.wanted[standing.arm.name],
        seed=generation.seed,
        negative=generation.avoided,
        keep_cracked=generation.keep_cracked,
    )
    return data_steps.started(run, further, sources.photographs)


def _extended(
    run: Run,
    tick: Ticker,
    standing: _Standing,
    further: Sequence[PlannedImage],
    sources: Sources,
    without: frozenset[str],
) -> _Standing:
    """With `further` images made, and all of them screened together but for those that people rejected."""
    made = remote_steps.generate_images(run, tick, further, sources.adapter)
    manifests = [standing.images, ObjectRef.from_json(made["manifest"])]
    images = _left(run, data_steps.union_of(run, manifests), without)
    screened = remote_steps.screen(run, tick, images, sources.reference, sources.baseline)
    done = {"asked": len(further), "accepted": screened["accepted_count"]}
    return replace(
        standing,
        asked=(*standing.asked, *further),
        images=images,
        screened=screened,
        rounds=(*standing.rounds, done),
    )


def _told(stored: data_steps.StoredPlan, standing: _Standing) -> Result:
    """The last screening's result, and how it came about."""
    further = standing.asked[len(standing.planned) :]
    told: dict[str, Any] = {
        "images": standing.images.to_json(),
        "wanted": stored.wanted[standing.arm.name],
        "planned": len(standing.planned),
        "rounds": list(standing.rounds),
        "further": [data_steps.planned_to_json(image) for image in further],
    }
    return standing.screened | told


def _judged(run: Run, reviews: Sequence[Result]) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of the images that people kept, and of those that they rejected."""
    kept = [_ids(run, ObjectRef.from_json(review["accepted"])) for review in reviews]
    rejected = [_ids(run, ObjectRef.from_json(review["rejected"])) for review in reviews]
    return frozenset().union(*kept), frozenset().union(*rejected)


def _ids(run: Run, manifest: ObjectRef) -> frozenset[str]:
    return frozenset(str(source) for source in read_manifest(run.store, manifest).frame["source"])


def _left(run: Run, manifest: ObjectRef, without: frozenset[str]) -> ObjectRef:
    if not without:
        return manifest
    return write_manifest(run.store, _rest(read_manifest(run.store, manifest), without))


def _unseen(run: Run, manifest: ObjectRef, seen: frozenset[str]) -> ObjectRef | None:
    rest = _rest(read_manifest(run.store, manifest), seen)
    return write_manifest(run.store, rest) if len(rest) else None


def _rest(manifest: Manifest, without: frozenset[str]) -> Manifest:
    return manifest.take(~manifest.frame["source"].isin(without).to_numpy(dtype=bool))
