"""An experiment from photographs to report: its stages, in the order in which they are taken.

Everything is made once per split except the trainings: one adapter and one set of generated images, then one training
per arm and training seed. So arms and seeds are compared on the same test images. Adapter, plan and screening see the
training split, and the baseline's mistakes on validation images; the test split is looked at by `evaluate` alone. With
folds all of this is done for each split by itself, or images would know photographs that they are tested beside.
"""

from __future__ import annotations

import json
from functools import partial

from saggar.store import ObjectRef

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import Done, Stage, Workshop
from saggar_orchestrator.workflow.stages.split_stages import SplitStages
from saggar_orchestrator.workflow.steps import importing, results
from saggar_orchestrator.workflow.steps.outcomes import outcomes_of
from saggar_orchestrator.workflow.steps.synthetic import generating


def stages_of(experiment: Experiment) -> tuple[Stage, ...]:
    """All stages of `experiment`. A base model that cannot be had is found out before anything is trained."""
    stages = [_base_model()] if experiment.synthetic_arms else []
    stages.append(_import())
    for number in range(experiment.data.splits):
        stages += SplitStages(experiment, number).all()
    return (*stages, _results(experiment, tuple(stage.key for stage in stages)), _report())


def _base_model() -> Stage:
    return Stage(
        key="base",
        kind="base",
        title="find base model",
        inputs=lambda shop, _: {"base_model": shop.experiment.base_model},
        work=lambda shop, _, report: generating.resolve_base_model(
            shop.calls, shop.experiment.base_model, shop.experiment.generation.control_net, report
        ),
        reuse=False,
    )


def _import() -> Stage:
    return Stage(
        key="import",
        kind="import",
        title="import photographs",
        inputs=lambda shop, _: {
            "source": shop.specification.source,
            "taxonomy": shop.taxonomy_ref.sha256,
            "where": shop.experiment.data.where,
        },
        work=lambda shop, _, report: importing.import_photographs(
            shop.store, shop.specification, shop.collections, report
        ),
    )


def titles_of(experiment: Experiment) -> tuple[str, ...]:
    """What people read of every step of an experiment, in order."""
    return tuple(stage.title for stage in stages_of(experiment))


def _results(experiment: Experiment, needs: tuple[str, ...]) -> Stage:
    """Everything found, from what all stages left."""
    return Stage(
        key="results",
        kind="results",
        title="gather results",
        inputs=lambda shop, done: {
            "experiment": shop.specification.experiment_id,
            "outcomes": digest(done.results),
        },
        work=lambda shop, done, _: {
            "results": results.gather(
                shop.store, shop.specification, outcomes_of(experiment, done.results), done.records
            ).to_json()
        },
        needs=needs,
    )


def _report() -> Stage:
    """A function of the results, and of pictures in the store."""

    def write(shop: Workshop, done: Done) -> Result:
        # Here, for matplotlib is what takes longest of an orchestrator's start.
        from saggar_orchestrator.explanations.cases import explain_cases
        from saggar_orchestrator.pages import report as report_page

        values = json.loads(shop.store.read(done.ref("results", "results")))
        html = report_page.render(values, shop.store.get, explain=partial(explain_cases, shop.store))
        key = f"experiments/{shop.specification.experiment_id}/report.html"
        if shop.store.exists(key):  # written by an attempt that died before it could say so
            return {"report": shop.store.stat(key).to_json()}
        return {"report": shop.store.put(key, html.encode(), "text/html; charset=utf-8").to_json()}

    return Stage(
        key="report",
        kind="report",
        title="write report",
        inputs=lambda _, done: {"results": ObjectRef.from_json(done["results"]["results"]).sha256},
        work=lambda shop, done, _: write(shop, done),
        needs=("results",),
    )
