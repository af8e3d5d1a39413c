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
        ("bowl:1.3 | vase", "bowl:1.3 | vase", {}),
        ("青瓷碗（龙泉窑），釉色:1.2", "青瓷碗（龙泉窑），釉色:1.2", {}),
        (r"vase \AND bowl, \BREAK \{a\|b\} \_\_x\_\_", "vase AND bowl, BREAK {a|b} __x__", {}),
        (r"bowl \\ vase, a lone \backslash", "bowl \\ vase, a lone backslash", {}),  # as the web UIs have it
        (r"\<lora:x:1> bowl", "<lora:x:1> bowl", {}),
        ("bowl --celadon, a_b", "bowl --celadon, a_b", {}),
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
        "<lora:x:1> <lora:x:1> bowl",
        r"bowl \\(guan\\)",  # two backslashes are one: the bracket weighs
        "a {bowl|jar}",
        "a {{bowl}}",
        "a __glaze__ bowl",
        "a __forms/open*__",
        "bowl, embedding:badhand",
        "bowl, <embedding:badhand>",
        "bowl <clip_skip:2>",
        "bowl <lora-xy:x:1>",
        "bowl, Embedding : badhand",
        "a \uff1clora:x:1\uff1e bowl",
        "bowl --ar 3:2",
        "BLUE AND WHITE VASE",
        "lora:x:0.8> bowl",
        "bowl &lt;lora:x:1&gt;",
        "a \uff08white\uff1a1.2\uff09 bowl",
        "\uff3bceladon\uff1awhite\uff1a0.5\uff3d",
        "a \uff5bbowl\uff5cjar\uff5d",
        "bowl::2 vase::-.5",
        "a celadon++ bowl",
        "a bowl ADDCOMM a vase",
        "a bowl \u2014ar 3:2",
        "/imagine a bowl",
    ],
)
def test_what_would_be_read_as_letters_is_refused(written):
    with pytest.raises(InvalidInputError, match=r"leave (them|it)|write |known here|no number|between|twice"):
        parse_prompt(written)


@pytest.mark.parametrize(
    ("weight", "complaint"),
    [
        *(("0_8", "no number"), ("1_000", "no number"), ("\uff10.8", "no number"), ("inf", "no number")),
        *(("1e1", "no number"), ("0,8", r"decimal comma; write 0\.8"), ("", "weight is missing"), (" ", "missing")),
        *(("te=1:unet=0.7", "one weight"), ("0.8:lbw=OUTALL", "one weight")),
    ],
)
def test_a_weight_is_a_plain_number_or_refused(weight, complaint):
    with pytest.raises(InvalidInputError, match=complaint):
        parse_prompt(f"bowl <lora:x:{weight}>")


@pytest.mark.parametrize("parse", [parse_prompt, parse_negative_prompt])
@pytest.mark.parametrize(
    "pasted",
    [
        "Song bowl, celadon\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 1",
        "Song bowl Negative prompt: blurry",
        "Song bowl\r\nsteps: 20, Sampler: Euler a",
        "Song bowl, Steps: 20, Sampler: Euler a, CFG scale: 7",
        "Song bowl\nModel hash: 4c86efd062, Seed: 1",
        "Song bowl\nNegative Prompt\uff1a blurry",
        "bowl, CFG scale: 7",
        "bowl, Clip skip: 2",
        "bowl, denoising strength\uff1a0.5",
        "宋代青瓷碗 负面提示词：模糊",
        "宋代青瓷碗\n反向提示词: 模糊",
        "宋代青瓷碗，負面提示詞：模糊",
    ],
)
def test_a_pasted_block_of_parameters_is_not_read_as_words(parse, pasted):
    with pytest.raises(InvalidInputError, match="block of generation parameters"):
        parse(pasted)


@pytest.mark.parametrize(
    "character",
    ["\0", "\x07", "\x1b", "\x7f", "\x85", "\xad", "\u200b", "\u2028", "\u202e", "\u2066", "\ufeff", "\ud800"],
)
def test_control_characters_are_no_words(character):
    with pytest.raises(InvalidInputError, match=f"invisible character, U\\+{ord(character):04X}; remove it"):
        parse_prompt(f"a {character}bowl")


@pytest.mark.parametrize("empty", ["", "   ,  ,", "<lora:x:1>", " <lora:x:1>, "])
def test_a_prompt_has_words(empty):
    with pytest.raises(InvalidInputError, match="say what the picture shows"):
        parse_prompt(empty)


def test_a_negative_prompt_may_be_empty():
    assert parse_negative_prompt("") == ""


def test_a_backslash_at_the_end_is_refused():
    assert parse_prompt("bowl \\\\").text == "bowl \\"
    with pytest.raises(InvalidInputError, match="ends with a backslash"):
        parse_prompt("bowl \\")


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
    assert "<lora:" not in parsed.text or "\\<" in written
    if not any(sign in written for sign in "<\\"):
        assert parsed.text == written


def test_what_is_refused_is_quoted():
    for written, quoted in (("a ((white)) bowl", "((white))"), ("[a|b] jar", "[a|b]"), ("x AND y", "AND")):
        with pytest.raises(InvalidInputError, match=f"^has '{re.escape(quoted)}':"):
            parse_prompt(written)


_PIECES = (
    *(
        "AND",
        "BREAK",
        "ADDCOMM",
        "embedding:",
        "Negative prompt:",
        "\nSteps: 20,",
        "Sampler: x, Seed: 1",
        "负面提示词：",
    ),
    *(
        "--ar 3",
        "__",
        "<lora:x:1>",
        "\uff1clora",
        "lora:x:1",
        "\uff08x\uff1a1.2\uff09",
        "\uff5ba\uff5cb\uff5d",
        "::2",
        "++",
    ),
    *(" \u2014ar 3", "/imagine "),
)


@given(
    st.lists(st.sampled_from(_PIECES) | st.text(alphabet="abc ,.:|()[]{}<>_\\0123456789月白", max_size=9), max_size=9)
)
def test_escaped_text_is_plain(pieces):
    text = "".join(("bowl ", *pieces))
    assert parse_prompt(escaped(text)) == ParsedPrompt(text, {})


def test_a_taxonomys_words_are_words_whatever_they_are():
    """A phrase with a capital AND came through until the generator refused it."""
    task = {"name": "glaze", "classes": [{"code": "a", "phrase": "BLUE AND WHITE {old}"}, {"code": "b", "phrase": "b"}]}
    assert parse_prompt(escaped(task["classes"][0]["phrase"])).text == "BLUE AND WHITE {old}"


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
