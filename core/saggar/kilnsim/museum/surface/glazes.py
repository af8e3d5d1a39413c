"""Glazes: from a thin edge to a pool, colour by thickness, and what the fire makes of it.

Each glaze is a range between two colours (at the same thickness), drawn per piece. Neighbours come close to
each other or overlap on purpose: white and ivory white, moon white and celadon, grey, yellow and sky green.
Colours are sRGB 0..1 under the museum's neutral light, set by eye against photographs of such pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.museum.exact import RGB, blend, step
from saggar.kilnsim.museum.surface import motifs
from saggar.kilnsim.museum.surface.skin import Skin


@dataclass(frozen=True)
class Glaze:
    """Colours of one glaze: a range of bodies of it, its thin edge, its pool; and how it shines."""

    low: RGB
    high: RGB
    thin: RGB
    deep: RGB
    gloss: float
    opal: float = 0.0
    """Cloudiness, as of thick opaque glazes."""


GLAZES: dict[str, Glaze] = {
    "Celadon": Glaze((0.45, 0.48, 0.36), (0.60, 0.66, 0.56), (0.66, 0.65, 0.53), (0.27, 0.36, 0.24), 0.6),
    "White": Glaze((0.82, 0.81, 0.77), (0.92, 0.92, 0.91), (0.88, 0.86, 0.82), (0.74, 0.75, 0.73), 0.7),
    "Black": Glaze((0.06, 0.055, 0.055), (0.13, 0.11, 0.10), (0.33, 0.20, 0.12), (0.03, 0.03, 0.03), 0.95),
    "BluishW": Glaze((0.70, 0.78, 0.76), (0.82, 0.88, 0.87), (0.88, 0.88, 0.84), (0.48, 0.66, 0.66), 0.9),
    "BlueW": Glaze((0.80, 0.83, 0.84), (0.89, 0.91, 0.91), (0.88, 0.87, 0.84), (0.66, 0.75, 0.78), 0.8),
    "GreenY": Glaze((0.58, 0.44, 0.18), (0.70, 0.59, 0.30), (0.78, 0.68, 0.46), (0.40, 0.27, 0.10), 0.8),
    "GreyC": Glaze((0.49, 0.51, 0.46), (0.63, 0.65, 0.60), (0.66, 0.62, 0.55), (0.34, 0.38, 0.34), 0.45, 0.2),
    "Brown": Glaze((0.30, 0.18, 0.10), (0.47, 0.29, 0.16), (0.58, 0.38, 0.22), (0.17, 0.09, 0.05), 0.7),
    "Green": Glaze((0.16, 0.30, 0.20), (0.30, 0.46, 0.31), (0.50, 0.60, 0.38), (0.06, 0.20, 0.12), 0.75),
    "RoseP": Glaze((0.42, 0.25, 0.32), (0.56, 0.36, 0.42), (0.50, 0.42, 0.32), (0.34, 0.20, 0.36), 0.5, 0.5),
    "GrapeP": Glaze((0.25, 0.16, 0.23), (0.37, 0.25, 0.34), (0.40, 0.30, 0.24), (0.17, 0.12, 0.24), 0.5, 0.3),
    "YellowG": Glaze((0.45, 0.42, 0.27), (0.61, 0.57, 0.41), (0.66, 0.58, 0.42), (0.30, 0.28, 0.13), 0.6),
    "SkyB": Glaze((0.44, 0.54, 0.63), (0.58, 0.67, 0.73), (0.55, 0.49, 0.40), (0.30, 0.42, 0.60), 0.45, 0.35),
    "BlueG": Glaze((0.54, 0.64, 0.63), (0.66, 0.75, 0.74), (0.70, 0.68, 0.62), (0.42, 0.54, 0.54), 0.4, 0.15),
    "Tran": Glaze((0.72, 0.66, 0.55), (0.83, 0.79, 0.70), (0.80, 0.74, 0.64), (0.62, 0.54, 0.40), 0.75),
    "MoonW": Glaze((0.62, 0.70, 0.73), (0.75, 0.81, 0.83), (0.66, 0.60, 0.52), (0.48, 0.58, 0.66), 0.4, 0.35),
    "IvoryW": Glaze((0.82, 0.77, 0.65), (0.91, 0.87, 0.78), (0.88, 0.83, 0.73), (0.71, 0.62, 0.45), 0.6),
}
"""Glaze code -> colours, in the taxonomy's order."""

COBALT: RGB = (0.14, 0.22, 0.52)


