"""The readers of one taxonomy: one per task, chosen by the task's kind."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.catalogue.attributes.evidence import Finding, finding
from saggar.catalogue.attributes.forms import FormReader, form_reader, vessel_words
from saggar.catalogue.attributes.glazes import GlazeReader, glaze_reader
from saggar.catalogue.attributes.kilns import KilnReader, kiln_reader
from saggar.catalogue.attributes.periods import PeriodReader, period_reader
from saggar.catalogue.words.lexicon import Lexicon, build_lexicon, class_words
from saggar.catalogue.words.marks import copy_of, imitation, negation
from saggar.catalogue.words.statements import is_copy
from saggar.catalogue.words.text import Text
from saggar.taxonomy import Task, Taxonomy


@dataclass(frozen=True)
class PlainReader:
    """For tasks of no known kind: the class that a text names, if it names one only."""

    lexicon: Lexicon

    def read(self, text: Text) -> list[Finding]:
        found = [
            finding(text, m.start, m.end, m.meaning.code)
            for m in self.lexicon.find(text)
            if not any(mark(text, m.start, m.end) for mark in (imitation, negation, copy_of, is_copy))
        ]
        if len({one.code for one in found}) > 1:
            return [Finding(", ".join(one.words for one in found), None, "names more than one class")]
        return found[:1]


Reader = PeriodReader | KilnReader | GlazeReader | FormReader | PlainReader


def build_readers(taxonomy: Taxonomy) -> dict[str, Reader]:
    """A reader per task, by the task's name."""
    vessels = tuple(word for task in taxonomy.tasks if task.kind == "form" for word in vessel_words(task))
    return {task.name: _reader(task, vessels) for task in taxonomy.tasks}


def _reader(task: Task, vessels: tuple[str, ...]) -> Reader:
    if task.kind == "period":
        return period_reader(task)
    if task.kind == "kiln":
        return kiln_reader(task, vessels)
    if task.kind == "glaze":
        return glaze_reader(task, {entry.code: entry.yields_to for entry in task.classes})
    if task.kind == "form":
        return form_reader(task)
    return PlainReader(build_lexicon(class_words(task, names_alone=True)))
