"""Kilns: the clay, how far down the glaze goes, the rim, and the decoration each kiln is known by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from saggar.kilnsim.museum.exact import RGB, Array, line, step
from saggar.kilnsim.museum.shape.sight import LIP, OUTSIDE
from saggar.kilnsim.museum.surface import motifs, tricks
from saggar.kilnsim.museum.surface.skin import Skin

IRON: RGB = (0.15, 0.11, 0.09)


@dataclass(frozen=True)
class Kiln:
    """A kiln's habits. ``hands`` are its kinds of decoration with how often each is met."""

    clay: RGB
    hands: dict[str, float]
    bare: float = 0.0
    """Share of the wall that the glaze leaves bare above the foot; 0: glazed down to the foot ring."""
    burnt: RGB | None = None
    """Colour of the line where bare clay meets glaze."""
    rim: RGB | None = None
    rim_weight: float = 0.8
    coat: float = 1.0
    shine: float = 1.0
    roll: float = 0.0
    """How thick the glaze's lower edge stands."""
    always: tuple[str, ...] = field(default=())
    """Traits on every piece."""


KILNS: dict[str, Kiln] = {
    "Jing": Kiln((0.88, 0.84, 0.77), {"incised": 0.4, "combed": 0.2, "plain": 0.25, "fluted": 0.15},
                 rim=(0.95, 0.94, 0.92), rim_weight=0.6, coat=0.9, shine=1.3, always=("cool",)),
    "Long": Kiln((0.64, 0.60, 0.54), {"petals": 0.55, "plain": 0.25, "incised": 0.2},
                 bare=0.03, burnt=(0.62, 0.34, 0.18), coat=1.5, shine=0.9),
    "Ru": Kiln((0.62, 0.56, 0.48), {"plain": 1.0}, rim=(0.66, 0.56, 0.50), rim_weight=0.55, shine=0.6,
               always=("ice",)),
    "Jun": Kiln((0.48, 0.36, 0.25), {"splash": 0.6, "plain": 0.4}, bare=0.08, rim=(0.50, 0.40, 0.26),
                coat=1.3, roll=0.8, shine=0.9, always=("worms",)),
    "Ding": Kiln((0.88, 0.84, 0.76), {"combed": 0.35, "incised": 0.3, "moulded": 0.15, "plain": 0.2},
                 rim=(0.42, 0.26, 0.13), rim_weight=0.95, coat=0.8, always=("tears",)),
    "Ge": Kiln((0.20, 0.15, 0.13), {"plain": 1.0}, rim=(0.30, 0.23, 0.21), shine=0.7,
               always=("two-tone net", "iron foot")),
    "Guan": Kiln((0.17, 0.13, 0.11), {"plain": 1.0}, rim=(0.38, 0.29, 0.27), coat=1.3, shine=0.75,
                 always=("wide net", "iron foot")),
    "CiZ": Kiln((0.72, 0.62, 0.48), {"painted": 0.6, "scratched": 0.25, "plain": 0.15}, bare=0.11,
                shine=0.9, always=("grit",)),
    "YaoZ": Kiln((0.62, 0.53, 0.40), {"carved": 0.8, "combed": 0.2}, bare=0.04, burnt=(0.66, 0.44, 0.20),
                 coat=1.3, always=("olive",)),
    "Jian": Kiln((0.17, 0.13, 0.11), {"fur": 0.7, "oil spots": 0.2, "plain": 0.1}, bare=0.17, roll=1.0,
                 rim=(0.42, 0.28, 0.17), rim_weight=0.7),
    "Guang": Kiln((0.36, 0.21, 0.13), {"flambe": 0.8, "plain": 0.2}, bare=0.12, burnt=(0.30, 0.15, 0.08),
                  rim=(0.40, 0.26, 0.15), coat=1.2, roll=0.4, always=("flambe",)),
    "Huo": Kiln((0.92, 0.90, 0.87), {"moulded": 0.2, "plain": 0.8}, bare=0.05, coat=0.6, shine=1.1,
                always=("five spurs",)),
    "LinC": Kiln((0.76, 0.71, 0.63), {"fluted": 0.85, "incised": 0.15}, bare=0.05, coat=1.1,
                 always=("uneven",)),
    "DeH": Kiln((0.90, 0.87, 0.80), {"moulded": 1.0}, bare=0.07, coat=0.8, shine=1.2, always=("mould seam",)),
    "Xiang": Kiln((0.56, 0.50, 0.43), {"plain": 0.7, "incised": 0.3}, bare=0.06, coat=1.1, shine=0.8,
                  always=("pinholes", "spur ring")),
    "Peng": Kiln((0.86, 0.82, 0.74), {"ringed": 0.85, "plain": 0.15}, bare=0.14, rim=(0.70, 0.58, 0.42),
                 rim_weight=0.5, coat=0.7, shine=0.9),
    "JiZ": Kiln((0.76, 0.64, 0.48), {"tortoise": 0.45, "leaf": 0.25, "paper-cut": 0.3}, bare=0.09,
                burnt=(0.60, 0.44, 0.28), coat=0.9, shine=0.9),
}  # fmt: skip
"""Kiln code -> its habits, in the taxonomy's order."""

