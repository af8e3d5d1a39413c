"""What a camera sees of a turned shape: for each pixel the point hit, its normal and its coordinates.

Orthographic camera, looking down by an elevation angle. In the vertical plane of one pixel column (x
fixed) the vessel is a region between z = -w(h) and z = +w(h), w = sqrt(r(h)^2 - x^2); a ray of
screen height y meets height h at z = (h cos e - y) / sin e, that is, it is inside where
h cos e - w sin e <= y <= h cos e + w sin e. The highest such h is what the camera sees: an
interpolation in the running extremes of these two curves, no search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from saggar.kilnsim.world.maths import Array, turn
from saggar.kilnsim.world.profiles import SAMPLES, Profile

FAR = np.float32(50.0)

OUTSIDE, LIP, INSIDE = 0, 1, 2


@dataclass(frozen=True)
class View:
    """Camera: sine and cosine of its elevation, and the frame in profile units."""

    sin: float
    cos: float
    scale: float
    """Profile units for half the picture's width."""
    centre_x: float
    centre_y: float
    """Screen position (profile units, y upwards) of the picture's centre."""


@dataclass(frozen=True)
class Surface:
    """The visible surface, one entry for each covered pixel [n]."""

    index: NDArray[np.int64]  # flat pixel index
    part: NDArray[np.int8]  # OUTSIDE, LIP or INSIDE
    x: Array
    h: Array  # height
    z: Array  # towards the camera
    r: Array  # radius at h
    nx: Array
    nh: Array
    nz: Array
    around: Array  # angle in turns, 0 towards the camera
    along: Array  # height as a share of the piece's, 0 foot to 1 rim


def grid(view: View, pixels: int) -> tuple[Array, Array]:
    """Screen coordinates of pixel centres in profile units: x [pixels], y [pixels] upwards."""
    centres = (np.arange(pixels, dtype=np.float32) + np.float32(0.5)) / np.float32(pixels / 2) - 1
    x = centres * np.float32(view.scale) + np.float32(view.centre_x)
    y = -centres * np.float32(view.scale) + np.float32(view.centre_y)
    return x.astype(np.float32), y.astype(np.float32)


def see(shape: Profile, view: View, pixels: int) -> Surface:
    """The surface of ``shape`` in a picture of ``pixels`` x ``pixels``."""
    xs, ys = grid(view, pixels)
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    cols = np.nonzero(np.abs(xs) < 0.999)[0]
    x = xs[cols]
    h = np.linspace(0.0, shape.height, SAMPLES, dtype=np.float32)
    half = shape.outer[None, :] ** 2 - x[:, None] ** 2  # [columns, samples]
    solid = half > 0
    w = np.sqrt(np.maximum(half, 0.0)) * sin
    near = np.where(solid, h * cos - w, FAR)
    far = np.where(solid, h * cos + w, -FAR)
    covered = (ys[None, :] >= near.min(1)[:, None]) & (ys[None, :] <= far.max(1)[:, None])
    column, row = np.nonzero(covered)
    y = ys[row]
    below = np.minimum.accumulate(near[:, ::-1], axis=1)[:, ::-1]
    above = -np.maximum.accumulate(far[:, ::-1], axis=1)[:, ::-1]
    hit: Array = np.minimum(_invert(below, h, column, y), _invert(above, h, column, -y))

    # A wide rim over a narrow neck leaves a gap between them: there the ray misses the vessel.
    px, z = x[column], (hit * cos - y) / sin
    slack = np.float32(0.03 + 1.2 * shape.height / SAMPLES * view.cos / view.sin)
    share: Array = hit / np.float32(shape.height)
    met = np.sqrt(px * px + z * z) <= _at(shape.outer, share) + slack
    column, row, y, hit, px = column[met], row[met], y[met], hit[met], px[met]

    at_rim = (np.float32(shape.height) * cos - y) / sin
    rim = np.sqrt(px * px + at_rim * at_rim)
    lip_out, lip_in = shape.outer[-1], shape.inner[-1]
    part = np.zeros(len(px), dtype=np.int8)
    part[rim <= lip_out] = LIP
    hit[rim <= lip_out] = np.float32(shape.height)
    mouth = rim < lip_in
    part[mouth] = INSIDE
    hit[mouth] = _hollow(shape, view, x, column[mouth], y[mouth])

    z = (hit * cos - y) / sin
    along: Array = hit / np.float32(shape.height)
    r, slope = _radius(shape, along, part)
    floor = (part == INSIDE) & (hit <= shape.floor + 1e-4)
    r = np.where(floor, np.sqrt(px * px + z * z), r)
    r = np.maximum(r, np.float32(1e-3))
    nx, nz, nh = px / r, z / r, -slope
    is_lip = part == LIP
    nh = np.where(is_lip, np.float32(1.0), nh)
    inward = part == INSIDE
    nx, nz, nh = (np.where(inward, -n, n) for n in (nx, nz, nh))
    nh = np.where(floor, np.float32(1.0), nh)
    nx, nz = (np.where(floor | is_lip, n * np.float32(0.15), n) for n in (nx, nz))
    length = np.sqrt(nx * nx + nh * nh + nz * nz) + np.float32(1e-6)
    return Surface(
        index=row.astype(np.int64) * pixels + cols[column],
        part=part,
        x=px,
        h=hit,
        z=z,
        r=r,
        nx=nx / length,
        nh=nh / length,
        nz=nz / length,
        around=turn(px, z),
        along=along,
    )


def _hollow(shape: Profile, view: View, x: Array, column: NDArray[np.int64], y: Array) -> Array:
    """Where rays that went in through the mouth meet the inner wall, near or far, or the floor."""
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    h = np.linspace(0.0, shape.height, SAMPLES, dtype=np.float32)
    half = shape.inner[None, :] ** 2 - x[:, None] ** 2
    open_ = half > 0
    w = np.sqrt(np.maximum(half, 0.0)) * sin
    back = np.minimum.accumulate(np.where(open_, h * cos + w, -FAR)[:, ::-1], axis=1)[:, ::-1]
    front = np.minimum.accumulate(np.where(open_, w - h * cos, -FAR)[:, ::-1], axis=1)[:, ::-1]
    met: Array = np.maximum(_invert(back, h, column, y), _invert(front, h, column, -y))
    return np.maximum(met, np.float32(shape.floor))


def _invert(curves: Array, h: Array, column: NDArray[np.int64], y: Array) -> Array:
    """Per pixel the height at which its column's rising curve reaches y."""
    lift = np.arange(len(curves), dtype=np.float64)[:, None] * 1e4
    at = (curves + lift).ravel()
    heights = np.broadcast_to(h, curves.shape).ravel()
    found: Array = np.interp(y + lift[column, 0], at, heights).astype(np.float32)
    return found


def _at(curve: Array, along: Array) -> Array:
    """The value of a profile curve [SAMPLES] at shares 0..1 of the height."""
    position = np.clip(along, 0.0, 1.0) * np.float32(SAMPLES - 1)
    i = np.minimum(position.astype(np.int32), SAMPLES - 2)
    return curve.take(i) + (curve.take(i + 1) - curve.take(i)) * (position - i)


def _radius(shape: Profile, along: Array, part: NDArray[np.int8]) -> tuple[Array, Array]:
    """Radius and its change per height at ``along``, of the outer or the inner wall."""
    slopes = np.gradient(shape.outer).astype(np.float32) / np.float32(shape.height / (SAMPLES - 1))
    outer = _at(shape.outer, along)
    thick = shape.outer[-1] - shape.inner[-1]
    return np.where(part == INSIDE, outer - thick, outer), _at(slopes, along)
