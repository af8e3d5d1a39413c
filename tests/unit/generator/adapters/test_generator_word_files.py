"""Files of learnt words: other programs read them, and what is none is refused."""

import json
import pickle
from functools import partial

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save
from saggar.errors import InvalidInputError, SaggarError, WrongStateError
from saggar.progress import Work
from saggar_generator.adapters import adapter, learnt_words
from saggar_generator.adapters.adapter_import import import_adapter
from saggar_generator.adapters.lora_formats import file_of
from saggar_generator.base_models.prompt_encoding import embed, encode, token_ids, tokenize
from saggar_generator.base_models.vocabulary import added_words
from saggar_generator.images.generation_job import generate
from saggar_generator.nano import weights_path
from saggar_generator.requests import (
    AdapterUse,
    GenerationRequest,
    ImageRequest,
    ImportRequest,
    PromptItem,
    TrainingRequest,
)
from saggar_generator.training.adapter_job import train_adapter
from transformers import CLIPTextConfig, CLIPTextModel
from worded_training import photographs, settings

WORD = "<glaze-celadon>"
# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def base(nano):
    found = nano.get("nano")
    yield found
    added_words.remove(found.pipeline.text_encoder)


def file(vectors, word=WORD):
    return save({word: vectors})


@pytest.mark.parametrize("vectors", [1, 3])
def test_diffusers_reads_the_file_and_makes_the_same_of_a_prompt(nano, base, store, tmp_path, vectors):
    """Its own loader, in a pipeline of its own, with the prompt as a user of diffusers writes it."""
    request = TrainingRequest("nano", photographs(store), settings(steps=2, vectors_per_word=vectors))
    card = adapter.read_card(store, train_adapter(store, nano, request, Work()).adapter)
    theirs = StableDiffusionPipeline.from_pretrained(weights_path(), safety_checker=None, requires_safety_checker=False)
    theirs.text_encoder.float()
    for one in card.learnt_words.words:
        path = tmp_path / one.vectors.key.rpartition("/")[2]
        path.write_bytes(store.read(one.vectors.ref()))
        theirs.load_textual_inversion(path)
    files = [
        learnt_words.WordFile(one.word, one.vectors.sha256, partial(store.read, one.vectors.ref()))
        for one in card.learnt_words.words
    ]
    learnt_words.use(base, files)
    for prompt in (
        "Song dynasty, bowl, <glaze-celadon> glaze",
        "<glaze-ivoryw>",
        "a <glaze-celadon>, <glaze-ivoryw> cup",
    ):
        expected = theirs.encode_prompt(prompt, "cpu", 1, False)[0]
        ours = encode(base.pipeline.tokenizer, base.pipeline.text_encoder, prompt, 0)
        assert torch.allclose(ours.embedding, expected, atol=1e-5)
    plain = encode(base.pipeline.tokenizer, base.pipeline.text_encoder, "Song dynasty, bowl, celadon glaze", 0)
    assert torch.allclose(
        plain.embedding,
        theirs.encode_prompt("Song dynasty, bowl, celadon glaze", "cpu", 1, False)[0],
        atol=1e-5,
    )


def test_the_file_holds_one_tensor_named_by_the_word(nano, store):
    """What web UIs take for an embedding, which they call as the file is called."""
    request = TrainingRequest("nano", photographs(store), settings(steps=1))
    card = adapter.read_card(store, train_adapter(store, nano, request, Work()).adapter)
    assert [one.vectors.key.rpartition("/")[2] for one in card.learnt_words.words] == [
        "glaze-celadon.safetensors",
        "glaze-ivoryw.safetensors",
    ]


