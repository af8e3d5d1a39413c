"""Words: nano's vocabulary and the captions that it is trained with.

The captions are those that the product itself writes (``saggar.prompts``), with parts left out at random, so
that a prompt may say as much or as little as it likes.
"""

from __future__ import annotations

import re
from importlib import resources

import numpy as np
from saggar.kilnsim import Piece
from saggar.prompts import NEGATIVE_PROMPT, caption, prompt
from saggar.taxonomy import Taxonomy, load_taxonomy
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from saggar_generator.nano.models import TOKENS

TAXONOMIES = ("kilnsim", "palace-visual", "song-yuan-porcelain")
TASKS = ("dynasty", "kiln", "glaze", "type")
PAD, BOS, EOS, UNKNOWN = "<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|unknown|>"

EMPTY, NEGATIVE = 0.06, 0.05
"""Shares of captions that say nothing, or only words of the negative prompt.

Both teach what a picture is like without a description: guidance at sampling steers away from it.
"""


def vocabulary() -> list[str]:
    """Special tokens, then every word of the shipped taxonomies, of the negative prompt and of words.txt."""
    words: set[str] = set()
    for name in TAXONOMIES:
        words |= set(_split(taxonomy_text(load_taxonomy(name))))
    words |= set(_split(NEGATIVE_PROMPT))
    words |= set(_split(resources.files(__package__).joinpath("words.txt").read_text("utf-8")))
    words |= set(",.:;-'()/&") | set("abcdefghijklmnopqrstuvwxyz") | {str(n) for n in range(101)}
    return [PAD, BOS, EOS, UNKNOWN, *sorted(words)]


def taxonomy_text(taxonomy: Taxonomy) -> str:
    """All wording of a taxonomy that can reach a caption or prompt."""
    parts = [re.sub(r"\{[^}]*\}", " ", part) for part in (*taxonomy.caption, *taxonomy.prompt)]
    for task in taxonomy.tasks:
        for entry in task.classes:
            parts += [entry.phrase, entry.description or "", entry.names.en]
    return " , ".join(parts)


def build_tokenizer() -> PreTrainedTokenizerFast:
    """Whole words in lower case, punctuation apart, 77 tokens at most."""
    ids = {word: number for number, word in enumerate(vocabulary())}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A {EOS}", special_tokens=[(BOS, ids[BOS]), (EOS, ids[EOS])]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        unk_token=UNKNOWN,
        model_max_length=TOKENS,
    )


def draw_caption(piece: Piece, taxonomy: Taxonomy, rng: np.random.Generator) -> str:
    """One of the many captions that fit ``piece``."""
    chance = float(rng.random())
    if chance < EMPTY:
        return ""
    if chance < EMPTY + NEGATIVE:
        words = NEGATIVE_PROMPT.split(", ")
        keep = rng.random(len(words)) < 0.8
        return ", ".join(word for word, kept in zip(words, keep, strict=True) if kept)
    labels: dict[str, str | None] = {task: getattr(piece, task) for task in TASKS}
    for task, left_out in zip(TASKS, rng.random(len(TASKS)) < (0.25, 0.25, 0.05, 0.05), strict=True):
        if left_out:
            labels[task] = None
    form = float(rng.random())
    if form < 0.40:
        text = caption(taxonomy, labels)
    elif form < 0.80:
        text = prompt(taxonomy, labels)
    else:
        said = [taxonomy.task(t)[code].phrase for t in TASKS if (code := labels[t]) is not None]
        text = " ".join(said) if rng.random() < 0.5 else ", ".join(said)
        text = ("", "a ", "photograph of a ", "a photo of a ")[int(rng.integers(4))] + text
    if rng.random() < 0.12:
        parts = text.split(", ")
        text = ", ".join(parts[i] for i in rng.permutation(len(parts)))
    return text


def _split(text: str) -> list[str]:
    return re.findall(r"[^\W_]+|[^\w\s]", text.lower())
