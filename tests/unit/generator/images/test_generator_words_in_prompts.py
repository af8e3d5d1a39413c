"""Learnt words in images: in place of phrases, at every weight but 0, with other adapters, and in what files say."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from saggar.errors import InvalidInputError
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar_generator.adapters import adapter
from saggar_generator.base_models.base_model import BaseModels
from saggar_generator.base_models.placement import Placement
from saggar_generator.requests import ImageRequest, PromptItem, TrainingRequest
from saggar_generator.training.adapter_job import train_adapter
from tiny_generation import SETTINGS, run, use
from worded_training import PHRASES, PROMPT, photographs, settings

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("worded") / "store"


@pytest.fixture(scope="module")
def shared(root):
    return DirectoryStore(root)


def trained(store, models, **changes):
    request = TrainingRequest("nano", photographs(store), settings(**changes))
    return train_adapter(store, models, request, Work()).adapter


@pytest.fixture(scope="module")
def worded(shared, nano):
    return trained(shared, nano)


def item(prompt, name="a", negative=""):
    return PromptItem(name, ImageRequest(prompt, negative, 5))


def made(store, models, prompt, *uses, negative=""):
    return run(store, models, "nano", [item(prompt, negative=negative)], uses=uses, settings=SETTINGS)[0]


def pixels(store, image):
    return np.asarray(Image.open(io.BytesIO(store.read(image.image))))


def facts(image):
    return json.loads(image.made_from)


def test_words_and_layers_make_equal_images_after_a_round_trip_through_the_store(root, shared, nano, worded):
    first = made(shared, nano, PROMPT, use(worded))
    again = BaseModels(Placement("cpu", "float32"))
    other = run(DirectoryStore(root), again, "nano", [item(PROMPT)], uses=[use(worded)], settings=SETTINGS)[0]
    assert other.reused  # what decides it is the same
    fresh = DirectoryStore(root)
    for key in fresh.list("generated/"):
        fresh.delete(key)
    assert run(fresh, again, "nano", [item(PROMPT)], uses=[use(worded)], settings=SETTINGS)[0].image == first.image


def test_the_word_takes_the_place_of_the_phrase_and_both_are_told(shared, nano, worded):
    image = made(shared, nano, PROMPT, use(worded))
    told = facts(image)
    card = adapter.read_card(shared, worded)
    assert told["prompt"] == PROMPT
    assert told["prompt_with_words"] == PROMPT.replace("celadon", "<glaze-celadon>")
    assert told["learnt_words"] == {"<glaze-celadon>": card.learnt_words.words[0].vectors.sha256}
    data = shared.read(image.image)
    xmp = data[data.index(b"AIPromptInformation") :].split(b'"', 2)[1].decode()
    assert "bowl, celadon glaze" in xmp
    assert "With learnt words: Song dynasty" in xmp
    assert "bowl, &lt;glaze-celadon&gt; glaze" in xmp


def test_without_its_words_the_same_adapter_makes_another_image(shared, nano, worded):
    card = adapter.read_card(shared, worded)
    bare = card.model_copy(update={"learnt_words": None, "adapter_id": "bare"})
    ref = shared.put("adapters/bare/adapter.json", bare.to_bytes(), "application/json")
    with_words, without = (made(shared, nano, PROMPT, use(one)) for one in (worded, ref))
    assert "learnt_words" not in facts(without)
    assert (pixels(shared, with_words) != pixels(shared, without)).any()
    with pytest.raises(InvalidInputError, match="'one' and 'other' have the same weights and other learnt words"):
        made(shared, nano, PROMPT, use(worded, name="one"), use(ref, name="other"))


def test_a_word_may_be_written_by_hand(shared, nano, worded):
    written = made(shared, nano, PROMPT.replace("celadon", "<glaze-celadon>"), use(worded))
    assert (pixels(shared, written) == pixels(shared, made(shared, nano, PROMPT, use(worded)))).all()


def test_a_prompt_of_another_class_is_made_without_words(shared, nano, worded):
    """Ivory white has a word and white has none: neither takes the other's place."""
    told = facts(made(shared, nano, "bowl, white glaze", use(worded)))
    assert "prompt_with_words" not in told
    told = facts(made(shared, nano, "bowl, ivory white glaze", use(worded)))
    assert told["prompt_with_words"] == "bowl, <glaze-ivoryw> glaze"


