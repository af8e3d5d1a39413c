"""The stages in which a split's images are judged: screening, topping up, review by people."""

from __future__ import annotations

from collections.abc import Iterator

from saggar.store import ObjectRef

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.sections import PLANNING
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import Done, Stage, Workshop
from saggar_orchestrator.workflow.stages.split_base import SplitBase, painter
from saggar_orchestrator.workflow.steps.manifests import (
    kept_by_reviews,
    real_training_rows,
    union_of,
    with_prompts,
)
from saggar_orchestrator.workflow.steps.synthetic.judging import Judges, Reviewers
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import read_plan
from saggar_orchestrator.workflow.steps.synthetic.topping_up import ToppingUp


class JudgedStages(SplitBase):
    """Screening and review of one split."""

    def _judged(self) -> Iterator[Stage]:
        """Screening of every arm's images, and review by people of what passed any."""
        experiment = self._experiment
        rounds = experiment.plan.top_up_rounds
        for arm in self._arms:
            yield self._screen(arm)
            if rounds:
                yield self._top_up(arm)
        if experiment.review.policy != "none":
            yield self._review()
            if self._tops_up_after_review:
                yield self._top_up_after_review()

    def _screened(self, arm: Arm) -> str:
        """The stage of the arm's last screening."""
        last = "top up" if self._experiment.plan.top_up_rounds else "screen"
        return self._key(f"{last}/{arm.name}")

    @property
    def _judging(self) -> tuple[str, ...]:
        """What `_judges` and `_reviewers` read."""
        return self._key(self._left), self._key(self._baseline_training)

    @property
    def _painting(self) -> tuple[str, ...]:
        """What `_topping_up` and `_top_up_inputs` read."""
        return "base", self._key("plan"), self._key("adapter"), self._key(self._real), *self._judging

    def _arm_images(self, shop: Workshop, done: Done, arm: Arm) -> ObjectRef:
        plan = read_plan(shop.store, done.ref(self._key("plan"), "plan"))
        return with_prompts(shop.store, done.ref(self._key("generate")), plan.arms[arm.name])

    def _judges(self, shop: Workshop, done: Done) -> Judges:
        reference = real_training_rows(shop.store, done.ref(self._key(self._left)))
        bundle = done.ref(self._key(self._baseline_training), "bundle")
        return Judges(shop.calls, shop.experiment.screening, reference, bundle)

    def _reviewers(self, shop: Workshop, done: Done) -> Reviewers:
        title = self._prefix + (shop.experiment.title or shop.experiment.name)
        experiment = f"{shop.experiment.name} ({shop.specification.experiment_id[:8]})"
        judges = self._judges(shop, done)
        return Reviewers(judges, shop.experiment.review, shop.taxonomy_ref, title, experiment, shop.reviews)

    def _topping_up(self, shop: Workshop, done: Done) -> ToppingUp:
        return ToppingUp(
            store=shop.store,
            taxonomy=shop.taxonomy,
            stored=read_plan(shop.store, done.ref(self._key("plan"), "plan")),
            painter=painter(shop, done.ref(self._key("adapter"), "adapter"), done["base"]),
            judges=self._judges(shop, done),
            photographs=done.ref(self._key(self._real)),
            rounds=shop.experiment.plan.top_up_rounds,
        )

    def _top_up_inputs(self, shop: Workshop, done: Done) -> Result:
        """What decides further images: all that decides images, and how many are asked for."""
        made_by = painter(shop, done.ref(self._key("adapter"), "adapter"), done["base"])
        return {
            "generation": made_by.inputs(done.ref(self._key("plan"), "plan")),
            "photographs": done.ref(self._key(self._real)).sha256,
            "planning": shop.experiment.generation.model_dump(include=set(PLANNING)),
            "rounds": shop.experiment.plan.top_up_rounds,
        }

    def _screen(self, arm: Arm) -> Stage:
        return self._stage(
            f"screen/{arm.name}",
            "screen",
            f"screen {arm.name}",
            lambda shop, done: self._judges(shop, done).screen_inputs(self._arm_images(shop, done, arm)),
            lambda shop, done, report: self._judges(shop, done).screen(self._arm_images(shop, done, arm), report),
            needs=(self._key("plan"), self._key("generate"), *self._judging),
        )

    def _top_up(self, arm: Arm) -> Stage:
        screened = self._key(f"screen/{arm.name}")
        return self._stage(
            f"top up/{arm.name}",
            "top_up",
            f"top up {arm.name}",
            lambda shop, done: (
                self._top_up_inputs(shop, done)
                | {
                    "arm": arm.name,
                    "screen": self._judges(shop, done).screen_inputs(self._arm_images(shop, done, arm)),
                }
            ),
            lambda shop, done, report: self._topping_up(shop, done).after_screening(
                arm.name, self._arm_images(shop, done, arm), done[screened], report
            ),
            needs=(screened, self._key("generate"), *self._painting),
        )

    def _screenings(self, done: Done) -> dict[str, Result]:
        """The last screening of every arm."""
        return {arm.name: done[self._screened(arm)] for arm in self._arms}

    def _review(self) -> Stage:
        def images(shop: Workshop, done: Done) -> ObjectRef:
            accepted = [ObjectRef.from_json(one["accepted"]) for one in self._screenings(done).values()]
            return union_of(shop.store, accepted)

        return self._stage(
            "review",
            "review",
            "review by people",
            lambda shop, done: self._reviewers(shop, done).inputs(images(shop, done)),
            lambda shop, done, report: self._reviewers(shop, done).review(images(shop, done), report),
            needs=(*map(self._screened, self._arms), *self._judging),
        )

    def _top_up_after_review(self) -> Stage:
        review = self._key("review")
        return self._stage(
            "top up after review",
            "top_up",
            "top up after review",
            lambda shop, done: (
                self._top_up_inputs(shop, done)
                | {
                    "screened": {name: one["accepted"]["sha256"] for name, one in self._screenings(done).items()},
                    "reviewed": done.ref(review, "accepted").sha256,
                    "terms": shop.experiment.review.model_dump(),
                }
            ),
            lambda shop, done, report: self._topping_up(shop, done).after_review(
                self._screenings(done), done[review], self._reviewers(shop, done), report
            ),
            needs=(*map(self._screened, self._arms), review, *self._painting),
        )

    @property
    def _tops_up_after_review(self) -> bool:
        experiment = self._experiment
        return bool(experiment.plan.top_up_rounds) and experiment.review.policy == "all"

    def _accepting(self, arm: Arm) -> tuple[str, ...]:
        """What `_accepted` reads."""
        if self._tops_up_after_review:
            return (self._key("top up after review"),)
        reviewed = () if self._experiment.review.policy == "none" else (self._key("review"),)
        return self._screened(arm), *reviewed

    def _accepted(self, shop: Workshop, done: Done, arm: Arm) -> ObjectRef:
        """What quality control left of the arm's images."""
        if self._tops_up_after_review:
            topped = done[self._key("top up after review")]
            screened, reviews = topped["arms"][arm.name], topped["reviews"]
        else:
            first, *others = self._accepting(arm)
            screened, reviews = done[first], [done[key] for key in others]
        return kept_by_reviews(shop.store, ObjectRef.from_json(screened["accepted"]), reviews)
