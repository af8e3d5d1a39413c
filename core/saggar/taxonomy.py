"""Taxonomy: the tasks, classes and wording of one collection, read from YAML.

A taxonomy is data. `load_taxonomy("song-yuan-porcelain")` reads a shipped one,
`load_taxonomy("my/own.yaml")` any other.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.scripts import foreign_letter, in_latin_shapes
from saggar.files.tables.csv_text import plain_heading
from saggar.files.yamlfile import ProblemAt, parse_yaml, read_yaml

Labels = Mapping[str, str | None]  # task name -> class code, None for unknown

Nature = Literal["form", "surface", "context"]

_NATURE_OF_KIND: dict[str, Nature] = {"form": "form", "glaze": "surface", "period": "context", "kiln": "context"}
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)(:description)?\}")
_LONGEST_CODE = 100  # characters
# Codes are names of folders, cells of tables and parts of lists in reports.
_NO_CODE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]|^[.\s]|\s$")
# Columns of tables to import, from which a task of that name could not be told.
_RESERVED = frozenset({"image", "object_id", "group", "licence", "credit_line", "object_url"})


def _code(text: str) -> str:
    if _NO_CODE.search(text):
        raise ValueError("a code has no slash, line end or control character, no dot first, and no blank at its ends")
    if found := foreign_letter(text):
        raise ValueError(f"has {found}, which look alike; write the word in one script")
    return text


def _word(text: str) -> str:
    if not plain_heading(text):
        raise ValueError("is blank; write a text, or leave the entry out")
    return text


_Code = Annotated[str, Field(min_length=1, max_length=_LONGEST_CODE), AfterValidator(_code)]
_Word = Annotated[str, AfterValidator(_word)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Part):
    """Display names. English is required; Chinese in both scripts where known."""

    en: _Word
    zh_hans: _Word | None = Field(None, alias="zh-Hans")
    zh_hant: _Word | None = Field(None, alias="zh-Hant")


class TaxonomyClass(_Part):
    """One class of one task: `code` for manifests, `phrase` and `description` for captions and prompts."""

    code: _Code
    names: Names
    variants: tuple[_Word, ...] = Field((), description="Other spellings of the name: Chün, 均窑.")
    terms: tuple[_Word, ...] = Field(
        (), description="Catalogue words that tell the class by themselves: meiping (a vase), qingbai."
    )
    yields_to: tuple[str, ...] = Field(
        (), description="Codes of the same task that win where a text names both: a clear glaze over blue."
    )
    years: tuple[int, int] | None = Field(None, description="First and last year (CE) of a period.")
    aat: int | None = Field(None, ge=1, description="Getty AAT id; null unless somebody looked it up.")
    verified_by: str | None = Field(None, description="Who looked the AAT id up, and when.")
    phrase: _Word
    description: str | None = None
    source: tuple[str, ...] = Field((), description="Keys of `sources` that the description rests on.")
    crackled: bool = Field(False, description='Crackle is diagnostic: "cracked" leaves the negative prompt.')

    @model_validator(mode="after")
    def _sound(self) -> TaxonomyClass:
        if self.aat is not None and not self.verified_by:
            raise ProblemAt(("aat",), "an AAT id needs verified_by: who looked it up, and when")
        if self.years and self.years[0] > self.years[1]:
            raise ProblemAt(("years",), f"{self.years[0]} is after {self.years[1]}; the first year goes first")
        return self

    def words(self) -> Iterator[tuple[tuple[str, int], str]]:
        """What tells the class beside its names, each with its place below the class."""
        yield from ((("variants", place), word) for place, word in enumerate(self.variants))
        yield from ((("terms", place), word) for place, word in enumerate(self.terms))


class Task(_Part):
    """One attribute to predict, its loss weight and its classes in fixed order."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    weight: float = Field(1.0, gt=0, le=1000)
    kind: Literal["period", "kiln", "glaze", "form"] | None = Field(
        None, description="What the classes are, so that catalogue text is read accordingly."
    )
    nature: Nature | None = Field(
        None,
        description="What in a picture tells the classes: shape, surface (colour, texture), or marks of a "
        "time or place. Where it is left out, `kind` says it.",
    )
    classes: tuple[TaxonomyClass, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _distinct(self) -> Task:
        if self.name in _RESERVED:
            raise ProblemAt(("name",), f"'{self.name}' is another column of tables to import; rename the task")
        codes: dict[str, int] = {}
        owners: dict[str, str] = {}
        for number, entry in enumerate(self.classes):
            same = codes.setdefault(in_latin_shapes(plain_heading(entry.code)), number)
            if same != number:
                other = self.classes[same].code
                twice = "appears twice" if other == entry.code else f"differs from '{other}' in its form alone"
                raise ProblemAt(("classes", number, "code"), f"code '{entry.code}' {twice}; rename one")
            unknown = [code for code in entry.yields_to if code not in self.codes]
            if unknown:
                message = f"task {self.name} has no class {', '.join(unknown)}"
                raise ProblemAt(("classes", number, "yields_to"), message)
            for at, word in entry.words():
                owner = owners.setdefault(plain_heading(word), entry.code)
                if owner != entry.code:
                    message = f"'{word}' stands for {owner} already; keep it with one class"
                    raise ProblemAt(("classes", number, *at), message)
        for number, entry in enumerate(self.classes):
            if entry.yields_to and entry.code in self._beaten_by(entry):
                raise ProblemAt(
                    ("classes", number, "yields_to"), f"{entry.code} yields to itself, or to a class that yields to it"
                )
        return self

    def _beaten_by(self, entry: TaxonomyClass) -> set[str]:
        """Codes of all classes to which `entry` yields, directly or through others."""
        yields = {each.code: each.yields_to for each in self.classes}
        found: set[str] = set()
        ahead = [*entry.yields_to]
        while ahead:
            if (code := ahead.pop()) not in found:
                found.add(code)
                ahead += yields[code]
        return found

    def with_classes(self, codes: Collection[str]) -> Task:
        """The same task with only the classes of `codes`, which may be one."""
        chosen = tuple(
            each.model_copy(update={"yields_to": tuple(code for code in each.yields_to if code in codes)})
            for each in self.classes
            if each.code in codes
        )
        return self.model_copy(update={"classes": chosen})

    @property
    def told_by(self) -> Nature | None:
        """What tells its classes, by `nature` or else by `kind`; None where the taxonomy says neither."""
        return self.nature or _NATURE_OF_KIND.get(self.kind or "")

    @property
    def codes(self) -> tuple[str, ...]:
        return tuple(c.code for c in self.classes)

    def index(self, code: str) -> int:
        """Position of `code`; raises InvalidInputError naming the known codes."""
        try:
            return self.codes.index(code)
        except ValueError:
            known = ", ".join(self.codes)
            raise InvalidInputError(f"{self.name} has no class '{code}'; known: {known}") from None

    def __getitem__(self, code: str) -> TaxonomyClass:
        return self.classes[self.index(code)]


class Combination(_Part):
    """Labels that are known to go together: any code of one task with any of another."""

    labels: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = Field(min_length=2)
    source: tuple[str, ...] = Field(min_length=1, description="Keys of `sources`.")

    def allows(self, labels: Labels) -> bool:
        """Whether no known label contradicts this combination."""
        return all(labels.get(task) in (None, *codes) for task, codes in self.labels.items())

    def keeping(self, tasks: Sequence[Task]) -> Combination | None:
        """What it says of these tasks and their classes; None where that is nothing."""
        codes = {task.name: task.codes for task in tasks}
        left = {name: tuple(c for c in own if c in codes[name]) for name, own in self.labels.items() if name in codes}
        if not all(left.values()):
            return None
        told = {name: own for name, own in left.items() if len(codes[name]) > 1}
        return self.model_copy(update={"labels": told}) if len(told) > 1 else None


class Taxonomy(_Part):
    """Tasks plus the segments that captions and prompts are made of (see `saggar.prompts`)."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    sources: dict[str, str] = Field(default_factory=dict, description="Works cited, by key.")
    caption: tuple[str, ...] = Field(min_length=1)
    prompt: tuple[str, ...] = Field(min_length=1)
    tasks: tuple[Task, ...] = Field(min_length=1)
    combinations: tuple[Combination, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Taxonomy:
        names = self.task_names
        for number, name in enumerate(names):
            if name in names[:number]:
                raise ProblemAt(("tasks", number, "name"), f"task name '{name}' appears twice; rename one")
        for key in ("caption", "prompt"):
            for number, segment in enumerate(getattr(self, key)):
                self._check_segment(segment, (key, number))
        self._check_combinations()
        for i, task in enumerate(self.tasks):
            for j, entry in enumerate(task.classes):
                self._check_sources(entry.source, ("tasks", i, "classes", j, "source"))
        return self

    def _check_segment(self, segment: str, at: tuple[str | int, ...]) -> None:
        if set("{}") & set(_PLACEHOLDER.sub("", segment)):
            raise ProblemAt(
                at, f"segment '{segment}' has a brace that is of no task; write {{task}} or {{task:description}}"
            )
        for name, description in _PLACEHOLDER.findall(segment):
            if name not in self.task_names:
                raise ProblemAt(at, f"segment '{segment}' names the unknown task '{name}'")
            bare = [c.code for c in self.task(name).classes if description and not c.description]
            if bare:
                raise ProblemAt(at, f"segment '{segment}' needs a description for {name} {', '.join(bare)}")

    def _check_combinations(self) -> None:
        for number, combination in enumerate(self.combinations):
            at = ("combinations", number)
            for name, codes in combination.labels.items():
                if name not in self.task_names:
                    raise ProblemAt((*at, "labels", name), f"there is no task '{name}'")
                unknown = [code for code in codes if code not in self.task(name).codes]
                if unknown:
                    raise ProblemAt((*at, "labels", name), f"{name} has no class {', '.join(unknown)}")
            self._check_sources(combination.source, (*at, "source"))

    def _check_sources(self, keys: tuple[str, ...], at: tuple[str | int, ...]) -> None:
        for key in keys:
            if key not in self.sources:
                known = ", ".join(self.sources) or "none"
                raise ProblemAt(at, f"'{key}' is not among the sources; known: {known}")

    def plausible(self, labels: Labels) -> bool:
        """Whether some combination allows these labels; unknown ones agree with all.

        True for a taxonomy without combinations: it says nothing about what goes together.
        """
        return not self.combinations or any(c.allows(labels) for c in self.combinations)

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)

    def task(self, name: str) -> Task:
        """The task called `name`; raises InvalidInputError naming the known ones."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise InvalidInputError(f"taxonomy {self.id} has no task '{name}'; known: {', '.join(self.task_names)}")

    def first_told_by(self, nature: Nature) -> str | None:
        """The first task that `nature` tells (`Task.told_by`), by name: what other collections call the glaze or
        the type of a vessel. None where there is none.
        """
        return next((task.name for task in self.tasks if task.told_by == nature), None)

    @property
    def pair_tasks(self) -> tuple[str, str]:
        """Surface and form, whose combinations an adapter is to learn; the last two tasks where the taxonomy
        does not say which they are. A taxonomy of one task names it twice.
        """
        names = self.task_names
        surface, form = self.first_told_by("surface"), self.first_told_by("form")
        return (surface, form) if surface and form else (names[-2 % len(names)], names[-1])

    def narrowed(self, names: Sequence[str]) -> Taxonomy:
        """This taxonomy with the tasks in `names` only, without what its captions, prompts and combinations
        say of others. Raises InvalidInputError for a task that it does not have.
        """
        kept = {self.task(name).name for name in names}

        def without_others(segments: tuple[str, ...]) -> tuple[str, ...]:
            left = tuple(s for s in segments if all(name in kept for name, _ in _PLACEHOLDER.findall(s)))
            return left or tuple(f"{{{task.name}}}" for task in self.tasks if task.name in kept)

        known = [{n: codes for n, codes in c.labels.items() if n in kept} for c in self.combinations]
        return self.model_copy(
            update={
                "tasks": tuple(task for task in self.tasks if task.name in kept),
                "caption": without_others(self.caption),
                "prompt": without_others(self.prompt),
                "combinations": tuple(
                    combination.model_copy(update={"labels": labels})
                    for combination, labels in zip(self.combinations, known, strict=True)
                    if len(labels) > 1
                ),
            }
        )

    def keeping(self, classes: Mapping[str, Collection[str]]) -> Taxonomy:
        """This taxonomy with only these classes of the tasks named in `classes`.

        A task of which one class is left has nothing to tell apart: it leaves, and captions and prompts say that class
        of every image. Raises InvalidInputError where no task is left, or for a task that the taxonomy does not have.
        """
        if not classes:
            return self
        kept = [self.task(name) for name in self.task_names]
        for name, codes in classes.items():
            place = self.task_names.index(self.task(name).name)
            kept[place] = kept[place].with_classes([code for code in kept[place].codes if code in codes])
        alone = {task.name: task.classes[0] for task in kept if len(task.classes) == 1}
        tasks = tuple(task for task in kept if len(task.classes) > 1)
        if not tasks:
            raise InvalidInputError(
                f"one class is left of every task ({', '.join(alone)}): there is nothing to tell apart"
            )

        def said(segment: str) -> str:
            def words(found: re.Match[str]) -> str:
                entry = alone.get(found[1])
                return found[0] if entry is None else (entry.description or "") if found[2] else entry.phrase

            return _PLACEHOLDER.sub(words, segment)

        update = {
            "tasks": tasks,
            "caption": tuple(map(said, self.caption)),
            "prompt": tuple(map(said, self.prompt)),
            "combinations": tuple(filter(None, (one.keeping(kept) for one in self.combinations))),
        }
        return self.model_copy(update=update)

    def fill(self, segments: tuple[str, ...], labels: Labels) -> list[str]:
        """Segments with their placeholders replaced; a segment that names an unknown label is left out."""

        def known(segment: str) -> bool:
            return all(labels.get(name) is not None for name, _ in _PLACEHOLDER.findall(segment))

        return [_PLACEHOLDER.sub(lambda m: self._words(m, labels), s) for s in segments if known(s)]

    def _words(self, match: re.Match[str], labels: Labels) -> str:
        chosen = self.task(match[1])[labels[match[1]] or ""]
        return (chosen.description or "") if match[2] else chosen.phrase


def load_taxonomy(name_or_path: str | Path) -> Taxonomy:
    """A shipped taxonomy by id, or one from a YAML file.

    Raises NotFoundError (naming the shipped ones) or InvalidInputError (naming file, line and key).
    """
    text = str(name_or_path)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        return read_yaml(Path(text), Taxonomy)
    resource = resources.files("saggar").joinpath("taxonomies", f"{text}.yaml")
    if text not in shipped_taxonomies():
        known = ", ".join(shipped_taxonomies())
        raise NotFoundError(f"no taxonomy '{text}'; shipped: {known}; or give the path of a .yaml file", text)
    return parse_yaml(resource.read_text(encoding="utf-8"), Taxonomy, source=f"{text}.yaml")


def shipped_taxonomies() -> tuple[str, ...]:
    """Ids of the taxonomies that come with Saggar, sorted."""
    folder = resources.files("saggar").joinpath("taxonomies")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))
