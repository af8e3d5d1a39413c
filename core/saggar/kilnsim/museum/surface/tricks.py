"""Decoration that is ink, fire or crackle rather than relief: painting, hare's fur, splashes, nets, spurs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from saggar.kilnsim.museum.exact import RGB, blend, line, noise, step, turn, wave
from saggar.kilnsim.museum.surface import motifs
from saggar.kilnsim.museum.surface.skin import Skin

BROWN_INK: RGB = (0.17, 0.10, 0.07)
SLIP: RGB = (0.87, 0.82, 0.72)
_DARK = ("Black", "Brown")


def painted(skin: Skin, glaze: str) -> None:
    """Free dark brush strokes between bands; on a dark glaze a pale slip takes the ink's place."""
    draws = skin.draws
    low, high = draws.between(0.3, 0.4), draws.between(0.74, 0.84)
    count = draws.whole(2, 4)
    outline, wash = motifs.vine(
        skin.round * count + draws.unit(),
        (skin.band - low) * (1.0 / (high - low)),
        draws.pick((4, 5)),
        3.6 / count,
    )
    on = motifs.belt(skin.band, low + 0.01, high - 0.01, 0.015)
    lines = motifs.rings(skin, (low - 0.02, high + 0.02, high + 0.06), 0.03)
    ink = np.maximum(np.maximum(outline, wash * 1.6) * on, lines)
    if bool(skin.flat.any()):
        bloom, petals = motifs.rosette(skin, draws.pick((4, 5)), 0.4)
        within = np.maximum(np.maximum(bloom, petals * 0.7), motifs.rings(skin, (0.62, 0.9), 0.03))
        ink = np.where(skin.flat, within, ink)
    ink = np.clip(ink * (0.9 + 0.25 * skin.noise(skin.grain, 2.0, 2.0)), 0.0, 1.0) * ~skin.limb
    ink = ink * np.float32(draws.between(0.8, 0.95))
    if glaze in _DARK:
        skin.paint(blend(SLIP, (0.6, 0.42, 0.24), 0.3), ink * np.float32(0.8))
    else:
        skin.paint(blend(BROWN_INK, (0.32, 0.18, 0.10), draws.unit()), ink)


def scratched(skin: Skin, glaze: str) -> None:
    """Sgraffito: a slip cut away around the pattern, down to another colour."""
    draws = skin.draws
    low, high = draws.between(0.26, 0.36), draws.between(0.8, 0.88)
    count = draws.whole(3, 5)
    outline, wash = motifs.vine(
        skin.round * count, (skin.band - low) * (1.0 / (high - low)), draws.pick((6, 8)), 4.4 / count
    )
    figure = np.clip(outline + wash * 1.6, 0.0, 1.0)
    on = np.where(skin.flat, motifs.belt(skin.band, 0.3, 0.85), motifs.belt(skin.band, low, high)) * ~skin.limb
    ground = (1.0 - figure) * on * np.float32(0.85)
    skin.paint(SLIP if glaze in _DARK else (0.36, 0.24, 0.16), ground)
    skin.bump -= ground * np.float32(0.06)


def fur(skin: Skin, _glaze: str) -> None:
    """Hare's fur: fine rusty streaks that run down from the rim."""
    down = 1.0 - skin.band
    u = skin.round * 32.0
    fine = noise(skin.grain, u * 4.6, down * 2.0) * skin.sharp(0.35)
    streak = step(-0.3, 0.8, noise(skin.mottle, u * 1.7, down * 1.4) * 0.6 + fine * 0.7)
    fade = step(0.85, 0.1, down + skin.rough * 0.12)
    strength = np.float32(skin.draws.between(0.55, 0.85))
    rust = blend((0.52, 0.33, 0.16), (0.50, 0.46, 0.40), skin.draws.unit())
    skin.paint(rust, streak * fade * strength)
    skin.paint((0.44, 0.26, 0.13), step(0.22, 0.0, down) * np.float32(0.5) * ~skin.limb)


def oil_spots(skin: Skin, _glaze: str) -> None:
    """Silvery drops all over a black glaze."""
    size = skin.draws.between(0.5, 0.8)
    drops = np.maximum(motifs.spots(skin, size, 0.42, skin.draws), motifs.spots(skin, size * 0.6, 0.4, skin.draws))
    skin.paint((0.55, 0.52, 0.46), drops * np.float32(0.7))


