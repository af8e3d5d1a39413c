"""Thirty kinds of defect, each made from a sound photograph (or from none).

A maker takes the photograph and a random generator and gives the bytes of an image file. What needs labels or
other photographs (`LABEL_KINDS`, `COPY_KINDS`) is made in `planted.sets`.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps
from saggar.outlines import find_outline
from scipy import ndimage
from skimage.color import rgb2lab

Maker = Callable[[Image.Image, np.random.Generator], bytes]

TRAINING_COPIES = (
    "copied training image", "mirrored copy", "re-cropped copy", "turned copy", "turned mirrored copy",
    "turned re-cropped copy", "re-coloured copy", "turned mirrored re-cropped re-coloured copy",
)  # fmt: skip
COPY_KINDS = (*TRAINING_COPIES, "duplicate in the set")
LABEL_KINDS = ("wrong glaze", "wrong type", "implausible combination")
STOCK = ("astronaut", "chelsea", "rocket", "hubble_deep_field", "retina", "motorcycle_left", "grass",
         "brick", "china", "flower", "text")  # fmt: skip


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def truncated(image: Image.Image, random: np.random.Generator) -> bytes:
    data = encoded(image)
    return data[: int(len(data) * random.uniform(0.2, 0.9))]


def blank(image: Image.Image, random: np.random.Generator) -> bytes:
    colour = tuple(int(v) for v in random.integers(0, 256, 3))
    return encoded(Image.new("RGB", image.size, colour))


def pure_noise(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(Image.fromarray(random.integers(0, 256, (*image.size[::-1], 3), dtype=np.uint8)))


def blurred(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(image.filter(ImageFilter.GaussianBlur(min(image.size) * random.uniform(0.015, 0.04))))


def motion(image: Image.Image, random: np.random.Generator) -> bytes:
    length = max(4, round(image.width * random.uniform(0.04, 0.08)))
    axis = int(random.integers(2))
    return encoded(Image.fromarray(ndimage.uniform_filter1d(np.asarray(image), length, axis=axis, mode="nearest")))


def badly_exposed(image: Image.Image, random: np.random.Generator) -> bytes:
    stops = random.choice([-1, 1]) * random.uniform(1.5, 2.5)
    linear = (np.asarray(image) / 255.0) ** 2.2 * 2.0**stops
    return encoded(Image.fromarray((np.clip(linear, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8)))


def ground_of(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The photograph's ground without its object [H, W, 3], and the object's mask with its shadow."""
    pixels = np.asarray(image)
    mask = find_outline(rgb2lab(pixels).astype(np.float32)).mask
    mask = ndimage.binary_dilation(mask, iterations=max(2, min(image.size) // 40))
    if mask.mean() > 0.97:
        mask = np.zeros_like(mask)
    filled = pixels.astype(np.float64)
    for channel in range(3):  # the nearest ground, smoothed, with the ground's own grain
        nearest = ndimage.distance_transform_edt(mask, return_distances=False, return_indices=True)
        plane = filled[..., channel][tuple(nearest)]
        smooth = ndimage.gaussian_filter(plane, min(image.size) / 12)
        grain = (plane - ndimage.gaussian_filter(plane, 2))[~mask].std() if (~mask).any() else 1.0
        noise = np.random.default_rng(channel).normal(0, min(grain, 4.0), plane.shape)
        filled[..., channel] = np.where(mask, smooth + noise, plane)
    return np.clip(filled, 0, 255).astype(np.uint8), mask


def placed(image: Image.Image, scale: float, shift: tuple[float, float], twice: bool = False) -> Image.Image:
    """The object, smaller and moved by shares of the picture, on its own ground; a second one mirrored."""
    ground, mask = ground_of(image)
    alpha = Image.fromarray((ndimage.gaussian_filter(mask.astype(float), 1) * 255).astype(np.uint8))
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    small, small_alpha = image.resize(size, Image.Resampling.LANCZOS), alpha.resize(size)
    out = Image.fromarray(ground)
    places = [shift, (-shift[0], shift[1])] if twice else [shift]
    for number, (x, y) in enumerate(places):
        if number:
            small, small_alpha = ImageOps.mirror(small), ImageOps.mirror(small_alpha)
        corner = (round((image.width - size[0]) / 2 + x * image.width),
                  round((image.height - size[1]) / 2 + y * image.height))  # fmt: skip
        out.paste(small, corner, small_alpha)
    return out


def two_objects(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(placed(image, random.uniform(0.42, 0.5), (0.25, random.uniform(-0.02, 0.05)), twice=True))


def no_object(image: Image.Image, _: np.random.Generator) -> bytes:
    return encoded(Image.fromarray(ground_of(image)[0]))


def cut_off(image: Image.Image, random: np.random.Generator) -> bytes:
    """A part of the photograph whose edge goes through the object."""
    pixels = rgb2lab(np.asarray(image)).astype(np.float32)
    mask = find_outline(pixels).mask
    columns = np.flatnonzero(mask.any(axis=0)) if mask.any() else np.arange(image.width)
    at = int(columns[0] + len(columns) * random.uniform(0.2, 0.4))
    part = image.crop((at, 0, image.width, image.height))
    if random.random() < 0.5:
        part = ImageOps.mirror(part)
    return encoded(ImageOps.fit(part, image.size, Image.Resampling.BICUBIC, centering=(0.0, 0.5)))


def tiny(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(placed(image, random.uniform(0.15, 0.25), (0.0, 0.05)))


def off_centre(image: Image.Image, random: np.random.Generator) -> bytes:
    side = random.choice([-1, 1])
    return encoded(placed(image, 0.6, (side * random.uniform(0.2, 0.28), random.uniform(-0.15, 0.15))))


def text_over(image: Image.Image, random: np.random.Generator) -> bytes:
    out = image.copy()
    draw = ImageDraw.Draw(out)
    font = ImageFont.load_default(size=max(9, image.height // 11))
    line = str(random.choice(["SAMPLE 2024", "Lot 318  Bowl", "For sale: vase", "No. 77 celadon"]))
    place = (image.width * random.uniform(0.03, 0.2), image.height * random.choice([0.04, 0.45, 0.85]))
    draw.text(place, line, font=font, fill=tuple(int(v) for v in random.choice([0, 255]) * np.ones(3)))
    return encoded(out)


def watermark(image: Image.Image, random: np.random.Generator) -> bytes:
    layer = Image.new("L", image.size, 0)
    draw = ImageDraw.Draw(layer)
    font = ImageFont.load_default(size=max(8, image.height // 12))
    step = max(24, image.width // 3)
    for y in range(0, image.height, max(16, image.height // 5)):
        for x in range(-step, image.width, step):
            draw.text((x + (y % (2 * step)) // 2, y), "PREVIEW", font=font, fill=int(random.integers(60, 110)))
    return encoded(Image.composite(Image.new("RGB", image.size, (255, 255, 255)), image, layer))


def framed(image: Image.Image, random: np.random.Generator) -> bytes:
    width = max(2, round(min(image.size) * random.uniform(0.03, 0.07)))
    colour = tuple(int(v) for v in random.choice([[255, 255, 255], [0, 0, 0], [120, 70, 30]]))
    inner = image.resize((image.width - 2 * width, image.height - 2 * width))
    return encoded(ImageOps.expand(inner, width, colour))


def colour_cast(image: Image.Image, random: np.random.Generator) -> bytes:
    gains = np.array([[1.35, 1.0, 0.65], [0.65, 1.0, 1.35], [0.7, 1.25, 0.75], [1.3, 0.7, 1.25]])
    pixels = np.asarray(image) * gains[random.integers(len(gains))]
    return encoded(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def greyscale(image: Image.Image, _: np.random.Generator) -> bytes:
    return encoded(image.convert("L").convert("RGB"))


def posterised(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(ImageOps.posterize(image, int(random.integers(2, 4))))


def jpeg_blocks(image: Image.Image, random: np.random.Generator) -> bytes:
    return encoded(image, "JPEG", quality=int(random.integers(3, 10)))


def tiled(image: Image.Image, random: np.random.Generator) -> bytes:
    """Rolled, so that the picture's edges meet inside it; or cut in two that do not fit."""
    pixels = np.asarray(image)
    if random.random() < 0.5:
        by = round(image.width * random.uniform(0.3, 0.7))
        return encoded(Image.fromarray(np.roll(pixels, by, axis=1)))
    half = image.width // 2
    lower = np.roll(pixels[:, half:], round(image.height * random.uniform(0.1, 0.2)), axis=0)
    return encoded(Image.fromarray(np.hstack([pixels[:, :half], lower])))


def wrong_shape(image: Image.Image, random: np.random.Generator) -> bytes:
    if random.random() < 0.5:
        return encoded(image.resize((round(image.width * 1.8), round(image.height * 0.75))))
    return encoded(image.resize((round(image.width * 0.2), round(image.height * 0.2))))


def transparent(image: Image.Image, random: np.random.Generator) -> bytes:
    """Alpha that somebody forgot: holes, or everything half transparent."""
    alpha = np.full(image.size[::-1], 128, dtype=np.uint8)
    if random.random() < 0.5:
        alpha = (ndimage.gaussian_filter(random.random(image.size[::-1]), 6) > 0.5).astype(np.uint8) * 255
    out = image.convert("RGBA")
    out.putalpha(Image.fromarray(alpha))
    return encoded(out)


def upside_down(image: Image.Image, _: np.random.Generator) -> bytes:
    return encoded(image.transpose(Image.Transpose.ROTATE_180))


def no_porcelain(image: Image.Image, random: np.random.Generator) -> bytes:
    """Pictures that come with scikit-image and scikit-learn: a person, a cat, a street, a motorcycle, ..."""
    stock = Image.fromarray(_stock(str(random.choice(STOCK))))
    side = random.uniform(0.7, 1.0)
    width, height = round(stock.width * side), round(stock.height * side)
    x, y = (int(random.integers(0, room + 1)) for room in (stock.width - width, stock.height - height))
    return encoded(ImageOps.fit(stock.crop((x, y, x + width, y + height)), image.size))


@cache
def _stock(name: str) -> np.ndarray:
    from skimage import data
    from sklearn.datasets import load_sample_image

    if name in {"china", "flower"}:
        return load_sample_image(f"{name}.jpg")
    found = data.stereo_motorcycle()[0] if name == "motorcycle_left" else getattr(data, name)()
    return found if found.ndim == 3 else np.stack([found] * 3, axis=-1)


MAKERS: dict[str, Maker] = {
    "truncated": truncated,
    "blank": blank,
    "noise": pure_noise,
    "blurred": blurred,
    "motion blur": motion,
    "badly exposed": badly_exposed,
    "two objects": two_objects,
    "no object": no_object,
    "cut off at the border": cut_off,
    "tiny object": tiny,
    "off-centre": off_centre,
    "text": text_over,
    "watermark": watermark,
    "frame": framed,
    "colour cast": colour_cast,
    "greyscale": greyscale,
    "posterised": posterised,
    "JPEG blocks": jpeg_blocks,
    "tiling seams": tiled,
    "wrong size or shape": wrong_shape,
    "transparency": transparent,
    "upside down": upside_down,
    "no porcelain": no_porcelain,
}
