"""`saggar experiment plan`: what a file would do, before anything is done."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.experiments.differing import differing, with_defaults
from saggar_orchestrator.cli.experiments.reading import duration
from saggar_orchestrator.cli.terminal.output import AsJson, plural, print_json, print_table, say, settings
from saggar_orchestrator.local.capacity import trainer_count
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.taxonomy import Taxonomy

    from saggar_orchestrator.experiment.schema import Experiment
    from saggar_orchestrator.workflow.expense import Expense
    from saggar_orchestrator.workflow.forecast import Foreseen

_WORDS = {
    "reused": "reused",
    "new": "new",
    "follows": "new: follows from a new step",
    "again": "done by every experiment",
}
_NEAREST = 8  # differing settings that are named


def plan(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (YAML).")],
    *,
    as_json: AsJson = False,
) -> None:
    """Says what a file would do, and what is done already.

    Steps that are reused and that are new, and why; images; time by what this home has measured; room on the disk.
    Nothing is run.
    """
    from saggar_orchestrator.cli.experiments.running import read_file
    from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
    from saggar_orchestrator.experiment.places import check_files
    from saggar_orchestrator.workflow import expense

    home = settings(context).home
    base = file.resolve().parent
    experiment, taxonomy = parse_experiment(read_file(file), str(file), base)
    experiment = resolve_paths(experiment, base)
    check_files(experiment, lambda _service: not home.remote)
    with _archive_of(home) as archive:
        steps = _foresee(home, archive, experiment, taxonomy)
        nearest = _nearest(archive, experiment)
        costs = expense.estimate(archive, experiment, steps, 1 if home.remote else trainer_count())
    if as_json:
        print_json(
            {
                "steps": [asdict(step) for step in steps],
                "nearest": nearest and {"experiment": nearest[0], "differences": [list(d) for d in nearest[1]]},
                **asdict(costs),
            }
        )
        return
    print_table(("step", "what becomes of it"), [(step.title, _WORDS[step.state]) for step in steps])
    reused = sum(step.state == "reused" for step in steps)
    say(f"{plural(len(steps), 'step')}, {reused} reused")
    if nearest is not None and any(step.state == "new" for step in steps):
        identity, changed = nearest
        named = (
            "; ".join(f"{key}: {a} -> {b}" for key, a, b in changed[:_NEAREST]) or "no setting: its photographs or code"
        )
        more = f"; and {len(changed) - _NEAREST} more" if len(changed) > _NEAREST else ""
        say(f"new against {identity}: {named}{more}")
    _show(costs)


def _show(costs: Expense) -> None:
    if costs.images:
        say(f"images to generate: about {costs.images:,}")
    if costs.seconds is None:
        say("time: not known, for this home has measured nothing alike; a first small run shows it")
    else:
        unknown = f", without {', '.join(costs.unmeasured)}, of which nothing is measured" if costs.unmeasured else ""
        say(f"time: about {duration(costs.seconds) or 'no time'}, by what this home has measured{unknown}")
    free = "" if costs.free_megabytes is None else f"; free: {costs.free_megabytes:,.0f} MB"
    say(f"room on the disk: about {costs.megabytes:,.0f} MB{free}")


def _foresee(home: Home, archive: Archive, experiment: Experiment, taxonomy: Taxonomy) -> list[Foreseen]:
    from saggar_orchestrator.experiment.identity import experiment_id
    from saggar_orchestrator.experiment.source import fingerprint
    from saggar_orchestrator.peers.peers import Peers
    from saggar_orchestrator.progress import Cancellation
    from saggar_orchestrator.workflow.forecast import foresee
    from saggar_orchestrator.workflow.run import Resources, Specification, workshop_of

    source = fingerprint(experiment, archive.store)
    identity = experiment_id(experiment, taxonomy, source)
    specification = Specification(identity, experiment, taxonomy, source, "", "")
    resources = Resources(archive.store, Peers({}, 0.0), home.collections, 1)
    return foresee(workshop_of(specification, resources, Cancellation()), archive.recorded_steps().get)


@contextlib.contextmanager
def _archive_of(home: Home) -> Iterator[Archive]:
    """The home's experiments; those of an empty home, made for the moment, where there is none yet."""
    if home.remote or home.root.exists():
        yield Archive(home)
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Archive(Home(Path(folder) / "home"))


def _nearest(archive: Archive, experiment: Experiment) -> tuple[str, list[tuple[str, Any, Any]]] | None:
    """The experiment of the home with the fewest other settings, and these; None where there is none."""
    wanted = experiment.model_dump(mode="json")
    found = [
        (record.experiment_id, differing(with_defaults(record.specification["experiment"]), wanted))
        for record in archive.records()
    ]
    return min(found, key=lambda each: len(each[1]), default=None)
