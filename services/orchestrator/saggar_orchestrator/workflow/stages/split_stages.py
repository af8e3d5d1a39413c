"""The stages of one split of the photographs: its baseline, its images, and its arms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from saggar.store import ObjectRef

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.sections import PLANNING, Training
from saggar_orchestrator.workflow.run import Done, Stage, Workshop
from saggar_orchestrator.workflow.stages.judged_stages import JudgedStages
from saggar_orchestrator.workflow.stages.split_base import asked, painter
from saggar_orchestrator.workflow.steps import dividing, mixing, training
from saggar_orchestrator.workflow.steps.manifests import (
    held_out,
)
from saggar_orchestrator.workflow.steps.outcomes import data_stage
from saggar_orchestrator.workflow.steps.synthetic import planning
from saggar_orchestrator.workflow.steps.synthetic.generating import adapter_inputs, train_adapter
from saggar_orchestrator.workflow.steps.synthetic.stored_plan import read_plan


class SplitStages(JudgedStages):
    """All stages of one split."""

    def all(self) -> Iterator[Stage]:
        """In the order in which they are taken."""
        experiment = self._experiment
        yield self._split()
        if experiment.data.withhold:
            yield self._withhold()
        if experiment.augmentation:
            yield self._augment()
        yield from self._trained(self._base, self._real)
        if self._arms:
            yield from self._images()
            yield from self._judged()
        for arm in sorted(experiment.other_arms, key=lambda arm: arm.control is not None):
            yield from self._arm(arm)  # controls after the arms that they match

    def _split(self) -> Stage:
        number = self._number
        return self._stage(
            "split",
            "split",
            "split into train, validation, test",
            lambda shop, done: dividing.split_inputs(done["import"], shop.experiment.data, number),
            lambda shop, done, _: dividing.split_manifest(shop.store, done["import"], shop.experiment.data, number),
            needs=("import",),
        )

    def _withhold(self) -> Stage:
        split = self._key("split")
        return self._stage(
            "withhold",
            "withhold",
            "withhold photographs",
            lambda shop, done: {
                "manifest": done.ref(split).sha256,
                "count": shop.experiment.data.withhold,
                "seed": shop.experiment.data.split_seed,
            },
            lambda shop, done, _: dividing.withhold_photographs(shop.store, done.ref(split), shop.experiment.data),
            needs=(split,),
        )

    def _augment(self) -> Stage:
        left, settings = self._key(self._left), self._experiment.augmentation
        assert settings is not None  # noqa: S101 the caller has looked
        return self._stage(
            "augment",
            "augment",
            "augment rare combinations",
            lambda _, done: {"manifest": done.ref(left).sha256, "settings": settings.model_dump()},
            lambda shop, done, _: dividing.augment_manifest(shop.store, done.ref(left), settings),
            needs=(left,),
        )

    def _trained(self, arm: Arm, data: str) -> Iterator[Stage]:
        """One training and one evaluation on the test split per seed; `data`: the stage of its manifest."""
        for seed in self._experiment.seeds:
            train = f"train/{arm.name}/{seed}"
            yield self._train(arm, data, seed, key=train, title=f"train {arm.name}, seed {seed}")
            yield self._evaluate(
                f"evaluate/{arm.name}/{seed}", f"evaluate {arm.name}, seed {seed}", train, data, "test"
            )

    def _train(self, arm: Arm, data: str, seed: int, *, key: str, title: str) -> Stage:
        name = self._experiment.name

        def lesson(shop: Workshop, done: Done) -> training.Lesson:
            settings = self._settings(shop, done, arm)
            return training.Lesson(done.ref(self._key(data)), shop.taxonomy_ref, settings, seed)

        return self._stage(
            key,
            "train",
            title,
            lambda shop, done: lesson(shop, done).inputs(),
            lambda shop, done, report: training.train(
                shop.calls,
                lesson(shop, done),
                {"experiment": name, "arm": arm.name, "seed": str(seed)},
                report,
            ),
            needs=(self._key(data), self._key(self._real)),  # equal steps go by the baseline's rows
        )

    def _settings(self, shop: Workshop, done: Done, arm: Arm) -> Training:
        """The arm's settings; with equal steps an epoch has as many batches as the baseline's rows fill once."""
        settings = self._experiment.training_of(arm)
        if not self._experiment.equal_steps or settings.steps_per_epoch:
            return settings
        base = self._experiment.training_of(self._base)
        rows = len(mixing.training_rows(shop.store, done.ref(self._key(self._real))))
        steps = base.steps_per_epoch or math.ceil(rows / base.batch_size)
        return settings.with_values(steps_per_epoch=steps)

    def _evaluate(self, key: str, title: str, train: str, data: str, split: str) -> Stage:
        train, data = self._key(train), self._key(data)

        def rows(shop: Workshop, done: Done) -> ObjectRef:  # equal for all arms, so equal bundles share a step
            return held_out(shop.store, done.ref(data), split)

        return self._stage(
            key,
            "evaluate",
            title,
            lambda shop, done: training.evaluation_inputs(done.ref(train, "bundle"), rows(shop, done), split),
            lambda shop, done, report: training.evaluate(
                shop.calls, done.ref(train, "bundle"), rows(shop, done), split, report
            ),
            needs=(train, data),
        )

    def _images(self) -> Iterator[Stage]:
        """Adapter, plan and all images that any arm needs."""
        real, confusion, adapter = self._key(self._real), self._key("confusion"), self._key("adapter")
        selected, planned = self._key("select"), self._key("plan")
        yield self._evaluate(
            "confusion", f"find what {self._base.name} confuses", self._baseline_training, self._real, "validation"
        )
        yield self._stage(
            "select",
            "select",
            "choose adapter photographs",
            lambda shop, done: {
                "manifest": done.ref(real).sha256,
                "confusion": done.ref(confusion, "predictions").sha256,
                "images": shop.experiment.adapter.images,
                "tasks": shop.experiment.adapter.tasks,
                "seed": shop.experiment.adapter.selection_seed,
                "plan": shop.experiment.plan.model_dump(),
                "taxonomy": digest(shop.taxonomy.model_dump(by_alias=True)),
            },
            lambda shop, done, _: planning.select_photographs(
                shop.store,
                done.ref(real),
                done.ref(confusion, "predictions"),
                shop.experiment,
                shop.taxonomy,
            ),
            needs=(real, confusion),
        )
        yield self._stage(
            "adapter",
            "adapter",
            "train adapter",
            lambda shop, done: adapter_inputs(done["base"], done.ref(selected), shop.experiment.adapter, shop.taxonomy),
            lambda shop, done, report: train_adapter(
                shop.calls, done["base"], done.ref(selected), shop.experiment.adapter, shop.taxonomy, report
            ),
            needs=("base", selected),
        )
        yield self._stage(
            "plan",
            "plan",
            "plan synthetic images",
            lambda shop, done: {
                "real": done.ref(real).sha256,
                "confusion": done.ref(confusion, "predictions").sha256,
                "plan": shop.experiment.plan.model_dump(),
                "arms": [asked(arm) for arm in shop.experiment.synthetic_arms],
                "generation": shop.experiment.generation.model_dump(include=set(PLANNING)),
                "taxonomy": digest(shop.taxonomy.model_dump(by_alias=True)),
            },
            lambda shop, done, _: planning.plan_images(
                shop.store, done.ref(real), done.ref(confusion, "predictions"), shop.experiment, shop.taxonomy
            ),
            needs=(real, confusion),
        )
        yield self._stage(
            "generate",
            "generate",
            "generate images",
            lambda shop, done: painter(shop, done.ref(adapter, "adapter"), done["base"]).inputs(
                done.ref(planned, "plan")
            ),
            lambda shop, done, report: painter(shop, done.ref(adapter, "adapter"), done["base"]).generate(
                read_plan(shop.store, done.ref(planned, "plan")).images, report
            ),
            needs=("base", adapter, planned),
        )

    def _arm(self, arm: Arm) -> Iterator[Stage]:
        """The arm's training set, then its trainings."""
        data = data_stage(self._experiment, arm)
        if arm.synthetic is not None:
            yield from self._mixed(arm, data)
        elif arm.control is not None:
            yield self._controlled(arm, data)
        elif arm.give_back is not None:
            yield self._given_back(arm, data)
        yield from self._trained(arm, data)

    def _mixed(self, arm: Arm, key: str) -> Iterator[Stage]:
        synthetic = arm.synthetic
        assert synthetic is not None  # noqa: S101 the caller has looked
        if synthetic.share != "auto":
            share = synthetic.share
            yield self._mix(arm, key, f"mix {arm.name}", lambda _: share)
            return
        for candidate in synthetic.candidates:
            tried = f"tune/{arm.name}/{candidate:g}"
            name = f"{arm.name} at {candidate * 100:g} %"
            yield self._mix(arm, tried, f"mix {name}", _always(candidate))
            for seed in synthetic.tuning_seeds:
                yield self._train(arm, tried, seed, key=f"{tried}/{seed}", title=f"try {name}, seed {seed}")
        chosen = self._key(f"choose/{arm.name}")

        def scores(done: Done) -> dict[float, list[float]]:
            return {
                candidate: [
                    done[self._key(f"tune/{arm.name}/{candidate:g}/{seed}")]["validation_macro_f1"]
                    for seed in synthetic.tuning_seeds
                ]
                for candidate in synthetic.candidates
            }

        yield self._stage(
            f"choose/{arm.name}",
            "choose",
            f"choose share of {arm.name}",
            lambda _, done: {"scores": [[share, values] for share, values in sorted(scores(done).items())]},
            lambda _, done, __: mixing.choose_share(scores(done)),
            needs=[
                self._key(f"tune/{arm.name}/{candidate:g}/{seed}")
                for candidate in synthetic.candidates
                for seed in synthetic.tuning_seeds
            ],
        )
        yield self._mix(arm, key, f"mix {arm.name}", lambda done: done[chosen]["share"], needs=(chosen,))

    def _mix(
        self, arm: Arm, key: str, title: str, share: Callable[[Done], float | None], *, needs: tuple[str, ...] = ()
    ) -> Stage:
        synthetic, real, seed = arm.synthetic, self._key(self._real), self._experiment.generation.seed
        assert synthetic is not None  # noqa: S101 the caller has looked
        return self._stage(
            key,
            "mix",
            title,
            lambda shop, done: {
                "real": done.ref(real).sha256,
                "synthetic": self._accepted(shop, done, arm).sha256,
                "arm": asked(arm),
                "share": share(done),
                "seed": seed,
            },
            lambda shop, done, _: mixing.mix_arm(
                shop.store, synthetic, done.ref(real), self._accepted(shop, done, arm), share(done), seed
            ),
            needs=(real, *self._accepting(arm), *needs),
        )

    def _controlled(self, arm: Arm, key: str) -> Stage:
        settings, real, seed = arm.control, self._key(self._real), self._experiment.data.split_seed
        assert settings is not None  # noqa: S101 the caller has looked
        mixed = self._key(f"mix/{settings.of}")
        return self._stage(
            key,
            "control",
            f"make control {arm.name}",
            lambda _, done: {
                "real": done.ref(real).sha256,
                "mixed": done.ref(mixed).sha256,
                "by": settings.by,
                "seed": seed,
            },
            lambda shop, done, _: mixing.control_arm(shop.store, settings, done.ref(real), done.ref(mixed), seed),
            needs=(real, mixed),
        )

    def _given_back(self, arm: Arm, key: str) -> Stage:
        split, left, count = self._key("split"), self._key("withhold"), arm.give_back
        assert count is not None  # noqa: S101 the caller has looked
        augmentation = self._experiment.augmentation
        return self._stage(
            key,
            "give_back",
            f"give photographs back to {arm.name}",
            lambda shop, done: {
                "split": done.ref(split).sha256,
                "withheld": done.ref(left).sha256,
                "count": count,
                "most": shop.experiment.data.withhold,
                "seed": shop.experiment.data.split_seed,
                "augmentation": augmentation.model_dump() if augmentation else None,
            },
            lambda shop, done, _: dividing.give_back_photographs(
                shop.store, done.ref(split), done.ref(left), shop.experiment.data, count, augmentation
            ),
            needs=(split, left),
        )


def _always(share: float) -> Callable[[Done], float | None]:
    return lambda _: share
