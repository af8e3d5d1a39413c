"""`saggar experiment` and `saggar report`: run experiments, follow them, read what they found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    print_json,
    print_table,
    say,
    settings,
)
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.local.supervisor import Supervisor

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Run experiments and follow them.")

Id = Annotated[str, typer.Argument(help="Experiment id, or the beginning of one.")]
_DEADLINE_S = 120.0  # reading the names of a large collection takes a while


@app.command("run")
def run_file(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Experiment file (YAML).")],
    detach: Annotated[bool, typer.Option("--detach", help="Return once it has started.")] = False,
    as_json: AsJson = False,
) -> None:
    """Runs an experiment, or goes on with the one that the same file started. Uses the running services, or
    its own.
    """
    from saggar.errors import WrongStateError

    from saggar_orchestrator.cli.services.local import local_services
    from saggar_orchestrator.experiment.file import parse_experiment

    text = read_file(file)
    parse_experiment(text, str(file), file.resolve().parent)  # misspelt keys show before any service starts
    home = settings(context).home
    if detach and home.running() is None:
        raise WrongStateError("--detach needs services that stay: start them with `saggar up` in another terminal")
    with local_services(home) as supervisor:
        experiment = start(home, text, file)
        if detach:
            print(experiment.experiment_id)
            return
        finish(home, experiment.experiment_id, supervisor)
        if as_json:
            print_json(read_results(home, experiment.experiment_id))
        else:
            show_results(home, read_results(home, experiment.experiment_id))


@app.command("schema")
def print_schema() -> None:
    """Prints the JSON Schema of experiment files: every key, what it is, its bounds and its default."""
    from saggar_orchestrator.experiment.schema import json_schema

    print_json(json_schema())


@app.command("list")
def list_experiments(context: typer.Context, as_json: AsJson = False) -> None:
    """All experiments of this home, newest first."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    with orchestrator(settings(context).home) as stub:
        found = stub.ListExperiments(orchestrator_pb2.ListExperimentsRequest(), timeout=_DEADLINE_S).experiments
    rows = [(e.experiment_id, state_name(e), e.created_at) for e in found]
    if as_json:
        print_json([{"experiment": i, "state": s, "created_at": c} for i, s, c in rows])
    else:
        print_table(("experiment", "state", "started"), rows)


@app.command()
def show(context: typer.Context, experiment: Id, as_json: AsJson = False) -> None:
    """An experiment's steps, and its comparison table when it is done."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.experiments.watch import step_state
    from saggar_orchestrator.cli.services.client import orchestrator

    home = settings(context).home
    with orchestrator(home) as stub:
        identity = full_id(stub, experiment)
        request = orchestrator_pb2.DescribeExperimentRequest(experiment_id=identity)
        answer = stub.DescribeExperiment(request, timeout=_DEADLINE_S)
    steps = [(s.title, step_state(s.state), f"{s.seconds:.1f} s" if s.seconds else "") for s in answer.steps]
    found = read_results(home, identity) if answer.experiment.HasField("results") else None
    if as_json:
        print_json(
            {
                "experiment": identity,
                "state": state_name(answer.experiment),
                "error": answer.experiment.error,
                "steps": [{"title": s.title, "state": step_state(s.state), "seconds": s.seconds} for s in answer.steps],
                "results": found,
            }
        )
        return
    print(f"{identity}: {state_name(answer.experiment)}")
    if answer.experiment.error:
        print(answer.experiment.error)
    print_table(("step", "state", "took"), steps)
    if found:
        show_results(home, found)


@app.command()
def watch(context: typer.Context, experiment: Id) -> None:
    """Follows a running experiment."""
    from saggar_orchestrator.cli.services.client import orchestrator

    home = settings(context).home
    with orchestrator(home) as stub:
        identity = full_id(stub, experiment)
    finish(home, identity, None)
    show_results(home, read_results(home, identity))


@app.command()
def cancel(context: typer.Context, experiment: Id) -> None:
    """Stops an experiment; its finished steps are kept."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    with orchestrator(settings(context).home) as stub:
        identity = full_id(stub, experiment)
        stub.CancelExperiment(orchestrator_pb2.CancelExperimentRequest(experiment_id=identity), timeout=_DEADLINE_S)
    print(f"{identity} cancelled")
    say(f"`saggar experiment resume {identity}` continues it from its finished steps")


@app.command()
def resume(
    context: typer.Context,
    experiment: Id,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it has started.")] = False,
) -> None:
    """Continues a cancelled, failed or interrupted experiment from its finished steps."""
    from saggar.errors import WrongStateError

    from saggar_orchestrator.cli.services.client import orchestrator
    from saggar_orchestrator.cli.services.local import local_services

    home = settings(context).home
    if detach and home.running() is None:
        raise WrongStateError("--detach needs services that stay: start them with `saggar up` in another terminal")
    with local_services(home) as supervisor:
        with orchestrator(home) as stub:
            identity = full_id(stub, experiment)
            resume_if_stopped(stub, identity)
        if detach:
            print(identity)
            return
        finish(home, identity, supervisor)
        show_results(home, read_results(home, identity))


