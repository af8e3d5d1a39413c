"""A request's prompts and adapters, brought together: what each image is really made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from saggar.errors import FieldViolation, InvalidInputError
from saggar.webui.prompt_syntax import ParsedPrompt, parse_negative_prompt, parse_prompt

from saggar_generator.requests import AdapterUse, ImageRequest, PromptItem

Mix = tuple[tuple[str, float], ...]  # adapters' names, or their weights' hashes, and their shares

_SHOWN = 5


@dataclass(frozen=True)
class Composition:
    """One image: its words, those of them that an adapter is to have learnt, and the adapters that take part, by their
    names, in the request's order.
    """

    prompt_id: str
    request: ImageRequest
    adapters: Mix
    learnt_words: tuple[str, ...] = ()


def compose(items: Sequence[PromptItem], uses: Sequence[AdapterUse]) -> list[Composition]:
    """Every item's prompts as plain text, and its adapters with their weights.

    An adapter of the request takes part with the request's weight unless the prompt gives it another.
    Raises InvalidInputError, with a violation per prompt, for unknown adapters and syntax.
    """
    violations: list[FieldViolation] = []
    found = []
    for number, item in enumerate(items):
        request, field = item.request, "prompt"
        try:
            parsed, adapters = _compose(request.prompt, uses)
            field = "negative_prompt"
            plain = replace(request, prompt=parsed.text, negative_prompt=parse_negative_prompt(request.negative_prompt))
        except InvalidInputError as error:
            violations.append(FieldViolation(f"prompts[{number}].{field}", str(error)))
        else:
            found.append(Composition(item.prompt_id, plain, adapters, parsed.words))
    if violations:
        shown = "; ".join(f"{one.field} {one.description}" for one in violations[:_SHOWN])
        more = f"; and {len(violations) - _SHOWN} more" if len(violations) > _SHOWN else ""
        raise InvalidInputError(shown + more, tuple(violations))
    return found


def by_weights(adapters: Mix, hashes: Mapping[str, str]) -> Mix:
    """The same adapters by the hashes of their weights, in an order of their own: names and the request's
    order decide nothing. Those of weight 0 are left out; one under two names has both weights.
    """
    sums: dict[str, float] = {}
    for name, weight in adapters:
        sums[hashes[name]] = sums.get(hashes[name], 0.0) + weight
    return tuple(sorted((sha256, weight) for sha256, weight in sums.items() if weight != 0))


def _compose(prompt: str, uses: Sequence[AdapterUse]) -> tuple[ParsedPrompt, Mix]:
    parsed = parse_prompt(prompt)
    known = [use.name for use in uses]
    if strange := [name for name in parsed.weights if name not in known]:
        listed = f"known: {', '.join(known)}" if known else "this request has none"
        raise InvalidInputError(f"names the adapter '{strange[0]}'; {listed}")
    given = {name: weight for name, weight in parsed.weights.items() if weight is not None}
    return parsed, tuple((use.name, given.get(use.name, use.weight)) for use in uses)
