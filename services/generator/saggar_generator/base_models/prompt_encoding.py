"""Prompts to text embeddings, with CLIP skip; long ones a window after the other.

Done here because the pipeline's own `clip_skip` reaches for `text_encoder.text_model`, which transformers 5
no longer has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from saggar.errors import FieldViolation, InvalidInputError

from saggar_generator.base_models.identity import SD2_WIDTH
from saggar_generator.base_models.vocabulary import added_words

MOST_WINDOWS = 4  # of a prompt; 300 tokens of CLIP's


@dataclass(frozen=True)
class EncodedPrompt:
    """`embedding` [1, W x T, D] of W windows of T tokens, and how many tokens of the prompt did not fit into them."""

    embedding: torch.Tensor
    truncated_tokens: int

    @property
    def length(self) -> int:
        """W x T."""
        return int(self.embedding.shape[1])

    def widened(self, length: int, empty: EncodedPrompt) -> torch.Tensor:
        """The embedding [1, length, D], with windows that are `empty` behind it."""
        more = (length - self.length) // empty.length
        return torch.cat([self.embedding, *[empty.embedding] * more], dim=1)


def layers_to_skip(text_encoder: Any, clip_skip: int | None) -> int:
    """`clip_skip`, or without one the base model's own: 1, as the paper has it, but 0 for Stable Diffusion
    2.x, whose text encoder comes without the last layer.

    Raises InvalidInputError unless the text encoder has that many layers to skip.
    """
    if clip_skip is None:
        return 0 if int(text_encoder.config.hidden_size) == SD2_WIDTH else 1
    layers = int(text_encoder.config.num_hidden_layers)
    if not 0 <= clip_skip < layers:
        text = f"clip_skip is {clip_skip}; this base model's text encoder has {layers} layers: 0 to {layers - 1}"
        raise InvalidInputError(text, (FieldViolation("settings.clip_skip", text),))
    return clip_skip


@torch.no_grad()
def encode(tokenizer: Any, text_encoder: Any, text: str, clip_skip: int | None, windows: int = 1) -> EncodedPrompt:
    """The final layer norm of `hidden_states[-(clip_skip + 1)]`: 0 takes the last layer, 1 the one before it.

    A prompt longer than the text encoder's window is read in up to `windows` of them, each with a beginning and an end
    of its own, as the web UIs do it. One prompt and one window at a time, so that an embedding does not depend, even
    in rounding, on those it is used with. Raises InvalidInputError for a `clip_skip` that the encoder is too shallow
    for.
    """
    skipped = layers_to_skip(text_encoder, clip_skip)
    parts = [embed(text_encoder, ids, mask, skipped) for ids, mask in _windows(tokenizer, text_encoder, text, windows)]
    return EncodedPrompt(torch.cat(parts, dim=1), truncated_tokens(tokenizer, text_encoder, text, windows))


def token_ids(tokenizer: Any, text_encoder: Any, text: str) -> list[int]:
    """Of the whole `text`, with beginning and end; words that were added to the text encoder are found in it."""
    words = added_words.ids_of(text_encoder)
    if not any(word in text for word in words):
        return list(tokenizer(text, truncation=False, verbose=False).input_ids)
    ids: list[int] = []
    for part in added_words.split(text, words):
        ids += _plain_ids(tokenizer, part) if isinstance(part, str) else part
    first, last = tokenizer("", verbose=False).input_ids
    return [first, *ids, last]


def tokenize(tokenizer: Any, text_encoder: Any, text: str) -> tuple[torch.Tensor, torch.Tensor]:
    """`input_ids` and `attention_mask` [1, T], cut or filled up to the window."""
    window = token_window(tokenizer, text_encoder)
    first, *words, last = token_ids(tokenizer, text_encoder, text)
    return _filled(tokenizer, [first, *words[: window - 2], last], window)


def embed(text_encoder: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, clip_skip: int) -> torch.Tensor:
    """[B, T, D] the embeddings of tokens [B, T]; gradients flow, unlike in `encode`."""
    masked = getattr(text_encoder.config, "use_attention_mask", False)  # as the pipeline does it
    device = text_encoder.device
    hidden = text_encoder(
        input_ids.to(device),
        attention_mask=attention_mask.to(device) if masked else None,
        output_hidden_states=True,
    ).hidden_states  # layers + 1 times [B, T, D]
    embedding: torch.Tensor = text_encoder.final_layer_norm(hidden[-(clip_skip + 1)])
    return embedding


def encode_all(
    tokenizer: Any, text_encoder: Any, texts: Sequence[str], clip_skip: int | None, windows: int = 1
) -> dict[str, EncodedPrompt]:
    """Each different text once."""
    return {text: encode(tokenizer, text_encoder, text, clip_skip, windows) for text in dict.fromkeys(texts)}


def truncated_tokens(tokenizer: Any, text_encoder: Any, text: str, windows: int = 1) -> int:
    """Tokens that do not fit into `windows` of the text encoder, each of which loses two to its beginning and end."""
    count = len(token_ids(tokenizer, text_encoder, text)) - 2
    return max(0, count - windows * (token_window(tokenizer, text_encoder) - 2))


def token_window(tokenizer: Any, text_encoder: Any) -> int:
    """Tokens that the text encoder reads; 77 for CLIP."""
    return min(int(tokenizer.model_max_length), int(text_encoder.config.max_position_embeddings))


def _windows(tokenizer: Any, text_encoder: Any, text: str, most: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """`input_ids` and `attention_mask` [1, T] of each window."""
    first, *words, last = token_ids(tokenizer, text_encoder, text)
    room = token_window(tokenizer, text_encoder) - 2
    for start in range(0, max(1, min(len(words), most * room)), room):
        yield _filled(tokenizer, [first, *words[start : start + room], last], room + 2)


def _filled(tokenizer: Any, ids: list[int], window: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`input_ids` and `attention_mask` [1, window]."""
    fill = window - len(ids)
    mask = [1] * len(ids) + [0] * fill
    return torch.tensor([ids + [tokenizer.pad_token_id] * fill]), torch.tensor([mask])


def _plain_ids(tokenizer: Any, text: str) -> list[int]:
    """Without beginning and end."""
    return list(tokenizer(text, truncation=False, verbose=False).input_ids[1:-1])
