"""The National Palace Museum, Taipei, open API (https://openapiweb.npm.gov.tw/). Needs an API key.

Known of it is what the museum's overview page says (the root address, the header `apiKey`, `limit`, `offset`
and `lang`, the envelope `status`, `result`, `error`), and the fields that public programs read from it:
Serial_No, ArticleSubject, CateGory, Slogan (dynasty), and for one object ArticleMaker, ArticleContext,
ArticleRemarks and imgUrl. This could not be tried on the service. It knows no search by words: the whole
list is read, 50 objects at a time, and an object is taken when title, category or dynasty have every word.
Records carry no licence; that of the service as a whole is noted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from saggar.errors import NotFoundError
from saggar.museums.objects import NO_IMAGE, Found, LeftOut, MuseumAnswerError, MuseumObject, joined, text
from saggar.museums.web import Web

OGDL = "https://data.gov.tw/license"  # Open Government Data License, version 1.0; compatible with CC BY 4.0
_PAGE = 50
_LIST = "collection/search"


def search(web: Web, query: str, image_px: int) -> Iterator[Found]:  # noqa: ARG001 one size is published
    """Objects whose title, category or dynasty have every word of `query`, in the service's order."""
    words = query.casefold().split()
    language = "cht" if any(ord(character) > 0x2E7F for character in query) else "eng"
    offset = 0
    seen: set[str] = set()
    while records := _result(web.json(f"{_LIST}/", {"limit": _PAGE, "offset": offset, "lang": language})):
        known = len(seen)
        for record in records:
            if not isinstance(record, dict) or text(record.get("Serial_No")) in seen:
                continue
            seen.add(text(record.get("Serial_No")))
            said = joined(record.get("ArticleSubject"), record.get("CateGory"), record.get("Slogan"))
            number = text(record.get("Serial_No"))
            if number.isascii() and number.isalnum() and all(word in said.casefold() for word in words):
                yield _object(web, number, record, language)
        offset += len(records)
        if len(records) < _PAGE or len(seen) == known:  # the last page, or a service that ignores `offset`
            return


def _object(web: Web, number: str, listed: dict[str, Any], language: str) -> Found:
    try:
        records = _result(web.json(f"{_LIST}/{number}", {"lang": language}))
    except NotFoundError:
        return LeftOut(number, "is no longer in the service")
    found = records[0] if records and isinstance(records[0], dict) else {}
    return read_object(listed | found, f"{web.base_url}/{_LIST}/{number}")


def read_object(record: dict[str, Any], object_url: str) -> Found:
    """One object of the service's shape, list and detail taken together."""
    number = text(record.get("Serial_No"))
    if not text(record.get("imgUrl")):
        return LeftOut(number or "?", NO_IMAGE)
    return MuseumObject(
        museum="npm",
        object_id=number,
        accession_number=number,
        title=text(record.get("ArticleSubject")),
        date="",
        date_begin="",
        date_end="",
        period=text(record.get("Slogan")),
        culture="",
        medium="",
        kind=text(record.get("CateGory")),
        place="",
        description=joined(record.get("ArticleContext"), record.get("ArticleRemarks")),
        licence=OGDL,
        text_licence=OGDL,
        credit_line="National Palace Museum, Taipei",
        object_url=object_url,
        image_url=text(record["imgUrl"]),
    )


def _result(answer: Any) -> list[Any]:
    problem = text(answer.get("error")) if isinstance(answer, dict) else "no object"
    records = answer.get("result") if isinstance(answer, dict) else None
    if isinstance(records, list) or (records is None and not problem):
        return records or []
    raise MuseumAnswerError(
        f"the National Palace Museum answered without a result ({problem or 'no reason given'}); check the "
        "API key, and look for a newer version of Saggar"
    )
