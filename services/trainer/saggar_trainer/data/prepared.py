"""From stored photographs to pixels that are ready: decoded once, for all that a data set makes of them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import PIL
from PIL import Image
from saggar.dataset.augment import apply_augmentation
from saggar.images import InputSpec
from saggar.store import ObjectStore

from saggar_trainer.data.pixel_store import PixelStore
from saggar_trainer.data.pixels import Pixels, evaluation_pixels, shrink, training_pixels
from saggar_trainer.data.reading import read_photograph

AUGMENTATION_MARGIN = 1.5  # images are reduced to this much of the input size before offline augmentation
VERSION = 1  # goes up when the same recipe gives other pixels

_BY_CONTENT = re.compile(r"images/[0-9a-f]{2}/[0-9a-f]{64}\.\w+")


@dataclass(frozen=True)
class Recipe:
    """What is made of a photograph: something to learn from, of a variant of it too, or something to evaluate."""

    use: Literal["training", "evaluation"]
    augmentation_seed: int | None = None

    def prepare(self, photograph: Image.Image, spec: InputSpec) -> Pixels:
        if self.use == "evaluation":
            return evaluation_pixels(photograph, spec)
        if self.augmentation_seed is not None:
            reduced = shrink(photograph, round(spec.size_px * AUGMENTATION_MARGIN))
            photograph = apply_augmentation(reduced, self.augmentation_seed)
        return training_pixels(photograph, spec)


class PreparedPhotographs:
    """Pixels by a photograph's key and a recipe; `kept` has them where an earlier job has made them.

    A photograph that has to be decoded is decoded for all of its `recipes`, where there is a place to keep the pixels.
    """

    def __init__(
        self,
        store: ObjectStore,
        spec: InputSpec,
        kept: PixelStore | None = None,
        recipes: Mapping[str, Iterable[Recipe]] | None = None,
    ) -> None:
        self._store = store
        self._spec = spec
        self._kept = kept
        self._recipes = recipes or {}
        self._described = [VERSION, PIL.__version__, spec.to_dict()]

    def pixels(self, key: str, recipe: Recipe) -> Pixels:
        """uint8 [3, H, W]. Raises NotFoundError, InvalidInputError for an image that cannot be read, and the store's
        errors.
        """
        # Only a key that is made from the content names the same picture for ever.
        kept = self._kept if _BY_CONTENT.fullmatch(key) else None
        if kept is None:
            return recipe.prepare(read_photograph(self._store, key, self._spec), self._spec)
        found = kept.get(self._name(key, recipe))
        if found is not None:
            return found
        photograph = read_photograph(self._store, key, self._spec)
        made = recipe.prepare(photograph, self._spec)
        kept.put(self._name(key, recipe), made)
        for other in self._recipes.get(key, ()):
            if other != recipe:
                kept.put(self._name(key, other), other.prepare(photograph, self._spec))
        return made

    def _name(self, key: str, recipe: Recipe) -> str:
        text = json.dumps([*self._described, key, recipe.use, recipe.augmentation_seed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()
