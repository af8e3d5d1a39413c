"""What a class is called in the catalogue system: the stored value of its word list, where the house gives one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from saggar.errors import FieldViolation, InvalidInputError
from saggar.files.tables.csv_file import open_csv
from saggar.files.tables.csv_text import from_spreadsheet_cell, plain_heading
from saggar.taxonomy import Task, Taxonomy, TaxonomyClass, load_taxonomy, shipped_taxonomies

_COLUMNS = ("task", "code", "value")


@dataclass(frozen=True)
class Vocabulary:
    """Tasks that a model answers, what is known of their classes, and the house's own words for them."""

    tasks: tuple[str, ...]
    taxonomy: Taxonomy | None = None  # None: a model of another one, of which the codes are all that is known
    values: Mapping[tuple[str, str], str] | None = None  # by task and code
    language: str = "en"  # of names and of the house's words: en, zh-Hans or zh-Hant

    def value(self, task: str, code: str, name: str = "") -> str:
        """The word for a class; `name` where nothing else is known of it, and its code at last."""
        if not code:
            return ""
        if self.values and (task, code) in self.values:
            return self.values[task, code]
        found = self.known(task, code)
        if found is None:
            return name or code
        names = {"zh-Hans": found.names.zh_hans, "zh-Hant": found.names.zh_hant}
        return names.get(self.language) or found.names.en

    def language_of(self, task: str, code: str) -> str:
        """The language of `value`: `language` also of the house's own words, `und` (unknown) of a bare code."""
        if self.values and (task, code) in self.values:
            return self.language
        found = self.known(task, code)
        if found is None:
            return "und"
        names = {"en": found.names.en, "zh-Hans": found.names.zh_hans, "zh-Hant": found.names.zh_hant}
        return self.language if names.get(self.language) else "en"

    def known(self, task: str, code: str) -> TaxonomyClass | None:
        """What the taxonomy has on a class."""
        of_task = self.task(task)
        return next((each for each in of_task.classes if each.code == code), None) if of_task else None

    def task(self, name: str) -> Task | None:
        if self.taxonomy is None or name not in self.taxonomy.task_names:
            return None
        return self.taxonomy.task(name)

    @property
    def kinds(self) -> list[str | None]:
        """Those of the tasks, in their order."""
        return [self.kind(task) for task in self.tasks]

    def kind(self, task: str) -> str | None:
        """period, kiln, glaze or form, where the taxonomy says it."""
        found = self.task(task)
        return found.kind if found else None


def fitting_taxonomy(codes: Mapping[str, Sequence[str]], named: str | None) -> Taxonomy | None:
    """The taxonomy of a model with these classes: the one that is named, else the smallest shipped one that has all.

    None where no shipped one has. Raises InvalidInputError where the named one lacks a class.
    """
    if named is not None:
        found = load_taxonomy(named)
        if lacking := _lacking(found, codes):
            raise InvalidInputError(
                f"taxonomy {found.id}: does not have {lacking}, which the model knows; name its own"
            )
        return found
    candidates = [load_taxonomy(each) for each in shipped_taxonomies()]
    fitting = [each for each in candidates if not _lacking(each, codes)]
    return min(fitting, key=lambda each: sum(len(task.classes) for task in each.tasks), default=None)


def read_values(
    path: Path, codes: Mapping[str, Sequence[str]], encoding: str | None = None
) -> dict[tuple[str, str], str]:
    """A CSV of task, code and value. Raises InvalidInputError that names each wrong row."""
    file = open_csv(path, encoding)
    headings = [plain_heading(cell) for cell in file.header]
    if absent := [name for name in _COLUMNS if headings.count(name) != 1]:
        raise InvalidInputError(
            f"{path}: the first row must name the columns {', '.join(_COLUMNS)} (each once); it "
            f"lacks {', '.join(absent)}"
        )
    places = [headings.index(name) for name in _COLUMNS]
    found: dict[tuple[str, str], str] = {}
    problems: list[FieldViolation] = []
    for row in file.rows():
        cells = [*row.cells, *[""] * len(headings)]
        task, code, value = (from_spreadsheet_cell(cells[place]).strip() for place in places)
        if code not in codes.get(task, ()):
            problems.append(FieldViolation(f"row {row.number}", f"the model has no class '{code}' of task '{task}'"))
        elif not value:
            problems.append(FieldViolation(f"row {row.number}", "the value is blank; write what the catalogue stores"))
        elif found.setdefault((task, code), value) != value:
            problems.append(FieldViolation(f"row {row.number}", f"'{code}' of {task} has two values; keep one"))
    if problems:
        lines = "\n".join(f"  {each.field}: {each.description}" for each in problems[:50])
        raise InvalidInputError(f"{path}:\n{lines}", tuple(problems[:50]))
    return found


def _lacking(taxonomy: Taxonomy, codes: Mapping[str, Sequence[str]]) -> str:
    for task, own in codes.items():
        if task not in taxonomy.task_names:
            return f"task {task}"
        known = set(taxonomy.task(task).codes)
        if missing := [code for code in own if code not in known]:
            return f"{task} {missing[0]}"
    return ""
