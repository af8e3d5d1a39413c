r"""What web UIs write into prompts beside words: `<lora:NAME:WEIGHT>`, and what has no meaning here.

Adapters named in a prompt are taken out of its text. All other syntax is refused: the text encoder would read
it as letters and signs, and the image would not be the one that was asked for. That is

- weights of words, `(word:1.2)`, `(word)` and `[word]`, and changes in mid-course, `[from:to:when]`, `[one|other]`;
- prompts in parts, `BREAK`, `AND`, `ADDCOMM`, `one::2 other::1`, and words that plus signs weigh, `word++`;
- choices and wildcards, `{one|other}` and `__name__`;
- embeddings (textual inversions) of other programs, `embedding:name`; one that is named by a bare word cannot be told
  from a word;
- a whole block of generation parameters, `Negative prompt: ... Steps: 20, Sampler: ...`;
- options and commands of other programs, `--ar 3:2`, also with the dash that an editor makes of the two, `/imagine`.

Words that an adapter has learnt, `<glaze-moonw>`, stay in the text and are told: whether an adapter of the request has
them, its reader knows.

A backslash makes the sign or the word after it plain text: `\(a mark\)`, `\AND`; two of them are one backslash.
Colons, bars and full-width brackets are plain text by themselves; such brackets with a weight or a choice are not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from saggar.errors import InvalidInputError
from saggar.learnt_words import WORD

ADAPTER_NAME = re.compile(r"[A-Za-z0-9._-]+")

_FORM = "write <lora:NAME:WEIGHT>, with a name of letters, digits, '.', '_' and '-' and one weight"
_TAG = re.compile(r"<\s*([A-Za-z][\w-]*)\s*:([^<>]*)>")
_UNCLOSED_TAG = re.compile(
    r"[<\uff1c]\s*lora\b.{0,40}|(?<![\w\ufffc])lora\s*[:\uff1a]\s*[\w.-]+\s*[:\uff1a]\s*[-+]?[0-9.]+",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")  # float() also takes 0_8 and digits of other scripts
# To web UIs a bracket that stays open reaches to the end
_BRACKETS = re.compile(
    r"\(+[^()]{0,40}\)*|\[+[^\[\]]{0,40}\]*"
    r"|[\uff08\uff3b][^()\[\]\uff08\uff09\uff3b\uff3d]{0,40}[:\uff1a]\s*[0-9.]+\s*[)\]\uff09\uff3d]|\w\+\++"
)
_PARTS = re.compile(r"\b(BREAK|AND|ADD(?:COMM|BASE|COL|ROW))\b|\S{1,40}::-?[0-9.]+")
_CHOICE = re.compile(r"\{+[^{}]{0,40}\}*|\uff5b[^\uff5b\uff5d]{0,40}[|\uff5c][^\uff5b\uff5d]{0,40}\uff5d?")
_WILDCARD = re.compile(r"__[\w*/. -]{1,40}?__")
_EMBEDDING = re.compile(r"\bembedding\s*:\s*[^\s,]+", re.IGNORECASE)
_NEGATIVE = r"negative prompt\s*[:\uff1a]|[反负負][面向]提示[词詞]\s*[:\uff1a]"
_FIELD = (
    r"(?:Steps|Sampler|Schedule type|CFG scale|Seed|Size|Model(?: hash)?|VAE|Clip skip|Denoising strength)\s*[:\uff1a]"
)
_BLOCK = re.compile(
    rf"\b(?:{_NEGATIVE}).{{0,20}}|^Steps: ?[0-9]+,.{{0,20}}"
    r"|\b(?:Schedule type|CFG scale|Clip skip|Denoising strength|Model hash)\s*[:\uff1a].{0,20}"
    rf"|\b{_FIELD}[^,\uff0c\n]{{1,40}}[,\uff0c\n]\s*{_FIELD}.{{0,20}}",
    re.IGNORECASE | re.MULTILINE,
)
_OPTION = re.compile(
    r"^/imagine\b.{0,10}|(?<!\S)(?:--|[\u2013\u2014])(ar|aspect|chaos|iw|niji|no|q|quality|raw|s|seed|stop|style|stylize|tile|v|version|weird)\b.{0,10}"
)
# Also what nobody sees and an encoder reads (blanks of no width, directions, byte order marks), and halves of signs
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = "\ufffc"  # stands for a sign that a backslash has made plain, while syntax is looked for
_NO_WORDS = re.compile(r"[\W_]*")


@dataclass(frozen=True)
class ParsedPrompt:
    """`text` without adapters; `weights` of those it names, None where it gives none; learnt `words` in it."""

    text: str
    weights: Mapping[str, float | None] = field(default_factory=dict)
    words: tuple[str, ...] = ()


def parse_prompt(prompt: str) -> ParsedPrompt:
    """Raises InvalidInputError, quoting it, for a syntax that has no meaning here, and for a prompt without
    words.
    """
    parsed = _parse(prompt)
    if _NO_WORDS.fullmatch(parsed.text):
        what = "has no words beside adapters" if parsed.weights else "is empty"
        raise InvalidInputError(f"{what}; say what the picture shows")
    return parsed


def parse_negative_prompt(prompt: str) -> str:
    """The text, which may be empty. Raises as `parse_prompt`, and for adapters and learnt words: they belong into the
    prompt.
    """
    parsed = _parse(prompt)
    if parsed.words:
        raise InvalidInputError(f"names the learnt word {parsed.words[0]}, which has a place in the prompt only")
    if parsed.weights:
        raise InvalidInputError(
            f"names the adapter '{next(iter(parsed.weights))}', which has a place in the prompt only"
        )
    return parsed.text


def escaped(text: str) -> str:
    """`text`, which is plain, so that `parse_prompt` takes all of it for words."""
    marked = re.sub(r"[\\()\[\]{}<\uff1c\uff08\uff3b\uff5b]|_(?=_)|(?<=_)_|:(?=:)|\+(?=\+)|(?<=\+)\+", r"\\\g<0>", text)
    words = rf"BREAK|AND|ADD(?=COMM|BASE|COL|ROW)|(?i:embedding\s*:|lora\s*[:\uff1a]|{_NEGATIVE}|{_FIELD})"
    marked = re.sub(rf"(?={words})", r"\\", marked)
    return re.sub(r"(?<!\S)(?=--|[\u2013\u2014])|^(?=/imagine)", r"\\", marked)


def _parse(prompt: str) -> ParsedPrompt:
    plain, syntax = _unescaped(prompt)
    weights: dict[str, float | None] = {}
    between, end = [], 0  # where the text lies that is left beside adapters
    for tag in _TAG.finditer(syntax):
        name, weight = _adapter(tag)
        if name in weights:
            raise InvalidInputError(f"names the adapter '{name}' twice; give it one weight")
        weights[name] = weight
        between.append(slice(end, tag.start()))
        end = tag.end()
    between.append(slice(end, None))
    text, syntax = (" ".join(whole[place] for place in between) for whole in (plain, syntax))
    _refuse_syntax(text, syntax)
    if weights:
        text = re.sub(r"[ \t]+", " ", text)
        text = re.sub(r"( ?,)+ ?$", "", text.rstrip()).strip()
    return ParsedPrompt(text, weights, tuple(dict.fromkeys(WORD.findall(syntax))))


def _unescaped(prompt: str) -> tuple[str, str]:
    """`prompt` as plain text, and, sign by sign the same, what of it can be syntax."""
    if control := _CONTROL.search(prompt):
        raise InvalidInputError(f"has a control or invisible character, U+{ord(control[0]):04X}; remove it")
    if len(prompt) - len(prompt.rstrip("\\")) & 1:
        raise InvalidInputError("ends with a backslash, which makes the next sign plain text; leave it out")
    return _ESCAPE.sub(r"\1", prompt), _ESCAPE.sub(_PLAIN, prompt)


def _adapter(tag: re.Match[str]) -> tuple[str, float | None]:
    if tag[1].lower() != "lora":
        raise InvalidInputError(f"has '{tag[0]}'; of the web UIs' tags only <lora:NAME:WEIGHT> is known here")
    name, *rest = (part.strip() for part in tag[2].split(":"))
    if not ADAPTER_NAME.fullmatch(name) or len(rest) > 1:
        raise InvalidInputError(f"has '{tag[0]}'; {_FORM}")
    if not rest:
        return name, None
    if not rest[0]:
        raise InvalidInputError(f"has '{tag[0]}', whose weight is missing; write <lora:{name}:0.8>, or <lora:{name}>")
    if re.fullmatch(r"[+-]?[0-9]*,[0-9]+", rest[0]):
        raise InvalidInputError(f"has '{tag[0]}', a weight with a decimal comma; write {rest[0].replace(',', '.')}")
    if not _NUMBER.fullmatch(rest[0]):
        raise InvalidInputError(f"has '{tag[0]}', whose weight is no number; write it as in <lora:{name}:0.8>")
    weight = float(rest[0])
    if not -10 <= weight <= 10:
        raise InvalidInputError(f"has '{tag[0]}'; a weight lies between -10 and 10")
    return name, weight


_REFUSED: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        _BLOCK,
        "a block of generation parameters is not read here; give the prompt alone, and the rest in its own fields",
    ),
    (_UNCLOSED_TAG, _FORM),
    (_CHOICE, "choices are not made here; write one prompt for each"),
    (_WILDCARD, "wildcards are not filled in here; write the words themselves"),
    (_EMBEDDING, "embeddings (textual inversions) are not known here; write words, or train an adapter"),
    (_BRACKETS, "weights of words and changes in mid-course have no meaning here; leave them out"),
    (_PARTS, "prompts in parts have no meaning here; leave it out, or write it in small letters"),
    (_OPTION, "options of other programs have no meaning here; leave it out"),
)


def _refuse_syntax(text: str, syntax: str) -> None:
    for pattern, advice in _REFUSED:
        if found := pattern.search(syntax):
            way_out = "" if pattern is _BLOCK else " (a backslash before it makes it plain text)"
            raise InvalidInputError(f"has '{text[slice(*found.span())].strip()}': {advice}{way_out}")
