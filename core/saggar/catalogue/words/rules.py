"""The words in `rules.yaml`, typed."""

from __future__ import annotations

from functools import cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

from saggar.files.yamlfile import parse_yaml

Words = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Noise(_Part):
    words: Words
    chinese: Words


class Money(_Part):
    """Words beside a number that make it a sum of money."""

    signs: Words
    codes: Words
    units: Words
    coins: Words
    names: Words
    said: Words
    dynasty: Words


class Marks(_Part):
    """Words beside a name that change what it says; `chinese_between` characters may be in between.

    `chinese_opening` has nothing before it, `chinese_last` nothing after it. `chinese_unless` begin as marks do and
    are none, `chinese_then` make a mark behind the name none, `denied` before a mark take it back.
    """

    before: Words
    after: Words = ()
    chinese_before: Words
    chinese_opening: Words = ()
    chinese_after: Words = ()
    chinese_last: Words = ()
    chinese_then: Words = ()
    chinese_unless: Words = ()
    chinese_between: int = 0
    denied: Words = ()


class Statements(_Part):
    """Words that, with nothing but `filling`, say of the whole thing what it is."""

    copies: Words
    doubt: Words
    perhaps: Words
    topics: dict[str, Words]
    filling: Words


class PeriodRules(_Part):
    after: Words
    early: Words
    joined: Words
    inscribed: Words
    things: Words
    filling: Words
    outside: tuple[tuple[str, int, int, Words], ...]
    reigns: dict[str, Words]
    not_periods: Words


class KilnRules(_Part):
    after: Words
    before: Words
    not_names: Words
    outside: Words
    places: Words
    guards: dict[str, Words]


class GlazeRules(_Part):
    after: Words
    between: Words
    before: Words
    outside: Words
    decoration: Words
    bodies: Words
    splashes: Words
    foot: Words
    applied: Words
    tones: Words


class FormRules(_Part):
    outside: Words
    not_heads: Words
    stops: Words
    through: Words
    suffixes: Words
    joined: Words


class Rules(_Part):
    """All of `rules.yaml`."""

    characters: dict[str, str]
    blank: Words
    columns: dict[str, Words]
    noise: Noise
    money: Money
    imitation: Marks
    copy_of: Marks
    negation: Marks
    doubt: Marks
    statements: Statements
    period: PeriodRules
    kiln: KilnRules
    glaze: GlazeRules
    form: FormRules


@cache
def load_rules() -> Rules:
    """The rules that come with Saggar."""
    text = resources.files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, Rules, source="catalogue/rules.yaml")