DARK = frozenset({"Black", "Brown"})


def finish(skin: Skin, code: str, glaze: str) -> None:
    """Leave the kiln's hand on a glazed skin."""
    kiln = KILNS[code]
    hand = skin.draws.weighed(kiln.hands)
    if code == "JiZ" and glaze not in DARK:
        hand = "painted"
    if glaze == "BlueW":
        hand = "plain"
    skin.bold = skin.draws.between(0.35, 1.0)
    for name in (hand, *kiln.always):
        HANDS[name](skin, glaze)
    if kiln.rim is not None:
        skin.paint(kiln.rim, skin.rim * np.float32(kiln.rim_weight * skin.draws.between(0.85, 1.05)))
    elif glaze in DARK:
        skin.paint((0.40, 0.25, 0.14), skin.rim * np.float32(0.55))
    _foot(skin, kiln)


def _foot(skin: Skin, kiln: Kiln) -> None:
    """Bare clay at the foot and the edge in which the glaze ends above it."""
    s, draws = skin.surface, skin.draws
    wall = s.part == OUTSIDE
    height = skin.vessel.height
    ring = step(0.45, 0.25, s.h * np.float32(1.0 / max(skin.vessel.foot_top, 0.02)))
    bare = ring
    if kiln.bare:
        level = kiln.bare * draws.between(0.75, 1.3)
        drip = skin.noise(skin.grain, 0.55, 0.0, 13.0) * np.float32(0.02 + 0.04 * kiln.roll)
        over = s.along - (np.float32(level) + drip)
        bare = np.maximum(ring, step(0.012, -0.012, over))
        if kiln.burnt is not None:
            skin.paint(kiln.burnt, wall * line(over * np.float32(height), 0.0, 0.05) * np.float32(0.8))
        if kiln.roll:
            roll = wall * line(over * np.float32(height), 0.05, 0.06) * np.float32(kiln.roll)
            skin.darken(roll * np.float32(0.35))
            skin.bump += roll * (0.5 - over * np.float32(height * 8.0)) * np.float32(0.3)
    bare = np.where(wall, bare, np.float32(0.0))
    grain = 1.0 + 0.10 * skin.noise(skin.grain, 4.0, 4.0, 2.0)
    clay = [c * (1.0 + draws.around(0.0, 0.05)) for c in kiln.clay]
    for channel, value in enumerate(clay):
        skin.colour[channel] += (np.float32(value) * grain - skin.colour[channel]) * bare * np.float32(0.94)
    skin.gloss *= 1.0 - bare


def _plain(_skin: Skin, _glaze: str) -> None:
    pass


def _cut(skin: Skin, groove: Array, depth: float) -> None:
    """A groove: glaze gathers in it and darkens, its walls catch the light."""
    skin.darken(groove * np.float32(depth * skin.bold))
    skin.bump -= groove * np.float32(depth * 0.7 * skin.bold)


def _combed(skin: Skin, _glaze: str) -> None:
    _cut(skin, motifs.combed(skin, skin.draws.lattice()) * skin.body_or_well, 0.12)