def test_at_weight_0_the_image_is_the_bare_base_models(shared, nano, worded):
    bare = made(shared, nano, PROMPT)
    for weighted in (
        made(shared, nano, PROMPT, use(worded, 0.0)),
        made(shared, nano, f"{PROMPT} <lora:glaze:0>", use(worded)),
    ):
        assert weighted.image == bare.image
    half = made(shared, nano, PROMPT, use(worded, 0.5))
    assert facts(half)["prompt_with_words"] == facts(made(shared, nano, PROMPT, use(worded)))["prompt_with_words"]
    images = [pixels(shared, one) for one in (bare, half, made(shared, nano, PROMPT, use(worded)))]
    assert (images[0] != images[1]).any()
    assert (images[1] != images[2]).any()


def test_one_request_may_mix_images_with_words_and_without(shared, nano, worded):
    prompts = [PROMPT, f"{PROMPT} <lora:glaze:0>", "bowl, black glaze"]
    items = [item(prompt, str(number)) for number, prompt in enumerate(prompts)]
    for key in shared.list("generated/"):
        shared.delete(key)
    together = run(shared, nano, "nano", items, uses=[use(worded)], settings=SETTINGS, batch_size=1)
    for key in shared.list("generated/"):
        shared.delete(key)
    apart = [
        run(shared, nano, "nano", [one], uses=[use(worded)], settings=SETTINGS, batch_size=1)[0] for one in items[::-1]
    ]
    assert [one.image for one in together] == [one.image for one in apart[::-1]]


@pytest.mark.parametrize(
    ("prompt", "weight", "text"),
    [
        (
            "a <glaze-moonw> bowl",
            1.0,
            r"prompts\[0\].prompt names the learnt word <glaze-moonw>; known: <glaze-celadon>",
        ),
        ("a <glaze-celadon> bowl", 0.0, "no adapter that takes part has learnt any"),
    ],
)
def test_a_word_that_nobody_has_learnt_is_refused(shared, nano, worded, prompt, weight, text):
    with pytest.raises(InvalidInputError, match=text):
        made(shared, nano, prompt, use(worded, weight))


def test_a_word_without_adapter_is_refused_unless_it_is_plain_text(shared, nano):
    with pytest.raises(InvalidInputError, match="learnt word <glaze-celadon>; no adapter"):
        made(shared, nano, "a <glaze-celadon> bowl")
    assert "learnt_words" not in facts(made(shared, nano, r"a \<glaze-celadon> bowl"))
    with pytest.raises(InvalidInputError, match="has a place in the prompt only"):
        made(shared, nano, "a bowl", negative="<glaze-celadon>")


def test_two_adapters_with_a_word_for_one_phrase_are_refused(shared, nano, worded):
    other = trained(shared, nano, seed=2, steps=1)
    with pytest.raises(InvalidInputError, match=r"'one' and 'other' have both learnt a word for 'celadon'.*weight 0"):
        made(shared, nano, PROMPT, use(worded, name="one"), use(other, name="other"))
    image = made(shared, nano, PROMPT, use(worded, name="one"), use(other, 0.0, "other"))
    assert image.image == made(shared, nano, PROMPT, use(worded)).image


def test_words_of_two_tasks_take_part_together(shared, nano, worded):
    forms = {"<type-bowl>": "bowl", "<type-vase>": "vase"}
    other = trained(shared, nano, seed=3, steps=1, learnt_phrases={**forms, "<type-plate>": "plate"})
    learnt = {one.phrase for one in adapter.read_card(shared, other).learnt_words.words}
    assert "bowl" in learnt
    told = facts(made(shared, nano, PROMPT, use(worded, name="one"), use(other, name="other")))
    assert told["prompt_with_words"] == PROMPT.replace("celadon", "<glaze-celadon>").replace("bowl", "<type-bowl>")
    assert told["learnt_words"].keys() == {"<glaze-celadon>", "<type-bowl>"}
    assert PHRASES["<glaze-celadon>"] == "celadon"


def test_in_half_precision(store):
    """Diffusers takes the text encoder's format, its first parameter's, for the embeddings'."""
    models = BaseModels(Placement("cpu", "bfloat16"))
    ref = trained(store, models, steps=2, train_text_encoder=True)
    image = made(store, models, PROMPT, use(ref))
    assert facts(image)["learnt_words"].keys() == {"<glaze-celadon>"}
    assert pixels(store, image).std() > 0