def tortoise(skin: Skin, _glaze: str) -> None:
    """Amber patches on black, as of tortoiseshell."""
    patch = step(0.0, 0.3, skin.noise(skin.mottle, 0.95, 0.95, 3.0) + 0.3 * skin.noise(skin.grain, 2.4, 2.4))
    skin.paint((0.68, 0.44, 0.17), patch * np.float32(0.85))


def leaf(skin: Skin, _glaze: str) -> None:
    """One leaf burnt into the glaze of the well; on closed forms on the wall."""
    draws = skin.draws
    turned = draws.unit()
    cos, sin = 0.9 - 1.8 * abs(turned - 0.5), 0.45
    if bool(skin.flat.any()):
        x, y = skin.u * 0.196, (skin.v - 11.0) * 0.196
        on = skin.flat
    else:
        x, y = skin.round * 6.28 - 0.1, skin.surface.h - np.float32(skin.vessel.height * 0.5)
        on = skin.body
    a, b = x * cos + y * sin, y * cos - x * sin
    width = np.maximum(0.26 - a * a * 0.7, 0.0) * (1.0 + 0.12 * wave(a * 3.0))
    shape = step(0.02, -0.02, np.abs(b) - width)
    veins = np.maximum(line(b, 0.0, 0.03), step(0.85, 1.0, wave(a * 6.0 + np.abs(b) * 6.0)) * 0.6)
    skin.paint((0.74, 0.60, 0.32), shape * (0.85 - 0.4 * veins) * on)
    skin.paint((0.50, 0.36, 0.18), step(0.3, 0.7, skin.noise(skin.grain, 1.5, 1.5)) * np.float32(0.25))


def paper_cut(skin: Skin, _glaze: str) -> None:
    """Dark paper-cut florets left on a buff mottled ground."""
    draws = skin.draws
    count, rows = draws.whole(6, 9), draws.pick((2.0, 3.0))
    s, t = skin.round * count, skin.band * rows
    row = np.floor(t)
    dx, dy = s + 0.5 * row - np.floor(s + 0.5 * row) - 0.5, t - row - 0.5
    rho = np.sqrt(dx * dx + dy * dy)
    floret = step(0.03, -0.03, rho - 0.28 - 0.08 * wave(turn(dx, dy) * 6.0)) * ~skin.limb
    ground = (0.55 + 0.35 * skin.noise(skin.grain, 2.2, 2.2)) * np.float32(0.9)
    skin.paint((0.66, 0.50, 0.27), np.clip(ground, 0.0, 1.0) * (1.0 - floret))


def splash(skin: Skin, _glaze: str) -> None:
    """Splashes of copper purple, ragged, with a green-grey heart."""
    level = skin.draws.between(0.0, 0.25)
    field = skin.noise(skin.mottle, 0.42, 0.3, 7.3) + 0.25 * skin.noise(skin.grain, 1.5, 1.2)
    skin.paint((0.48, 0.26, 0.46), step(level, level + 0.35, field) * np.float32(0.75))
    skin.paint((0.36, 0.30, 0.40), step(level + 0.45, level + 0.7, field) * np.float32(0.6))


def worms(skin: Skin, _glaze: str) -> None:
    """Earthworm tracks: short meandering lines in a thick opalescent glaze."""
    field = skin.noise(skin.grain, 1.1, 0.8, 1.7)
    tracks = step(0.09, 0.02, np.abs(field)) * step(0.0, 0.3, skin.noise(skin.mottle, 0.5, 0.5, 9.0))
    skin.colour += tracks * np.float32(0.07 * skin.sharp(1.0))


def flambe(skin: Skin, _glaze: str) -> None:
    """Guang ware: pale and dark streaks that rained down, after Jun."""
    rain = noise(skin.grain, skin.u * 3.1, skin.v * 0.4 + 3.0) * 0.7
    rain = rain + noise(skin.mottle, skin.u * 1.3, skin.v * 0.5) * 0.5
    skin.paint((0.70, 0.74, 0.80), step(0.2, 0.8, rain) * np.float32(0.5))
    skin.paint((0.20, 0.17, 0.26), step(-0.2, -0.8, rain) * np.float32(0.5))