def _incised(skin: Skin, _glaze: str) -> None:
    _cut(skin, motifs.incised(skin, skin.draws.lattice()) * skin.body_or_well, 0.13)


def _carved(skin: Skin, _glaze: str) -> None:
    groove = motifs.carved(skin, skin.draws.lattice()) * skin.body_or_well
    _cut(skin, groove * step(0.08, 0.16, skin.band), 0.30)


def _petals(skin: Skin, _glaze: str) -> None:
    relief, valley = motifs.petals(skin, skin.draws.whole(16, 26), skin.draws.between(0.5, 0.97))
    wall = skin.body.astype(np.float32)
    skin.bump += relief * wall * np.float32(0.16 * skin.bold)
    _cut(skin, valley * wall, 0.13)


def _fluted(skin: Skin, _glaze: str) -> None:
    ribs = motifs.flutes(skin, skin.draws.whole(24, 34))
    where = np.where(skin.flat, _belt_of_well(skin), motifs.belt(skin.band, 0.1, 0.93)) * ~skin.limb
    skin.bump += ribs * where * np.float32(0.17 * skin.bold)
    skin.darken(step(0.2, -0.9, ribs) * where * np.float32(0.09 * skin.bold))


def _belt_of_well(skin: Skin) -> Array:
    """The wall inside an open form, without the middle of the well."""
    return motifs.belt(skin.band, 0.45, 0.95)


def _moulded(skin: Skin, _glaze: str) -> None:
    relief = motifs.moulded(skin, skin.draws.whole(12, 17))
    where = np.where(skin.flat, _belt_of_well(skin), motifs.belt(skin.band, 0.15, 0.9)) * ~skin.limb
    skin.bump += relief * where * np.float32(0.15 * skin.bold)
    skin.darken(step(0.1, -0.8, relief) * where * np.float32(0.09 * skin.bold))


def _ringed(skin: Skin, _glaze: str) -> None:
    start = skin.draws.between(0.34, 0.44)
    gap = skin.draws.between(0.1, 0.14)
    grooves = motifs.rings(skin, tuple(start + gap * i for i in range(4)), 0.026) * ~skin.limb
    _cut(skin, grooves, 0.22)


def _cool(skin: Skin, _glaze: str) -> None:
    """Where a Jingdezhen glaze gathers it turns icy blue."""
    skin.paint((0.55, 0.74, 0.78), np.clip(skin.thick * 0.5, 0.0, 0.3))


def _olive(skin: Skin, _glaze: str) -> None:
    skin.paint((0.44, 0.42, 0.22), np.full(len(skin.u), 0.16, dtype=np.float32))


def _grit(skin: Skin, _glaze: str) -> None:
    """Dark specks of a coarse clay under the slip."""
    skin.paint((0.30, 0.22, 0.15), motifs.spots(skin, 0.8, 0.13, skin.draws) * np.float32(0.5))


def _iron_foot(skin: Skin, _glaze: str) -> None:
    foot = np.where(skin.body, step(0.11, 0.05, skin.surface.along), np.float32(0.0))
    skin.paint(IRON, foot * np.float32(0.85))
    skin.gloss *= 1.0 - foot


def _mould_seam(skin: Skin, _glaze: str) -> None:
    _cut(skin, motifs.rings(skin, (0.5,), 0.02) * skin.body, 0.25)
    bare = (skin.surface.part == LIP) | (skin.rim > 0.7)
    skin.paint((0.88, 0.82, 0.72), bare * np.float32(0.6))


HANDS: dict[str, Callable[[Skin, str], None]] = {
    "plain": _plain,
    "combed": _combed,
    "incised": _incised,
    "carved": _carved,
    "petals": _petals,
    "fluted": _fluted,
    "moulded": _moulded,
    "ringed": _ringed,
    "cool": _cool,
    "olive": _olive,
    "grit": _grit,
    "iron foot": _iron_foot,
    "mould seam": _mould_seam,
    **tricks.HANDS,
}
"""Every kind of decoration and trait, by the name that a kiln's habits call it."""