def report(
    context: typer.Context,
    experiment: Id,
    output: Annotated[Path, typer.Option(help="Folder to write report.html and results.json to.")] = Path("report"),
) -> None:
    """Writes an experiment's report and results to a folder. Needs no running services."""
    from saggar.errors import NotFoundError

    store = open_home_store(settings(context).home)
    ids = sorted({key.split("/")[1] for key in store.list("experiments/") if key.endswith("/report.html")})
    identity = choose(ids, experiment)
    if identity is None:
        known = f"; finished: {', '.join(ids)}" if ids else ""
        raise NotFoundError(f"no finished experiment '{experiment}' in this home{known}", experiment)
    output.mkdir(parents=True, exist_ok=True)
    for name in ("report.html", "results.json"):
        store.fetch(f"experiments/{identity}/{name}", output / name)
    print(output / "report.html")


def read_file(file: Path) -> str:
    """The file's text. Raises NotFoundError and InvalidInputError."""
    from saggar.errors import InvalidInputError, NotFoundError

    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError(f"{file}: no such file; check the path", str(file)) from None
    except IsADirectoryError:
        raise InvalidInputError(f"{file}: is a folder, not an experiment file") from None
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8") from None


def start(home: Home, text: str, file: Path) -> orchestrator_pb2.Experiment:
    """Starts what `text` describes, or continues it where it was stopped; says which."""
    from saggar.v1 import orchestrator_pb2

    from saggar_orchestrator.cli.services.client import orchestrator

    with orchestrator(home) as stub:
        answer = stub.RunExperiment(
            orchestrator_pb2.RunExperimentRequest(
                specification=text, source_name=str(file), base_path=str(file.resolve().parent)
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
            _tell_of_others(stub, experiment.experiment_id)
    return experiment


def _tell_of_others(stub: Any, identity: str) -> None:
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


def finish(home: Home, identity: str, supervisor: Supervisor | None) -> None:
    """Follows an experiment to its end; raises what ended it when that was not success."""
    from saggar_orchestrator.cli.experiments.watch import follow

    try:
        ended = follow(home, identity, supervisor)
    except KeyboardInterrupt:
        if supervisor is None:
            say(f"\nno longer following; {identity} goes on in `saggar up`")
            say(f"`saggar experiment watch {identity}` follows it again")
        else:
            say(f"\nstopping; `saggar experiment resume {identity}` continues from the finished steps")
        raise
    raise_unless_succeeded(ended)


def raise_unless_succeeded(ended: orchestrator_pb2.Experiment) -> None:
    from saggar.errors import SaggarError

    state = state_name(ended)
    if state == "succeeded":
        return
    message = (
        f"experiment {ended.experiment_id} {state}: {ended.error or 'no reason was recorded'}\n"
        f"Fix the cause, then `saggar experiment resume {ended.experiment_id}` goes on from finished steps."
    )
    raise SaggarError.from_json({"kind": ended.error_kind, "message": message})


def read_results(home: Home, identity: str) -> dict[str, Any]:
    store = open_home_store(home)
    found: dict[str, Any] = json.loads(store.get(f"experiments/{identity}/results.json"))
    return found


def show_results(home: Home, results: dict[str, Any]) -> None:
    """The comparison table, the plain sentences, and where the report is."""
    from saggar_orchestrator.findings.wording import headline, rules_in_words, sentences, table

    columns, rows = table(results)
    print(headline(results))
    print_table(columns, rows)
    for sentence in sentences(results):
        print(sentence)
    if rules := rules_in_words(results):
        print(rules)
    print(f"report: {place_report(home, results['experiment']['id'])}")


def place_report(home: Home, identity: str) -> Path:
    """The report as a file that a browser can open."""
    path = home.reports / f"{identity}.html"
    store = open_home_store(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.fetch(f"experiments/{identity}/report.html", path)
    return path


def full_id(stub: Any, beginning: str) -> str:
    """The one experiment whose id begins so. Raises NotFoundError naming what there is."""
    from saggar.errors import NotFoundError
    from saggar.v1 import orchestrator_pb2

    known = [
        e.experiment_id
        for e in stub.ListExperiments(orchestrator_pb2.ListExperimentsRequest(), timeout=_DEADLINE_S).experiments
    ]
    identity = choose(known, beginning)
    if identity is None:
        listed = f"; there are: {', '.join(known)}" if known else "; none has been run yet"
        raise NotFoundError(f"no experiment '{beginning}'{listed}", beginning)
    return identity


def choose(known: list[str], beginning: str) -> str | None:
    """The one of `known` that is, or alone begins with, `beginning`. InvalidInputError when several do."""
    from saggar.errors import InvalidInputError

    if beginning in known:
        return beginning
    matches = [identity for identity in known if identity.startswith(beginning)]
    if len(matches) > 1:
        raise InvalidInputError(f"'{beginning}' begins several ids: {', '.join(matches)}; give more of it")
    return matches[0] if matches else None


def state_name(experiment: orchestrator_pb2.Experiment) -> str:
    from saggar.v1 import orchestrator_pb2

    return orchestrator_pb2.ExperimentState.Name(experiment.state).removeprefix("EXPERIMENT_STATE_").lower()
