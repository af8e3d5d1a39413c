"""The synthesis plan: which images to generate, from which prompt, with which seed (paper, table 5)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saggar.dataset.seeds import derived_seed
from saggar.errors import InvalidInputError
from saggar.prompts import NEGATIVE_PROMPT, negative_prompt, prompt
from saggar.taxonomy import Labels, Taxonomy

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from saggar.dataset.manifest import Manifest

Pair = tuple[Labels, Labels]  # two combinations that are mistaken for one another

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class PlanSettings:
    """How many images per combination and per pair (half for each side), from which seed, and what to avoid.

    Defaults are the paper's data set A: 9 x 50 + 4 x 30 = 570 images. `keep_cracked`: see `saggar.prompts`.
    """

    per_combination: int = 50
    per_pair: int = 30
    seed: int = 0
    negative_prompt: str = NEGATIVE_PROMPT
    keep_cracked: bool = False


@dataclass(frozen=True)
class PlannedImage:
    """One image to generate. `prompt_id` is the combination's code and a number; it decides the seed.

    `photograph` is the store key of the photograph that it starts from, of which `strength` gives way; None: from
    noise. An image with `forms` and `glazes`, keys of photographs too, is composed of one of each instead. One with
    `control` follows the form of that photograph.
    """

    prompt_id: str
    labels: dict[str, str | None]
    prompt: str
    negative_prompt: str
    seed: int
    photograph: str | None = None
    strength: float | None = None
    forms: tuple[str, ...] = ()
    glazes: tuple[str, ...] = ()
    control: str | None = None


def plan(
    taxonomy: Taxonomy,
    combinations: Sequence[Labels],
    pairs: Sequence[Pair] = (),
    settings: PlanSettings | None = None,
) -> tuple[PlannedImage, ...]:
    """The images to generate for `combinations` and `pairs`.

    A pair's images alternate between its two sides. A combination that is wanted more than once gets the sum.
    Prompt and seed of an image depend on its labels, its number and the settings' seed only, so a smaller
    plan is, per combination, a beginning of a larger one, and arms share images.

    Raises InvalidInputError for a task or class that the taxonomy lacks, or a combination without any label.
    """
    chosen = settings or PlanSettings()
    if chosen.per_combination < 0 or chosen.per_pair < 0:
        raise InvalidInputError("per_combination and per_pair must be 0 or more")
    wanted: dict[str, tuple[dict[str, str | None], int]] = {}

    def add(labels: Labels, count: int) -> None:
        full = _checked(taxonomy, labels)
        code = combination_code(taxonomy, full)
        wanted[code] = (full, wanted.get(code, (full, 0))[1] + count)

    for labels in combinations:
        add(labels, chosen.per_combination)
    for first, second in pairs:
        add(first, (chosen.per_pair + 1) // 2)
        add(second, chosen.per_pair // 2)
    return tuple(
        planned_image(taxonomy, labels, index, chosen.seed, chosen.negative_prompt, keep_cracked=chosen.keep_cracked)
        for labels, count in wanted.values()
        for index in range(count)
    )


def planned_image(
    taxonomy: Taxonomy,
    labels: Labels,
    index: int,
    seed: int,
    negative: str = NEGATIVE_PROMPT,
    *,
    keep_cracked: bool = False,
) -> PlannedImage:
    """Image number `index` (from 0) of the combination `labels`."""
    full = _checked(taxonomy, labels)
    prompt_id = f"{combination_code(taxonomy, full)}.{index:05d}"
    return PlannedImage(
        prompt_id=prompt_id,
        labels=full,
        prompt=prompt(taxonomy, full),
        negative_prompt=negative_prompt(taxonomy, full, negative, keep_cracked=keep_cracked)[0],
        seed=derived_seed("plan", seed, prompt_id),
    )


def image_number(prompt_id: str) -> int:
    """The image's number within its combination, from 0."""
    return int(prompt_id.rpartition(".")[2])


def combination_code(taxonomy: Taxonomy, labels: Labels) -> str:
    """E.g. `Yuan.Jun.MoonW.Vase`; `~` stands for unknown. Codes unfit for a file name become a hash."""
    codes = [labels.get(task) for task in taxonomy.task_names]
    if all(code is None or _PLAIN.fullmatch(code) for code in codes):
        return ".".join(code or "~" for code in codes)
    return "c~" + hashlib.sha256(json.dumps(codes).encode()).hexdigest()[:16]


def find_rare(manifest: Manifest, *, at_most: int = 5, limit: int = 9) -> tuple[dict[str, str | None], ...]:
    """The rarest combinations of the training split, rarest first, at most `limit`.

    Only combinations in which every label is known, with at most `at_most` real training photographs.
    Augmented and synthetic rows, validation and test do not count.
    """
    ranked = sorted((n, codes) for codes, n in _training_combinations(manifest).items() if n <= at_most)
    return tuple(dict(zip(manifest.tasks, codes, strict=True)) for _, codes in ranked[:limit])


