"""What the camera sees of a vessel: for each pixel the point hit, where it faces and its coordinates.

Orthographic camera, looking down by an elevation angle e. In the vertical plane of one pixel column (x
fixed) the vessel is a region between z = -w(h) and z = +w(h), w the section's half depth; a ray of screen
height y meets height h at z = (h cos e - y) / sin e, so it is inside where
h cos e - w sin e <= y <= h cos e + w sin e. The highest such h is what the camera sees: an interpolation in
the running extremes of these two curves, no search along rays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saggar.kilnsim.museum.exact import Array, at, turn
from saggar.kilnsim.museum.shape.vessel import SAMPLES, Vessel

FAR = np.float32(50.0)
OUTSIDE, LIP, INSIDE, LIMB = 0, 1, 2, 3
Index = NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """Camera: sine and cosine of its elevation, and the frame in profile units."""

    sin: float
    cos: float
    scale: float
    """Profile units for half the picture's side."""
    centre_x: float
    centre_y: float
    """Screen position (profile units, y upwards) of the picture's centre."""


@dataclass(frozen=True)
class Surface:
    """The visible surface, one entry for each covered pixel [n]."""

    index: Index  # flat pixel index
    part: NDArray[np.int8]  # OUTSIDE, LIP, INSIDE or LIMB
    x: Array
    h: Array  # height above the body's foot
    z: Array  # towards the camera
    r: Array  # radius of the level it lies on
    nx: Array
    nh: Array
    nz: Array
    around: Array  # angle in turns, 0 towards the camera
    along: Array  # height as a share of the piece's, 0 foot to 1 rim
    arc: Array  # length of the wall from the foot up


def grid(view: View, pixels: int) -> tuple[Array, Array]:
    """Screen coordinates of pixel centres in profile units: x [pixels], y [pixels] upwards."""
    centres = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) / np.float32(pixels / 2) - np.float32(1)
    return centres * view.scale + view.centre_x, centres * -view.scale + view.centre_y


def see(vessel: Vessel, view: View, pixels: int) -> Surface:
    """The body of ``vessel`` in a picture of ``pixels`` x ``pixels``."""
    xs, ys = grid(view, pixels)
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    section, height = vessel.form.section, np.float32(vessel.height)
    cols = np.nonzero(np.abs(xs) < 0.999)[0]
    x = xs[cols]
    h = np.arange(SAMPLES, dtype=np.float32) * np.float32(vessel.height / (SAMPLES - 1))
    w = section.depth(x[:, None], vessel.outer[None, :], vessel.lobed[None, :]) * sin
    solid = np.abs(x)[:, None] < vessel.outer[None, :]
    near = np.where(solid, h * cos - w, FAR)
    far = np.where(solid, h * cos + w, -FAR)
    covered = (ys[None, :] >= near.min(1)[:, None]) & (ys[None, :] <= far.max(1)[:, None])
    column, row = np.nonzero(covered)
    y = ys[row]
    below = np.minimum.accumulate(near[:, ::-1], axis=1)[:, ::-1]
    above = -np.maximum.accumulate(far[:, ::-1], axis=1)[:, ::-1]
    step = np.float32(vessel.height / (SAMPLES - 1))
    hit: Array = np.minimum(_invert(below, step, column, y), _invert(above, step, column, -y))

    # A wide rim over a narrow neck leaves a gap between them: there the ray misses the vessel.
    px, z = x[column], (hit * cos - y) / sin
    slack = np.float32(0.03 + 1.2 * vessel.height / SAMPLES * view.cos / view.sin)
    share = hit / height
    met = section.radius(px, z, at(vessel.lobed, share)) <= at(vessel.outer, share) + slack
    column, row, y, hit, px = column[met], row[met], y[met], hit[met], px[met]

    one = np.ones(1, dtype=np.float32)
    rim = section.radius(px, (height * cos - y) / sin, one)
    lip_out = vessel.outer[-1]
    lip_in = np.float32(0.0) if vessel.form.lid else vessel.inner[-1]
    part = np.zeros(len(px), dtype=np.int8)
    lip = rim <= lip_out
    part[lip] = LIP
    hit[lip] = height
    mouth = rim < lip_in
    part[mouth] = INSIDE
    hit[mouth] = _hollow(vessel, view, x, column[mouth], y[mouth])
    z = (hit * cos - y) / sin
    return _surface(vessel, row.astype(np.int64) * pixels + cols[column], part, px, hit, z)


