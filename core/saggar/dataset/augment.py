"""Classical augmentation of rare combinations, offline (paper, section 3.2.1).

The data set only notes that an image is a variant and with which seed; whoever reads the picture varies it
with `apply_augmentation`. Nothing is stored twice.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageEnhance, ImageOps

from saggar.dataset.manifest import Manifest
from saggar.dataset.seeds import rank_within, seeded_hash
from saggar.errors import InvalidInputError
from saggar.images import border_colour

FLIP_PROBABILITY = 0.5
ROTATION_DEGREES = 30.0
JITTER = 0.2  # brightness, contrast, saturation: factor 1 - 0.2 to 1 + 0.2
HUE = 0.05  # of the colour circle, either way
CROP_SCALE = (0.8, 1.0)  # of the area
CROP_RATIO = (3 / 4, 4 / 3)  # of the sides; torchvision's default for RandomResizedCrop


def expand_rare(manifest: Manifest, below: int = 50, to: int = 100, *, seed: int) -> Manifest:
    """`manifest` with augmented rows added: training combinations of fewer than `below` rows get `to`.

    Combinations are over all tasks; those in which nothing is known stay as they are. Every real photograph
    of a combination is varied equally often, give or take one. Added rows have origin "augmented", the image
    of the photograph they vary and an augmentation seed. Expanding twice adds nothing.

    Raises InvalidInputError when `to` < `below`, or for synthetic rows (expand first, then mix).
    """
    if below < 1 or to < below:
        raise InvalidInputError(f"below is {below} and to is {to}; must be 1 <= below <= to")
    if synthetic := int(manifest.mask(origin="synthetic").sum()):
        raise InvalidInputError(f"{synthetic:,} rows are synthetic; augment the real training images, then mix")
    ids, combinations = manifest.combination_ids()
    known = np.array([any(code is not None for code in labels) for labels in combinations], dtype=np.bool_)
    training = manifest.mask(split="train")
    sizes = np.bincount(ids[training], minlength=len(combinations))
    sources = training & manifest.mask(origin="real")
    base = np.bincount(ids[sources], minlength=len(combinations))
    added = np.where(known & (sizes < below) & (base > 0), to - sizes, 0)
    rows = np.flatnonzero(sources)
    return manifest.concat(variants(manifest.take(rows), ids[rows], added, seed, manifest))


def variants(
    sources: Manifest,
    groups: npt.NDArray[np.intp],
    counts: npt.NDArray[np.int64],
    seed: int,
    existing: Manifest,
) -> Manifest:
    """Augmented rows: `counts[g]` variants of the sources whose group [N] is g, spread evenly over them.

    Variants that `existing` has are numbered on from, so that none is made twice.
    """
    hashes = seeded_hash(sources.frame["image"], seed, "augment")
    order = np.argsort(hashes, kind="stable").astype(np.intp)
    place = rank_within(groups, order)
    sizes = np.bincount(groups, minlength=len(counts))[groups] if len(groups) else np.empty(0, np.int64)
    wanted = counts[groups] if len(groups) else np.empty(0, np.int64)
    # The first (wanted mod size) photographs of a group are varied once more than the others.
    repeats = wanted // np.maximum(1, sizes) + (place < wanted % np.maximum(1, sizes))
    rows = np.repeat(np.arange(len(sources), dtype=np.intp), repeats)
    made = sources.take(rows)
    images = made.frame["image"]
    earlier = existing.select(origin="augmented").frame["image"].value_counts()
    number = images.groupby(images).cumcount() + images.map(earlier).fillna(0).astype("int64")
    names = images + "#" + number.astype("str")
    seeds = (seeded_hash(names, seed, "augment") >> np.uint64(11)).astype(np.int64)
    return made.with_columns(
        origin=pd.Series("augmented", index=made.frame.index, dtype="str"),
        augmentation_seed=pd.array(seeds, dtype="Int64"),
    )


def apply_augmentation(image: Image.Image, seed: int) -> Image.Image:
    """A variant of `image` (RGB), of the same size; equal seeds give equal pixels.

    Horizontal flip p = 0.5; rotation within 30 degrees; brightness, contrast and saturation within 0.2 and
    hue within 0.05; random resized crop of 0.8 to 1.0 of the area. Corners that a rotation uncovers take the
    mean colour of the image's border, which on a museum photograph is the backdrop.
    """
    rng = np.random.default_rng(seed)
    picture = image.convert("RGB")
    if rng.random() < FLIP_PROBABILITY:
        picture = ImageOps.mirror(picture)
    angle = rng.uniform(-ROTATION_DEGREES, ROTATION_DEGREES)
    picture = picture.rotate(angle, Image.Resampling.BILINEAR, fillcolor=border_colour(picture))
    return _resized_crop(_jittered(picture, rng), rng)


def _jittered(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    factors = rng.uniform(1 - JITTER, 1 + JITTER, size=3)
    picture = ImageEnhance.Brightness(picture).enhance(float(factors[0]))
    picture = ImageEnhance.Contrast(picture).enhance(float(factors[1]))
    picture = ImageEnhance.Color(picture).enhance(float(factors[2]))
    turn = round(rng.uniform(-HUE, HUE) * 256)
    hue, saturation, value = picture.convert("HSV").split()
    hue = hue.point([(h + turn) % 256 for h in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def _resized_crop(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    width, height = picture.size
    for _ in range(10):
        area = width * height * rng.uniform(*CROP_SCALE)
        ratio = math.exp(rng.uniform(math.log(CROP_RATIO[0]), math.log(CROP_RATIO[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, height - h + 1))
            box = (left, top, left + w, top + h)
            return picture.resize((width, height), Image.Resampling.BILINEAR, box=box)
    return picture
