"""What the workflow database keeps, as JSON. DBOS's own default is pickle, with which a changed row runs code."""

from __future__ import annotations

import json
from typing import Any

import saggar.errors
from dbos import _serialization
from dbos._serialization import Serializer
from saggar.errors import DataCorruptionError, SaggarError

_ERROR = "__error__"


class JsonSerializer(Serializer):
    """Values of JSON, tuples as lists, and errors by their class's name."""

    def name(self) -> str:
        return "saggar_json"

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=_error_to_json, separators=(",", ":"), ensure_ascii=False)

    def deserialize(self, serialized_data: str) -> Any:
        try:
            value = json.loads(serialized_data)
        except ValueError as error:
            raise DataCorruptionError(
                f"a row of the workflow database is no JSON ({error}); resume the experiment"
            ) from None
        return _error_from_json(value[_ERROR]) if isinstance(value, dict) and _ERROR in value else value


def refuse_pickles() -> None:
    """A row that says it is pickled is refused: DBOS would unpickle it whatever serializer it was given."""
    for name in ("serialize", "deserialize"):
        setattr(_serialization.DefaultSerializer, name, _refused)


def _refused(_self: object, _value: object) -> Any:
    raise DataCorruptionError(
        "a row of the workflow database is a pickle, which this version neither writes nor reads; resume the experiment"
    )


def _error_to_json(value: object) -> Any:
    if isinstance(value, BaseException):
        return {_ERROR: {"kind": type(value).__name__, "text": str(value)}}
    raise TypeError(f"{type(value).__name__} is not for the workflow database; make it a value of JSON")


def _error_from_json(value: dict[str, str]) -> Exception:
    kind = getattr(saggar.errors, value["kind"], None)
    if isinstance(kind, type) and issubclass(kind, SaggarError):
        return kind(value["text"])
    return RuntimeError(f"{value['kind']}: {value['text']}")
