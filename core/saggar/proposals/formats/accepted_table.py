"""What people accepted as a table that a catalogue system imports: an object a row, the system's columns and words."""

from __future__ import annotations

from pathlib import Path

from saggar.files.tables.csv_text import data_cell
from saggar.proposals.formats.accepted_objects import AcceptedObject
from saggar.proposals.formats.profiles import Profile
from saggar.proposals.formats.review_table import write_tables
from saggar.proposals.formats.vocabulary import Vocabulary


def write_accepted(
    path: Path, objects: list[AcceptedObject], profile: Profile, vocabulary: Vocabulary, *, byte_order_mark: bool
) -> list[Path]:
    """The table at `path`, in as many files as the profile asks for; what is unknown of an object is an empty cell."""
    header = list(map(data_cell, profile.columns(vocabulary.tasks, vocabulary.kinds)))

    def word(each: AcceptedObject, task: str) -> str:
        return vocabulary.value(task, each.classes[task].code) if task in each.classes else ""

    lines = (
        [data_cell(cell) for cell in (each.number, *(word(each, task) for task in vocabulary.tasks))]
        for each in objects
    )
    return write_tables(path, header, lines, len(objects), profile.rows_a_file, byte_order_mark=byte_order_mark)
