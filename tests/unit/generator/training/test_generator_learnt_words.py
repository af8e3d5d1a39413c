"""Words that nano learns with an adapter: what changes, what stays, and what the adapter has of them in the end."""

import threading
from dataclasses import replace

import pytest
import torch
from saggar.errors import CancelledError, InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.learnt_words import Vocabulary
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar.stored_datasets import read_manifest
from saggar_generator.adapters import adapter, learnt_words
from saggar_generator.adapters.new_words import new_words
from saggar_generator.checkpoint import metadata_of
from saggar_generator.requests import TrainingRequest
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.examples import prepare, training_rows
from saggar_generator.training.loop import AdapterTraining
from saggar_generator.training.results.writing import deciding
from tiny_generation import TRAINING
from tiny_pipeline import training_manifest
from worded_training import PHRASES, photographs, settings

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

TINY = TRAINING.with_values(learnt_phrases={"<glaze-white>": "white", "<glaze-moonw>": "moon white"})


@pytest.fixture
def encoder(nano):
    return nano.get("nano").pipeline.text_encoder


def train(store, models, base, manifest, chosen, cancelled=None, report=lambda _: None):
    request = TrainingRequest(str(base), manifest, chosen)
    return train_adapter(store, models, request, Work(report, cancelled or threading.Event()))


def vectors_of(store, models, base, card):
    loaded = models.get(str(base))
    return {
        one.word: learnt_words.read(loaded, one.word, store.read(one.vectors.ref())) for one in card.learnt_words.words
    }


def test_rows_of_the_vocabulary_stay_equal_bit_by_bit_and_the_words_change(nano, encoder, store):
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    firsts = {
        word: learnt_words.first_vectors(nano.get("nano"), PHRASES[word], 2)
        for word in ("<glaze-celadon>", "<glaze-ivoryw>")
    }
    done = train(store, nano, "nano", photographs(store), settings(vectors_per_word=2))
    after = encoder.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name].view(torch.uint8), after[name].view(torch.uint8)) for name in before)
    card = adapter.read_card(store, done.adapter)
    learnt = vectors_of(store, nano, "nano", card)
    assert learnt.keys() == firsts.keys()
    for word, vectors in learnt.items():
        assert vectors.shape == (2, 128)
        assert not torch.equal(vectors, firsts[word])
        # Adam's steps are of the size of the learning rate: a word is still near to what it began as.
        assert (vectors - firsts[word]).abs().max() <= 8 * 1e-2 * 1.01


def test_a_word_begins_as_the_mean_of_its_phrase(nano, encoder):
    base = nano.get("nano")
    ids = base.pipeline.tokenizer("moon white").input_ids[1:-1]
    assert len(ids) == 2
    rows = encoder.get_input_embeddings().weight[ids].float()
    first = learnt_words.first_vectors(base, "moon white", 3)
    assert torch.equal(first, ((rows[0] + rows[1]) / 2).expand(3, -1).cpu())


def test_words_alone_lower_the_loss(nano, store):
    """The layers stand still, their rate is next to nothing; and ivory pieces are called by a word that nano takes for
    another glaze.
    """
    base, chosen = nano.get("nano"), settings(steps=12, learning_rate=1e-9, resolution_px=64, warm_up_steps=0)
    chosen = chosen.with_values(unet_targets=("to_k",), clip_skip=1)
    rows = [
        replace(row, caption="Chinese porcelain, bowl, black glaze")
        for row in training_rows(read_manifest(store, photographs(store)))
        if row.labels["glaze"] == "IvoryW"
    ]
    words = new_words(base, chosen, [row.caption for row in rows])
    examples = prepare(store, base, rows, chosen, Work(), words.vocabulary)
    with AdapterTraining(base, examples, chosen, measured_by=examples, words=words.vectors) as training:
        before = training.measure()
        for _ in range(chosen.steps):
            training.advance()
        after = training.measure()
    assert after < before * 0.85


def test_a_word_that_no_caption_has_does_not_move(nano, store):
    """Neither by another word's gradient nor by decay."""
    base, chosen = (
        nano.get("nano"),
        settings(steps=3, resolution_px=64).with_values(unet_targets=("to_k",), clip_skip=1),
    )
    rows = training_rows(read_manifest(store, photographs(store)))
    words = new_words(base, chosen, [row.caption for row in rows])
    celadon = [number for number, row in enumerate(rows) if row.labels["glaze"] == "Celadon"]
    examples = prepare(store, base, rows, chosen, Work(), words.vocabulary).take(celadon)
    with AdapterTraining(base, examples, chosen, words=words.vectors) as training:
        for _ in range(chosen.steps):
            training.advance()
        after = training.words()
    assert torch.equal(after["<glaze-ivoryw>"], words.vectors["<glaze-ivoryw>"])
    assert not torch.equal(after["<glaze-celadon>"], words.vectors["<glaze-celadon>"])


def test_classes_without_photographs_have_no_word(nano, store):
    done = train(store, nano, "nano", photographs(store), settings(steps=1))
    learnt = adapter.read_card(store, done.adapter).learnt_words
    assert [(one.word, one.phrase) for one in learnt.words] == [
        ("<glaze-celadon>", "celadon"),
        ("<glaze-ivoryw>", "ivory white"),
    ]
    assert set(learnt.other_phrases) == set(PHRASES.values()) - {"celadon", "ivory white"}
    for key in (done.weights, done.kohya_weights):
        assert '"<glaze-ivoryw>": "ivory white"' in metadata_of(store.read(key))["saggar.learnt_words"]
    metadata = metadata_of(store.read(learnt.words[0].vectors.ref()))
    assert metadata["modelspec.architecture"].endswith("/textual-inversion")
    assert metadata["saggar.base_hash"] == nano.get("nano").content_hash


