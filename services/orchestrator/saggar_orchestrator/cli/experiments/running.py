"""`saggar experiment run`, `watch`, `cancel` and `resume`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.experiments.reading import Id
from saggar_orchestrator.cli.experiments.results import results_of, show_results
from saggar_orchestrator.cli.terminal.output import AsJson, print_json, say, settings
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from collections.abc import Sequence

    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.local.supervisor import Supervisor

Detach = Annotated[bool, typer.Option("--detach", help="Return once it has started.")]
_MOST_BYTES = 64 << 20  # of an experiment file
_MOST_TITLES = 6  # named at once
_DEADLINE_S = 120.0  # reading the names of a large collection takes a while
# Errors whose cause is in the experiment file, or in what it names: another attempt would end as this one did.
_OF_THE_FILE = {"InvalidInputError", "NotFoundError", "RowsRefusedError"}


def run_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Experiment file (YAML).")],
    *,
    fresh: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STEP",
            help="Do this step again whatever has done it before: a kind (train), or a title of `saggar experiment "
            "plan`. May be given several times.",
        ),
    ] = None,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Runs an experiment file, or goes on with what it started.

    Uses the running services, or its own for the duration. What is finished is shown again, and no service is
    started for it. With --fresh steps are done again, and those after them where they come out differently; what the
    experiment found before is kept in the store.
    """
    from saggar_orchestrator.cli.services.local import local_services

    home = settings(context).home
    text = read_file(file)
    if home.remote:
        from saggar_orchestrator.cli.services.sending import with_files_sent

        text = with_files_sent(home, text, file)
    finished = finished_before(home, text, file)  # misspelt keys show here, before any service starts
    if fresh:
        _announce(home, text, file, fresh)
    elif finished is not None:
        say(f"experiment {finished} was finished already; nothing is done again")
        _conclude(home, finished, as_json=as_json)
        return
    if detach:
        _need_services(home)
    with local_services(home) as supervisor:
        experiment = start(home, text, file, fresh or ())
        if detach:
            print(experiment.experiment_id)
            return
        finish(home, experiment.experiment_id, supervisor)
        _conclude(home, experiment.experiment_id, as_json=as_json)


def _announce(home: Home, text: str, file: Path, fresh: Sequence[str]) -> None:
    """Says what is done again; raises what is wrong with the names before any service starts."""
    from saggar_orchestrator.experiment.file import parse_experiment
    from saggar_orchestrator.workflow.fresh import stages_named
    from saggar_orchestrator.workflow.stages.order import stages_of

    experiment, _ = parse_experiment(text, str(file), Path("/") if home.remote else file.resolve().parent)
    titles = [stage.title for stage in stages_named(fresh, stages_of(experiment))]
    shown = ", ".join(titles[:_MOST_TITLES]) + (
        f" and {len(titles) - _MOST_TITLES} more" * (len(titles) > _MOST_TITLES)
    )
    say(f"done again: {shown}; then results and report, and what follows from a step that comes out differently")


def watch(context: typer.Context, experiment: Id, *, as_json: AsJson = False) -> None:
    """Follows a running experiment to its end.

    With --json a JSON object a line for every change of a step, and a last one for the end.
    """
    home = settings(context).home
    archive = Archive(home)
    identity = archive.find(experiment)
    finish(home, identity, None, as_json=as_json)
    if not as_json:
        show_results(home, results_of(home, identity))


def cancel(context: typer.Context, experiment: Id) -> None:
    """Stops an experiment; its finished steps are kept."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    home = settings(context).home
    identity = Archive(home).find(experiment)
    with orchestrator(home) as stub:
        stub.CancelExperiment(orchestrator_pb2.CancelExperimentRequest(experiment_id=identity), timeout=_DEADLINE_S)
    print(f"{identity} cancelled")
    say(f"`saggar experiment resume {identity}` continues it from its finished steps")


def resume(context: typer.Context, experiment: Id, *, detach: Detach = False) -> None:
    """Continues an experiment that was stopped or failed.

    Finished steps are taken over; only what is missing is done.
    """
    from saggar_orchestrator.cli.services.client import orchestrator
    from saggar_orchestrator.cli.services.local import local_services

    home = settings(context).home
    archive = Archive(home)
    identity = archive.find(experiment)
    if archive.is_finished(identity):
        say(f"experiment {identity} was finished already; nothing is done again")
        _conclude(home, identity)
        return
    if detach:
        _need_services(home)
    with local_services(home) as supervisor:
        with orchestrator(home) as stub:
            resume_if_stopped(stub, identity)
        if detach:
            print(identity)
            return
        finish(home, identity, supervisor)
        _conclude(home, identity)


def _conclude(home: Home, identity: str, *, as_json: bool = False) -> None:
    results = results_of(home, identity)
    if as_json:
        print_json(results)
    else:
        show_results(home, results)


def _need_services(home: Home) -> None:
    from saggar.errors import WrongStateError

    if home.running() is None:
        raise WrongStateError("--detach needs services that stay: start them with `saggar up` in another terminal")


def read_file(file: Path) -> str:
    """The file's text. Raises NotFoundError and InvalidInputError."""
    from saggar.errors import InvalidInputError, NotFoundError
    from saggar.files.regular import read_regular
    from saggar.files.text_encoding import marked_text

    try:
        text = marked_text(read_regular(file, _MOST_BYTES), str(file))
    except FileNotFoundError:
        raise NotFoundError(f"{file}: no such file; check the path", str(file)) from None
    except IsADirectoryError:
        raise InvalidInputError(f"{file}: is a folder, not an experiment file") from None
    except OSError as error:
        raise InvalidInputError(f"{file}: cannot be read ({error.strerror}); check its permissions") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def finished_before(home: Home, text: str, file: Path) -> str | None:
    """The id of the finished experiment that `text` describes, by the home's store; None where there is none.

    Raises what is wrong with the file, as the orchestrator would.
    """
    from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
    from saggar_orchestrator.experiment.identity import experiment_id
    from saggar_orchestrator.experiment.source import fingerprint

    if home.remote:  # the orchestrator answers at once for what is finished, and only it can read files that lie there
        return None
    base = file.resolve().parent
    experiment, taxonomy = parse_experiment(text, str(file), base)
    if not home.root.exists():
        return None
    archive = Archive(home)
    if not archive.ids:
        return None
    experiment = resolve_paths(experiment, base)
    identity = experiment_id(experiment, taxonomy, fingerprint(experiment, archive.store))
    return identity if archive.is_finished(identity) else None