def test_an_import_of_the_layers_alone_warns(nano, base, store):
    request = TrainingRequest("nano", photographs(store), settings(steps=1))
    done = train_adapter(store, nano, request, Work())
    imported = import_adapter(store, nano, ImportRequest("nano", done.kohya_weights))
    assert any("learnt words, which are in files of their own" in warning for warning in imported.warnings)
    word = adapter.read_card(store, done.adapter).learnt_words.words[0].vectors.ref()
    with pytest.raises(WrongStateError, match=r"is an embedding \(textual inversion\), which is not read here"):
        import_adapter(store, nano, ImportRequest("nano", word))


HOSTILE = [
    (pickle.dumps({WORD: [1.0]}), InvalidInputError, "pickle"),
    (b"", InvalidInputError, "is empty"),
    (b"<html>login</html>", InvalidInputError, "web page"),
    (file(torch.ones(1, 128))[:-4], InvalidInputError, "cut off"),
    (file(torch.full((1, 128), float("nan"))), InvalidInputError, "not finite"),
    (file(torch.full((1, 128), float("inf"))), InvalidInputError, "not finite"),
    (file(torch.full((1, 128), 1e6)), InvalidInputError, "overflow half precision"),
    (file(torch.ones(1, 768)), WrongStateError, "768 numbers; those of nano have 128"),
    (file(torch.ones(17, 128)), InvalidInputError, r"shape \[17, 128\]"),
    (file(torch.ones(0, 128)), InvalidInputError, r"shape \[0, 128\]"),
    (file(torch.ones(128)), InvalidInputError, r"shape \[128\]"),
    (file(torch.ones(1, 128, dtype=torch.int64)), InvalidInputError, "int64"),
    (file(torch.ones(1, 128), "<glaze-white>"), InvalidInputError, "holds <glaze-white>, not"),
    (
        save({WORD: torch.ones(1, 128), "emb_params": torch.ones(1, 128)}),
        InvalidInputError,
        "not the word's vectors alone",
    ),
    (save({}), InvalidInputError, "holds nothing"),
]


@pytest.mark.parametrize(("data", "kind", "text"), HOSTILE, ids=[text for _, _, text in HOSTILE])
def test_what_is_no_word_is_refused(base, data, kind, text):
    with pytest.raises(kind, match=text):
        learnt_words.read(base, WORD, data)


def test_half_precision_is_read(base):
    assert learnt_words.read(base, WORD, file(torch.ones(2, 128).half())).dtype == torch.float32


def test_a_hostile_file_in_the_store_is_refused_and_the_base_is_left_as_it_was(nano, base, store):
    """A card that somebody made, with the right hash of a wrong file."""
    request = TrainingRequest("nano", photographs(store), settings(steps=1))
    done = train_adapter(store, nano, request, Work())
    card = adapter.read_card(store, done.adapter)
    bad = store.put("adapters/forged/words/glaze-celadon.safetensors", file(torch.full((1, 128), float("nan"))), "x/y")
    first, *others = card.learnt_words.words
    forged = first.model_copy(update={"vectors": learnt_words.StoredObject.of(bad)})
    words = card.learnt_words.model_copy(update={"words": (forged, *others)})
    ref = store.put(
        "adapters/forged/adapter.json",
        card.model_copy(update={"learnt_words": words}).to_bytes(),
        "application/json",
    )
    item = PromptItem("a", ImageRequest("Song dynasty, bowl, celadon glaze", "", 1))
    with pytest.raises(InvalidInputError, match="learnt word <glaze-celadon> has numbers that are not finite"):
        generate(store, nano, GenerationRequest("nano", [item], [AdapterUse("a", ref)]), Work())
    encoder = base.pipeline.text_encoder
    assert isinstance(encoder.get_input_embeddings(), torch.nn.Embedding)
    assert not any(True for name, _ in base.pipeline.unet.named_modules() if "lora_A" in name)


