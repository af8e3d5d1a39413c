"""Learnt words of a request's adapters, in its prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from saggar.errors import FieldViolation, InvalidInputError
from saggar.learnt_words import WORD, Vocabulary, with_words
from saggar.store import ObjectStore

from saggar_generator.adapters.adapter import AdapterCard
from saggar_generator.adapters.learnt_words import LearntWord, LearntWords, WordFile
from saggar_generator.images.request_prompts import Mix


@dataclass(frozen=True)
class WordedPrompt:
    """A prompt as the text encoder reads it, and the learnt words in it with the hashes of their files."""

    text: str
    words: Mapping[str, str]


class PromptWords:
    """The learnt words of each adapter, by the hash of its weights."""

    def __init__(self, store: ObjectStore, cards: Mapping[str, AdapterCard]) -> None:
        """`cards` by the adapters' names in the request. Raises InvalidInputError for two with the same weights and
        other words.
        """
        self._store = store
        self._names: dict[str, str] = {}
        self._learnt: dict[str, LearntWords | None] = {}
        self._vocabularies: dict[str, Vocabulary] = {}
        for name, card in cards.items():
            sha256 = card.weights.sha256
            first = self._names.setdefault(sha256, name)
            if _hashes(self._learnt.setdefault(sha256, card.learnt_words)) != _hashes(card.learnt_words):
                raise InvalidInputError(
                    f"the adapters '{first}' and '{name}' have the same weights and other learnt words; leave one out"
                )
            if card.learnt_words:
                self._vocabularies[sha256] = card.learnt_words.vocabulary

    def files(self, sha256: str) -> tuple[WordFile, ...]:
        """Of the adapter with those weights."""
        return tuple(
            WordFile(one.word, one.vectors.sha256, partial(self._store.read, one.vectors.ref()))
            for one in self._words(sha256)
        )

    def put_into(self, prompt: str, given: Sequence[str], mix: Mix, field: str) -> WordedPrompt:
        """`prompt` with the words of the adapters in `mix` in place of phrases; `given` stand in it already.

        Raises InvalidInputError when two adapters have a word for one phrase, or none of them one of `given`.
        """
        taking_part = [sha256 for sha256, _ in mix]
        self._refuse_collisions(taking_part)
        known = {one.word: one.vectors.sha256 for sha256 in taking_part for one in self._words(sha256)}
        if strange := [word for word in given if word not in known]:
            listed = f"known: {', '.join(sorted(known))}" if known else "no adapter that takes part has learnt any"
            text = f"names the learnt word {strange[0]}; {listed} (a backslash before it makes it plain text)"
            raise InvalidInputError(f"{field} {text}", (FieldViolation(field, text),))
        text = with_words(prompt, [self._vocabularies[one] for one in taking_part if one in self._vocabularies])
        return WordedPrompt(text, {word: known[word] for word in sorted(set(WORD.findall(text))) if word in known})

    def _refuse_collisions(self, taking_part: Sequence[str]) -> None:
        owners: dict[str, str] = {}
        for sha256 in taking_part:
            for one in self._words(sha256):
                for text in (one.word, one.phrase.casefold()):
                    owner = owners.setdefault(text, sha256)
                    if owner != sha256:
                        names = " and ".join(sorted(f"'{self._names[each]}'" for each in (owner, sha256)))
                        raise InvalidInputError(
                            f"the adapters {names} have both learnt a word for '{one.phrase}' ({one.word}); leave one "
                            "of them out, or give it weight 0"
                        )

    def _words(self, sha256: str) -> tuple[LearntWord, ...]:
        learnt = self._learnt.get(sha256)
        return learnt.words if learnt else ()


def _hashes(learnt: LearntWords | None) -> dict[str, str]:
    return {one.word: one.vectors.sha256 for one in learnt.words} if learnt else {}
