"""nano: the shipped pipeline is whole, small, honest about its training, and can be trained again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from saggar.kilnsim import RARE_COMBINATIONS, sample_world
from saggar.prompts import NEGATIVE_PROMPT, caption, prompt
from saggar.taxonomy import load_taxonomy
from saggar_generator.nano import checkpoint, weights_path
from saggar_generator.nano.captions import TAXONOMIES, build_tokenizer, draw_caption, taxonomy_text
from saggar_generator.nano.sampling import draw, load
from saggar_generator.nano.stages.denoiser import lots
from saggar_generator.nano.train import Settings, train

LIMIT_BYTES = 20 * 1000 * 1000
KEPT = {"scheduler", "text_encoder", "tokenizer", "unet", "vae"}

# diffusers 0.42 turns a tensor into an array in a way that numpy 2 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture(scope="module")
def pipeline():
    return load()


def test_shipped_files_are_small_and_safe():
    files = [p for p in weights_path().rglob("*") if p.is_file()]
    assert {p.name for p in weights_path().iterdir() if p.is_dir()} == KEPT
    assert sum(p.stat().st_size for p in files) <= LIMIT_BYTES
    assert {p.suffix for p in files} <= {".json", ".safetensors", ".txt"}
    weights = load_file(next((weights_path() / "unet").glob("*.safetensors")))
    assert {t.dtype for t in weights.values()} == {torch.float16}


def test_manifest_proves_what_it_was_trained_on():
    manifest = json.loads((weights_path() / "training.json").read_text("utf-8"))
    assert manifest["domain"] == ["world"]
    pairs = {tuple(pair.split()) for pair in manifest["glaze_type_pairs"]}
    assert pairs.isdisjoint({(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS})
    assert len(pairs) == 64 - 9
    counts = manifest["glaze_type_pairs"].values()
    assert sum(counts) == manifest["pictures"] == manifest["settings"]["pictures"]
    for stage in ("autoencoder", "unet"):
        curve = manifest["loss"][stage]
        assert curve[-1][1] < curve[0][1]


def test_manifest_matches_the_sampler_and_the_files():
    import hashlib

    manifest = json.loads((weights_path() / "training.json").read_text("utf-8"))
    counts: dict[str, int] = {}
    for piece in sample_world(manifest["pictures"], manifest["seed"]):
        pair = f"{piece.glaze} {piece.type}"
        counts[pair] = counts.get(pair, 0) + 1
    assert counts == manifest["glaze_type_pairs"]
    for name, digest in manifest["files"].items():
        assert hashlib.sha256((weights_path() / name).read_bytes()).hexdigest() == digest, name


@pytest.mark.parametrize("name", TAXONOMIES)
def test_tokenizer_knows_every_word_of_the_taxonomies(pipeline, name):
    for tokenizer in (pipeline.tokenizer, build_tokenizer()):
        tokens = tokenizer(taxonomy_text(load_taxonomy(name)), truncation=False).input_ids
        assert tokenizer.unk_token_id not in tokens
        assert tokenizer.model_max_length == 77


def test_no_prompt_is_cut(pipeline):
    taxonomy = load_taxonomy("song-yuan-porcelain")
    kilns, glazes, types = (taxonomy.task(task).codes for task in ("kiln", "glaze", "type"))
    for number, kind in enumerate(types):
        labels = {
            "dynasty": "Song",
            "kiln": kilns[number % len(kilns)],
            "glaze": glazes[number % len(glazes)],
            "type": kind,
        }
        for text in (caption(taxonomy, labels), prompt(taxonomy, labels), NEGATIVE_PROMPT):
            tokens = pipeline.tokenizer(text, truncation=False).input_ids
            assert len(tokens) <= 77
            assert tokens[0] == pipeline.tokenizer.bos_token_id
            assert tokens[-1] == pipeline.tokenizer.eos_token_id


def test_captions_vary_and_never_invent():
    taxonomy, rng = load_taxonomy("kilnsim"), np.random.default_rng(0)
    piece = next(iter(sample_world(1, 0)))
    texts = [draw_caption(piece, taxonomy, rng) for _ in range(300)]
    assert len(set(texts)) > 50
    assert 5 < texts.count("") < 40
    other_types = {c.phrase for c in taxonomy.task("type").classes if c.code != piece.type}
    for text in texts:
        assert not other_types & set(text.replace(",", " ").split())


def test_same_seed_same_picture_another_seed_another(pipeline):
    text = "Song dynasty, Longquan kiln produced, Chinese porcelain, bowl, celadon glaze"
    first, second = draw(pipeline, [text], 1, steps=6), draw(pipeline, [text], 2, steps=6)
    assert first.shape == (1, 64, 64, 3)
    assert np.array_equal(first, draw(pipeline, [text], 1, steps=6))
    assert np.abs(first.astype(int) - second).mean() > 1


def test_prompt_decides_the_glaze(pipeline):
    black, white = (
        draw(pipeline, [f"Chinese porcelain, bowl, {glaze} glaze"] * 4, 5)[:, 24:40, 24:40].mean()
        for glaze in ("black", "white")
    )
    assert white > black + 30


def test_types_named_twice_are_drawn_twice_as_often():
    pieces = list(sample_world(200, 0))
    counts = np.bincount(lots(pieces, ("Plate", "Dish")), minlength=len(pieces))
    assert [piece.type in ("Plate", "Dish") for piece in pieces] == (counts == 2).tolist()
    assert np.bincount(lots(pieces, ())).tolist() == [1] * len(pieces)


@pytest.mark.slow
def test_training_resumes_exactly(tmp_path, monkeypatch):
    settings = Settings(
        pictures=64, vae_steps=2, vae_batch=4, unet_steps=2, unet_batch=2, precision="float32", save_every=1
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    cache = tmp_path / "cache"
    train(settings, straight, cache, straight / "out")
    save = checkpoint.save

    def save_and_stop(*arguments):
        save(*arguments)
        raise KeyboardInterrupt

    for _step in range(4):  # two of the autoencoder, two of the UNet
        monkeypatch.setattr(checkpoint, "save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            train(settings, broken, cache, broken / "out")
        assert not (broken / "out").exists()
    monkeypatch.setattr(checkpoint, "save", save)
    train(settings, broken, cache, broken / "out")
    assert _weights(straight / "out").keys() == _weights(broken / "out").keys()
    ours, theirs = (json.loads((p / "out" / "training.json").read_text()) for p in (straight, broken))
    assert ours["pictures_sha256"] == theirs["pictures_sha256"]
    for name, weights in _weights(straight / "out").items():
        assert weights == _weights(broken / "out")[name], name


def _weights(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.safetensors")}
