"""Light on the piece: a soft box, a fill from around, what the ground throws back, reflections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.museum.exact import RGB, Array, Draws, step
from saggar.kilnsim.museum.shape.sight import View
from saggar.kilnsim.museum.surface.skin import Skin

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Light:
    """The light of one photograph. Vectors are (x to the right, h up, z to the camera), of length 1."""

    key: Vector
    across: Vector
    """The soft box's sides: this and ``upright``."""
    upright: Vector
    half_wide: float
    half_tall: float
    ambient: float
    shine: float
    second: float
    """Strength of a narrow reflection on the other side."""


def light(draws: Draws) -> Light:
    """A studio's: mostly one soft box, from the left more often than from the right."""
    side = -1.0 if draws.chance(0.7) else 1.0
    key = _unit((side * draws.between(0.1, 0.7), draws.between(0.45, 0.85), draws.between(0.4, 0.8)))
    across = _unit((key[2], 0.0, -key[0]))
    return Light(
        key=key,
        across=across,
        upright=_cross(key, across),
        half_wide=draws.between(0.08, 0.22),
        half_tall=draws.between(0.10, 0.26),
        ambient=draws.between(0.22, 0.48),
        shine=draws.between(0.45, 1.0),
        second=draws.between(0.1, 0.5) if draws.chance(0.5) else 0.0,
    )


def lit(skin: Skin, lamp: Light, view: View, ground: RGB) -> Array:
    """The skin's colours under ``lamp`` on a ``ground`` of that colour, [3, n]."""
    s, vessel = skin.surface, skin.vessel
    lx, lh, lz = lamp.key
    facing = s.nx * np.float32(lx) + s.nh * np.float32(lh) + s.nz * np.float32(lz) + skin.bump
    soft = np.clip(facing * 0.74 + 0.26, 0.0, 1.25)
    above = s.nh * 0.5 + 0.5
    up = s.h + np.float32(vessel.lift)
    near_ground = np.where(skin.inside, np.float32(1.0), step(-0.1, 0.35, up))
    hollow = _hollow(skin)
    direct = soft * (hollow * np.float32(1.0 - lamp.ambient))
    around = (0.5 + 0.55 * above) * (0.5 + 0.5 * near_ground) * (0.35 + 0.65 * hollow)
    around = around * np.float32(lamp.ambient * 1.15)
    bounce = (1.0 - above) * (1.0 - skin.inside) * np.float32(0.34)
    shade = direct * (0.75 + 0.25 * near_ground) + around
    glint = _glint(skin, lamp, view) * hollow
    out = np.empty_like(skin.colour)
    for channel, thrown, result in zip(skin.colour, ground, out, strict=True):
        whole = channel * (shade + bounce * np.float32(thrown))
        result[:] = whole + (1.0 - whole) * glint
    return out


def _hollow(skin: Skin) -> Array:
    """How open the inside is: deep narrow vessels are dark within."""
    s, vessel = skin.surface, skin.vessel
    depth = np.clip((np.float32(vessel.height) - s.h) * 0.9, 0.0, 1.0)
    mouth = float(vessel.outer[-1])
    dark = np.clip(depth * np.float32(1.0 / (0.6 + 1.6 * mouth * mouth)), 0.0, 0.8)
    return np.asarray(1.0 - np.where(skin.inside, dark, np.float32(0.0)))


def _glint(skin: Skin, lamp: Light, view: View) -> Array:
    """Mirror images of the lamps in the glaze, and the paler edge that glass shows at a grazing view."""
    s = skin.surface
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    bump = skin.bump * 0.5
    toward = s.nh * sin + s.nz * cos
    twice = toward + toward
    rx, rh, rz = twice * s.nx, twice * s.nh - sin, twice * s.nz - cos

    def along(v: Vector) -> Array:
        return np.asarray(rx * np.float32(v[0]) + rh * np.float32(v[1]) + rz * np.float32(v[2]))

    ahead, a, b = along(lamp.key), along(lamp.across), along(lamp.upright) + bump
    blur = 0.05 + 0.22 * (1.0 - np.clip(skin.gloss, 0.0, 1.0))
    # Rough glazes blur the lamp: the same light over a larger patch.
    edge_a = np.clip((lamp.half_wide + blur - np.abs(a)) / (2.0 * blur), 0.0, 1.0)
    edge_b = np.clip((lamp.half_tall + blur - np.abs(b)) / (2.0 * blur), 0.0, 1.0)
    lamp_seen = edge_a * edge_b * (ahead > 0) * 0.75
    if lamp.second:
        other = step(0.05, 0.0, np.abs(rx + np.float32(lamp.key[0] + 0.55))) * step(-0.2, 0.5, rh) * (rz > -0.3)
        lamp_seen = lamp_seen + other * np.float32(0.3 * lamp.second)
    grazing = np.clip(1.0 - toward, 0.0, 1.0)
    grazing = grazing * grazing
    edge = grazing * grazing * 0.22
    return np.asarray(np.clip((lamp_seen + edge) * skin.gloss * np.float32(lamp.shine), 0.0, 0.9))


def _unit(v: Vector) -> Vector:
    length = float(np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]))
    return (v[0] / length, v[1] / length, v[2] / length)


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])
