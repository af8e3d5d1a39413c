"""What tells Song from Yuan on the surface, and what time does to both."""

from __future__ import annotations

import numpy as np

from saggar.kilnsim.museum.exact import line, noise, step
from saggar.kilnsim.museum.surface import motifs
from saggar.kilnsim.museum.surface.skin import Skin


def date(skin: Skin) -> None:
    """Yuan pieces are luted from parts and banded with ridges; Song pieces are drawn up in one, and quiet."""
    draws = skin.draws
    if skin.song:
        return
    at = draws.between(0.56, 0.72)
    width = max(0.03, skin.fine * 0.1)
    gap = draws.between(0.1, 0.15)
    for place in (at, at - gap):
        off = skin.band - np.float32(place)
        ridge = line(off, 0.0, width) * ~skin.limb
        skin.bump += ridge * np.clip(off * (2.0 / width), -1.0, 1.0) * np.float32(0.34)
        skin.darken(ridge * step(0.0, -0.6 * width, off) * np.float32(0.22))


def age(skin: Skin) -> None:
    """Wear: chips along the rim, stains, scratches, a dull patch."""
    draws = skin.draws
    if draws.chance(0.35):
        where = step(0.55, 0.7, noise(skin.grain, skin.round * 60.0, skin.round * 13.0))
        skin.paint((0.72, 0.62, 0.48), where * step(0.3, 0.8, skin.rim) * np.float32(0.8))
    if draws.chance(0.35):
        level = draws.between(0.2, 0.5)
        stain = step(level, level + 0.5, skin.noise(skin.grain, 0.4, 0.4, 17.0))
        skin.paint((0.46, 0.36, 0.22), stain * np.float32(draws.between(0.1, 0.3)))
    if draws.chance(0.2):
        skin.gloss *= 0.4 + 0.6 * step(-0.5, 0.4, skin.noise(skin.mottle, 0.7, 0.7, 21.0))
    if draws.chance(0.15):
        net = motifs.crackle(skin, draws.between(1.0, 2.4), 0.03, draws)
        skin.paint((0.50, 0.42, 0.32), net * np.float32(draws.between(0.15, 0.35)))
