"""The language of a page: English, or simplified Chinese by the catalogue in `locale/zh.yaml`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import yaml

from saggar_orchestrator.findings import wording

Row = Mapping[str, Any]
LANGUAGES = ("en", "zh")
# What results call otherwise than people do.
_CALLED = {"mean": "mean of tasks", "no_modern": "nothing modern", "review": "left out after the review"}


@dataclass(frozen=True)
class Language:
    """Texts by their English ones; what the catalogue lacks stays English. `code`: of BCP 47."""

    code: str
    texts: Mapping[str, str] = field(repr=False, hash=False)
    warnings: tuple[tuple[re.Pattern[str], str], ...] = field(default=(), repr=False, hash=False)

    def text(self, english: str) -> str:
        return self.texts.get(english, english)

    def say(self, english: str, **values: object) -> str:
        """`text` with its places filled."""
        return self.text(english) % values

    @property
    def colon(self) -> str:
        """With the space that follows it."""
        return ": " if self.code == "en" else "："

    @property
    def stop(self) -> str:
        """What ends a sentence."""
        return "." if self.code == "en" else "。"

    def joined(self, parts: list[str]) -> str:
        """Clauses as one sentence."""
        said = ("; " if self.code == "en" else "；").join(parts)
        return f"{said[:1].upper()}{said[1:]}{self.stop}" if said else ""

    def plural(self, one: str, many: str, n: int) -> str:
        """Chinese has one form for all numbers; it is found under the plural."""
        return self.texts.get(many) or (one if n == 1 else many)

    def task(self, name: str) -> str:
        """What a task is called; its own name where the catalogue does not know it."""
        return self.text(_CALLED.get(name, name))

    def reason(self, name: str) -> str:
        """A reason for which an image was rejected."""
        called = _CALLED.get(name, name)
        return self.texts.get(called) or called.replace("_", " ")

    def warning(self, english: str) -> dict[str, Any]:
        """`text` in this language, by the patterns of the catalogue; `foreign`: it is still English."""
        if self.code == "en":
            return {"text": english, "foreign": False}
        for pattern, text in self.warnings:
            if found := pattern.fullmatch(english):
                places = found.groupdict()
                if "task" in places:
                    places["task"] = self.task(places["task"])
                return {"text": text % places, "foreign": False}
        return {"text": english, "foreign": True}

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
        target = {"target": f"{needs['target']:.3f}"}
        if needs["more_objects"] == 0:
            return self.text(wording.FOUND_ALREADY) % target
        ways = [
            self.text(text) % {"n": f"{number:,}"}
            for number, text in (
                (needs["more_objects"], "%(n)s more test objects"),
                (needs["more_seeds"], "%(n)s more seeds"),
            )
            if number
        ] or [self.text("more test objects and more seeds")]
        return f"{self.text('to find a difference of %(target)s') % target}：{self.text('or').join(ways)}"

    def in_short(self, results: Row) -> str:
        """As `wording.in_short`."""
        if self.code == "en":
            return wording.in_short(dict(results))
        settled, unsettled = [], []
        for arm in results["arms"]:
            if why := wording.unused(arm):
                settled.append(f"{arm['name']}：{self.text(why)}")
                continue
            found = arm.get("differences", {}).get("macro_f1")
            if not found:
                continue
            said = [
                f"{self.task(task)}{self.text(wording.WORDS[row['verdict']])}"
                for task, row in found.items()
                if row["verdict"] != "unclear"
            ]
            if said:
                settled.append(f"{arm['name']}：{'，'.join(said)}")
            else:
                unsettled.append(arm["name"])
        if unsettled:
            settled.append(f"{self.listed(unsettled)}：{self.text(wording.WORDS['unclear'])}")
        score = f"{results['arms'][0]['mean_macro_f1']['mean']:.3f}"
        return "；".join(settled) or f"{self.text('mean of tasks')}{self.text('macro-F1')} {score}"

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
    folder = resources.files("saggar_orchestrator.pages") / "locale"
    texts, warnings = (
        yaml.safe_load((folder / f"{name}.yaml").read_text("utf-8")) for name in (code, f"{code}-warnings")
    )
    patterns = tuple((re.compile(pattern, re.DOTALL), text) for pattern, text in warnings.items())
    return Language({"zh": "zh-Hans"}[code], texts, patterns)


def signed(value: float) -> str:
    """With a sign that is as wide as a plus; what rounds to nothing is +0.000."""
    return f"{round(value, 3) + 0.0:+.3f}".replace("-", "−")
