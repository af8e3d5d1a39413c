"""An experiment from photographs to report, one step after another.

Everything is made once except the trainings: one split (data seed), one adapter and one set of generated
images (generation seed), then one training per arm and training seed. So arms and seeds are compared on the
same test images. Adapter, plan and screening see the training split, and the baseline's mistakes on
validation images; the test split is looked at by `evaluate` alone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saggar.errors import SaggarError
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.experiment.sections import PLANNING
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Board, Cancellation, Result, StepRecord, Ticker, find_or_do, step_id
from saggar_orchestrator.workflow.steps import data_steps, remote_steps, topping_up
from saggar_orchestrator.workflow.steps.topping_up import Sources

# Runs a piece of work under a name and remembers its outcome: DBOS.run_step, or a plain call in tests.
Durably = Callable[[str, Callable[[], StepRecord]], StepRecord]


@dataclass(frozen=True)
class Specification:
    """An experiment as it was accepted: paths absolute, its text as the user wrote it."""

    experiment_id: str
    experiment: Experiment
    taxonomy: Taxonomy
    source: dict[str, Any]  # fingerprint of the photographs
    text: str
    created_at: str


@dataclass(frozen=True)
class Resources:
    """What steps work with."""

    store: ObjectStore
    peers: Peers
    collections: Path  # where kilnsim's photographs are drawn to
    parallel_shards: int


def step_titles(experiment: Experiment) -> tuple[str, ...]:
    """The plan: a title for every step that `run_experiment` takes, in its order."""
    base = experiment.baseline.name
    titles = ["import photographs", "split into train, validation, test"]
    if experiment.augmentation:
        titles.append("augment rare combinations")
    for seed in experiment.seeds:
        titles += [f"train {base}, seed {seed}", f"evaluate {base}, seed {seed}"]
    if experiment.synthetic_arms:
        titles += [f"find what {base} confuses", "choose adapter photographs"]
        titles += ["find base model", "train adapter"]
        titles += ["plan synthetic images", "generate images"]
    for arm in experiment.synthetic_arms:
        titles.append(f"screen {arm.name}")
        if experiment.plan.top_up_rounds:
            titles.append(f"top up {arm.name}")
    if experiment.synthetic_arms and experiment.review.policy != "none":
        titles.append("review by people")
        if experiment.plan.top_up_rounds and experiment.review.policy == "all":
            titles.append("top up after review")
    for arm in experiment.synthetic_arms:
        titles.append(f"mix {arm.name}")
        for seed in experiment.seeds:
            titles += [f"train {arm.name}, seed {seed}", f"evaluate {arm.name}, seed {seed}"]
    return (*titles, "gather results", "write report")


class Run:
    """One attempt at an experiment: takes steps in order and keeps the board up to date."""

    def __init__(
        self,
        specification: Specification,
        resources: Resources,
        board: Board,
        cancellation: Cancellation,
        durably: Durably,
    ) -> None:
        self.specification = specification
        self.experiment = specification.experiment
        self.taxonomy = specification.taxonomy.keeping(specification.experiment.data.where)
        self.resources = resources
        self.store = resources.store
        self.board = board
        self.cancellation = cancellation
        self.records: list[StepRecord] = []
        self._durably = durably
        self._titles = step_titles(specification.experiment)

    def step(self, kind: str, inputs: Result, work: Callable[[Ticker], Result], *, reuse: bool = True) -> Result:
        """The result of the next step of the plan: remembered, found in the store, or done now.

        Without `reuse` every experiment does it anew: for what can change under an unchanged name.
        """
        position = len(self.records)
        title = self._titles[position]
        identity = step_id(kind, inputs)
        self.cancellation.check()

        def perform() -> StepRecord:
            started = time.monotonic()
            self.board.update(position, step_id=identity, state="running")
            try:
                tick, reused = Ticker(self.board, position), False
                if reuse:
                    result, reused = find_or_do(self.store, kind, inputs, lambda: work(tick))
                else:
                    result = work(tick)
            except SaggarError as error:
                self.board.update(position, state="failed", error=str(error), seconds=time.monotonic() - started)
                raise
            seconds = round(time.monotonic() - started, 3)
            return StepRecord(
                step_id=identity,
                position=position,
                title=title,
                reused=reused,
                seconds=seconds,
                result=result,
            )

        record = self._durably(f"{kind} {identity}", perform)
        state = "reused" if record["reused"] else "succeeded"
        self.board.update(position, step_id=identity, state=state, seconds=record["seconds"], error="")
        self.records.append(record)
        return record["result"]


def run_experiment(run: Run) -> Result:
    """Takes every step; returns the references of results.json and report.html."""
    experiment, seeds = run.experiment, run.experiment.seeds
    taxonomy_ref = _store_taxonomy(run)

    imported = run.step(
        "import",
        {"source": run.specification.source, "taxonomy": taxonomy_ref.sha256, "where": experiment.data.where},
        lambda tick: data_steps.import_photographs(run, tick),
    )
    split = run.step(
        "split",
        {"manifest": imported["manifest"]["sha256"], "seed": experiment.data.split_seed},
        lambda _: data_steps.split_manifest(run, ObjectRef.from_json(imported["manifest"])),
    )
    real = split
    if experiment.augmentation:
        settings = experiment.augmentation
        real = run.step(
            "augment",
            {"manifest": split["manifest"]["sha256"], "settings": settings.model_dump()},
            lambda _: data_steps.augment_manifest(run, ObjectRef.from_json(split["manifest"])),
        )

    outcomes: dict[str, Any] = {"arms": {}}
    base = experiment.baseline
    outcomes["arms"][base.name] = {"mix": real, "runs": _train_arm(run, base, real, taxonomy_ref)}
    if experiment.synthetic_arms:
        baseline_bundle = ObjectRef.from_json(outcomes["arms"][base.name]["runs"][0]["train"]["bundle"])
        made = _make_images(run, split, real, baseline_bundle)
        outcomes["synthesis"] = made
        sources = Sources(
            adapter=ObjectRef.from_json(made["adapter"]["adapter"]),
            reference=ObjectRef.from_json(made["reference"]),
            baseline=baseline_bundle,
            photographs=ObjectRef.from_json(real["manifest"]),
            taxonomy=taxonomy_ref,
        )
        screenings = {arm.name: _screen(run, arm, made, sources) for arm in experiment.synthetic_arms}
        screenings, reviews = _review(run, made, screenings, sources)
        outcomes["reviews"] = reviews
        for arm in experiment.synthetic_arms:
            screened = screenings[arm.name]
            accepted = data_steps.kept_by_reviews(run, ObjectRef.from_json(screened["accepted"]), reviews)
            mixed = run.step(
                "mix",
                {
                    "real": real["manifest"]["sha256"],
                    "synthetic": accepted.sha256,
                    "arm": arm.model_dump()["synthetic"],
                    "seed": experiment.generation.seed,
                },
                lambda _, arm=arm, accepted=accepted: data_steps.mix_arm(  # type: ignore[misc]
                    run, arm, ObjectRef.from_json(real["manifest"]), accepted
                ),
            )
            runs = _train_arm(run, arm, mixed, taxonomy_ref)
            outcomes["arms"][arm.name] = {"mix": mixed, "screen": screened, "runs": runs}
    outcomes |= {"import": imported, "split": split, "seeds": list(seeds)}
    return _conclude(run, outcomes)


def _train_arm(run: Run, arm: Arm, data: Result, taxonomy: ObjectRef) -> list[Result]:
    """One training and one evaluation on the test split per seed."""
    runs = []
    manifest = ObjectRef.from_json(data["manifest"])
    for seed in run.experiment.seeds:
        trained = run.step(
            "train",
            remote_steps.training_inputs(run, manifest, taxonomy, seed),
            lambda tick, seed=seed: remote_steps.train(  # type: ignore[misc]
                run, tick, manifest, taxonomy, seed, arm.name
            ),
        )
        evaluated = _evaluate(run, trained, manifest, "test")
        runs.append({"seed": seed, "train": trained, "evaluate": evaluated})
    return runs


def _evaluate(run: Run, trained: Result, manifest: ObjectRef, split: str) -> Result:
    rows = data_steps.held_out(run, manifest, split)  # equal for all arms, so equal bundles share a step
    return run.step(
        "evaluate",
        {"bundle": trained["bundle"]["sha256"], "rows": rows.sha256, "split": split},
        lambda tick: remote_steps.evaluate(run, tick, ObjectRef.from_json(trained["bundle"]), rows, split),
    )


def _make_images(run: Run, split: Result, real: Result, baseline_bundle: ObjectRef) -> Result:
    """Adapter, plan and all images that any arm needs."""
    experiment = run.experiment
    split_ref = ObjectRef.from_json(split["manifest"])
    trained = {"bundle": baseline_bundle.to_json()}
    confusion = _evaluate(run, trained, split_ref, "validation")
    selected = run.step(
        "select",
        {
            "manifest": real["manifest"]["sha256"],
            "confusion": confusion["predictions"]["sha256"],
            "images": experiment.adapter.images,
            "tasks": experiment.adapter.tasks,
            "seed": experiment.adapter.selection_seed,
            "plan": experiment.plan.model_dump(),
            "taxonomy": digest(run.taxonomy.model_dump(by_alias=True)),
        },
        lambda _: data_steps.select_photographs(
            run, ObjectRef.from_json(real["manifest"]), ObjectRef.from_json(confusion["predictions"])
        ),
    )
    base = run.step(
        "base",
        {"base_model": experiment.base_model},
        lambda tick: remote_steps.resolve_base_model(run, tick),
        reuse=False,
    )
    photographs = ObjectRef.from_json(selected["manifest"])
    adapter = run.step(
        "adapter",
        remote_steps.adapter_inputs(run, base, photographs),
        lambda tick: remote_steps.train_adapter(run, tick, base, photographs),
    )
    planned = run.step(
        "plan",
        {
            "real": real["manifest"]["sha256"],
            "confusion": confusion["predictions"]["sha256"],
            "plan": experiment.plan.model_dump(),
            "arms": [arm.model_dump() for arm in experiment.synthetic_arms],
            "generation": experiment.generation.model_dump(include=set(PLANNING)),
            "taxonomy": digest(run.taxonomy.model_dump(by_alias=True)),
        },
        lambda _: data_steps.plan_images(
            run, ObjectRef.from_json(real["manifest"]), ObjectRef.from_json(confusion["predictions"])
        ),
    )
    generated = run.step(
        "generate",
        remote_steps.generation_inputs(
            run, ObjectRef.from_json(planned["plan"]), ObjectRef.from_json(adapter["adapter"])
        ),
        lambda tick: remote_steps.generate_images(
            run,
            tick,
            data_steps.read_plan(run, ObjectRef.from_json(planned["plan"])).images,
            ObjectRef.from_json(adapter["adapter"]),
        ),
    )
    return {
        "confusion": confusion,
        "select": selected,
        "base": base,
        "adapter": adapter,
        "plan": planned,
        "generate": generated,
        "reference": data_steps.real_training_rows(run, split_ref).to_json(),
    }


def _screen(run: Run, arm: Arm, made: Result, sources: Sources) -> Result:
    """The arm's screening, topped up."""
    plan = ObjectRef.from_json(made["plan"]["plan"])
    images = data_steps.images_of_arm(run, arm, plan, ObjectRef.from_json(made["generate"]["manifest"]))
    inputs = remote_steps.screen_inputs(run, images, sources.reference, sources.baseline)
    screened = run.step(
        "screen",
        inputs,
        lambda tick: remote_steps.screen(run, tick, images, sources.reference, sources.baseline),
    )
    if not run.experiment.plan.top_up_rounds:
        return screened
    return run.step(
        "top_up",
        _top_up_inputs(run, made, sources) | {"arm": arm.name, "screen": inputs},
        lambda tick: topping_up.after_screening(run, tick, arm, plan, images, screened, sources),
    )


