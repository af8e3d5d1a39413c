"""`saggar data doubts`: labels that may be wrong, as a page and as a table to decide in."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.experiments.report import Language
from saggar_orchestrator.cli.terminal.identities import complete_experiment
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    plural,
    print_json,
    print_table,
    say,
    settings,
    warn,
    write_page,
)
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from saggar.store import ObjectStore

    from saggar_orchestrator.labelling.doubts import Doubts
    from saggar_orchestrator.labelling.held_out import HeldOut
    from saggar_orchestrator.local.home import Home

_MOST_NEIGHBOURS = 1000  # doubted photographs that nearest pieces are looked for; a page shows fewer


@dataclass(frozen=True, kw_only=True)
class Judges:
    """Whose answers labels are held against."""

    arm: Annotated[str, typer.Option(help="Arm whose models judge; left out: the baseline.")] = ""
    run: Annotated[
        bool, typer.Option("--run", help="Train folds first where none have been trained: as many trainings.")
    ] = False
    folds: Annotated[int, typer.Option(help="How many, with --run.", min=2, max=50)] = 5


@dataclass(frozen=True, kw_only=True)
class Files:
    """What is written."""

    output: Annotated[Path, typer.Option(help="CSV of doubted labels, with a column `accept`.")] = Path("doubts.csv")
    html: Annotated[Path | None, typer.Option(help="Page with pictures; left out: beside the CSV.")] = None
    language: Annotated[Language, typer.Option(help="Of the page and of class names: en or zh.")] = Language.EN

    @property
    def page(self) -> Path:
        return self.html or self.output.with_suffix(".html")


def doubt_labels(
    context: typer.Context,
    identity: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Experiment or data set, or the beginning of its id.", autocompletion=complete_experiment
        ),
    ],
    *,
    judges: Judges,
    files: Files,
    as_json: AsJson = False,
) -> None:
    """Lists labels that may be wrong, for people to decide.

    By models that have not seen the object, and by nearly equal pictures with different labels. Experiments with
    `folds` judge every photograph; others those of the test split. Decide in the CSV's column `accept`, then
    `saggar data import --corrections doubts.csv` makes the corrected data set.
    """
    from saggar.errors import AlreadyExistsError

    from saggar_orchestrator.labelling import label_errors, models

    label_errors.check_installed()
    models.check_installed()
    home = settings(context).home
    if files.output.exists():
        raise AlreadyExistsError(f"{files.output}: is there already, and may hold decisions; name another --output")
    held = _judged(home, identity, judges)
    store = open_home_store(home)
    found = _found(store, held)
    _write(store, held, found, files)
    _say_rest(held, found, files, as_json=as_json)


def _judged(home: Home, identity: str, judges: Judges) -> HeldOut:
    """The answers of the experiment that is named, or of one on the data set that is; of a new one with --run."""
    from saggar_orchestrator.cli.experiments.archive import Archive
    from saggar_orchestrator.cli.experiments.results import results_of
    from saggar_orchestrator.labelling.held_out import held_out

    archive = Archive(home)
    experiment = _experiment(archive, identity, judges)
    results = results_of(home, experiment) if experiment else None
    if results is None or (judges.run and results["evidence"]["folds"] == 1):
        experiment = _run_folds(home, archive, identity, judges)
        results = results_of(home, experiment)
    return held_out(archive.store, results, judges.arm)


def _experiment(archive: Any, identity: str, judges: Judges) -> str:
    """The finished experiment that is meant; empty where folds are to be trained. Raises NotFoundError."""
    from saggar.errors import WrongStateError

    from saggar_orchestrator.cli.terminal.datasets import find_dataset
    from saggar_orchestrator.cli.terminal.identities import choose

    named = choose(archive.ids, identity)
    if named is not None:
        if not archive.is_finished(named):
            raise WrongStateError(f"experiment {named} has not finished; `saggar experiment resume {named}` goes on")
        return str(named)
    dataset = find_dataset(archive.store, identity)
    with_folds = [
        record.experiment_id
        for record in archive.records()  # newest first
        if record.results
        and record.results["evidence"]["folds"] > 1
        and record.results["data"].get("manifest", {}).get("key", "").split("/")[1:2] == [dataset]
    ]
    if with_folds:
        return str(with_folds[0])
    if judges.run:
        return ""
    raise WrongStateError(
        f"no experiment of this home has judged all photographs of {dataset}: add --run to train {judges.folds} folds "
        "now, or run an experiment of your own with `folds: 5` under `data`"
    )


def _run_folds(home: Home, archive: Any, identity: str, judges: Judges) -> str:
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.cli.experiments.running import finish, start
    from saggar_orchestrator.cli.services.local import local_services
    from saggar_orchestrator.cli.terminal.datasets import read_dataset, taxonomy_of
    from saggar_orchestrator.cli.terminal.identities import choose
    from saggar_orchestrator.experiment.writing.folding import folds_of_dataset, folds_of_experiment
    from saggar_orchestrator.workflow.stored import read_specification

    named = choose(archive.ids, identity)
    if named is not None:
        text = folds_of_experiment(read_specification(archive.store, named).experiment, judges.folds)
    else:
        dataset, manifest = read_dataset(archive.store, identity)
        taxonomy = taxonomy_of(manifest, None)
        if taxonomy is None:
            raise InvalidInputError(
                f"no shipped taxonomy has the tasks and codes of {dataset}; run an experiment of your own with your "
                "taxonomy and `folds: 5` under `data`, then name it"
            )
        text = folds_of_dataset(dataset, manifest, taxonomy, judges.folds)
    say(f"training {plural(judges.folds, 'fold')} of a plain classifier, so that every photograph is judged unseen")
    with local_services(home) as supervisor:
        experiment = start(home, text, Path("folds.yaml"))
        finish(home, experiment.experiment_id, supervisor)
        return str(experiment.experiment_id)


def _found(store: ObjectStore, held: HeldOut) -> Doubts:
    from saggar_orchestrator.labelling.doubts import find_doubts, with_nearest
    from saggar_orchestrator.labelling.models import nearest_pieces

    found = find_doubts(held, store.get)
    unseen = dict(zip(held.manifest.frame["image"], held.models, strict=True))
    asked = [doubt for doubt in found.doubts if unseen[doubt.image] is not None][:_MOST_NEIGHBOURS]
    line = ProgressLine(quiet_when_piped=True)
    bundles = {image: bundle for image, bundle in unseen.items() if bundle is not None}
    return with_nearest(found, nearest_pieces(store, asked, bundles, line.show))


def _write(store: ObjectStore, held: HeldOut, found: Doubts, files: Files) -> None:
    from saggar.proposals.doubts.table import write_doubts

    from saggar_orchestrator.pages.datasets.doubts import render
    from saggar_orchestrator.pages.language import language

    names = {
        (task.name, entry.code): (entry.names.zh_hans or entry.names.en)
        if files.language is Language.ZH
        else entry.names.en
        for task in held.taxonomy.tasks
        for entry in task.classes
    }
    about = {
        "dataset": held.dataset,
        "experiment": held.experiment_id,
        "arm": held.arm,
        "seeds": held.seeds,
        "photographs": found.photographs,
        "tested": found.tested,
        "labels": found.labels,
    }
    write_page(files.page, render(about, found.doubts, names, store.get, language(files.language)))
    write_doubts(files.output, held.dataset, found.doubts, names)


def _say_rest(held: HeldOut, found: Doubts, files: Files, *, as_json: bool) -> None:
    if found.tested < found.photographs:
        warn(
            f"{found.photographs - found.tested:,} of {found.photographs:,} photographs were in no test split, so no "
            "model judged their labels: --run trains folds, which judge all"
        )
    if as_json:
        print_json(
            {
                "dataset": held.dataset,
                "experiment": held.experiment_id,
                "arm": held.arm,
                "photographs": found.photographs,
                "tested": found.tested,
                "labels": dict(found.labels),
                "doubts": [{**asdict(doubt), "reason": doubt.reason} for doubt in found.doubts],
                "csv": str(files.output),
                "page": str(files.page),
            }
        )
        return
    rows = [
        (task, f"{labels:,}", f"{sum(doubt.task == task for doubt in found.doubts):,}")
        for task, labels in found.labels.items()
    ]
    print_table(("task", "labels judged", "doubted"), rows)
    print(f"{files.output}\n{files.page}")
    say(f"next: open both, decide in the column `accept`, then saggar data import --corrections {files.output}")
    say("the page shows photographs: pass it on only where their licence allows")