def start(home: Home, text: str, file: Path, fresh: Sequence[str] = ()) -> orchestrator_pb2.Experiment:
    """Starts what `text` describes, or continues it where it was stopped; says which. `fresh`: steps to do again."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    base = "/" if home.remote else str(file.resolve().parent)
    with orchestrator(home) as stub:
        answer = stub.RunExperiment(
            orchestrator_pb2.RunExperimentRequest(
                specification=text, source_name=str(file), base_path=base, fresh=fresh
            ),
            timeout=_DEADLINE_S,
        )
        experiment: orchestrator_pb2.Experiment = answer.experiment
        state = state_name(experiment)
        if not answer.existed:
            say(f"experiment {experiment.experiment_id} started")
        elif state == "succeeded":
            say(f"experiment {experiment.experiment_id} was finished already; nothing is done again")
        elif state == "running":
            say(f"experiment {experiment.experiment_id} runs already; following it")
        else:
            say(f"experiment {experiment.experiment_id} {state} before; going on from its finished steps")
            resume_if_stopped(stub, experiment.experiment_id)
        if state != "succeeded":
            _mention_others(stub, experiment.experiment_id)
    return experiment


def _mention_others(stub: Any, identity: str) -> None:
    """An interrupted experiment is taken up when its services start, and may hold the workers first."""
    from saggar.v1 import orchestrator_pb2

    listed = stub.ListExperiments(orchestrator_pb2.ListExperimentsRequest(), timeout=_DEADLINE_S)
    for other in listed.experiments:
        if other.experiment_id != identity and state_name(other) == "running":
            say(
                f"experiment {other.experiment_id} runs too, and work waits its turn; "
                f"`saggar experiment cancel {other.experiment_id}` stops it"
            )


def resume_if_stopped(stub: Any, identity: str) -> None:
    from saggar.v1 import orchestrator_pb2

    stub.ResumeExperiment(orchestrator_pb2.ResumeExperimentRequest(experiment_id=identity), timeout=_DEADLINE_S)


def finish(home: Home, identity: str, supervisor: Supervisor | None, *, as_json: bool = False) -> None:
    """Follows an experiment to its end; raises what ended it when that was not success."""
    from saggar_orchestrator.cli.experiments.following.watch import follow

    try:
        ended = follow(home, identity, supervisor, as_json=as_json)
    except KeyboardInterrupt:
        if supervisor is None:
            say(f"no longer following; {identity} goes on {'there' if home.remote else 'in `saggar up`'}")
            say(f"`saggar experiment watch {identity}` follows it again")
        else:
            say(f"stopping; `saggar experiment resume {identity}` continues from the finished steps")
        raise
    raise_unless_succeeded(ended)


def raise_unless_succeeded(ended: orchestrator_pb2.Experiment) -> None:
    """Raises the failure's own kind of error, with what to do about it."""
    from saggar.errors import SaggarError

    state = state_name(ended)
    if state == "succeeded":
        return
    said = ended.error or "no reason was recorded"
    if ended.error_kind in _OF_THE_FILE:
        remedy = "Correct the file, then `saggar experiment run` it again: it takes the finished steps over."
    elif ended.error_kind == "CancelledError":
        remedy = f"`saggar experiment resume {ended.experiment_id}` continues it from its finished steps."
    else:
        remedy = f"Fix the cause, then `saggar experiment resume {ended.experiment_id}` goes on from finished steps."
    message = f"experiment {ended.experiment_id} {state}: {said}\n{remedy}"
    raise SaggarError.from_json({"kind": ended.error_kind, "message": message})


def state_name(experiment: orchestrator_pb2.Experiment) -> str:
    from saggar.v1 import orchestrator_pb2

    return orchestrator_pb2.ExperimentState.Name(experiment.state).removeprefix("EXPERIMENT_STATE_").lower()
