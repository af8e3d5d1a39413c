"""Reads an experiment file; every problem is named with file, line and key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from saggar.errors import FieldViolation, InvalidInputError, NotFoundError
from saggar.files.text_encoding import BOM
from saggar.files.yamlfile import parse_yaml
from saggar.taxonomy import Taxonomy, load_taxonomy

from saggar_orchestrator.experiment.arms import Arm
from saggar_orchestrator.experiment.base_model_name import with_absolute_path
from saggar_orchestrator.experiment.checks import Problem, problems_with
from saggar_orchestrator.experiment.places import check_root
from saggar_orchestrator.experiment.schema import Experiment


def parse_experiment(text: str, source: str, base: Path, roots: Sequence[Path] = ()) -> tuple[Experiment, Taxonomy]:
    """The experiment in `text` and its taxonomy; `base` is the folder that relative paths start from.

    A taxonomy's file must lie under one of `roots`, where some are given.

    Raises InvalidInputError: one violation per problem, with line and key; NotFoundError for a missing file.
    """
    experiment = parse_yaml(text, Experiment, source)
    name = _taxonomy_name(experiment.taxonomy, base)
    if name != experiment.taxonomy or Path(name).is_absolute():
        check_root(f"{source}:{_line(text, ('taxonomy',))} taxonomy", Path(name), roots)
    try:
        taxonomy = load_taxonomy(name)
    except NotFoundError as error:
        raise NotFoundError(f"{source}:{_line(text, ('taxonomy',))} taxonomy: {error}", error.name) from None
    if unknown := [name for name in experiment.tasks if name not in taxonomy.task_names]:
        raise InvalidInputError(
            f"{source}:{_line(text, ('tasks',))} tasks: taxonomy {taxonomy.id} has no "
            f"{', '.join(unknown)}; known: {', '.join(taxonomy.task_names)}"
        )
    taxonomy = taxonomy.narrowed(experiment.tasks or taxonomy.task_names)
    problems = [
        FieldViolation(f":{_line(text, location)} {'.'.join(map(str, location))}", description)
        for location, description in _problems(experiment, taxonomy)
    ]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {source}{p.field}: {p.description}" for p in problems)
        raise InvalidInputError(f"{source}: {count}:\n{lines}", tuple(problems))
    return experiment, taxonomy


def _problems(experiment: Experiment, taxonomy: Taxonomy) -> list[Problem]:
    """What the experiment names that its taxonomy lacks, by itself and with what `data.where` leaves of it."""
    if found := problems_with(experiment, taxonomy):
        return found
    try:
        kept = taxonomy.keeping(experiment.data.where)
    except InvalidInputError as error:
        return [(("data", "where"), str(error))]
    everything = experiment.data.model_copy(update={"where": {}, "kilnsim": None})
    return problems_with(experiment.model_copy(update={"data": everything}), kept)


def resolve_paths(experiment: Experiment, base: Path) -> Experiment:
    """`experiment` with every relative path made absolute, starting from `base`."""

    def absolute(path: str | None) -> str | None:
        return str((base / Path(path).expanduser()).resolve()) if path else path

    def copy(part: BaseModel, *names: str) -> Any:
        return part.model_copy(update={name: absolute(getattr(part, name)) for name in names})

    control = experiment.generation.control_net
    return experiment.model_copy(
        update={
            "data": copy(experiment.data, "images", "labels"),
            "training": copy(experiment.training, "initial_weights_path"),
            "arms": tuple(_with_absolute_weights(arm, absolute) for arm in experiment.arms),
            "screening": copy(experiment.screening, "inception_weights_path"),
            "taxonomy": _taxonomy_name(experiment.taxonomy, base),
            "generation": experiment.generation.model_copy(update={"control_net": control and copy(control, "path")}),
            "base_model": with_absolute_path(experiment.base_model, base),
        }
    )


def _with_absolute_weights(arm: Arm, absolute: Callable[[str | None], str | None]) -> Arm:
    path = arm.training.get("initial_weights_path")
    if not isinstance(path, str):
        return arm
    return arm.model_copy(update={"training": arm.training | {"initial_weights_path": absolute(path)}})


def _taxonomy_name(name: str, base: Path) -> str:
    is_path = name.endswith((".yaml", ".yml")) or "/" in name
    return str((base / name).resolve()) if is_path else name


@lru_cache(1)  # a file with thousands of problems is read once, not for each
def _root(text: str) -> Any:
    return yaml.compose(text.lstrip(BOM), Loader=yaml.SafeLoader)


def _line(text: str, location: tuple[Any, ...]) -> int:
    """The line, from 1, of the deepest YAML node along `location`."""
    node: Any = _root(text)
    line = 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
