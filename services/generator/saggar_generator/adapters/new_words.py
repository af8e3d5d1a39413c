"""Words to learn with an adapter, and what they are before the first step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from saggar.errors import FieldViolation, InvalidInputError
from saggar.job_settings.adapter import AdapterSettings
from saggar.learnt_words import Vocabulary

from saggar_generator.adapters.learnt_words import first_vectors
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.vocabulary import added_words

_SHOWN = 5


@dataclass(frozen=True, eq=False)
class NewWords:
    """Words for the phrases that captions have; `vectors` [n, D] of each at first."""

    vocabulary: Vocabulary
    vectors: Mapping[str, torch.Tensor]


def new_words(base: BaseModel, settings: AdapterSettings, captions: Sequence[str]) -> NewWords | None:
    """A word for each phrase of `settings` that `captions` have, made known to the text encoder; None where the
    settings ask for none.

    Raises InvalidInputError when no caption has any of the phrases.
    """
    if not settings.learnt_phrases:
        return None
    phrases = Vocabulary({phrase: word for word, phrase in settings.learnt_phrases.items()})
    found = {phrases.phrase_in(caption) for caption in dict.fromkeys(captions)}
    vocabulary = Vocabulary({phrase: word if phrase in found else None for phrase, word in phrases.words.items()})
    if not vocabulary.learnt:
        shown = ", ".join(sorted(settings.learnt_phrases.values())[:_SHOWN])
        text = (
            f"there is no photograph to learn a word from: no caption has any of the phrases ({shown}, ...); choose a "
            "task that photographs have labels of, and captions speak of"
        )
        raise InvalidInputError(f"settings.learnt_phrases: {text}", (FieldViolation("settings.learnt_phrases", text),))
    vectors = {
        word: first_vectors(base, phrase, settings.vectors_per_word) for word, phrase in vocabulary.learnt.items()
    }
    added_words.install(base.pipeline.text_encoder, vectors)
    return NewWords(vocabulary, vectors)
