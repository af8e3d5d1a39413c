"""Photographs of any proportions as square training images."""

from __future__ import annotations

from PIL import Image, ImageOps

_SMOOTHED = 32  # what is smaller than this part of an edge is not carried on into the padding


def square(image: Image.Image, size_px: int, framing: str) -> Image.Image:
    """`image` at `size_px` a side. `crop` scales by the shorter side and cuts from the centre; `pad` keeps
    the whole picture and carries the ground on beyond its longer edges.
    """
    if framing == "crop":
        return ImageOps.fit(image, (size_px, size_px), Image.Resampling.LANCZOS)
    whole = ImageOps.contain(image, (size_px, size_px), Image.Resampling.LANCZOS)
    if whole.width > whole.height:  # the longer edges to the sides, and back
        return _widened(whole.transpose(Image.Transpose.ROTATE_90)).transpose(Image.Transpose.ROTATE_270)
    return _widened(whole)


def _widened(image: Image.Image) -> Image.Image:
    """As wide as high: smoothed copies of the left and right edges stand beside the image, in the middle."""
    height, left = image.height, (image.height - image.width) // 2
    result = Image.new(image.mode, (height, height))
    for edge, start, end in ((0, 0, left), (image.width - 1, left + image.width, height)):
        if end > start:
            strip = image.crop((edge, 0, edge + 1, height))
            few = strip.resize((1, min(height, _SMOOTHED)), Image.Resampling.BOX)
            result.paste(few.resize((end - start, height), Image.Resampling.BICUBIC), (start, 0))
    result.paste(image, (left, 0))
    return result
