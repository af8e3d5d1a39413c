"""Control images that look like the images under review: same size, same softness, same type of file.

A control that is sharper, larger or of another shape than the rest is recognised at sight, and then measures nothing.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageFilter, ImageOps
from saggar.errors import SaggarError
from saggar.images import decode
from saggar.store import ObjectStore, put_image

from saggar_qc.picture.artefacts import sharpness
from saggar_qc.review.choosing.plan import Item, Review

_MODELS = 40  # images under review that are looked at
_SOFTEST = 8.0  # pixels; standard deviation of the widest blur
_STEPS = 12  # of the bisection
_FORMATS = {"png": "PNG", "jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}


def disguise(store: ObjectStore, review: Review) -> Review:
    """The review with its controls' pictures cut, scaled, softened and written as its other images are."""
    models = _models(store, review.asked)
    if not models:
        return review
    sizes = Counter(image.size for image in models)
    size = sizes.most_common(1)[0][0]
    softness = float(np.median([_sharpness(image) for image in models if image.size == size]))
    types = Counter(PurePosixPath(item.image).suffix.lstrip(".").lower() for item in review.asked)
    extension = next((kind for kind, _ in types.most_common() if kind in _FORMATS), "png")
    items = []
    for item in review.items:
        if item.control is not None:
            cut = ImageOps.fit(decode(store.get(item.image), item.image), size, Image.Resampling.LANCZOS)
            out = io.BytesIO()
            soften(cut, softness).save(out, _FORMATS[extension], quality=95)
            key = put_image(store, out.getvalue(), extension).key
            item = item.model_copy(update={"image": key})  # noqa: PLW2901 the same item in other clothes
        items.append(item)
    return review.model_copy(update={"items": tuple(items)})


def soften(image: Image.Image, target: float) -> Image.Image:
    """`image` blurred until its sharpness (variance of the Laplacian) is `target`; as it is where it is softer."""
    if _sharpness(image) <= target:
        return image
    low, high = 0.0, _SOFTEST
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _sharpness(image.filter(ImageFilter.GaussianBlur(middle))) > target:
            low = middle
        else:
            high = middle
    return image.filter(ImageFilter.GaussianBlur(high))


def _models(store: ObjectStore, items: Sequence[Item]) -> list[Image.Image]:
    found = []
    for item in items[:: max(1, len(items) // _MODELS)]:
        try:
            found.append(decode(store.get(item.image), item.image))
        except SaggarError:  # an image that cannot be shown is judged by people, not here
            continue
    return found


def _sharpness(image: Image.Image) -> float:
    return sharpness(np.asarray(image.convert("L"), dtype=np.float32))
