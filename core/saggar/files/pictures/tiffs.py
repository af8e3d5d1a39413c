"""TIFF files: which of their pages is the picture, and what Pillow reads otherwise than it is meant."""

from __future__ import annotations

from typing import Any

from PIL import ImageFile

from saggar.files.pictures.not_an_image import CANON, RAW, RefusedError

FIRST_OF_SEVERAL = "first of several frames or pages taken"

_MOST_PAGES = 100  # that are looked at
_THUMBNAIL_SHARE = 0.5  # of the largest page's pixels: a first page with fewer is taken for its thumbnail
# Tags, of TIFF 6.0 but for the last two: of its supplement 1, and of DNG 1.0.
_SUBFILE, _BITS, _PLANAR = 254, 258, 284
_FURTHER_PICTURES, _DNG = 330, 50706
_SMALLER_COPY = 1  # bit of _SUBFILE: another picture of the file has more pixels
_PLANES = 2  # in _PLANAR: each channel by itself
_PLANES_OF_16 = ("RGB", "RGBA")  # modes whose planes Pillow reads
_PLANES_OF_8 = (*_PLANES_OF_16, "CMYK")


def to_picture(image: ImageFile.ImageFile, data: bytes) -> list[str]:
    """Turns a TIFF, opened from `data`, to the picture that it is of, and returns what is worth telling.

    That is the first page, unless it is the thumbnail of a larger one. Raises RefusedError where it is out of reach.
    """
    notes = _to_best_page(image)
    tags: Any = getattr(image, "tag_v2", {})
    preview = tags.get(_SUBFILE, 0) & _SMALLER_COPY and _FURTHER_PICTURES in tags
    if preview or _DNG in tags or data[8:10] == CANON:
        width, height = image.size
        raise RefusedError(f"is {RAW}, and all that is read of it is a preview of {width} x {height}; save it as JPEG")
    if tags.get(_PLANAR) == _PLANES:
        _read_planes(image, max(tags.get(_BITS, (8,))), "L" if tags.prefix == b"II" else "B")
    return notes


def _to_best_page(image: ImageFile.ImageFile) -> list[str]:
    if not getattr(image, "is_animated", False):
        return []
    areas: list[int] = []
    try:
        for page in range(_MOST_PAGES):
            image.seek(page)
            areas.append(image.width * image.height)
    except Exception:  # noqa: BLE001 S110 no more pages, or one of a kind that Pillow does not know
        pass
    largest = max(range(len(areas)), key=lambda page: (areas[page], -page))
    best = largest if areas[0] < _THUMBNAIL_SHARE * areas[largest] else 0
    image.seek(best)
    return [f"page {best + 1} of several taken, the largest" if best else FIRST_OF_SEVERAL]


def _read_planes(image: ImageFile.ImageFile, bits: int, order: str) -> None:
    """Has Pillow read planes that are not packed as what they are: it takes those of 16 bits for 8 (13.0)."""
    tiles: list[Any] = image.tile
    if any(tile.codec_name != "raw" for tile in tiles) or len(image.getbands()) == 1:
        return
    if image.mode not in (_PLANES_OF_16 if bits > 8 else _PLANES_OF_8):
        raise RefusedError("its channels lie each by itself in the file; save it with channels side by side")
    if bits > 8:
        image.tile = [tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:])) for tile in tiles]
