"""Steps that are asked for anew: done again though equal inputs have done them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from saggar.errors import InvalidInputError

# Written anew whenever a step is: they hold when, and how long.
OF_THE_EXPERIMENT = ("results", "report")
_BY_PEOPLE = "review"


class Named(Protocol):
    """A stage, as far as its names go."""

    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...


@dataclass(frozen=True)
class Fresh:
    """Stages by their keys, and a token of the wish: what was done since for its sake is not done once more."""

    keys: tuple[str, ...]
    token: str

    def token_of(self, key: str) -> str:
        """Empty where what was done before is taken over."""
        return self.token if key in self.keys else ""

    def to_json(self) -> dict[str, Any] | None:
        """For the workflow database; None where nothing is asked for."""
        return {"keys": list(self.keys), "token": self.token} if self.keys else None

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> Fresh:
        return cls(tuple(value["keys"]), str(value["token"])) if value else NONE_FRESH


NONE_FRESH = Fresh((), "")


def stages_named(names: Iterable[str], stages: Sequence[Named]) -> tuple[Named, ...]:
    """Those that `names` mean, in their order: a kind of step (`train`), or a step's title, with or without its split
    (`fold 1 of 5: `).

    Raises InvalidInputError for a name that none has, with the nearest, and for what only people can do again.
    """
    found: list[Named] = []
    for name in names:
        meant = [stage for stage in stages if name in _names(stage)]
        if not meant:
            raise InvalidInputError(f"no step '{name}' in this experiment{_nearest(name, stages)}")
        if any(stage.kind == _BY_PEOPLE for stage in meant):
            raise InvalidInputError(
                "a review by people is not made again by --fresh: `saggar review new` opens one over the same images"
            )
        found += meant
    keys = {stage.key for stage in found}
    return tuple(stage for stage in stages if stage.key in keys)


def _names(stage: Named) -> tuple[str, ...]:
    return stage.kind, stage.title, stage.title.partition(": ")[2] or stage.title


def _nearest(name: str, stages: Sequence[Named]) -> str:
    known = list(dict.fromkeys(each for stage in stages for each in _names(stage)))
    plain = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=0.5)
    if close:
        return f"; did you mean '{plain[close[0]]}'?"
    kinds = ", ".join(dict.fromkeys(stage.kind for stage in stages))
    return f"; give a kind of step ({kinds}), or a title that `saggar experiment plan` shows"
