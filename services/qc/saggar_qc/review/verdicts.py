"""A reviewer's verdict on one image, and what it means for the image."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Answer = Literal["right", "wrong", "unsure"]
Decision = Literal["accept", "mask", "reject"]

REASONS: dict[str, str] = {
    "wrong_object": "no vessel, or more than one",
    "malformed": "impossible or broken form",
    "wrong_type": "another type than asked for",
    "wrong_glaze": "another glaze than asked for",
    "implausible": "no such piece in that time or kiln",
    "modern": "modern artefact in the picture",
    "blurred": "blurred, smeared or cut off",
    "copy": "copy of a known photograph",
    "other": "another reason, given in the comment",
}
"""Reasons for rejection, in the order of the keys 1 to 9."""


class Verdict(BaseModel):
    """One look at one image. `attributes` has an answer per task whose label is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attributes: dict[str, Answer] = Field(default_factory=dict)
    plausible: bool = True  # could such a piece have been made then and there?
    coherent: bool = True  # one object of one piece, lit and cut as a photograph would be
    modern: bool = False  # a modern artefact: stand, label, hand, text
    reason: str | None = None
    comment: str = Field(default="", max_length=1000)
    seconds: float = Field(default=0.0, ge=0, le=86_400, allow_inf_nan=False)


def decide(verdict: Verdict, maskable: frozenset[str]) -> tuple[Decision, frozenset[str]]:
    """What `verdict` means, and the tasks whose label becomes unknown.

    Rejected: a reason is given, the image is implausible, incoherent or modern, or an attribute is wrong that
    may not be masked, or more than one is. One wrong attribute of `maskable` with all else right keeps the
    image for the other tasks. "Unsure" counts as right: the image was asked for with that label.
    """
    wrong = frozenset(task for task, answer in verdict.attributes.items() if answer == "wrong")
    if verdict.reason or verdict.modern or not (verdict.plausible and verdict.coherent):
        return "reject", frozenset()
    if not wrong:
        return "accept", frozenset()
    if len(wrong) == 1 and wrong <= maskable and len(verdict.attributes) > 1:
        return "mask", wrong
    return "reject", frozenset()
