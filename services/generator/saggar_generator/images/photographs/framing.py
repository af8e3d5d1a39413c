"""Photographs of any proportions as pictures of one size."""

from __future__ import annotations

from PIL import Image, ImageOps

_SMOOTHED = 32  # what is smaller than this part of an edge is not carried on into the padding


def square(image: Image.Image, size_px: int, framing: str) -> Image.Image:
    """`image` at `size_px` a side, as `framed`."""
    return framed(image, size_px, size_px, framing)


def framed(image: Image.Image, width_px: int, height_px: int, framing: str) -> Image.Image:
    """`image` in another size. `crop` scales until both sides are covered and cuts from the centre; `pad` keeps the
    whole picture and carries the ground on beyond its edges.
    """
    size = width_px, height_px
    if framing == "crop":
        return ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    whole = ImageOps.contain(image, size, Image.Resampling.LANCZOS)
    if whole.height < height_px:  # the longer edges to the sides, and back
        turned = _widened(whole.transpose(Image.Transpose.ROTATE_90), height_px)
        return turned.transpose(Image.Transpose.ROTATE_270)
    return _widened(whole, width_px)


def _widened(image: Image.Image, width: int) -> Image.Image:
    """`width` wide: smoothed copies of the left and right edges stand beside the image, in the middle."""
    height, left = image.height, (width - image.width) // 2
    result = Image.new(image.mode, (width, height))
    for edge, start, end in ((0, 0, left), (image.width - 1, left + image.width, width)):
        if end > start:
            strip = image.crop((edge, 0, edge + 1, height))
            few = strip.resize((1, min(height, _SMOOTHED)), Image.Resampling.BOX)
            result.paste(few.resize((end - start, height), Image.Resampling.BICUBIC), (start, 0))
    result.paste(image, (left, 0))
    return result