def glaze(skin: Skin, code: str, coat: float, shine: float) -> None:
    """Cover the skin with the glaze ``code``, ``coat`` times as thick as usual."""
    draws, kind = skin.draws, GLAZES[code]
    body = blend(kind.low, kind.high, draws.unit())
    lift = 1.0 + draws.around(0.0, 0.045)
    body = tuple(min(max(c * lift + draws.around(0.0, 0.018), 0.02), 0.97) for c in body)  # type: ignore[assignment]
    for channel, value in zip(skin.colour, body, strict=True):
        channel[:] = value
    depth = skin.thick * np.float32(coat)
    skin.paint(kind.deep, np.clip(depth, 0.0, 0.85))
    skin.paint(kind.thin, np.clip(depth * -1.8, 0.0, 0.75))
    skin.gloss[:] = kind.gloss * shine
    if kind.opal:
        cloud = skin.noise(skin.grain, 1.5, 0.9, 3.0)
        skin.colour *= 1.0 + cloud * np.float32(0.14 * kind.opal)
    if code == "BlueW":
        cobalt(skin)
    elif code == "RoseP":
        _rose(skin)
    elif code == "GrapeP":
        _veil(skin, (0.28, 0.30, 0.48), 0.45)
    elif code == "GreenY":
        _lead(skin)
    elif code == "Green":
        _runs(skin, (0.05, 0.17, 0.10), 0.5)
    elif code == "Tran":
        grog = motifs.spots(skin, 1.1, 0.18, draws)
        skin.paint((0.46, 0.34, 0.22), grog * np.float32(0.35))
    elif code in ("Brown", "Black"):
        rust = step(0.2, 0.8, skin.noise(skin.grain, 1.7, 1.2, 9.0))
        skin.paint((0.50, 0.29, 0.13), rust * np.float32(0.22 if code == "Brown" else 0.10))


def _rose(skin: Skin) -> None:
    """Rose purple turns sky blue where the copper is thin: in veils, and on the inside."""
    blue = step(-0.1, 0.6, skin.noise(skin.mottle, 0.5, 0.32, 4.0))
    blue = np.maximum(blue * np.float32(skin.draws.between(0.4, 0.9)), skin.inside * np.float32(0.55))
    skin.paint((0.50, 0.58, 0.72), blue)
    _veil(skin, (0.66, 0.50, 0.64), 0.35)


def _veil(skin: Skin, colour: RGB, strength: float) -> None:
    veil = step(0.0, 0.8, skin.noise(skin.grain, 2.2, 0.7, 6.0))
    skin.paint(colour, veil * np.float32(strength))


def _lead(skin: Skin) -> None:
    """Yellow with green let run into it, in patches or tongues from the shoulder."""
    if skin.draws.chance(0.5):
        green = step(0.0, 0.15, skin.noise(skin.mottle, 0.42, 0.3, 2.0))
    else:
        edge = skin.draws.between(0.45, 0.6) + skin.noise(skin.mottle, 0.6, 0.02, 2.0) * 0.22
        green = step(-0.03, 0.03, skin.band - edge)
    skin.paint((0.22, 0.39, 0.24), green * np.float32(0.9))
    _runs(skin, (0.30, 0.20, 0.06), 0.3)


def _runs(skin: Skin, colour: RGB, strength: float) -> None:
    """Streaks of a thin glaze that ran in the fire."""
    runs = step(0.15, 0.8, skin.noise(skin.grain, 1.6, 0.16, 7.0))
    skin.paint(colour, runs * np.float32(strength))


def cobalt(skin: Skin) -> None:
    """Underglaze blue: a scroll between borders on the wall, a flower and a border in the well."""
    draws = skin.draws
    count = draws.whole(4, 7)
    low, high = draws.between(0.22, 0.3), draws.between(0.78, 0.86)
    flowers = draws.pick((5, 6, 8))
    outline, wash = motifs.vine(skin.round * count, (skin.band - low) * (1.0 / (high - low)), flowers, 5.5 / count)
    on = motifs.belt(skin.band, low + 0.01, high - 0.01, 0.01)
    foot = motifs.panels(skin.round * (count * 3), (skin.band - 0.06) * (1.0 / (low - 0.08)))
    foot = foot * motifs.belt(skin.band, 0.06, low - 0.03, 0.01)
    lines = motifs.rings(skin, (low - 0.015, high + 0.015, 0.05, 0.95), 0.02)
    ink = np.maximum(np.maximum(outline * on, foot), lines)
    wash = wash * on
    if bool(skin.flat.any()):
        bloom, petals = motifs.rosette(skin, draws.pick((6, 8)), 0.42)
        t = (skin.band - 0.64) * (1.0 / 0.26)
        border, leaves = motifs.vine(skin.round * (count * 2), t, flowers, 2.6 / count)
        on = motifs.belt(skin.band, 0.65, 0.89, 0.01)
        within = np.maximum(bloom, motifs.rings(skin, (0.56, 0.62, 0.92), 0.02))
        ink = np.where(skin.flat, np.maximum(within, border * on), ink)
        wash = np.where(skin.flat, np.maximum(petals, leaves * on), wash)
    ink = np.where(skin.limb, step(0.0, 0.3, skin.rough) * np.float32(0.6), ink)
    wash = np.where(skin.limb, np.float32(0.3), wash)
    heaped = 0.85 + 0.3 * skin.noise(skin.grain, 2.0, 2.0, 5.0)
    blue = blend(COBALT, (0.24, 0.32, 0.50), draws.unit() * 0.6)
    skin.paint(blend(blue, (0.6, 0.68, 0.82), 0.35), np.clip(wash * np.float32(0.75), 0.0, 1.0))
    skin.paint(blue, np.clip(ink * heaped * np.float32(draws.between(0.8, 1.0)), 0.0, 1.0))