def _surface(vessel: Vessel, index: Index, part: NDArray[np.int8], x: Array, h: Array, z: Array) -> Surface:
    """Normals and coordinates of the points hit."""
    section = vessel.form.section
    along = h / np.float32(vessel.height)
    lobed = at(vessel.lobed, along)
    slopes = np.empty(SAMPLES, dtype=np.float32)
    slopes[1:-1] = (vessel.outer[2:] - vessel.outer[:-2]) * np.float32(0.5)
    slopes[0], slopes[-1] = vessel.outer[1] - vessel.outer[0], vessel.outer[-1] - vessel.outer[-2]
    slope = at(slopes / np.float32(vessel.height / (SAMPLES - 1)), along)
    inside, is_lip = part == INSIDE, part == LIP
    r = np.maximum(section.radius(x, z, lobed), np.float32(1e-3))
    nx, nz = section.normal(x, z, lobed)
    nh = np.where(is_lip, np.float32(1.0), -slope)
    sign = np.where(inside, np.float32(-1.0), np.float32(1.0))
    floor = inside & (h <= vessel.floor + 1e-4)
    flat = floor | is_lip
    # A turned floor is a little hollow; one with corners is flat, or its corners would meet in the middle.
    hollow = 0.15 if section.kind in ("round", "lobed") else 0.0
    tilt = np.where(flat, np.float32(hollow), np.float32(1.0))
    if vessel.form.dish:
        tilt = np.where(is_lip, np.float32(0.0), tilt)
    nx, nz = nx * sign * tilt, nz * sign * tilt
    nh = np.where(floor, np.float32(1.0), nh * sign)
    if vessel.form.dish:  # a hollowed top: it faces inwards, the more the further out
        nx = nx - np.where(is_lip, x * np.float32(vessel.form.dish), np.float32(0.0))
        nz = nz - np.where(is_lip, z * np.float32(vessel.form.dish * 0.6), np.float32(0.0))
    length = np.sqrt(nx * nx + nh * nh + nz * nz) + np.float32(1e-6)
    around, arc = turn(x, z), at(vessel.arc, along)
    return Surface(index, part, x, h, z, r, nx / length, nh / length, nz / length, around, along, arc)


def _hollow(vessel: Vessel, view: View, x: Array, column: Index, y: Array) -> Array:
    """Where rays that went in through the mouth meet the inner wall, near or far, or the floor."""
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    step = np.float32(vessel.height / (SAMPLES - 1))
    h = np.arange(SAMPLES, dtype=np.float32) * step
    w = vessel.form.section.depth(x[:, None], vessel.inner[None, :], vessel.lobed[None, :]) * sin
    open_ = np.abs(x)[:, None] < vessel.inner[None, :]
    back = np.minimum.accumulate(np.where(open_, h * cos + w, -FAR)[:, ::-1], axis=1)[:, ::-1]
    front = np.minimum.accumulate(np.where(open_, w - h * cos, -FAR)[:, ::-1], axis=1)[:, ::-1]
    met = np.maximum(_invert(back, step, column, y), _invert(front, step, column, -y))
    return np.asarray(np.maximum(met, np.float32(vessel.floor)))


def _invert(curves: Array, rise: np.float32, column: Index, y: Array) -> Array:
    """Per pixel the height at which its column's rising curve [columns, SAMPLES] reaches y."""
    lift = np.arange(len(curves), dtype=np.float64)[:, None] * 1e3
    lifted = (curves + lift).ravel()
    wanted = y + lift[column, 0]
    first = column * SAMPLES
    i = np.clip(np.searchsorted(lifted, wanted, side="right") - 1, first, first + SAMPLES - 2)
    a, b = lifted.take(i), lifted.take(i + 1)
    share = np.clip((wanted - a) / np.maximum(b - a, 1e-9), 0.0, 1.0)
    return np.asarray((i - first + share) * float(rise), dtype=np.float32)