def _review(
    run: Run, made: Result, screenings: dict[str, Result], sources: Sources
) -> tuple[dict[str, Result], list[Result]]:
    """Screenings and reviews when people have judged what passed the screening of any arm; no review when the
    experiment asks nobody.
    """
    if run.experiment.review.policy == "none":
        return screenings, []
    accepted = [ObjectRef.from_json(screened["accepted"]) for screened in screenings.values()]
    union = data_steps.union_of(run, accepted)
    inputs = remote_steps.review_inputs(run, union, sources.reference, sources.taxonomy, sources.baseline)
    reviewed = run.step(
        "review",
        inputs,
        lambda tick: remote_steps.review(run, tick, union, sources.reference, sources.taxonomy, sources.baseline),
    )
    if not run.experiment.plan.top_up_rounds or run.experiment.review.policy != "all":
        return screenings, [reviewed]
    plan = ObjectRef.from_json(made["plan"]["plan"])
    topped = run.step(
        "top_up",
        _top_up_inputs(run, made, sources) | {"review": inputs, "reviewed": reviewed["accepted"]["sha256"]},
        lambda tick: topping_up.after_review(run, tick, plan, screenings, reviewed, sources),
    )
    return topped["arms"], topped["reviews"]


def _top_up_inputs(run: Run, made: Result, sources: Sources) -> Result:
    """What decides further images: all that decides images, and how many are asked for."""
    plan = ObjectRef.from_json(made["plan"]["plan"])
    return {
        "generation": remote_steps.generation_inputs(run, plan, sources.adapter),
        "photographs": sources.photographs.sha256,
        "planning": run.experiment.generation.model_dump(include=set(PLANNING)),
        "rounds": run.experiment.plan.top_up_rounds,
    }


