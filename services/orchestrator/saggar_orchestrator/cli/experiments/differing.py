"""`saggar experiment diff`: what two experiments, or their files, have not in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from saggar_orchestrator.cli.experiments.archive import Archive
from saggar_orchestrator.cli.terminal.identities import complete_experiment
from saggar_orchestrator.cli.terminal.output import AsJson, print_json, print_table, say, settings

Side = Annotated[
    str, typer.Argument(metavar="ID|FILE", help="Experiment or experiment file.", autocompletion=complete_experiment)
]


def diff(context: typer.Context, first: Side, second: Side, *, as_json: AsJson = False) -> None:
    """Shows what differs between two experiments.

    Settings, with the defaults of what is left out, and, where both are finished, scores of arms of the same name.
    """
    archive = Archive(settings(context).home)
    before, after = (_Side.read(archive, each) for each in (first, second))
    changed = differing(before.settings, after.settings)
    scores = _scores(before.results, after.results)
    shared = len(before.steps & after.steps)
    if as_json:
        print_json(
            {
                "first": before.name,
                "second": after.name,
                "settings": [{"key": key, "first": a, "second": b} for key, a, b in changed],
                "mean_macro_f1": [{"arm": arm, "first": a, "second": b} for arm, a, b in scores],
                "steps_in_common": shared,
            }
        )
        return
    if changed:
        print_table(("setting", before.name, after.name), [(key, _words(a), _words(b)) for key, a, b in changed])
    else:
        print("the settings are equal")
    if scores:
        rows = [(arm, f"{a:.3f}", f"{b:.3f}") for arm, a, b in scores]
        print_table(("arm, test mean macro-F1", before.name, after.name), rows)
    if before.steps and after.steps:
        say(f"{shared} steps in common, of {len(before.steps)} and {len(after.steps)}")


def differing(first: Any, second: Any, key: str = "") -> list[tuple[str, Any, Any]]:
    """(key, value in the first, value in the second) of all that is not equal; None where one does not have it."""
    if isinstance(first, dict) and isinstance(second, dict):
        return [
            found
            for name in [*first, *(each for each in second if each not in first)]
            for found in differing(first.get(name), second.get(name), f"{key}.{name}" if key else str(name))
        ]
    return [] if first == second else [(key, first, second)]


class _Side:
    """One side of the comparison."""

    def __init__(self, name: str, settings: dict[str, Any], results: dict[str, Any] | None) -> None:
        self.name, self.settings, self.results = name, settings, results
        self.steps = {step["step_id"] for step in results["steps"]} if results else set()

    @classmethod
    def read(cls, archive: Archive, text: str) -> _Side:
        """An experiment file where there is one of this name, else the experiment whose id begins so."""
        path = Path(text)
        if path.suffix in {".yaml", ".yml"} or path.is_file():
            from saggar_orchestrator.cli.experiments.running import read_file
            from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths

            base = path.resolve().parent
            experiment, _ = parse_experiment(read_file(path), text, base)
            return cls(text, _named_arms(resolve_paths(experiment, base).model_dump(mode="json")), None)
        record = archive.record(archive.find(text))
        values = _named_arms(with_defaults(dict(record.specification["experiment"])))
        return cls(record.experiment_id, values, record.results)


def with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """What an earlier version recorded, with the defaults that it left to its services."""
    from pydantic import ValidationError

    from saggar_orchestrator.experiment.schema import Experiment

    try:
        return Experiment.model_validate(_without_none(settings)).model_dump(mode="json")
    except ValidationError:
        return settings


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_none(each) for name, each in value.items() if each is not None}
    return [_without_none(each) for each in value] if isinstance(value, list) else value


def _named_arms(settings: dict[str, Any]) -> dict[str, Any]:
    """Arms by their names, so that one that was put in between does not shift the others."""
    return settings | {"arms": {arm["name"]: arm for arm in settings["arms"]}}


def _scores(first: dict[str, Any] | None, second: dict[str, Any] | None) -> list[tuple[str, float, float]]:
    if first is None or second is None:
        return []
    known = {arm["name"]: arm["mean_macro_f1"]["mean"] for arm in second["arms"]}
    return [
        (arm["name"], arm["mean_macro_f1"]["mean"], known[arm["name"]]) for arm in first["arms"] if arm["name"] in known
    ]


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_words(each)}" for name, each in value.items() if each is not None) or "none"
    return ", ".join(map(_words, value)) or "none" if isinstance(value, list) else str(value)
