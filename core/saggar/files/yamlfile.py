"""Read a YAML file into a pydantic model; errors name the file, the line and the key."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from saggar.errors import FieldViolation, InvalidInputError, NotFoundError
from saggar.files.regular import read_regular
from saggar.files.text_encoding import marked_text
from saggar.files.yamltext import load

ModelT = TypeVar("ModelT", bound=BaseModel)


class ProblemAt(ValueError):  # noqa: N818 pydantic turns it into its own error
    """For validators: a problem at `location` below the model that is being validated."""

    def __init__(self, location: tuple[str | int, ...], message: str) -> None:
        super().__init__(message)
        self.location = location


_LARGEST_BYTES = 64 << 20


def read_yaml(path: Path, model: type[ModelT]) -> ModelT:
    """Read and validate `path`.

    Raises NotFoundError when the file is missing, and InvalidInputError (one violation per problem, each with
    its line) when it is neither UTF-8 nor marked as UTF-16, not YAML, or does not fit `model`.
    """
    try:
        text = marked_text(read_regular(path, _LARGEST_BYTES), str(path))
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
    except IsADirectoryError:
        raise InvalidInputError(f"{path}: is a folder, not a YAML file") from None
    return parse_yaml(text, model, source=str(path))


def parse_yaml(text: str, model: type[ModelT], source: str) -> ModelT:
    """As `read_yaml`, from text; `source` names it in errors."""
    root, data = load(text, source)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        violations = tuple(_violation(problem, root, model) for problem in _own(error.errors()))
        lines = "\n".join(f"  {source}{v.field}: {v.description}" for v in violations)
        count = "1 problem" if len(violations) == 1 else f"{len(violations)} problems"
        raise InvalidInputError(f"{source}: {count}:\n{lines}", violations) from None


def _own(problems: list[Any]) -> list[Any]:
    """Without lists that are "too short" only because their items were refused."""

    def follows(problem: Any) -> bool:
        place = problem["loc"]
        return problem["type"] == "too_short" and any(
            other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in problems
        )

    # A default that another setting decides is missing where that one is bad; only the bad one is worth a line.
    caused = [problem for problem in problems if problem["type"] != "default_factory_not_called"]
    return [problem for problem in caused if not follows(problem)]


def _violation(problem: Any, root: Any, model: type[BaseModel]) -> FieldViolation:
    location = tuple(problem["loc"])
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, ProblemAt):
        location += cause.location
    line, path = _locate(root, location)
    description = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        known = _known_keys(model, location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1)
        hint = f"; did you mean '{close[0]}'?" if close else f"; known keys: {', '.join(known)}" if known else ""
        description = f"unknown key '{location[-1]}'{hint}"
    elif problem["type"] == "missing":
        last = location[-1]
        description = f"item {last + 1} is missing" if isinstance(last, int) else f"key '{last}' is missing"
    elif shape := _shape_wanted(problem):
        description = shape
    return FieldViolation(f":{line} {path}".rstrip(), description)


def _shape_wanted(problem: Any) -> str:
    """What a value of another shape should be, as YAML writes it; blank for other problems."""
    kind, value = problem["type"], problem["input"]
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return "is empty; write `key: value` lines" if value is None else "is no mapping; write `key: value` lines"
    if kind in {"tuple_type", "list_type", "set_type", "frozen_set_type"}:
        return "is empty; write a list, `[one, other]`" if value is None else "is no list; write `[one, other]`"
    if kind == "string_type":
        if value is None:
            return "is empty; write a text"
        return "is no text" if isinstance(value, list | dict) else "is no text to YAML; put it in quotation marks"
    if kind == "too_short":
        least = problem["ctx"]["min_length"]
        return f"is too short; write at least {least} item{'' if least == 1 else 's'}"
    return ""


def _locate(root: Any, location: tuple[Any, ...]) -> tuple[int, str]:
    """The line (from 1) and dotted path of the deepest YAML node along `location`."""
    node, line, parts = root, (root.start_mark.line + 1 if root else 1), []
    for step in location:
        if isinstance(node, yaml.MappingNode):
            match = [(key, value) for key, value in node.value if key.value == str(step)]
            if match:
                line, node = match[0][0].start_mark.line + 1, match[0][1]
                parts.append(str(step))
                continue
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
            parts.append(str(step))
            continue
        parts.append(str(step))
    return line, ".".join(parts)


def _known_keys(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    current: Any = model
    for step in location:
        if isinstance(step, int):
            continue
        field = current.model_fields.get(step) if _is_model(current) else None
        if field is None:
            return []
        current = next((a for a in (field.annotation, *_arguments(field.annotation)) if _is_model(a)), None)
    if not _is_model(current):
        return []
    return [field.alias or name for name, field in current.model_fields.items()]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _arguments(annotation: Any) -> list[Any]:
    found: list[Any] = []
    for argument in getattr(annotation, "__args__", ()):
        found += [argument, *_arguments(argument)]
    return found