def tears(skin: Skin, _glaze: str) -> None:
    """Ding's tear streaks: runs of thicker glaze on the outside."""
    runs = step(0.45, 0.8, noise(skin.mottle, skin.u * 1.3, skin.v * 0.1)) * skin.body
    skin.paint((0.72, 0.60, 0.40), runs * np.float32(0.22))


def ice(skin: Skin, _glaze: str) -> None:
    """Ru's fine pale crackle, like cracks in ice."""
    net = motifs.crackle(skin, 0.62, 0.035, skin.draws)
    skin.paint((0.44, 0.48, 0.46), net * np.float32(0.42))


def two_tone(skin: Skin, _glaze: str) -> None:
    """Ge: a wide dark net with a fine yellow one in its meshes."""
    size = skin.draws.between(0.95, 1.7)
    gold = motifs.crackle(skin, size * 0.42, 0.05, skin.draws)
    iron = motifs.crackle(skin, size, 0.07, skin.draws)
    skin.paint((0.58, 0.44, 0.24), gold * np.float32(0.5))
    skin.paint((0.16, 0.13, 0.12), iron * np.float32(skin.draws.between(0.65, 0.9)))


def wide_net(skin: Skin, _glaze: str) -> None:
    """Guan: few long cracks of one colour."""
    net = motifs.crackle(skin, skin.draws.between(1.8, 2.9), 0.07, skin.draws)
    skin.paint((0.34, 0.27, 0.22), net * np.float32(skin.draws.between(0.5, 0.8)))


def five_spurs(skin: Skin, _glaze: str) -> None:
    """Huozhou: five small scars of the spurs in the well, and around the foot."""
    start = skin.draws.unit()
    swing = wave(skin.round * 2.5 + start)
    mark = step(0.93, 0.99, np.abs(swing)) * line(skin.band, 0.3, 0.05)
    low = step(0.95, 0.99, np.abs(swing)) * line(skin.band, 0.06, 0.03)
    skin.paint((0.62, 0.52, 0.42), np.where(skin.flat, mark, low) * ~skin.limb)


def spur_ring(skin: Skin, _glaze: str) -> None:
    """Xianghu: a ring of rough lumps of clay in the well, and a bare band near the foot."""
    lumps = step(-0.1, 0.5, wave(skin.round * 9.0) + 0.4 * skin.rough)
    ring = np.where(skin.flat, line(skin.band, 0.42, 0.07), line(skin.band, 0.12, 0.05)) * ~skin.limb
    skin.paint((0.64, 0.54, 0.42), lumps * ring * np.float32(0.9))


def pinholes(skin: Skin, _glaze: str) -> None:
    """Dark pinholes and throwing rings under a plain thick glaze."""
    skin.paint((0.22, 0.18, 0.15), motifs.spots(skin, 0.9, 0.2, skin.draws) * np.float32(0.75))
    turns = wave(skin.band * 13.0 + 0.3 * skin.rough) * ~skin.limb * skin.sharp(1.0)
    skin.bump += turns * np.float32(0.07)


def uneven(skin: Skin, _glaze: str) -> None:
    """Linchuan: yellowish, unevenly fired, a fine crackle in places."""
    patch = step(0.0, 0.7, skin.noise(skin.mottle, 0.5, 0.4, 8.0))
    skin.paint((0.72, 0.64, 0.44), patch * np.float32(0.25))
    net = motifs.crackle(skin, 0.8, 0.03, skin.draws)
    skin.paint((0.52, 0.46, 0.36), net * patch * np.float32(0.35))


Hand = Callable[[Skin, str], None]
HANDS: dict[str, Hand] = {
    "painted": painted,
    "scratched": scratched,
    "fur": fur,
    "oil spots": oil_spots,
    "tortoise": tortoise,
    "leaf": leaf,
    "paper-cut": paper_cut,
    "splash": splash,
    "worms": worms,
    "flambe": flambe,
    "tears": tears,
    "ice": ice,
    "two-tone net": two_tone,
    "wide net": wide_net,
    "five spurs": five_spurs,
    "spur ring": spur_ring,
    "pinholes": pinholes,
    "uneven": uneven,
}
