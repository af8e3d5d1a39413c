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


class Marks(_Part):
    """Words beside a name that change what it says; `chinese_between` characters may be in between."""

    before: Words
    after: Words = ()
    chinese_before: Words
    chinese_after: Words = ()
    chinese_between: int = 0


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
    imitation: Marks
    negation: Marks
    doubt: Marks
    period: PeriodRules
    kiln: KilnRules
    glaze: GlazeRules
    form: FormRules


@cache
def load_rules() -> Rules:
    """The rules that come with Saggar."""
    text = resources.files(__package__).joinpath("rules.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, Rules, source="catalogue/rules.yaml")
