"""Domain errors. Every message says what is wrong, where, and what to do about it.

`saggar.rpc.errors` maps each class to one gRPC status and back; nothing here knows of gRPC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_VIOLATIONS_SHOWN = 50


@dataclass(frozen=True)
class FieldViolation:
    """One bad field of a request or a file. `field` is a dotted path, e.g. `training.batch_size`."""

    field: str
    description: str


class SaggarError(Exception):
    """Base class: anything that the user can understand and act upon."""


class InvalidInputError(SaggarError):
    """The caller's input is wrong: a label, a row, a setting. Retrying the same input cannot help."""

    def __init__(self, message: str, violations: tuple[FieldViolation, ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations


class NotFoundError(SaggarError):
    """Something that was named does not exist. `name` is what was asked for."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class AlreadyExistsError(SaggarError):
    """Something would be overwritten with different content. Nothing in Saggar is overwritten."""


class WrongStateError(SaggarError):
    """The system is not in the state that the request needs (no model active, adapter on another base)."""


class UnavailableError(SaggarError):
    """A store or a peer cannot be reached now. Retrying later may help."""


class BusyError(SaggarError):
    """A queue is full. `retry_after_s` is when to try again, in seconds."""

    def __init__(self, message: str, retry_after_s: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DataCorruptionError(SaggarError):
    """Stored bytes do not match their checksum, or a stored file cannot be read."""


class StorageFullError(SaggarError):
    """The disk or bucket has no room left."""


class CancelledError(SaggarError):
    """The work was cancelled by its caller."""


def refuse(violations: Iterable[FieldViolation], about: str = "") -> None:
    """Raises one InvalidInputError that names every violation; does nothing where there are none.

    The one way to refuse a request, a file or settings in all services. Without `about` its text is
    `field: description; field: description`; with it, `about:` and a line for each.
    """
    found = tuple(violations)
    if not found:
        return
    shown = [": ".join(filter(None, (each.field, each.description))) for each in found[:_VIOLATIONS_SHOWN]]
    if len(found) > len(shown):
        shown.append(f"and {len(found) - len(shown):,} more")
    lines = "".join(f"\n  {line}" for line in shown)
    raise InvalidInputError(f"{about}:{lines}" if about else "; ".join(shown), found)
