"""An experiment file for an orchestrator elsewhere: what it names on this machine goes along, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from saggar.errors import InvalidInputError

from saggar_orchestrator.cli.terminal.output import open_home_store, plural, say
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine
from saggar_orchestrator.local.home import Home


def with_files_sent(home: Home, text: str, file: Path) -> str:
    """The text to send. Photographs and labels that it names by relative paths are sent, and named by their data set.

    Absolute paths are the orchestrator's own and stay. Raises what is wrong with the file or the photographs, and
    InvalidInputError for other files of this machine, which cannot be sent.
    """
    try:
        named = yaml.safe_load(text)
    except yaml.YAMLError:
        return text  # the orchestrator says what is wrong with it, and where
    data = named.get("data") if isinstance(named, dict) else None
    if not isinstance(data, dict) or not _is_relative(data.get("images")):
        _refuse_other_files(named, file)
        return text
    from saggar.importing.intake import import_csv
    from saggar.stored_datasets import write_manifest

    from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths

    base = file.resolve().parent
    experiment, taxonomy = parse_experiment(text, str(file), base)
    experiment = resolve_paths(experiment, base)
    _refuse_other_files(named, file)
    store = open_home_store(home)
    say(f"sending the photographs of {data['images']} to {home.address('orchestrator')}")
    progress = ProgressLine(quiet_when_piped=True).show
    found = import_csv(
        Path(experiment.data.images or ""),
        Path(experiment.data.labels or ""),
        taxonomy,
        store,
        where=experiment.data.where or None,
        progress=progress,
    )
    identity = write_manifest(store, found.manifest).key.split("/")[1]
    say(f"{plural(len(found.manifest), 'photograph')}: data set {identity}")
    kept = {name: value for name, value in data.items() if name not in {"images", "labels"}}
    return yaml.safe_dump(named | {"data": kept | {"dataset": identity}}, allow_unicode=True, sort_keys=False)


def _refuse_other_files(named: Any, file: Path) -> None:
    """Files that a service opens itself: they must lie where it runs."""
    if not isinstance(named, dict):
        return
    taxonomy, base_model = named.get("taxonomy"), named.get("base_model")
    found = {
        "taxonomy": taxonomy if isinstance(taxonomy, str) and taxonomy.endswith((".yaml", ".yml")) else None,
        "base_model": base_model if isinstance(base_model, str) and base_model.startswith(("./", "../")) else None,
        **{
            f"{section}.{name}": (named.get(section) or {}).get(name) if isinstance(named.get(section), dict) else None
            for section, name in (("training", "initial_weights_path"), ("screening", "inception_weights_path"))
        },
    }
    for key, value in found.items():
        if _is_relative(value):
            raise InvalidInputError(
                f"{file}: {key}: {value} is a file of this machine, and the orchestrator runs elsewhere: put it where "
                "its services can read it, and give its absolute path there"
            )


def _is_relative(path: Any) -> bool:
    return isinstance(path, str) and bool(path) and not Path(path).expanduser().is_absolute()
