"""Settings from and to messages of the contract, field by field by name. Generic: knows no message by itself."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

from saggar.errors import FieldViolation, InvalidInputError
from saggar.job_settings.declared import JobSettings

SettingsT = TypeVar("SettingsT", bound=JobSettings)
MessageT = TypeVar("MessageT", bound=Message)


def from_message(settings: type[SettingsT], message: Message, prefix: str = "settings") -> SettingsT:
    """`message` as `settings`; unset fields take their defaults.

    Raises InvalidInputError with a violation per bad field.
    """
    return settings.checked(given(settings, message, prefix), prefix)


def given(settings: type[JobSettings], message: Message, prefix: str = "settings") -> dict[str, Any]:
    """The values that `message` sets, of those that `settings` declares."""
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.name not in settings.model_fields or not _is_set(message, field):
            continue
        if field.enum_type is not None:
            values[field.name] = _enum_word(field.enum_type, value, f"{prefix}.{field.name}")
        elif _is_map(field):
            values[field.name] = dict(value)
        elif field.is_repeated:
            values[field.name] = tuple(value)
        else:
            values[field.name] = value
    return values


def to_message(settings: JobSettings, message: type[MessageT], **further: Any) -> MessageT:
    """A message of `settings`, every value written out; None stays unset. `further`: fields of the message that
    `settings` does not declare, or that are given elsewhere.
    """
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(settings, field.name, None)
        if field.name not in type(settings).model_fields or field.name in settings.elsewhere or value is None:
            continue
        values[field.name] = _enum_number(field.enum_type, value) if field.enum_type is not None else value
    return message(**values | further)


def _is_set(message: Message, field: Any) -> bool:
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


def _is_map(field: Any) -> bool:
    return bool(field.message_type is not None and field.message_type.GetOptions().map_entry)


def _enum_word(enum: Any, number: int, name: str) -> str:
    """`INITIAL_WEIGHTS_FILE` of enum InitialWeights: `file`."""
    value = enum.values_by_number.get(number)
    if value is None:
        raise InvalidInputError(f"{name}: unknown value {number}", (FieldViolation(name, f"unknown value {number}"),))
    return str(value.name.removeprefix(_enum_prefix(enum)).lower())


def _enum_number(enum: Any, word: str) -> int:
    return int(enum.values_by_name[_enum_prefix(enum) + word.upper()].number)


def _enum_prefix(enum: Any) -> str:
    return "".join(f"_{c}" if c.isupper() else c for c in enum.name).strip("_").upper() + "_"
