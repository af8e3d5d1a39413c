"""Where a learnt word goes in a text, and for which tasks of which taxonomies it can be said."""

import itertools

import pytest
from saggar.errors import InvalidInputError
from saggar.learnt_words import WORD, Vocabulary, problem_with, with_words, words_of
from saggar.prompts import caption, prompt
from saggar.taxonomy import load_taxonomy, shipped_taxonomies
from saggar.webui.prompt_syntax import escaped, parse_negative_prompt, parse_prompt

GLAZES = Vocabulary(
    {
        "white": "<glaze-white>",
        "moon white": "<glaze-moonw>",
        "ivory white": None,
        "blue-and-white": "<glaze-bluew>",
        "Guan": "<kiln-guan>",
    }
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a white cup", "a <glaze-white> cup"),
        ("Moon White bowl", "<glaze-moonw> bowl"),
        ("moon white glaze on white", "<glaze-moonw> glaze on white"),
        ("ivory white bowl, white", "ivory white bowl, white"),
        ("blue-and-white jar", "<glaze-bluew> jar"),
        ("off-white and whitened, then white", "off-white and whitened, then <glaze-white>"),
        ("a guan of white", "a guan of <glaze-white>"),
        ("Guan kiln, white", "<kiln-guan> kiln, white"),
        ("a <glaze-white> cup, moon white", "a <glaze-white> cup, moon white"),
        ("a black cup", "a black cup"),
        ("", ""),
    ],
)
def test_the_first_and_longest_phrase_gives_way(text, expected):
    assert with_words(text, [GLAZES]) == expected


def test_two_vocabularies_each_replace_one_and_the_longer_wins():
    forms = Vocabulary({"cup": "<type-cup>", "stem cup": "<type-stemcup>"})
    assert with_words("white stem cup", [GLAZES, forms]) == "<glaze-white> <type-stemcup>"
    overlapping = Vocabulary({"white cup": "<other-cup>"})
    for order in itertools.permutations([GLAZES, overlapping]):
        assert with_words("a white cup", order) == "a <other-cup>"


def test_no_vocabulary_changes_nothing():
    assert with_words("white", []) == "white"
    assert with_words("white", [Vocabulary({})]) == "white"


@pytest.mark.parametrize("name", shipped_taxonomies())
def test_captions_and_prompts_of_shipped_taxonomies_take_the_word_of_their_own_class(name):
    taxonomy = load_taxonomy(name)
    checked = 0
    for task in taxonomy.tasks:
        words = words_of(task)
        assert len(words) == len(task.classes)
        assert all(WORD.fullmatch(word) for word in words)
        if problem_with(taxonomy, task.name):
            continue
        vocabulary = Vocabulary({phrase: word for word, phrase in words.items()})
        for number, one in enumerate(task.classes):
            for other in taxonomy.tasks:
                labels = {each.name: each.classes[number % len(each.classes)].code for each in taxonomy.tasks}
                labels |= {other.name: other.classes[-1].code} | {task.name: one.code}
                for fill in (caption, prompt):
                    text = with_words(fill(taxonomy, labels), [vocabulary])
                    assert [word for word in words if word in text] == [list(words)[number]]
                    checked += 1
    assert checked


def test_a_task_whose_prompts_name_another_class_first_is_told():
    taxonomy = load_taxonomy("song-yuan-porcelain")
    assert "does not name type TeaB-S first by its phrase, 'tea bowl stand'" in problem_with(taxonomy, "type")
    assert problem_with(taxonomy, "glaze") is None


def test_a_task_of_which_texts_do_not_speak_is_told():
    taxonomy = load_taxonomy("kilnsim")
    silent = taxonomy.model_copy(update={"prompt": ("{dynasty} dynasty", "{type:description}")})
    assert "does not name glaze Celadon first" in problem_with(silent, "glaze")
    task = taxonomy.task("glaze")
    twins = tuple(one.model_copy(update={"phrase": "white"}) for one in task.classes[:2])
    twins = taxonomy.model_copy(update={"tasks": (task.model_copy(update={"classes": twins}),)})
    twins = twins.model_copy(update={"caption": ("{glaze}",), "prompt": ("{glaze}",)})
    assert "two classes of glaze have the phrase 'white'" in problem_with(twins, "glaze")


def test_codes_that_would_give_equal_words_are_told_by_their_numbers():
    task = load_taxonomy("kilnsim").task("glaze")
    codes = ("Ru", "RU", "汝", "a b", "class_2")
    classes = tuple(one.model_copy(update={"code": code}) for one, code in zip(task.classes, codes, strict=False))
    words = list(words_of(task.model_copy(update={"classes": classes})))
    assert words == ["<glaze-class_1>", "<glaze-class_2>", "<glaze-class_3>", "<glaze-a-b>", "<glaze-class-2>"]


def test_prompts_tell_their_learnt_words():
    parsed = parse_prompt("a <glaze-moonw> bowl, <glaze-moonw> <lora:x:0.5>")
    assert parsed.words == ("<glaze-moonw>",)
    assert parsed.text == "a <glaze-moonw> bowl, <glaze-moonw>"
    assert parse_prompt(r"a \<glaze-moonw> bowl").words == ()
    assert parse_prompt(escaped("a <glaze-moonw> bowl")).words == ()
    assert parse_prompt("a <white> bowl").words == ()
    with pytest.raises(InvalidInputError, match="<glaze-moonw>, which has a place in the prompt only"):
        parse_negative_prompt("<glaze-moonw>")
