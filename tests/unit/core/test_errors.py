"""Domain errors: refused fields, and errors as plain values that another process reads."""

from __future__ import annotations

import json

import pytest
from saggar.errors import (
    BusyError,
    CancelledError,
    FieldViolation,
    InvalidInputError,
    NotFoundError,
    PeerFailedError,
    SaggarError,
    StorageFullError,
    refuse,
)

WRONG = [FieldViolation("settings.steps", "is 0; must be 1 or more"), FieldViolation("", "the manifest has no rows")]


def test_nothing_is_refused_where_nothing_is_wrong() -> None:
    refuse([])
    refuse(each for each in ())


def test_every_violation_is_in_the_text_and_in_the_error() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse(iter(WRONG))
    assert str(caught.value) == "settings.steps: is 0; must be 1 or more; the manifest has no rows"
    assert caught.value.violations == tuple(WRONG)


def test_with_a_heading_each_has_a_line() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse(WRONG, "bad training settings")
    lines = str(caught.value).splitlines()
    assert lines == [
        "bad training settings:",
        "  settings.steps: is 0; must be 1 or more",
        "  the manifest has no rows",
    ]


def test_a_text_stays_readable_however_much_is_wrong() -> None:
    with pytest.raises(InvalidInputError) as caught:
        refuse([FieldViolation(f"rows[{n}]", "is empty") for n in range(1234)], "rows")
    assert str(caught.value).splitlines()[-1] == "  and 1,184 more"
    assert len(caught.value.violations) == 1234


@pytest.mark.parametrize(
    "error",
    [
        InvalidInputError("bad row; correct it", tuple(WRONG)),
        NotFoundError("no experiment x1; list them", "x1"),
        BusyError("queue full; try again", 7.5),
        PeerFailedError("internal error ab12", "ab12"),
        StorageFullError("disk full; free some space"),
        CancelledError("cancelled"),
        SaggarError("something else"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_a_line_of_json(error: SaggarError) -> None:
    read = SaggarError.from_json(json.loads(json.dumps(error.to_json())))
    assert (type(read), str(read), vars(read)) == (type(error), str(error), vars(error))


def test_a_subclass_of_one_package_arrives_as_what_others_know() -> None:
    class OfMineError(NotFoundError):
        pass

    read = SaggarError.from_json(OfMineError("no such thing", "x").to_json())
    assert (type(read), str(read)) == (NotFoundError, "no such thing")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"kind": "dataclass", "message": "x"}, SaggarError),
        ({"kind": "Exception", "message": "x"}, SaggarError),
        ({"kind": ["a"], "message": "x"}, SaggarError),
        ({"message": "x"}, SaggarError),
        ({"kind": "InvalidInputError", "message": "x", "violations": "no list"}, InvalidInputError),
        ({"kind": "InvalidInputError", "message": "x", "violations": [1, {}]}, InvalidInputError),
        ({"kind": "BusyError", "message": "x", "retry_after_s": "soon"}, BusyError),
        ({"kind": "NotFoundError", "message": "x"}, NotFoundError),
    ],
)
def test_an_error_of_an_unknown_kind_or_with_broken_details_is_still_reported(
    value: dict[str, object], kind: type[SaggarError]
) -> None:
    read = SaggarError.from_json(value)
    assert (type(read), str(read)) == (kind, "x")


@pytest.mark.parametrize("steering", ["\x1b[31m", "\x00", "\r", "\x9b", "\u202e", "\u2066", "\udcff"])
def test_no_text_steers_a_terminal(steering: str) -> None:
    text = str(InvalidInputError(f"key a{steering}b\n\tcorrect it, 定窑"))
    assert "\\" in text
    assert text.encode("utf-8")
    assert all(c.isprintable() or c in "\n\t" for c in text)
