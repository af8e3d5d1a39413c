"""What web UIs write into prompts beside words: `<lora:NAME:WEIGHT>`, and what has no meaning here.

Adapters named in a prompt are taken out of its text. Weights of words, `(word:1.2)`, `(word)` and `[word]`,
changes in mid-course, `[from:to:when]` and `[one|other]`, and prompts in parts, `BREAK` and `AND`, are
refused: the text encoder would read them as letters and signs, and the image would not be the one that was
asked for. A bracket after a backslash is plain text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from saggar.errors import InvalidInputError

ADAPTER_NAME = re.compile(r"[A-Za-z0-9._-]+")

_TAG = re.compile(r"<\s*([A-Za-z]+)\s*:([^<>]*)>")
# To web UIs a bracket that stays open reaches to the end
_BRACKETS = re.compile(r"(?<!\\)(\(+[^()]{0,40}\)*|\[+[^\[\]]{0,40}\]*)")
_PARTS = re.compile(r"\b(BREAK|AND)\b")
_ESCAPED = re.compile(r"\\([()\[\]])")


@dataclass(frozen=True)
class ParsedPrompt:
    """`text` without adapters; `weights` of those it names, None where it gives none."""

    text: str
    weights: Mapping[str, float | None] = field(default_factory=dict)


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Raises InvalidInputError, quoting it, for a syntax that has no meaning here."""
    weights: dict[str, float | None] = {}
    for tag in _TAG.finditer(prompt):
        name, weight = _adapter(tag)
        if name in weights:
            raise InvalidInputError(f"names the adapter '{name}' twice; give it one weight")
        weights[name] = weight
    text = _TAG.sub(" ", prompt) if weights else prompt
    _check_words(text)
    if weights:
        text = re.sub(r"[ \t]+", " ", text)
        text = re.sub(r"( ?,)+ ?$", "", text.rstrip()).strip()
    return ParsedPrompt(_ESCAPED.sub(r"\1", text), weights)


def parse_negative_prompt(prompt: str) -> str:
    """The text. Raises as `parse_prompt`, and for adapters: they belong into the prompt."""
    parsed = parse_prompt(prompt)
    if parsed.weights:
        raise InvalidInputError(
            f"names the adapter '{next(iter(parsed.weights))}', which has a place in the prompt only"
        )
    return parsed.text


def escaped(text: str) -> str:
    """`text`, which is plain, so that `parse_prompt` takes its brackets for words."""
    return re.sub(r"([()\[\]])", r"\\\1", text)


def _adapter(tag: re.Match[str]) -> tuple[str, float | None]:
    if tag[1].lower() != "lora":
        raise InvalidInputError(f"has '{tag[0]}'; of the web UIs' tags only <lora:NAME:WEIGHT> is known here")
    name, *rest = (part.strip() for part in tag[2].split(":"))
    if not ADAPTER_NAME.fullmatch(name) or len(rest) > 1:
        raise InvalidInputError(f"has '{tag[0]}'; wanted: <lora:NAME:WEIGHT> with one weight")
    if not rest:
        return name, None
    try:
        weight = float(rest[0])
    except ValueError:
        raise InvalidInputError(f"has '{tag[0]}', whose weight is no number") from None
    if not -10 <= weight <= 10:  # not for NaN either
        raise InvalidInputError(f"has '{tag[0]}'; a weight lies between -10 and 10")
    return name, weight


def _check_words(text: str) -> None:
    if found := _BRACKETS.search(text):
        raise InvalidInputError(
            f"has '{found[0]}': weights of words and changes in mid-course have no meaning here; leave them "
            "out (a backslash before a bracket makes it plain text)"
        )
    if found := _PARTS.search(text):
        raise InvalidInputError(
            f"has '{found[0]}': prompts in parts have no meaning here; leave it out, or write it in small letters"
        )
    if found := re.search(r"<\s*lora\b", text, re.IGNORECASE):
        raise InvalidInputError(f"has '{text[found.start() : found.start() + 40]}'; wanted: <lora:NAME:WEIGHT>")
