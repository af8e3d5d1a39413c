"""Words beside a text encoder's vocabulary: rows behind its token embedding, which itself stays as it is.

They go to a text encoder and from it as a whole, and tokenizers know nothing of them: `prompt_encoding` finds them in
texts. Stable Diffusion 1.x and 2.x (OpenCLIP's text encoder as transformers has it) and nano have one such embedding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

import torch

Source = tuple[tuple[str, str], ...]  # words and the hashes of what they were read from


class AddedWords(torch.nn.Module):
    """A token embedding with further rows, which follow its last id."""

    def __init__(self, inner: torch.nn.Embedding, words: Mapping[str, torch.Tensor], source: Source = ()) -> None:
        """`words`: vectors [n, D] of each, n its tokens."""
        super().__init__()
        self.inner = inner
        self.source = source
        # In float32, for half precision would swallow updates; behind `inner`, by whose format libraries take the whole
        # text encoder's, that of its first parameter.
        rows = torch.cat(list(words.values())).detach().float().to(inner.weight.device)
        self.added = torch.nn.Embedding(len(rows), rows.shape[1], _weight=rows)  # [N, D]
        self.added.requires_grad_(requires_grad=False)
        self.ids: dict[str, tuple[int, ...]] = {}
        first = inner.num_embeddings
        for word, vectors in words.items():
            self.ids[word] = tuple(range(first, first + len(vectors)))
            first += len(vectors)

    @property
    def vectors(self) -> torch.nn.Parameter:
        """[N, D] of all words."""
        return cast("torch.nn.Parameter", self.added.weight)

    @property
    def weight(self) -> torch.Tensor:
        """The inner embedding's, by which libraries tell device and format."""
        return self.inner.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """[B, T, D] of ids [B, T]."""
        first = self.inner.num_embeddings
        added = ids >= first
        known: torch.Tensor = self.inner(ids.masked_fill(added, 0))
        rows: torch.Tensor = self.added((ids - first).clamp(min=0))
        return torch.where(added[..., None], rows.to(known.dtype), known)

    def of_each(self) -> dict[str, torch.Tensor]:
        """The vectors [n, D] of each word, as float32 on the CPU."""
        first = self.inner.num_embeddings
        rows = self.vectors.detach().to("cpu", torch.float32)
        return {word: rows[[number - first for number in ids]].clone() for word, ids in self.ids.items()}


def install(text_encoder: Any, words: Mapping[str, torch.Tensor], source: Source = ()) -> AddedWords | None:
    """Makes `words`, with their vectors [n, D], those that the text encoder reads beside its own; None where there are
    none. `source` is what `source_of` tells then.
    """
    remove(text_encoder)
    if not words:
        return None
    added = AddedWords(text_encoder.get_input_embeddings(), words, source)
    text_encoder.set_input_embeddings(added)
    return added


def remove(text_encoder: Any) -> None:
    """The text encoder is again as it was loaded."""
    embedding = text_encoder.get_input_embeddings()
    if isinstance(embedding, AddedWords):
        text_encoder.set_input_embeddings(embedding.inner)


def ids_of(text_encoder: Any) -> Mapping[str, tuple[int, ...]]:
    """The ids of each added word."""
    embedding = text_encoder.get_input_embeddings()
    return embedding.ids if isinstance(embedding, AddedWords) else {}


def source_of(text_encoder: Any) -> Source:
    """Where the added words are from; empty where there are none."""
    embedding = text_encoder.get_input_embeddings()
    return embedding.source if isinstance(embedding, AddedWords) else ()


def split(text: str, words: Mapping[str, tuple[int, ...]]) -> Iterator[str | tuple[int, ...]]:
    """`text` in parts: what lies between `words`, and the ids of these."""
    if not words:
        yield text
        return
    for part in re.split(f"({'|'.join(map(re.escape, words))})", text):
        if part in words:
            yield words[part]
        elif part.strip():
            yield part
