"""YAML from anybody: a refusal that names file and line, at once, and never another error."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import examples
from pydantic import BaseModel, Field
from saggar.errors import InvalidInputError
from saggar.files.yamlfile import parse_yaml
from saggar.files.yamltext import DEEPEST, LARGEST, load
from saggar.taxonomy import Taxonomy


class Small(BaseModel):
    name: str = ""
    count: int = 0
    items: tuple[str, ...] = Field(default=("x",), min_length=1)


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "f.yaml:1: anchor '&a'"),
        ("name: x\ncount: *gone\n", "f.yaml:2: alias '*gone'"),
        ("&self\nname: [*self]\n", "f.yaml:1: anchor '&self'"),
        ("name: x\n<<: {count: 1}\n", "f.yaml:2: merge key '<<'"),
        ("name: x\ncount: 1\nname: y\n", "f.yaml:3: key 'name' appears twice, first in line 1"),
        ("name: {a: 1, b: [{c: 1,\nc: 2}]}\n", "f.yaml:2: key 'c' appears twice, first in line 1"),
        ("name: x\n? [a, b]\n: 1\n", "f.yaml:2: a list or mapping as a key"),
        ("name: x\n? {a: b}\n: 1\n", "f.yaml:2: a list or mapping as a key"),
        ("name: " + "[" * 5000 + "]" * 5000, f"f.yaml:1: more than {DEEPEST} lists and mappings"),
        ("name: x\ncount: " + "{a: " * 5000 + "}" * 5000, f"f.yaml:2: more than {DEEPEST}"),
        ("\n".join("  " * depth + "a:" for depth in range(200)), f"more than {DEEPEST}"),
        ("name: x\ncount: " + "9" * 10_000, "f.yaml:2: a number of 10,000 characters"),
        ("count: 0x" + "f" * 10_000, "f.yaml:1: a number of 10,002 characters"),
        ("count: 1." + "0" * 10_000, "f.yaml:1: a number of 10,002 characters"),
        ("name: x\ncount: 0100", "f.yaml:2: to YAML, 0100 is a number to base 8; write it to base 10, or quote it"),
        ("count: -017", "f.yaml:1: to YAML, -017 is a number to base 8"),
        ('name: "a\\0b"', "f.yaml:1: control character U+0000 in a text; remove it"),
        ('name: x\ncount: [{a: "\\x1b[2J"}]', "f.yaml:2: control character U+001B in a text"),
        ("count: 1:30", "f.yaml:1: to YAML, 1:30 is a number to base 60"),
        ("count: [190:20:30.15]", "f.yaml:1: to YAML, 190:20:30.15 is a number to base 60"),
        ("count: -.inf", "f.yaml:1: -.inf is not a finite number"),
        ("count: .NaN", "f.yaml:1: .NaN is not a finite number"),
        ("count: 1.0e+999", "f.yaml:1: 1.0e+999 is not a finite number"),
        ("name: x\ncount: !!int abc", "f.yaml:2: tag 'tag:yaml.org,2002:int'"),
        ("name: !!python/object/apply:os.system [ls]", "f.yaml:1: tag 'tag:yaml.org,2002:python"),
        ("name: !!binary '%%'", "f.yaml:1: tag"),
        ("name: x\n--- \nname: y\n", "f.yaml:2: not valid YAML"),
        ("name: [x", "not valid YAML"),
        ("name: x\n~: y\n", "f.yaml:2: key '~' is read as null; put it in quotation marks"),
        ("name: x\nyes: y\n", "f.yaml:2: key 'yes' is read as bool; put it in quotation marks"),
        ("name: x\n1.5: y\n", "f.yaml:2: key '1.5' is read as float; put it in quotation marks"),
        ("name: no", "f.yaml:1 name: is no text to YAML; put it in quotation marks"),
        ("name: 1.10", "f.yaml:1 name: is no text to YAML; put it in quotation marks"),
        ("name:\ncount: 1", "f.yaml:1 name: is empty; write a text"),
        ("name: [a]", "f.yaml:1 name: is no text"),
        ("", "f.yaml:1: is empty; write `key: value` lines"),
        ("# only a remark\n---\n", "is empty; write `key: value` lines"),
        ("version https://git-lfs.github.com/spec/v1", "f.yaml:1: is no mapping; write `key: value` lines"),
        ("- a\n- b", "f.yaml:1: is no mapping; write `key: value` lines"),
        ("items: a", "f.yaml:1 items: is no list; write `[one, other]`"),
        ("items: []", "f.yaml:1 items: is too short; write at least 1 item"),
        ("name: x\ncount: 1 \x01", "f.yaml:2: not valid YAML: character U+0001, which no YAML holds; remove it"),
        ("name: x\n\ufeffcount: 1", "f.yaml:2: not valid YAML: character U+FEFF"),
        ("name: x\ncount: \ud800", "f.yaml:2: not valid YAML: character U+D800"),
        ("name: a text\ncount: 1".encode("utf-16-le").decode("latin-1"), "UTF-16 or UTF-32 text; save it as UTF-8"),
        ("name: x\n<<<<<<< HEAD\ncount: 1\n", "f.yaml:2: '<<<<<<<', left by a merge; keep one side"),
        ("name:\n\tcount: 1", "f.yaml:2: not valid YAML: found character that cannot start any token ('\\t'); indent"),
        ("name: x\n\tcount: 1", "indent with blanks, not with a tab"),
        ("name: @x", "f.yaml:1: not valid YAML: found character that cannot start any token ('@'); put the value in"),
        ("name:x\ncount: 1", "a key has a colon and a blank behind it, here and in the line above"),
        ("name: x\n---\nname: y", "one file holds one: remove the line ---"),
        ('name: "C:\\pictures"', "write the backslash twice"),
        ("name: \x00", "not valid YAML"),
        ("name: '" + "x" * LARGEST + "'", f"at most {LARGEST:,} are read"),
        ("- 1\n" * (LARGEST // 4 + 1), f"at most {LARGEST:,} are read"),
    ],
)
def test_what_settings_have_no_use_for_is_refused_at_once(text: str, told: str) -> None:
    started = time.thread_time()
    with pytest.raises(InvalidInputError) as caught:
        parse_yaml(text, Small, "f.yaml")
    assert told in str(caught.value)
    assert len(str(caught.value)) < 300
    assert time.thread_time() - started < 5


def test_dates_and_hashes_are_texts() -> None:
    for text in ("2026-02-30", "2026-13-01 99:99:99", "3" * 39 + "e", "deadbeef" * 8, '"' + "9" * 64 + '"'):
        assert load(f"name: {text}", "f.yaml")[1] == {"name": text.strip('"')}


def test_words_may_look_like_anchors() -> None:
    assert load("name: 'a & b *c'\nnote: blue & white\n", "f")[1] == {"name": "a & b *c", "note": "blue & white"}
    assert load("", "f") == (None, None)
    assert load("# nothing\n", "f") == (None, None)


@examples(150)
@given(st.text(alphabet="abc01:-?[]{}&*!|>#'\"%@`,. \n\t<~=é\x00\u2028", max_size=80))
def test_no_text_raises_anything_else(text: str) -> None:
    for model in (Small, Taxonomy):
        told = "f.yaml"
        try:
            parse_yaml(text, model, "f.yaml")
        except InvalidInputError as error:
            told = str(error)
        assert told.startswith("f.yaml")
