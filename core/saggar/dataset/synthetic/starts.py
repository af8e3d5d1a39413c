"""Which training photograph an image starts from, and how much of it gives way.

A photograph of the wrong form costs more than one of the wrong surface: noise is laid over it, and an outline shows
through longer than a colour. So an image starts from a photograph of its own combination; where there is none, from
one of its form, of which more gives way; and else from noise.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import lcm
from typing import TYPE_CHECKING

from saggar.dataset.seeds import derived_seed
from saggar.dataset.synthetic.plan import PlannedImage, image_number
from saggar.errors import InvalidInputError
from saggar.taxonomy import Labels

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest

_DONORS = 8  # photographs of each kind that an image may be composed of
_LEVELS = 3  # of a range of strengths: images of one strength are made together


@dataclass(frozen=True)
class StartRule:
    """`tasks`: those whose labels image and photograph share; `form`: the one that must agree where not all can, or
    None. `strengths`: the range that those of photographs which share all are drawn from; `form_strength`: of those
    that share the form alone.
    """

    tasks: tuple[str, ...]
    form: str | None
    strengths: tuple[float, float] = (0.6, 0.6)
    form_strength: float = 0.8


def start_from_photographs(
    planned: Sequence[PlannedImage], manifest: Manifest, rule: StartRule, seed: int = 0
) -> tuple[PlannedImage, ...]:
    """The same images, each with the real training photograph that it starts from, where there is one.

    Which one, and how much of it gives way, depends on the image's id, the seed and those photographs only. Raises
    InvalidInputError when the rule has no form, and the training split no photograph for an image.
    """
    training = manifest.select(split="train", origin="real")
    alike, of_form = _by_labels(training, rule.tasks), _by_labels(training, (rule.form,) if rule.form else ())
    chosen, missing = [], set()
    for image in planned:
        shared, form = _labels(image.labels, rule.tasks), _labels(image.labels, (rule.form,) if rule.form else ())
        number = derived_seed("photograph", seed, image.prompt_id)
        if keys := alike.get(shared or ()):
            chosen.append(replace(image, photograph=keys[number % len(keys)], strength=_strength(rule, seed, image)))
        elif keys := of_form.get(form or ()):
            chosen.append(replace(image, photograph=keys[number % len(keys)], strength=rule.form_strength))
        elif rule.form:
            chosen.append(image)
        else:
            missing.add(" ".join(str(image.labels.get(task)) for task in rule.tasks))
    if missing:
        raise InvalidInputError(
            f"no training photograph with {' and '.join(rule.tasks)} {', '.join(sorted(missing))} to start from; leave "
            "these combinations out, or start from noise"
        )
    check_photographs({image.photograph for image in chosen if image.photograph}, manifest)
    return tuple(chosen)


def compose_of_photographs(
    planned: Sequence[PlannedImage], manifest: Manifest, surface: str, form: str, seed: int = 0
) -> tuple[PlannedImage, ...]:
    """The same images, each with real training photographs of its form and of its surface (task names) to be composed
    of: the generator takes the first of each that will do.

    A combination's first image begins with those that share most of its other labels, so that it shows of its period
    and kiln what its labels say; the next one with the next. Photographs of the form with the same surface come last:
    with them a composite is a copy of one.

    Raises InvalidInputError when the training split has no photograph of the one or the other for an image.
    """
    training = manifest.select(split="train", origin="real")
    tasks = tuple(training.tasks)
    known = dict(zip(training.frame["image"], training.combinations(list(tasks)), strict=True))
    photographs = {task: _by_labels(training, (task,)) for task in (form, surface)}
    place = {task: number for number, task in enumerate(tasks)}

    @cache
    def ranked(task: str, labels: tuple[str | None, ...]) -> list[str]:
        def order(key: str) -> tuple[bool, int, int]:
            codes = known[key]
            copies = task == form != surface and codes[place[surface]] == labels[place[surface]]
            shared = sum(code is not None and code == asked for code, asked in zip(codes, labels, strict=True))
            return copies, -shared, derived_seed(f"compose {task} {labels}", seed, key)

        return sorted(photographs[task].get((str(labels[place[task]]),), []), key=order)

    chosen = []
    for image in planned:
        labels = tuple(image.labels.get(task) for task in tasks)
        forms, surfaces = ranked(form, labels), ranked(surface, labels)
        for task, found in ((form, forms), (surface, surfaces)):
            if not found:
                raise InvalidInputError(
                    f"no training photograph with {task} {image.labels.get(task)} to compose {image.prompt_id} of; "
                    "leave this combination out, or let the model draw it"
                )
        number = image_number(image.prompt_id)
        later = number + number // lcm(len(forms), len(surfaces))  # no two meet again before all have met
        chosen.append(replace(image, forms=_some_from(forms, number), glazes=_some_from(surfaces, later)))
    check_photographs({key for image in chosen for key in (*image.forms, *image.glazes)}, manifest)
    return tuple(chosen)


def follow_photographs(
    planned: Sequence[PlannedImage], manifest: Manifest, form: str, seed: int = 0
) -> tuple[PlannedImage, ...]:
    """The same images, each with the real training photograph of its form (a task's name) that it follows.

    Raises InvalidInputError when the training split has no photograph of an image's form.
    """
    by_form = _by_labels(manifest.select(split="train", origin="real"), (form,))
    chosen = []
    for image in planned:
        keys = by_form.get((str(image.labels.get(form)),), [])
        if not keys:
            raise InvalidInputError(
                f"no training photograph with {form} {image.labels.get(form)} for {image.prompt_id} to follow; leave "
                "this combination out, or generate without control_net"
            )
        number = derived_seed("control", seed, image.prompt_id)
        chosen.append(replace(image, control=keys[number % len(keys)]))
    check_photographs({image.control for image in chosen if image.control}, manifest)
    return tuple(chosen)


def check_photographs(keys: Collection[str], manifest: Manifest) -> None:
    """Raises InvalidInputError unless all of `keys` are real training photographs of `manifest`, and of no
    other split: an image made from a validation or test photograph would show the classifier what it is
    judged by.
    """
    frame = manifest.frame
    kept = set(manifest.select(split="train", origin="real").frame["image"])
    held_out = set(frame["image"][frame["split"] != "train"])
    if strays := sorted(key for key in keys if key in held_out or key not in kept):
        more = f" and {len(strays) - 3} more" if len(strays) > 3 else ""
        raise InvalidInputError(
            f"{', '.join(strays[:3])}{more}: not of the training split; images may only start from training "
            "photographs, never from those that validation or test are judged by"
        )


def _some_from(keys: Sequence[str], number: int) -> tuple[str, ...]:
    """At most `_DONORS` of `keys`, from the one of that number on, and from the beginning again."""
    return tuple(keys[(number + step) % len(keys)] for step in range(min(_DONORS, len(keys))))


def _by_labels(training: Manifest, tasks: tuple[str, ...]) -> dict[tuple[str, ...], list[str]]:
    """Keys of photographs, sorted, by their labels of `tasks`; those with an unknown one are left out."""
    found: dict[tuple[str, ...], list[str]] = {}
    if not tasks:
        return found
    for key, codes in sorted(zip(training.frame["image"], training.combinations(list(tasks)), strict=True)):
        if None not in codes:
            found.setdefault(tuple(str(code) for code in codes), []).append(key)
    return found


def _labels(labels: Labels, tasks: tuple[str, ...]) -> tuple[str, ...] | None:
    codes = [labels.get(task) for task in tasks]
    return tuple(str(code) for code in codes) if codes and None not in codes else None


def _strength(rule: StartRule, seed: int, image: PlannedImage) -> float:
    low, high = rule.strengths
    level = derived_seed("strength", seed, image.prompt_id) % _LEVELS
    return round(low + (high - low) * level / (_LEVELS - 1), 4)
