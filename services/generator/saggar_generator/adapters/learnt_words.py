"""Words that an adapter has learnt beside its layers, as files and in the text encoder.

Each has a file of its own with one tensor [n, D], named by the word: diffusers' `load_textual_inversion` reads it, and
so do web UIs, as an embedding that is called as the file is.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel as PydanticModel
from pydantic import ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load
from saggar.errors import InvalidInputError, WrongStateError
from saggar.job_settings.adapter import MOST_VECTORS, MOST_WORDS
from saggar.learnt_words import LONGEST_WORD, WORD, Vocabulary
from saggar.store import ObjectStore

from saggar_generator.adapters.file_metadata import LEARNT_WORDS
from saggar_generator.adapters.lora_formats import file_of
from saggar_generator.adapters.stored_object import StoredObject, put_once
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.file_kinds import refuse_other_kinds
from saggar_generator.base_models.prompt_encoding import token_ids
from saggar_generator.base_models.vocabulary import added_words

LARGEST = 65504.0  # of float16, in which a base model may be loaded
_MEDIA_TYPE = "application/octet-stream"


class LearntWord(PydanticModel):
    """A word that stands for a class, whose phrase it replaces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: Annotated[str, Field(pattern=f"^{WORD.pattern}$", max_length=LONGEST_WORD)]
    phrase: Annotated[str, Field(min_length=1)]
    vectors: StoredObject


class LearntWords(PydanticModel):
    """All that an adapter has learnt; `other_phrases`: of the same task's classes without a word."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: Annotated[tuple[LearntWord, ...], Field(min_length=1, max_length=MOST_WORDS)]
    other_phrases: Annotated[tuple[str, ...], Field(max_length=MOST_WORDS)] = ()

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(dict.fromkeys(self.other_phrases) | {one.phrase: one.word for one in self.words})


def put(
    store: ObjectStore,
    adapter_id: str,
    vectors: Mapping[str, torch.Tensor],
    vocabulary: Vocabulary,
    metadata: Mapping[str, str],
) -> LearntWords:
    """Writes a file for each word of `vectors` [n, D]: `adapters/<id>/words/glaze-moonw.safetensors`."""
    phrases = vocabulary.learnt
    return LearntWords(
        words=tuple(
            LearntWord(
                word=word,
                phrase=phrases[word],
                vectors=StoredObject.of(
                    put_once(
                        store,
                        f"adapters/{adapter_id}/words/{word.strip('<>')}.safetensors",
                        file_of({word: vectors[word]}, {**metadata, LEARNT_WORDS: json.dumps({word: phrases[word]})}),
                        _MEDIA_TYPE,
                    )
                ),
            )
            for word in sorted(vectors)
        ),
        other_phrases=tuple(sorted(phrase for phrase, word in vocabulary.words.items() if word is None)),
    )


def read(base: BaseModel, word: str, data: bytes) -> torch.Tensor:
    """The vectors [n, D] of `word` in its file, float32.

    Raises InvalidInputError when it is no safetensors file, has other tensors than the word's, or numbers that make no
    sense, and WrongStateError when the vectors are of another text encoder.
    """
    name = f"the file of the learnt word {word}"
    refuse_other_kinds(io.BytesIO(data), len(data), name)
    try:
        tensors = load(data)
    except (SafetensorError, ValueError) as error:
        raise InvalidInputError(f"{name} cannot be read ({error}); train the adapter again") from None
    if list(tensors) != [word]:
        shown = ", ".join(key[:LONGEST_WORD] for key in sorted(tensors)[:5]) or "nothing"
        raise InvalidInputError(f"{name} holds {shown}, not the word's vectors alone; train the adapter again")
    vectors = tensors[word]
    if not vectors.is_floating_point() or vectors.ndim != 2 or not 1 <= len(vectors) <= MOST_VECTORS:
        raise InvalidInputError(
            f"{name} has {str(vectors.dtype).removeprefix('torch.')} of shape {list(vectors.shape)}; a word has 1 to "
            f"{MOST_VECTORS} vectors of real numbers: train the adapter again"
        )
    width = int(base.pipeline.text_encoder.get_input_embeddings().weight.shape[1])
    if vectors.shape[1] != width:
        raise WrongStateError(
            f"{name} has vectors of {vectors.shape[1]} numbers; those of {base.spec} have {width}: use the base model "
            "that it was trained on"
        )
    vectors = vectors.float()
    if not torch.isfinite(vectors).all():
        raise InvalidInputError(f"{name} has numbers that are not finite; train the adapter again")
    if vectors.abs().max() > LARGEST:
        raise InvalidInputError(f"{name} has numbers that overflow half precision (above {LARGEST:g}); train it again")
    return vectors


def first_vectors(base: BaseModel, phrase: str, count: int) -> torch.Tensor:
    """`count` times the mean of the phrase's token embeddings, [count, D]."""
    pipeline = base.pipeline
    ids = token_ids(pipeline.tokenizer, pipeline.text_encoder, phrase)[1:-1]
    rows: torch.Tensor = pipeline.text_encoder.get_input_embeddings().weight.detach()[ids]
    return rows.float().mean(dim=0).cpu().repeat(count, 1)


@dataclass(frozen=True)
class WordFile:
    """A learnt word, the hash of its file, and how that is read."""

    word: str
    sha256: str
    read: Callable[[], bytes]


def use(base: BaseModel, files: Sequence[WordFile]) -> None:
    """Makes the words of `files`, and no others, those that the text encoder reads. Raises as `read`, and what a
    file's `read` raises.
    """
    encoder: Any = base.pipeline.text_encoder
    wanted = sorted(files, key=lambda one: one.word)
    hashes = tuple((one.word, one.sha256) for one in wanted)
    if not hashes or hashes != added_words.source_of(encoder):
        added_words.install(encoder, {one.word: read(base, one.word, one.read()) for one in wanted}, hashes)
