"""The Cleveland Museum of Art, Open Access API (https://openaccess-api.clevelandart.org/).

Search gives whole records, page by page. Records that the museum marks CC0 come with images that are CC0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

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

_PAGE = 100
_LONGEST_NUMBER = 6  # digits of a width in pixels
_SIZES = ("web", "print")  # "full" is an uncompressed TIFF of up to 100 MB, and is not for us


def search(web: Web, query: str, image_px: int) -> Iterator[Found]:
    """Objects that the museum finds for `query`, in its order."""
    skip = 0
    while True:
        answer = web.json("artworks/", {"q": query, "has_image": 1, "limit": _PAGE, "skip": skip})
        records = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(records, list):
            raise MuseumAnswerError("Cleveland's search answered without data; look for a newer version of Saggar")
        yield from (read_object(record, image_px) for record in records)
        skip += len(records)
        info = answer.get("info")
        total = info.get("total") if isinstance(info, dict) else None
        if not records or (isinstance(total, int) and skip >= total):
            return


def read_object(record: Any, image_px: int) -> Found:
    """One record of the service's shape."""
    if not isinstance(record, dict) or not text(record.get("id")):
        return LeftOut("?", "came in an unknown shape")
    number = text(record["id"])
    if text(record.get("share_license_status")).upper() != "CC0":
        return LeftOut(number, NOT_FREE)
    image = _image(record.get("images"), image_px)
    if not image:
        return LeftOut(number, NO_IMAGE)
    descriptions = ("description", "wall_description", "digital_description")
    return MuseumObject(
        museum="cleveland",
        object_id=number,
        accession_number=text(record.get("accession_number")),
        title=joined(record.get("title"), record.get("title_in_original_language")),
        date=text(record.get("creation_date")),
        date_begin=text(record.get("creation_date_earliest")),
        date_end=text(record.get("creation_date_latest")),
        period="",
        culture=text(record.get("culture")),  # holds place and dynasty too
        medium=joined(record.get("technique"), record.get("support_materials")),
        kind=text(record.get("type")),
        place=text(record.get("find_spot")),
        description=next((text(record[name]) for name in descriptions if text(record.get(name))), ""),
        licence=CC0,
        text_licence=CC0,
        credit_line=text(record.get("creditline")),
        object_url=text(record.get("url")),
        image_url=image,
    )


def _image(images: Any, image_px: int) -> str:
    """The smallest size that is large enough, else the largest."""
    best = ""
    for size in _SIZES:
        found = images.get(size) if isinstance(images, dict) else None
        if not isinstance(found, dict) or not text(found.get("url")):
            continue
        best = text(found["url"])
        if max(_pixels(found.get("width")), _pixels(found.get("height"))) >= image_px:
            return best
    return best


def _pixels(value: Any) -> int:
    digits = text(value)
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_NUMBER else 0
