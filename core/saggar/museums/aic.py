"""The Art Institute of Chicago, API v1 (https://api.artic.edu/docs/), with IIIF images.

Search gives records with the fields asked for, page by page, at most 10,000. Images of works in the public
domain are CC0, and so are the data, except `description`, which is CC BY 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from saggar.museums.objects import (
    CC0,
    CC_BY,
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

_PAGE = 100
_DEEPEST = 10_000  # the service answers with an error beyond
_KEPT_WIDTH = 843  # what the museum recommends: its server has it ready
_FIELDS = (
    "id",
    "title",
    "main_reference_number",
    "is_public_domain",
    "image_id",
    "thumbnail",
    "date_display",
    "date_start",
    "date_end",
    "artist_display",
    "place_of_origin",
    "style_title",
    "medium_display",
    "artwork_type_title",
    "classification_title",
    "description",
    "credit_line",
)


def search(web: Web, query: str, image_px: int) -> Iterator[Found]:
    """Objects that the museum finds for `query`, in its order."""
    for page in range(1, _DEEPEST // _PAGE + 1):
        answer = web.json("artworks/search", {"q": query, "fields": ",".join(_FIELDS), "limit": _PAGE, "page": page})
        records = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise MuseumAnswerError("Chicago's search answered without data; look for a newer version of Saggar")
        config, pagination = answer.get("config"), answer.get("pagination")
        iiif = text(config.get("iiif_url")) if isinstance(config, dict) else ""
        yield from (read_object(record, iiif, image_px) for record in records)
        pages = pagination.get("total_pages") if isinstance(pagination, dict) else None
        if not records or (isinstance(pages, int) and page >= pages):
            return


def read_object(record: Any, iiif: str, image_px: int) -> Found:
    """One record of the service's shape; `iiif` is the base of image addresses that came with it."""
    if not isinstance(record, dict) or not text(record.get("id")):
        return LeftOut("?", "came in an unknown shape")
    number = text(record["id"])
    if record.get("is_public_domain") is not True:
        return LeftOut(number, NOT_FREE)
    image_id = text(record.get("image_id"))
    if not image_id or not iiif:
        return LeftOut(number, NO_IMAGE)
    description = text(record.get("description"))
    return MuseumObject(
        museum="aic",
        object_id=number,
        accession_number=text(record.get("main_reference_number")),
        title=text(record.get("title")),
        date=text(record.get("date_display")),
        date_begin=text(record.get("date_start")),
        date_end=text(record.get("date_end")),
        period=text(record.get("style_title")),
        culture=text(record.get("artist_display")),
        medium=text(record.get("medium_display")),
        kind=joined(record.get("artwork_type_title"), record.get("classification_title")),
        place=text(record.get("place_of_origin")),
        description=description,
        licence=CC0,
        text_licence=CC_BY if description else CC0,
        credit_line=text(record.get("credit_line")),
        object_url=f"https://www.artic.edu/artworks/{number}",
        image_url=image_url(iiif, image_id, record.get("thumbnail"), image_px),
    )


def image_url(iiif: str, image_id: str, thumbnail: Any, image_px: int) -> str:
    """IIIF Image API 2: the recommended width, or the best fit in a square; never larger than the original.

    `thumbnail` holds the original's width and height.
    """
    sides = [thumbnail.get(name) for name in ("width", "height")] if isinstance(thumbnail, dict) else []
    width, height = (side if isinstance(side, int) and side > 0 else 0 for side in (sides or (0, 0)))
    if image_px == _KEPT_WIDTH and (not width or width >= _KEPT_WIDTH):
        size = f"{_KEPT_WIDTH},"
    elif width and height and max(width, height) <= image_px:
        size = "full"
    else:
        size = f"!{image_px},{image_px}"
    return f"{iiif.rstrip('/')}/{quote(image_id, safe='')}/full/{size}/0/default.jpg"
