"""The language of a page: English, or simplified Chinese by the catalogue in `locale/zh.yaml`."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from saggar_orchestrator.findings import wording

Row = Mapping[str, Any]
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Language:
    """Texts by their English ones; what the catalogue lacks stays English. `code`: of BCP 47."""

    code: str
    texts: Mapping[str, str] = field(repr=False, hash=False)

    def text(self, english: str) -> str:
        return self.texts.get(english, english)

    def plural(self, one: str, many: str, n: int) -> str:
        """Chinese has one form for all numbers; it is found under the plural."""
        return self.texts.get(many) or (one if n == 1 else many)

    def task(self, name: str) -> str:
        """What a task is called; its own name where the catalogue does not know it."""
        return self.text("mean of tasks" if name == "mean" else name)

    def reason(self, name: str) -> str:
        """A reason for which an image was rejected."""
        return self.texts.get(name) or name.replace("_", " ")

    def listed(self, names: list[str]) -> str:
        return wording.listed(names) if self.code == "en" else "、".join(names)

    def between(self, difference: Row) -> str:
        """E.g. `−0.020 to +0.044`."""
        return f"{signed(difference['low'])} {self.text('to')} {signed(difference['high'])}"

    def verdict(self, row: Row) -> str:
        """As `wording.verdict_word`."""
        english = wording.verdict_word(dict(row))
        if self.code == "en":
            return english
        word = self.text(wording.WORDS[row["verdict"]])
        if row["verdict"] == "same" and not row["identical"]:
            return self.text("no difference larger than %(margin)s") % {"margin": f"{row['margin']:.3f}"}
        if row["verdict"] == "unclear" and row["low"] is None:
            return f"{self.text('trained once' if row['seeds'] == 1 else 'trained twice')}：{word}"
        return word

    def needed(self, row: Row) -> str:
        """As `wording.needed`."""
        if self.code == "en":
            return wording.needed(dict(row))
        needs = row["needs"]
        ways = [
            self.text(text) % {"n": f"{number:,}"}
            for number, text in (
                (needs["more_objects"], "%(n)s more test objects"),
                (needs["more_seeds"], "%(n)s more seeds"),
            )
            if number
        ] or [self.text("more test objects and more seeds")]
        target = self.text("to find a difference of %(target)s") % {"target": f"{needs['target']:.3f}"}
        return f"{target}：{self.text('or').join(ways)}"

    def rules(self, results: Row) -> str:
        """As `wording.rules_in_words`."""
        if self.code == "en":
            said = wording.rules_in_words(dict(results))
            return f"{said}." if said else ""
        evidence = results["evidence"]
        values = {name: evidence[name] for name in ("rows", "objects", "seeds")} | {"level": f"{evidence['level']:.0%}"}
        return self.text("rules of the verdicts") % values if evidence["rows"] else ""


@functools.cache
def language(code: str) -> Language:
    """One of LANGUAGES."""
    if code == "en":
        return Language("en", {})
    text = (resources.files("saggar_orchestrator.pages") / "locale" / f"{code}.yaml").read_text("utf-8")
    return Language({"zh": "zh-Hans"}[code], yaml.safe_load(text))


def signed(value: float) -> str:
    """With a sign that is as wide as a plus."""
    return f"{value:+.3f}".replace("-", "−")
