"""What every museum's answer is turned into: an object that may be used, or the reason why not."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any

from saggar.errors import SaggarError

CC0 = "https://creativecommons.org/publicdomain/zero/1.0/"
CC_BY = "https://creativecommons.org/licenses/by/4.0/"

NOT_FREE = "its licence does not allow it"
NO_IMAGE = "has no image"


class MuseumAnswerError(SaggarError):
    """A service answered in a way that this version does not know. Asking again cannot help."""


@dataclass(frozen=True)
class MuseumObject:
    """An object whose photograph may be used, in its museum's own words. Unknown texts are empty.

    `licence` is the photograph's and `text_licence` that of title and description, both as URIs.
    """

    museum: str  # key of the museum: met, cleveland, aic, npm
    object_id: str  # in the museum's service
    accession_number: str
    title: str
    date: str
    date_begin: str  # year; negative is BCE
    date_end: str
    period: str  # period, dynasty, reign
    culture: str
    medium: str
    kind: str  # what it is: object name, classification
    place: str
    description: str
    licence: str
    text_licence: str
    credit_line: str
    object_url: str
    image_url: str


@dataclass(frozen=True)
class LeftOut:
    """An object that was found and is not used, and why."""

    object_id: str
    reason: str


Found = MuseumObject | LeftOut


def text(value: Any) -> str:
    """A field as plain text on one line: '' for nothing, lists joined with semicolons, markup removed."""
    if value is None or isinstance(value, bool | dict):
        return ""
    if isinstance(value, list | tuple):
        return "; ".join(filter(None, (text(each) for each in value)))
    plain = html.unescape(re.sub(r"<[^<>]*>", " ", str(value)))
    return " ".join("".join(c if c.isprintable() else " " for c in plain).split())


def joined(*values: Any) -> str:
    """Texts with semicolons between them, each said once."""
    return "; ".join(dict.fromkeys(filter(None, map(text, values))))
