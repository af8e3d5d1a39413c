"""Domain errors. Every message says what is wrong, where, and what to do about it.

`SaggarError.to_json` and `from_json` take them from one process to another; `saggar.rpc.errors` maps each class to
one gRPC status and back. Nothing here knows of gRPC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

_VIOLATIONS_SHOWN = 50
# Control characters but for line ends and tabs, marks of direction, and halves of characters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@dataclass(frozen=True)
class FieldViolation:
    """One bad field of a request or a file. `field` is a dotted path, e.g. `training.batch_size`."""

    field: str
    description: str


class SaggarError(Exception):
    """Base class: anything that the user can understand and act upon.

    Its text can be sent and printed anywhere: bytes of file names that are no UTF-8, and characters that steer a
    terminal or turn the direction of text, are escaped.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(sendable(message))

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` makes an equal error of: `kind`, `message`, and what the class adds."""
        kind = next(kind for kind in type(self).__mro__ if kind in _KINDS.values())
        return {"kind": kind.__name__, "message": str(self), **self._details()}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> SaggarError:
        """The error that `to_json` described; a plain SaggarError where its kind is not known here.

        Details that are missing or of another type are left at their defaults: whoever reports an error should
        not fail at it.
        """
        kind = _KINDS.get(str(value.get("kind", "")), SaggarError)
        return kind._of(str(value.get("message", "")), value)  # noqa: SLF001 a subclass's own

    def _details(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _of(cls, message: str, _details: Mapping[str, Any]) -> SaggarError:
        return cls(message)


class InvalidInputError(SaggarError):
    """The caller's input is wrong: a label, a row, a setting. Retrying the same input cannot help."""

    def __init__(self, message: str, violations: tuple[FieldViolation, ...] = ()) -> None:
        super().__init__(message)
        self.violations = violations

    def with_remark(self, text: str) -> InvalidInputError:
        """The same with `text` behind its own."""
        return InvalidInputError(f"{self}{text}", self.violations)

    def _details(self) -> dict[str, Any]:
        return {"violations": [asdict(violation) for violation in self.violations]}

    @classmethod
    def _of(cls, message: str, details: Mapping[str, Any]) -> SaggarError:
        found = details.get("violations")
        return cls(
            message,
            tuple(
                FieldViolation(str(each.get("field", "")), str(each.get("description", "")))
                for each in (found if isinstance(found, list) else ())
                if isinstance(each, Mapping)
            ),
        )


class NotFoundError(SaggarError):
    """Something that was named does not exist. `name` is what was asked for."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name

    def _details(self) -> dict[str, Any]:
        return {"name": self.name}

    @classmethod
    def _of(cls, message: str, details: Mapping[str, Any]) -> SaggarError:
        return cls(message, str(details.get("name", "")))


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

    def _details(self) -> dict[str, Any]:
        return {"retry_after_s": self.retry_after_s}

    @classmethod
    def _of(cls, message: str, details: Mapping[str, Any]) -> SaggarError:
        seconds = details.get("retry_after_s")
        return cls(message, float(seconds)) if isinstance(seconds, int | float) else cls(message)


class DataCorruptionError(SaggarError):
    """Stored bytes do not match their checksum, or a stored file cannot be read."""


class StorageFullError(SaggarError):
    """The disk or bucket has no room left."""


class CancelledError(SaggarError):
    """The work was cancelled by its caller."""


class PeerFailedError(SaggarError):
    """A peer failed in a way that it does not explain; `correlation_id` finds the details in its log."""

    def __init__(self, message: str, correlation_id: str = "") -> None:
        super().__init__(message)
        self.correlation_id = correlation_id

    def _details(self) -> dict[str, Any]:
        return {"correlation_id": self.correlation_id}

    @classmethod
    def _of(cls, message: str, details: Mapping[str, Any]) -> SaggarError:
        return cls(message, str(details.get("correlation_id", "")))


_KINDS: dict[str, type[SaggarError]] = {
    kind.__name__: kind
    for kind in (
        SaggarError,
        InvalidInputError,
        NotFoundError,
        AlreadyExistsError,
        WrongStateError,
        UnavailableError,
        BusyError,
        DataCorruptionError,
        StorageFullError,
        CancelledError,
        PeerFailedError,
    )
}


def sendable(text: str) -> str:
    """The text with what cannot be sent, or would steer a terminal, as escapes."""
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}"


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


EXIT_FAILED, EXIT_REFUSED = 1, 2


def exit_code(error: SaggarError) -> int:
    """Of a service that cannot start: EXIT_REFUSED for settings and files that somebody has to correct, EXIT_FAILED for
    what another attempt may find otherwise, as a store that is not there yet or a home that is still held.
    """
    return EXIT_REFUSED if isinstance(error, InvalidInputError | NotFoundError) else EXIT_FAILED
