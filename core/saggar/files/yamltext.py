"""YAML text to plain values, within limits: files come from people and, over the network, from anybody.

What a settings file has no use for is refused by name and line, before it can cost time or memory: anchors and
aliases (an alias bomb of 450 bytes holds 10^9 values), merge keys, tags, keys that appear twice or are no words,
deep nesting, long numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import yaml

from saggar.errors import InvalidInputError
from saggar.files.text_encoding import BOM

LARGEST = 1 << 18  # characters; the largest taxonomy that is shipped has 25,000
DEEPEST = 32  # lists and mappings within one another
LONGEST_NUMBER = 40  # characters

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# What reads as one number and is another: 0100 is 64, and 1:30 is 90.
_OTHER_BASES = ((re.compile(r"[-+]?0[0-7_]*[0-7]"), 8), (re.compile(r"[-+]?[0-9._]+(:[0-9._]+)+"), 60))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # by "\\0": a path with it is no path to anything
_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_CONFLICT = re.compile(r"^(?:<{7}|>{7})(?= |$)", re.MULTILINE)
_REMEDIES = (  # for what the parser says
    (
        "mapping values are not allowed",
        "a key has a colon and a blank behind it, here and in the line above; a text with a colon is quoted",
    ),
    ("tab character that violates", "indent with blanks, not with a tab"),
    ("found another document", "one file holds one: remove the line ---"),
    ("unknown escape character", "write the backslash twice, or use single quotation marks"),
    ("did not find expected", "close quotation marks and brackets, and indent alike what belongs together"),
    ("while scanning a simple key", "a key has a colon and a blank behind it"),
)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)
_NO_DATES = "tag:yaml.org,2002:timestamp"  # 2026-02-30 is a text here, not an error of the calendar


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # with libyaml it takes a twentieth of the time


class _Loader(_Fastest):  # type: ignore[misc]
    """As safe as PyYAML's, without dates."""


_Loader.yaml_implicit_resolvers = {
    start: [(tag, pattern) for tag, pattern in found if tag != _NO_DATES]
    for start, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str, source: str) -> tuple[yaml.Node | None, Any]:
    """The root node, which knows the lines, and the values of the one document in `text`; None twice where it is empty.
    A byte order mark is no part of it.

    Raises InvalidInputError, naming `source` and the line.
    """
    text = text.lstrip(BOM)
    if len(text) > LARGEST:
        raise InvalidInputError(f"{source}: {len(text):,} characters; at most {LARGEST:,} are read")
    _check_characters(text, source)
    try:
        _check_events(text, source)
        root: yaml.Node | None = yaml.compose(text, Loader=_Loader)
        if root is None:
            return None, None
        _check_keys(root, source)
        loader = _Loader("")
        try:
            return root, loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        way_out = _way_out(problem, text[mark.index : mark.index + 1] if mark else "")
        raise InvalidInputError(f"{source}{line}: not valid YAML: {problem}{way_out}") from None
    except ValueError as error:  # a tag's constructor, such as that of a number
        raise InvalidInputError(f"{source}: not valid YAML: {error}") from None


def _check_characters(text: str, source: str) -> None:
    """Refuses what no YAML text holds, and what a merge has left, by the line: the parser names neither."""
    if found := _NO_TEXT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        if text[:64].count("\0") > 8:
            raise InvalidInputError(f"{source}: not valid YAML: UTF-16 or UTF-32 text; save it as UTF-8")
        character = f"character U+{ord(found[0]):04X}, which no YAML holds"
        raise InvalidInputError(f"{source}:{line}: not valid YAML: {character}; remove it")
    if found := _CONFLICT.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise InvalidInputError(f"{source}:{line}: '{found[0]}', left by a merge; keep one side, and remove the marks")


def _way_out(problem: str, character: str) -> str:
    """What to do about the parser's `problem`, which it found at `character`."""
    if "cannot start any token" in problem:
        what = "indent with blanks, not with a tab" if character == "\t" else "put the value in quotation marks"
        return f" ({character!r}); {what}"
    return next((f"; {remedy}" for part, remedy in _REMEDIES if part in problem), "")


def _check_events(text: str, source: str) -> None:
    """Refuses what grows or nests without end, while nothing has been built yet."""
    depth, resolver = 0, _Loader("")
    event: Any
    for event in yaml.parse(text, Loader=_Loader):
        line = f"{source}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent):
            raise InvalidInputError(f"{line}: alias '*{event.anchor}'; aliases are not read: write the values out")
        if getattr(event, "anchor", None):
            raise InvalidInputError(f"{line}: anchor '&{event.anchor}'; anchors are not read: remove it")
        if getattr(event, "tag", None):
            raise InvalidInputError(f"{line}: tag '{event.tag}'; tags are not read: remove it")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise InvalidInputError(f"{line}: more than {DEEPEST} lists and mappings within one another")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.ScalarEvent) and (control := _CONTROL.search(event.value)):
            raise InvalidInputError(f"{line}: control character U+{ord(control[0]):04X} in a text; remove it")
        elif (
            isinstance(event, yaml.ScalarEvent)
            and event.implicit[0]
            and resolver.resolve(yaml.ScalarNode, event.value, (True, False)) in _NUMBERS
        ):
            _check_number(event.value, line)


def _check_number(value: str, line: str) -> None:
    if len(value) > LONGEST_NUMBER:
        most = f"at most {LONGEST_NUMBER} are read; quote it if it is a text"
        raise InvalidInputError(f"{line}: a number of {len(value):,} characters; {most}")
    if base := next((base for pattern, base in _OTHER_BASES if pattern.fullmatch(value)), 0):
        raise InvalidInputError(
            f"{line}: to YAML, {value} is a number to base {base}; write it to base 10, or quote it"
        )
    if _NOT_FINITE.fullmatch(value) or (re.search(r"[eE]", value) and not math.isfinite(_float(value))):
        raise InvalidInputError(f"{line}: {value} is not a finite number; write one that is")


def _float(value: str) -> float:
    try:
        return float(value.replace("_", ""))
    except ValueError:  # hexadecimal
        return 0.0


def _check_keys(root: yaml.Node, source: str) -> None:
    """Keys are words, and each appears once in its mapping."""
    for mapping in _mappings(root):
        seen: dict[str, int] = {}
        for key, _ in mapping.value:
            number = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidInputError(f"{source}:{number}: a list or mapping as a key; keys are words")
            if key.tag == "tag:yaml.org,2002:merge":
                raise InvalidInputError(f"{source}:{number}: merge key '<<' is not read; write the values out")
            if key.tag != "tag:yaml.org,2002:str":
                kind = key.tag.rpartition(":")[2]
                raise InvalidInputError(
                    f"{source}:{number}: key '{key.value}' is read as {kind}; put it in quotation marks"
                )
            if key.value in seen:
                raise InvalidInputError(
                    f"{source}:{number}: key '{key.value}' appears twice, first in line {seen[key.value]}; remove one"
                )
            seen[key.value] = number


def _mappings(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [part for key, value in node.value for part in (key, value)]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value
