"""New words for the classes of a task, which an adapter learns beside its weights, and where they go in texts.

Textual inversion (Gal et al. 2022, https://doi.org/10.48550/arXiv.2208.01618): a word is a vector or a few before the
text encoder. In captions and prompts it takes the place of its class's phrase.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from saggar.prompts import caption, prompt
from saggar.taxonomy import Task, Taxonomy

WORD = re.compile(r"<[a-z0-9_]+(?:-[a-z0-9_]+)+>")
LONGEST_WORD = 100  # characters


@dataclass(frozen=True)
class Vocabulary:
    """What an adapter calls the classes of one task: the word of each phrase, None where it has learnt none.

    Phrases without a word count too: where `ivory white` has none, its `white` is not that of another class.
    """

    words: Mapping[str, str | None]

    @property
    def learnt(self) -> dict[str, str]:
        """Phrases by their words, in the words' order."""
        return dict(sorted((word, phrase) for phrase, word in self.words.items() if word is not None))

    def find(self, text: str) -> re.Match[str] | None:
        """Where `text` says the class: the first of the phrases in it, and the longest where two begin."""
        return self._phrases.search(text) if self.words else None

    def phrase_in(self, text: str) -> str | None:
        """The phrase that `find` comes upon, as the vocabulary writes it."""
        found = self.find(text)
        return None if found is None else self._by_folded.get(found[0].casefold())

    def word_in(self, text: str) -> str | None:
        """The word for what `text` says; None where none was learnt."""
        phrase = self.phrase_in(text)
        return None if phrase is None else self.words[phrase]

    @cached_property
    def _phrases(self) -> re.Pattern[str]:
        """Whole words; capitals of a phrase count: Guan is a kiln, a guan is a jar."""
        longest_first = sorted(self.words, key=lambda phrase: (-len(phrase), phrase))
        choices = [f"(?i:{re.escape(one)})" if one == one.lower() else re.escape(one) for one in longest_first]
        return re.compile(rf"(?<![\w-])(?:{'|'.join(choices)})(?![\w-])")

    @cached_property
    def _by_folded(self) -> dict[str, str]:
        return {phrase.casefold(): phrase for phrase in self.words}


def with_words(text: str, vocabularies: Iterable[Vocabulary]) -> str:
    """`text` with a learnt word of each vocabulary in place of the phrase that it says; as it is where it has one of
    the words already. Where phrases of two vocabularies overlap, the longer is replaced.
    """
    places: list[tuple[int, int, str]] = []
    for one in vocabularies:
        found, word = one.find(text), one.word_in(text)
        if found is not None and word is not None and not any(known in text for known in one.learnt):
            places.append((found.start(), found.end(), word))
    kept: list[tuple[int, int, str]] = []
    for start, end, word in sorted(places, key=lambda place: place[0] - place[1]):
        if all(end <= first or last <= start for first, last, _ in kept):
            kept.append((start, end, word))
    for start, end, word in sorted(kept, reverse=True):
        text = text[:start] + word + text[end:]
    return text


def words_of(task: Task) -> dict[str, str]:
    """A word for each class of `task`, with its phrase: `<glaze-moonw>` for the class MoonW. Codes that would give
    equal words, or none, are told by their numbers.
    """
    plain = [re.sub(r"[^a-z0-9]+", "-", one.code.lower()).strip("-") for one in task.classes]
    names = [
        name if name and plain.count(name) == 1 and len(f"<{task.name}-{name}>") <= LONGEST_WORD else f"class_{number}"
        for number, name in enumerate(plain, start=1)
    ]
    return {f"<{task.name}-{name}>": one.phrase for name, one in zip(names, task.classes, strict=True)}


def problem_with(taxonomy: Taxonomy, name: str, tasks: Sequence[str] = ()) -> str | None:
    """Why no words can be learnt for the classes of task `name`, in words; None where they can. Captions, of `tasks`
    or all, and prompts have to say each class by its own phrase, and before that of another.
    """
    narrowed = taxonomy.narrowed(tasks or taxonomy.task_names)
    task = taxonomy.task(name)
    phrases = [one.phrase for one in task.classes]
    if twice := [one for number, one in enumerate(phrases) if one.casefold() in map(str.casefold, phrases[:number])]:
        return f"two classes of {name} have the phrase '{twice[0]}', so that no prompt tells which is meant"
    vocabulary = Vocabulary(dict.fromkeys(phrases))
    for kind, fill, whole in (("caption", caption, narrowed), ("prompt", prompt, taxonomy)):
        for one in task.classes:
            for other in whole.tasks:
                for beside in other.classes:
                    text = fill(whole, {other.name: beside.code} | {name: one.code})
                    if vocabulary.phrase_in(text) != one.phrase:
                        return (
                            f"the taxonomy's {kind} '{text}' does not name {name} {one.code} first by its phrase, "
                            f"'{one.phrase}', so that a word would take a wrong place: choose another task"
                        )
    return None