def test_a_task_without_photographs_is_refused(nano, encoder, store):
    chosen = settings(learnt_phrases={"<glaze-tea>": "tea dust"})
    with pytest.raises(InvalidInputError, match=r"no caption has any of the phrases \(tea dust"):
        train(store, nano, "nano", photographs(store), chosen)
    assert isinstance(encoder.get_input_embeddings(), torch.nn.Embedding)


def test_a_training_that_was_interrupted_ends_with_the_same_words(models, folder, store, tmp_path):
    whole = train(store, models, folder, training_manifest(store), TINY)
    other = DirectoryStore(tmp_path / "other")
    manifest, cancelled = training_manifest(other), threading.Event()

    def stop(progress):
        if progress.stage == "training" and progress.done:
            cancelled.set()

    with pytest.raises(CancelledError):
        train(other, models, folder, manifest, TINY, cancelled, stop)
    again = train(other, models, folder, manifest, TINY)
    assert again.adapter.sha256 == whole.adapter.sha256  # the card, which names every file's hash


def test_kept_adapters_have_words_of_their_own(models, folder, store):
    done = train(store, models, folder, training_manifest(store), TINY.with_values(keep_every_steps=2, warm_up_steps=0))
    cards = [adapter.read_card(store, one.adapter) for one in done.kept] + [adapter.read_card(store, done.adapter)]
    found = [vectors_of(store, models, folder, card)["<glaze-white>"] for card in cards]
    assert len(found) == 3
    assert not torch.equal(found[0], found[1])
    assert not torch.equal(found[1], found[2])
    # A kept one is what a training of so many steps ends with.
    short = train(store, models, folder, training_manifest(store), TINY.with_values(steps=2, warm_up_steps=0))
    assert torch.equal(
        vectors_of(store, models, folder, adapter.read_card(store, short.adapter))["<glaze-white>"], found[0]
    )


def test_together_with_the_text_encoder_prior_pictures_and_previews(models, folder, store):
    chosen = TINY.with_values(
        train_text_encoder=True, prior_weight=1.0, prior_images=2, preview_every_steps=6, noise_offset=0.1
    )
    done = train(store, models, folder, training_manifest(store), chosen)
    card = adapter.read_card(store, done.adapter)
    assert [one.word for one in card.learnt_words.words] == ["<glaze-white>"]
    assert [one.prompt for one in card.previews] == ["song dynasty , white bowl", "yuan dynasty , celadon vase"]
    data = store.read(card.previews[0].image.ref())
    assert b"song dynasty , &lt;glaze-white&gt; bowl" in data
    assert b"song dynasty , white bowl" in data


def test_previews_show_the_words_in_training(models, folder, store):
    """At step 1 and at step 6 the layers are the same but for next to nothing."""
    chosen = TINY.with_values(
        learning_rate=1e-9,
        word_learning_rate=0.5,
        preview_every_steps=3,
        preview_prompts=("white bowl",),
        warm_up_steps=0,
    )
    done = train(store, models, folder, training_manifest(store), chosen)
    first, last = adapter.read_card(store, done.adapter).previews
    assert first.image.sha256 != last.image.sha256


def test_settings_about_words_decide_nothing_without_words():
    assert not {"learnt_phrases", "vectors_per_word", "word_learning_rate"} & deciding(AdapterSettings()).keys()
    assert {"learnt_phrases", "vectors_per_word", "word_learning_rate"} <= deciding(TINY).keys()


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"learnt_phrases": {"white": "white"}}, "learnt_phrases.white", "no word to learn"),
        ({"learnt_phrases": {"<White-1>": "white"}}, "learnt_phrases.<White-1>", "no word to learn"),
        ({"learnt_phrases": {"<g-a>": "white", "<g-b>": "White"}}, "learnt_phrases.<g-a>", "appears twice"),
        ({"learnt_phrases": {"<g-a>": ""}}, "learnt_phrases.<g-a>", "1 to 200 characters"),
        ({"learnt_phrases": {"<g-a>": " white"}}, "learnt_phrases.<g-a>", "without blanks"),
        ({"learnt_phrases": {f"<g-{n}>": f"white {n}" for n in range(501)}}, "learnt_phrases", "at most 500"),
        ({"vectors_per_word": 2}, "vectors_per_word", "needs words to learn"),
        ({"word_learning_rate": 1e-3}, "word_learning_rate", "needs words to learn"),
        ({"learnt_phrases": {"<g-a>": "white"}, "vectors_per_word": 17}, "vectors_per_word", "1 to 16"),
        ({"learnt_phrases": {"<g-a>": "white"}, "vectors_per_word": 0}, "vectors_per_word", "1 to 16"),
        ({"learnt_phrases": {"<g-a>": "white"}, "word_learning_rate": 0}, "word_learning_rate", "1e-09 to 1"),
        ({"learnt_phrases": {"<g-a>": "white"}, "word_learning_rate": 1.5}, "word_learning_rate", "1e-09 to 1"),
        ({"preview_prompts": ["a <glaze-white> bowl"]}, "preview_prompts[0]", "learnt word <glaze-white>"),
    ],
)
def test_settings_that_mean_nothing_are_refused(values, field, text):
    with pytest.raises(InvalidInputError) as caught:
        AdapterSettings.checked(values)
    assert [one.field for one in caught.value.violations] == [f"settings.{field}"]
    assert text in caught.value.violations[0].description


def test_a_phrase_without_a_word_still_counts():
    vocabulary = Vocabulary({"white": "<glaze-white>", "ivory white": None})
    assert vocabulary.word_in("ivory white bowl") is None
    assert vocabulary.word_in("white bowl") == "<glaze-white>"
