"""Taxonomy: the tasks, classes and wording of one collection, read from YAML.

A taxonomy is data. `load_taxonomy("song-yuan-porcelain")` reads a shipped one,
`load_taxonomy("my/own.yaml")` any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from saggar.errors import InvalidInputError, NotFoundError
from saggar.yamlfile import parse_yaml, read_yaml

Labels = Mapping[str, str | None]  # task name -> class code, None for unknown

_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_-]+)(:description)?\}")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Names(_Part):
    """Display names. English is required; Chinese in both scripts where known."""

    en: str
    zh_hans: str | None = Field(None, alias="zh-Hans")
    zh_hant: str | None = Field(None, alias="zh-Hant")


class TaxonomyClass(_Part):
    """One class of one task: `code` for manifests, `phrase` and `description` for captions and prompts."""

    code: str = Field(min_length=1)
    names: Names
    variants: tuple[str, ...] = ()
    aat: int | None = None  # Getty AAT id; null unless verified
    phrase: str = Field(min_length=1)
    description: str | None = None
    crackled: bool = False  # crackle is diagnostic: "cracked" leaves the negative prompt


class Task(_Part):
    """One attribute to predict, its loss weight and its classes in fixed order."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    weight: float = Field(1.0, gt=0)
    classes: tuple[TaxonomyClass, ...] = Field(min_length=2)

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


class Taxonomy(_Part):
    """Tasks plus the segments that captions and prompts are made of (see `saggar.prompts`)."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str
    caption: tuple[str, ...] = Field(min_length=1)
    prompt: tuple[str, ...] = Field(min_length=1)
    tasks: tuple[Task, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Taxonomy:
        names = [task.name for task in self.tasks]
        if twice := {n for n in names if names.count(n) > 1}:
            raise ValueError(f"task names stand twice: {', '.join(sorted(twice))}")
        for task in self.tasks:
            if codes := {c for c in task.codes if task.codes.count(c) > 1}:
                raise ValueError(f"task {task.name}: codes stand twice: {', '.join(sorted(codes))}")
        for segment in (*self.caption, *self.prompt):
            for name, description in _PLACEHOLDER.findall(segment):
                if name not in names:
                    raise ValueError(f"segment '{segment}' names the unknown task '{name}'")
                bare = [c.code for c in self.task(name).classes if description and not c.description]
                if bare:
                    raise ValueError(f"segment '{segment}' needs a description for {name} {', '.join(bare)}")
        return self

    @property
    def task_names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)

    def task(self, name: str) -> Task:
        """The task called `name`; raises InvalidInputError naming the known ones."""
        for task in self.tasks:
            if task.name == name:
                return task
        raise InvalidInputError(
            f"taxonomy {self.id} has no task '{name}'; known: {', '.join(self.task_names)}"
        )

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
    if not resource.is_file():
        known = ", ".join(shipped_taxonomies())
        raise NotFoundError(f"no taxonomy '{text}'; shipped: {known}; or give the path of a .yaml file", text)
    return parse_yaml(resource.read_text(encoding="utf-8"), Taxonomy, source=f"{text}.yaml")


def shipped_taxonomies() -> tuple[str, ...]:
    """Ids of the taxonomies that come with Saggar, sorted."""
    folder = resources.files("saggar").joinpath("taxonomies")
    return tuple(sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")))
