"""The Metropolitan Museum of Art, Collection API v1 (https://metmuseum.github.io/).

Search gives all object numbers at once; each object is one more request. Images of works in the public
domain, and the data, are CC0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saggar.errors import NotFoundError
from saggar.museums.objects import (
    CC0,
    NO_IMAGE,
    NOT_FREE,
    Found,
    LeftOut,
    MuseumAnswerError,
    MuseumObject,
    joined,
    text,
)
from saggar.museums.web import Web

LARGEST_WEB_PX = 1024  # above it the original is taken; nothing between the two is published


def search(web: Web, query: str, image_px: int) -> Iterator[Found]:
    """Objects that the museum finds for `query`, in its order."""
    answer = web.json("search", {"hasImages": "true", "q": query})
    numbers = answer.get("objectIDs", 0) if isinstance(answer, dict) else 0
    if numbers is None:  # nothing found
        return
    if not isinstance(numbers, list):
        raise MuseumAnswerError("the Met's search answered without objectIDs; look for a newer version of Saggar")
    for number in numbers:
        try:
            yield read_object(web.json(f"objects/{int(number)}"), image_px)
        except NotFoundError:
            yield LeftOut(text(number), "is no longer in the service")
        except (TypeError, ValueError):
            yield LeftOut(text(number), "has no proper number")


def read_object(answer: Any, image_px: int) -> Found:
    """One object of the service's shape."""
    if not isinstance(answer, dict) or not text(answer.get("objectID")):
        return LeftOut("?", "came in an unknown shape")
    number = text(answer["objectID"])
    if answer.get("isPublicDomain") is not True:
        return LeftOut(number, NOT_FREE)
    small, original = text(answer.get("primaryImageSmall")), text(answer.get("primaryImage"))
    image = (small or original) if image_px <= LARGEST_WEB_PX else (original or small)
    if not image:
        return LeftOut(number, NO_IMAGE)
    places = ("locale", "locus", "city", "subregion", "region", "country")
    return MuseumObject(
        museum="met",
        object_id=number,
        accession_number=text(answer.get("accessionNumber")),
        title=text(answer.get("title")),
        date=text(answer.get("objectDate")),
        date_begin=text(answer.get("objectBeginDate")),
        date_end=text(answer.get("objectEndDate")),
        period=joined(answer.get("period"), answer.get("dynasty"), answer.get("reign")),
        culture=text(answer.get("culture")),
        medium=text(answer.get("medium")),
        kind=joined(answer.get("objectName"), answer.get("classification")),
        place=joined(*(answer.get(name) for name in places)),
        description="",
        licence=CC0,
        text_licence=CC0,
        credit_line=text(answer.get("creditLine")),
        object_url=text(answer.get("objectURL")) or f"https://www.metmuseum.org/art/collection/search/{number}",
        image_url=image,
    )