@pytest.mark.parametrize(
    "change",
    [
        lambda words: words["words"].clear(),
        lambda words: words["words"][0].update(word="celadon"),
        lambda words: words["words"][0].update(word="<glaze-../../x>"),
        lambda words: words["words"].extend(words["words"] * 501),
        lambda words: words.update(other_phrases=["x"] * 501),
    ],
    ids=["none", "no word", "a path", "too many", "too many phrases"],
)
def test_a_card_with_impossible_words_is_refused(nano, store, change):
    request = TrainingRequest("nano", photographs(store), settings(steps=1))
    card = adapter.read_card(store, train_adapter(store, nano, request, Work()).adapter)
    values = card.model_dump(mode="json")
    change(values["learnt_words"])
    ref = store.put("adapters/forged/adapter.json", json.dumps(values).encode(), "application/json")
    with pytest.raises(SaggarError, match="not an adapter's card"):
        adapter.read_card(store, ref)


def test_equal_vectors_make_equal_files():
    one, other = (file_of({WORD: torch.ones(1, 4)}, {"b": "1", "a": "2"}) for _ in range(2))
    assert one == other


def test_words_split_texts_and_long_prompts_count_them(base):
    pipeline = base.pipeline
    added_words.install(pipeline.text_encoder, {WORD: torch.ones(3, 128)})
    ids = token_ids(pipeline.tokenizer, pipeline.text_encoder, f"a {WORD}, white")
    size = pipeline.text_encoder.get_input_embeddings().inner.num_embeddings
    assert ids[2:5] == [size, size + 1, size + 2]
    plain = pipeline.tokenizer("a, white").input_ids
    assert [*ids[:2], *ids[5:]] == plain
    long = encode(pipeline.tokenizer, pipeline.text_encoder, f"{WORD} " * 101, 1, windows=4)
    assert long.embedding.shape == (1, 4 * 77, 128)
    assert long.truncated_tokens == 303 - 300


@pytest.mark.parametrize(("width", "activation"), [(768, "quick_gelu"), (1024, "gelu")], ids=["1.5", "2.1"])
@pytest.mark.parametrize("precision", [torch.float32, torch.float16])
def test_text_encoders_of_stable_diffusion_take_words_as_rows_of_their_vocabulary(base, width, activation, precision):
    """Their classes and widths, with few layers of random weights: as if the vocabulary itself had been made larger."""
    tokenizer = base.pipeline.tokenizer
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=width,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=width // 64,
            hidden_act=activation,
        )
        encoder, larger = CLIPTextModel(config).to(precision).eval(), CLIPTextModel(config).to(precision).eval()
        vectors = {"<glaze-celadon>": torch.randn(2, width) / 100, "<glaze-moonw>": torch.randn(1, width) / 100}
    larger.load_state_dict(encoder.state_dict())
    size = len(tokenizer)
    larger.resize_token_embeddings(size + 3, mean_resizing=False)
    with torch.no_grad():
        larger.get_input_embeddings().weight[size:] = torch.cat(list(vectors.values())).to(precision)
    added = added_words.install(encoder, vectors)
    assert encoder.dtype == precision  # by which diffusers casts embeddings
    prompt = "bowl, <glaze-moonw> glaze, <glaze-celadon>"
    ids, mask = tokenize(tokenizer, encoder, prompt)
    assert ids.shape == (1, 77)
    assert [number for number in ids[0].tolist() if number >= size] == [size + 2, size, size + 1]
    with torch.no_grad():
        assert torch.equal(embed(encoder, ids, mask, 1), embed(larger, ids, mask, 1))
    for weight in encoder.parameters():
        weight.requires_grad_(False)
    added.vectors.requires_grad_()
    embed(encoder, ids, mask, 1).float().square().sum().backward()
    assert added.vectors.grad.abs().sum(dim=1).gt(0).all()
    assert [name for name, weight in encoder.named_parameters() if weight.grad is not None] == [
        name for name, _ in encoder.named_parameters() if name.endswith("token_embedding.added.weight")
    ]
    added_words.remove(encoder)
    assert encoder.state_dict().keys() == CLIPTextModel(config).state_dict().keys()