def _conclude(run: Run, outcomes: Result) -> Result:
    """Results first, then the report, which is a function of the results and of pictures in the store."""
    from saggar_orchestrator.pages import report
    from saggar_orchestrator.workflow.steps import results

    identity = run.specification.experiment_id
    gathered = run.step(
        "results",
        {"experiment": identity, "outcomes": digest(outcomes)},
        lambda _: {"results": results.gather(run, outcomes).to_json()},
    )
    reference = ObjectRef.from_json(gathered["results"])

    def write(_: Ticker) -> Result:
        values = json.loads(run.store.read(reference))
        html = report.render(values, run.store.get)
        key = f"experiments/{identity}/report.html"
        if run.store.exists(key):  # written by an attempt that died before it could say so
            return {"report": run.store.stat(key).to_json()}
        return {"report": run.store.put(key, html.encode(), "text/html; charset=utf-8").to_json()}

    written = run.step("report", {"results": reference.sha256}, write)
    return {"results": gathered["results"], "report": written["report"]}


def _store_taxonomy(run: Run) -> ObjectRef:
    """The taxonomy as JSON, which is YAML too."""
    text = json.dumps(run.taxonomy.model_dump(by_alias=True, mode="json"), ensure_ascii=False, indent=1)
    key = f"taxonomies/{digest(text)[:16]}.yaml"
    return run.store.put(key, text.encode(), "application/yaml")
