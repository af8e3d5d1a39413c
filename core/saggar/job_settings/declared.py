"""What a declared setting is, and what can be said of it: bounds, default and a line of help, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self, get_args, get_origin

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from saggar.errors import FieldViolation, refuse
from saggar.files.yamlfile import ProblemAt

FOLLOWS = "default_factory_not_called"  # pydantic's error for a default that another, bad setting decides
LEFT_OUT = (
    "left_out"  # key of json_schema_extra: what a setting is when nobody gives it, where its default can't say so
)


class JobSettings(BaseModel):
    """Base of all settings: frozen, no unknown names, no infinite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    elsewhere: ClassVar[Mapping[str, str]] = {}
    """Fields of the message that are not given here, and where they are given instead."""

    @model_validator(mode="before")
    @classmethod
    def _given_elsewhere(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            for name in cls.elsewhere:
                if name in values:
                    raise ProblemAt((name,), cls.elsewhere[name])
        return values

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With each setting's line of help, and without what is given elsewhere."""
        described = handler.resolve_ref_schema(handler(schema))
        properties = described.get("properties", {})
        for name in cls.elsewhere:
            properties.pop(name, None)
        for name, entry in properties.items():
            entry["description"] = help_line(cls, name)
            entry.pop(LEFT_OUT, None)
        return described

    @classmethod
    def checked(cls, values: Mapping[str, Any], prefix: str = "settings") -> Self:
        """From `values`. Raises InvalidInputError with a violation per bad field, named `prefix.field`."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            refuse(_violation(cls, problem, prefix) for problem in error.errors() if problem["type"] != FOLLOWS)
            raise

    def with_values(self, **values: Any) -> Self:
        """The same with some values replaced; they are not checked again."""
        return self.model_copy(update=values)


def help_line(settings: type[BaseModel], name: str) -> str:
    """What a setting is, its bounds and its default: `Rank of the update matrices; 1 to 1,024; default 8.`"""
    field = settings.model_fields[name]
    standard = "must be given" if field.is_required() else f"default {default(field)}"
    parts = [(field.description or name).rstrip("."), bounds(field), standard]
    return "; ".join(part for part in parts if part) + "."


def bounds(field: FieldInfo) -> str:
    """The values that `field` takes, in words; empty where its type says it all."""
    choices = _choices(field.annotation)
    if choices:
        return " or ".join(f"`{choice}`" for choice in choices)
    limits = {
        name: getattr(one, name)
        for one in _metadata(field)
        for name in ("ge", "gt", "le", "lt")
        if getattr(one, name, None) is not None
    }
    if {"ge", "le"} <= set(limits):
        return f"{_number(limits['ge'])} to {_number(limits['le'])}"
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    return ", ".join(f"{words[name]} {_number(limits[name])}" for name in ("gt", "ge", "le", "lt") if name in limits)


def default(field: FieldInfo) -> str:
    """The default of `field` in words."""
    extra = field.json_schema_extra
    left_out = extra.get(LEFT_OUT) if isinstance(extra, dict) else None
    value = field.get_default()
    if left_out is not None:
        return str(left_out) if field.default_factory or value in (None, ()) else f"{_value(value)}, {left_out}"
    return _value(value)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, str) and value:
        return f"`{value}`"
    if isinstance(value, tuple) and value:
        return ", ".join(_value(one) for one in value)
    return "none"


def _number(value: float) -> str:
    if isinstance(value, int):
        return "2^63 - 1" if value == 2**63 - 1 else f"{value:,}"
    return f"{value:,.12g}" if math.isfinite(value) and abs(value) >= 1e-4 else f"{value:g}"


def _choices(annotation: Any) -> tuple[str, ...]:
    for part in (annotation, *get_args(annotation)):
        if get_origin(part) is Literal:
            return tuple(str(choice) for choice in get_args(part))
    return ()


def _metadata(field: FieldInfo) -> list[Any]:
    """Of the setting; of a list's or mapping's entries where it says nothing itself."""
    entries = [one for part in get_args(field.annotation) for one in _entry_metadata(part)]
    own = [one for one in field.metadata if any(hasattr(one, name) for name in ("ge", "gt", "le", "lt"))]
    return own or entries


def _entry_metadata(part: Any) -> list[Any]:
    found: list[Any] = []
    for one in getattr(part, "__metadata__", ()):
        found += one.metadata if isinstance(one, FieldInfo) else [one]
    return found


_OUT_OF_BOUNDS = frozenset(
    {"greater_than", "greater_than_equal", "less_than", "less_than_equal", "literal_error", "finite_number"}
)


def _violation(settings: type[BaseModel], problem: Any, prefix: str) -> FieldViolation:
    cause = problem.get("ctx", {}).get("error")
    location = [*problem["loc"], *(cause.location if isinstance(cause, ProblemAt) else ())]
    name = prefix
    for step in location:
        name += f"[{step}]" if isinstance(step, int) else f".{step}" if name else step
    field = settings.model_fields.get(str(location[0])) if location else None
    if problem["type"] in _OUT_OF_BOUNDS and field is not None and bounds(field):
        return FieldViolation(name, f"is {problem['input']!r}; must be {bounds(field)}")
    if problem["type"] == "value_error":
        return FieldViolation(name, str(cause))
    if problem["type"] == "extra_forbidden":
        return FieldViolation(name, f"unknown; known: {', '.join(settings.model_fields)}")
    return FieldViolation(name, f"is {problem['input']!r}; {problem['msg'][0].lower()}{problem['msg'][1:]}")
