"""Prompts and scheduler names as web UIs write them: what is understood, and what is refused in words."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saggar.errors import InvalidInputError
from saggar.prompts import prompt
from saggar.taxonomy import load_taxonomy
from saggar.webui.prompt_syntax import ParsedPrompt, escaped, parse_negative_prompt, parse_prompt
from saggar.webui.scheduler_names import SCHEDULERS, canonical


@pytest.mark.parametrize(
    ("written", "text", "weights"),
    [
        ("white bowl", "white bowl", {}),
        ("vase, thick opaque glaze <lora:glazetype:0.4>", "vase, thick opaque glaze", {"glazetype": 0.4}),
        ("<lora:form:.5>, vase, <lora:glaze:-1.25>,", ", vase", {"form": 0.5, "glaze": -1.25}),
        ("vase <lora:form> on a table", "vase on a table", {"form": None}),
        ("vase < LORA : my-form_2.1 : 1 >", "vase", {"my-form_2.1": 1.0}),
        (r"bowl \(qinghua\) \[a mark\]", "bowl (qinghua) [a mark]", {}),
        ("sand and breaks, an ANDESITE jar :)", "sand and breaks, an ANDESITE jar :)", {}),
        (r"bowl \(word:1.2\)", "bowl (word:1.2)", {}),
        ("10:30, 4 < 5 > 3", "10:30, 4 < 5 > 3", {}),
    ],
)
def test_adapters_leave_the_text(written, text, weights):
    assert parse_prompt(written) == ParsedPrompt(text, weights)


@pytest.mark.parametrize(
    "written",
    [
        "a (white:1.2) bowl",
        "a ((white)) bowl",
        "a [[white]] bowl",
        "a [white:celadon:0.5] bowl",
        "( white , thick : 0.7 )",
        "a (white) bowl",
        "a [white] bowl",
        "a (white bowl",
        "a [celadon|white] bowl",
        "a [celadon:white:5] bowl",
        "a white bowl BREAK thick glaze",
        "a bowl AND a vase",
        "a <hypernet:x:1> bowl",
        "a <lora:x:one> bowl",
        "a <lora:x:1:0.5> bowl",
        "a <lora:x:nan> bowl",
        "a <lora:x:11> bowl",
        "a <lora::1> bowl",
        "a <lora:x:1 bowl",
        "<lora:x:1> <lora:x:1>",
    ],
)
def test_what_would_be_read_as_letters_is_refused(written):
    with pytest.raises(InvalidInputError, match=r"leave (them|it)|wanted|known here|no number|between|twice"):
        parse_prompt(written)


def test_adapters_have_no_place_in_negative_prompts():
    assert parse_negative_prompt(r"low quality, \(blurry\)") == "low quality, (blurry)"
    with pytest.raises(InvalidInputError, match="in the prompt only"):
        parse_negative_prompt("blurry <lora:x:1>")


@given(st.text(alphabet="abc ,.:()[]<>\\0123456789lora月白", max_size=60))
def test_any_text_is_either_understood_or_refused(written):
    try:
        parsed = parse_prompt(written)
    except InvalidInputError:
        return
    assert "<lora:" not in parsed.text
    if not any(sign in written for sign in "<\\"):
        assert parsed.text == written


def test_what_is_refused_is_quoted():
    for written, quoted in (("a ((white)) bowl", "((white))"), ("[a|b] jar", "[a|b]"), ("x AND y", "AND")):
        with pytest.raises(InvalidInputError, match=f"^has '{re.escape(quoted)}':"):
            parse_prompt(written)


@given(st.text(alphabet="abc ,.:|()[]\\0123456789月白", max_size=60))
def test_escaped_text_is_plain(text):
    assert parse_prompt(escaped(text)) == ParsedPrompt(text, {})


@pytest.mark.parametrize("name", ["kilnsim", "song-yuan-porcelain", "palace-visual"])
def test_our_own_prompts_are_plain_text(name):
    taxonomy = load_taxonomy(name)
    for task in taxonomy.tasks:
        for code in task.codes:
            words = prompt(taxonomy, {task.name: code})
            assert parse_prompt(words) == ParsedPrompt(words, {})


@pytest.mark.parametrize(
    ("written", "name"),
    [
        *((name, name) for name in SCHEDULERS),
        ("DPM++ 2M Karras", "dpmpp_2m_karras"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("DPM++ 2M SDE Karras", "dpmpp_2m_sde_karras"),
        ("Euler a", "euler_a"),
        ("euler_ancestral", "euler_a"),
        ("UniPC", "unipc"),
        ("PLMS", "plms"),
    ],
)
def test_web_uis_names_of_schedulers(written, name):
    assert canonical(written) == name


def test_an_unknown_scheduler_names_what_is_close():
    with pytest.raises(InvalidInputError, match=r"did you mean dpmpp_2m_karras.*Known: dpmpp_2m_karras") as e:
        canonical("DPM++ 3M Karras")
    assert e.value.violations[0].field == "settings.scheduler"
    with pytest.raises(InvalidInputError, match=r"'quantum'.*Known"):
        canonical("quantum")
