import pytest
from saggar import prompts
from saggar.errors import InvalidInputError
from saggar.taxonomy import load_taxonomy, shipped_taxonomies

LABELS = {"dynasty": "Yuan", "kiln": "Jun", "glaze": "MoonW", "type": "Vase"}


def test_prompt_is_the_papers_example() -> None:
    assert prompts.prompt(load_taxonomy("song-yuan-porcelain"), LABELS) == (
        "Yuan dynasty, Jun kiln produced, Chinese porcelain, vase for display only, no spout or handle, "
        "decorative vessel, with moon white glaze with pale blue lighter than bluish green, "
        "thick opaque glaze"
    )


def test_caption_has_the_papers_form() -> None:
    text = prompts.caption(load_taxonomy("kilnsim"), LABELS)
    assert text.startswith("Yuan dynasty, Jun kiln produced, Chinese porcelain, vase, moon white glaze with ")


@pytest.mark.parametrize("task", ["dynasty", "kiln", "glaze", "type"])
def test_unknown_label_leaves_no_gap(task: str) -> None:
    for build in (prompts.caption, prompts.prompt):
        text = build(load_taxonomy("kilnsim"), {**LABELS, task: None})
        assert "None" not in text
        assert ", ," not in text
        assert "  " not in text
        assert text != build(load_taxonomy("kilnsim"), LABELS)


def test_all_unknown_still_says_porcelain() -> None:
    assert prompts.caption(load_taxonomy("kilnsim"), {}) == "Chinese porcelain"


@pytest.mark.parametrize(("kiln", "dropped"), [("Ge", True), ("Guan", True), ("Ru", True), ("Ding", False)])
def test_cracked_leaves_the_negative_prompt_of_crackled_wares(kiln: str, dropped: bool) -> None:
    text, told = prompts.negative_prompt(load_taxonomy("song-yuan-porcelain"), {"kiln": kiln})
    assert told is dropped
    assert ("cracked" in text) is not dropped
    assert "damaged" in text


def test_cracked_stays_where_it_is_told_to() -> None:
    taxonomy = load_taxonomy("song-yuan-porcelain")
    kept = prompts.negative_prompt(taxonomy, {"kiln": "Ge"}, keep_cracked=True)
    assert kept == (prompts.NEGATIVE_PROMPT, False)
    assert prompts.negative_prompt(taxonomy, {"kiln": "Ge"}, "Cracked,  blurry,dim") == ("blurry, dim", True)
    assert prompts.negative_prompt(taxonomy, {"kiln": "Ge"}, "blurry,dim") == ("blurry,dim", False)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Song dynasty, Guan kiln produced, bowl", ("Guan",)),
        ("a Ge-type vase with Sky Green glaze", ("Ge", "sky green")),
        ("crackled celadon washer", ("crackled celadon",)),
        ("a guan jar from Guangdong, large, blue sky greenish", ()),
        ("white bowl <lora:Ge:0.4>", ()),
        ("a bowl of <kiln-ge>, <lora:x:0.4>", ("Ge",)),
        ("a bowl of <kiln-ding>", ()),
        ("a bowl of <kiln-jun>", ()),  # a word that no adapter here has learnt
    ],
)
def test_crackled_classes_are_found_in_free_words(text: str, found: tuple[str, ...]) -> None:
    learnt = {"<kiln-ge>": "Ge", "<kiln-ding>": "Ding"}
    assert prompts.crackled_phrases(text, [load_taxonomy(name) for name in shipped_taxonomies()], learnt) == found


def test_code_that_the_taxonomy_lacks_is_an_error() -> None:
    with pytest.raises(InvalidInputError, match="Ming"):
        prompts.prompt(load_taxonomy("kilnsim"), {**LABELS, "dynasty": "Ming"})
