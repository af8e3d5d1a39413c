"""Prompts to text embeddings, with CLIP skip.

Done here because the pipeline's own `clip_skip` reaches for `text_encoder.text_model`, which transformers 5
no longer has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from saggar.errors import FieldViolation, InvalidInputError

from saggar_generator.base_models.identity import SD2_WIDTH


@dataclass(frozen=True)
class EncodedPrompt:
    """`embedding` [1, T, D], and how many tokens of the prompt did not fit into the window of T."""

    embedding: torch.Tensor
    truncated_tokens: int


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
def encode(tokenizer: Any, text_encoder: Any, text: str, clip_skip: int | None) -> EncodedPrompt:
    """The final layer norm of `hidden_states[-(clip_skip + 1)]`: 0 takes the last layer, 1 the one before it.

    One prompt at a time, so that its embedding does not depend, even in rounding, on those it is used with.
    Raises InvalidInputError for a `clip_skip` that the encoder is too shallow for.
    """
    skipped = layers_to_skip(text_encoder, clip_skip)
    tokens = tokenize(tokenizer, text_encoder, text)
    embedding = embed(text_encoder, tokens.input_ids, tokens.attention_mask, skipped)
    return EncodedPrompt(embedding, truncated_tokens(tokenizer, text_encoder, text))


def tokenize(tokenizer: Any, text_encoder: Any, text: str) -> Any:
    """`input_ids` and `attention_mask` [1, T], cut or filled up to the window."""
    window = token_window(tokenizer, text_encoder)
    return tokenizer(text, padding="max_length", truncation=True, max_length=window, return_tensors="pt", verbose=False)


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
    tokenizer: Any, text_encoder: Any, texts: Sequence[str], clip_skip: int | None
) -> dict[str, EncodedPrompt]:
    """Each different text once."""
    return {text: encode(tokenizer, text_encoder, text, clip_skip) for text in dict.fromkeys(texts)}


def truncated_tokens(tokenizer: Any, text_encoder: Any, text: str) -> int:
    """Tokens beyond the text encoder's window, the two that mark beginning and end included; 0 when all
    fit.
    """
    count = len(tokenizer(text, truncation=False, verbose=False).input_ids)
    return max(0, count - token_window(tokenizer, text_encoder))


def token_window(tokenizer: Any, text_encoder: Any) -> int:
    """Tokens that the text encoder reads; 77 for CLIP."""
    return min(int(tokenizer.model_max_length), int(text_encoder.config.max_position_embeddings))