def find_forms_of_surfaces(manifest: Manifest, taxonomy: Taxonomy) -> tuple[dict[str, str | None], ...]:
    """Every surface of real training photographs, which is all their labels but the form's, in every form that they
    have, without what the taxonomy says does not go together; those without photographs first.
    """
    form = taxonomy.pair_tasks[1]
    counted = _training_combinations(manifest)
    known = [dict(zip(manifest.tasks, codes, strict=True)) for codes in counted]
    surfaces = dict.fromkeys(tuple(code for task, code in labels.items() if task != form) for labels in known)
    forms = [code for code in taxonomy.task(form).codes if any(labels[form] == code for labels in known)]
    others = [task for task in manifest.tasks if task != form]
    found: list[dict[str, str | None]] = []
    for codes in sorted(surfaces):
        labels = dict(zip(others, codes, strict=True))
        found += [{task: code if task == form else labels[task] for task in manifest.tasks} for code in forms]
    allowed = filter(taxonomy.plausible, found)
    return tuple(sorted(allowed, key=lambda labels: counted.get(tuple(map(str, labels.values())), 0)))


def find_confused(
    manifest: Manifest,
    taxonomy: Taxonomy,
    confusion: Mapping[str, npt.NDArray[np.integer[Any]]],
    *,
    limit: int = 4,
) -> tuple[Pair, ...]:
    """The classes that a classifier confuses most, worst first, as combinations of the training split.

    `confusion[task]` is [C, C], rows true and columns predicted, in the taxonomy's order of classes; take it
    from the validation split. Pairs are ranked by the mean of the two error rates true -> predicted; a pair
    never confused, or of which the training split lacks a class, is left out.
    """
    import numpy as np

    ranked: list[tuple[float, str, int, int]] = []
    for task, counts in confusion.items():
        matrix = np.asarray(counts, dtype=np.float64)
        size = len(taxonomy.task(task).codes)
        if matrix.shape != (size, size):
            raise InvalidInputError(f"confusion of {task} is {matrix.shape}; must be {(size, size)}")
        rates = matrix / np.maximum(1.0, matrix.sum(axis=1, keepdims=True))
        both = (rates + rates.T) / 2
        ranked += [(-both[i, j], task, i, j) for i in range(size) for j in range(i + 1, size) if both[i, j] > 0]
    pairs: list[Pair] = []
    for _, task, i, j in sorted(ranked):
        if len(pairs) == limit:
            break
        codes = taxonomy.task(task).codes
        if pair := pair_in_data(manifest, task, (codes[i], codes[j])):
            pairs.append(pair)
    return tuple(pairs)


def pair_in_data(manifest: Manifest, task: str, codes: tuple[str, str], labels: Labels | None = None) -> Pair | None:
    """Two combinations of the training split, one with each of `codes`, otherwise as alike as can be.

    `labels` fixes other tasks. Among equally alike ones that with the most photographs on its rarer side is
    taken. None when the training split has no such combination for one of the codes.
    """
    fixed = {name: code for name, code in (labels or {}).items() if code is not None}
    position = {name: i for i, name in enumerate(manifest.tasks)}
    for name in (task, *fixed):
        if name not in position:
            raise InvalidInputError(f"no task '{name}' in this data set; known: {', '.join(manifest.tasks)}")
    sides: tuple[list[tuple[tuple[str, ...], int]], ...] = ([], [])
    for combination, n in _training_combinations(manifest).items():
        if all(combination[position[name]] == code for name, code in fixed.items()):
            for side, code in zip(sides, codes, strict=True):
                if combination[position[task]] == code:
                    side.append((combination, n))
    best: tuple[int, int, tuple[str, ...], tuple[str, ...]] | None = None
    for first, n in sides[0]:
        for second, m in sides[1]:
            different = sum(a != b for a, b in zip(first, second, strict=True))
            candidate = (different, -min(n, m), first, second)
            best = candidate if best is None else min(best, candidate)
    if best is None:
        return None
    return dict(zip(manifest.tasks, best[2], strict=True)), dict(zip(manifest.tasks, best[3], strict=True))


def _training_combinations(manifest: Manifest) -> dict[tuple[str, ...], int]:
    """Real training photographs per combination of which every label is known."""
    import numpy as np

    training = manifest.select(split="train", origin="real")
    ids, combinations = training.combination_ids()
    sizes = np.bincount(ids, minlength=len(combinations)).tolist()
    return {
        tuple(code for code in combination if code is not None): n
        for combination, n in zip(combinations, sizes, strict=True)
        if None not in combination
    }


def _checked(taxonomy: Taxonomy, labels: Labels) -> dict[str, str | None]:
    for name, code in labels.items():
        task = taxonomy.task(name)
        if code is not None:
            task.index(code)
    full = {name: labels.get(name) for name in taxonomy.task_names}
    if all(code is None for code in full.values()):
        raise InvalidInputError("a combination to generate needs at least one label")
    return full
