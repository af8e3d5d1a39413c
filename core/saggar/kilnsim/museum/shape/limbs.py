"""Spouts, handles, ears, fins and legs: chains of round tubes in space, in front of or behind the body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from saggar.kilnsim.museum.exact import Array, at, turn, wave1
from saggar.kilnsim.museum.shape.form import Fitting, Flange, Handle, Legs, Spout, Upright
from saggar.kilnsim.museum.shape.sight import LIMB, Surface, View, grid
from saggar.kilnsim.museum.shape.vessel import Vessel

Chain = list[tuple[float, float, float]]
"""(distance from the axis, height, radius of the tube) along the tube."""

_NOTHING = np.float32(-99.0)


@dataclass(frozen=True)
class _Tube:
    """One tube in its window of the picture: rows and columns, depth and normal [rows, columns]."""

    rows: slice
    cols: slice
    depth: Array  # towards the camera; _NOTHING where the tube isn't
    nx: Array
    nh: Array
    nz: Array


def with_limbs(body: Surface, vessel: Vessel, view: View, pixels: int) -> Surface:
    """``body`` with the vessel's fittings, nearer points hiding farther ones."""
    tubes = [
        _tube(chain, turned, vessel, view, pixels)
        for fitting in vessel.form.fittings
        for chain, turned in _chains(fitting, vessel)
    ]
    if not tubes:
        return body
    nearest = np.full((pixels, pixels), _NOTHING, dtype=np.float32)
    nearest.ravel()[body.index] = body.z * np.float32(view.cos) + body.h * np.float32(view.sin)
    owner = np.full((pixels, pixels), -1, dtype=np.int8)
    for number, tube in enumerate(tubes):
        seen = tube.depth > nearest[tube.rows, tube.cols]
        nearest[tube.rows, tube.cols][seen] = tube.depth[seen]
        owner[tube.rows, tube.cols][seen] = number
    parts = [_kept(body, owner.ravel()[body.index] < 0)]
    for number, tube in enumerate(tubes):
        parts.append(_points(tube, owner[tube.rows, tube.cols] == number, vessel, view, pixels))
    return Surface(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Surface)))


def _kept(surface: Surface, keep: NDArray[np.bool_]) -> Surface:
    return Surface(*(getattr(surface, f.name)[keep] for f in fields(Surface)))


def _chains(fitting: Fitting, vessel: Vessel) -> list[tuple[Chain, float]]:
    """The tubes of a fitting with the angle (in turns) of the plane that each lies in."""
    top = vessel.height

    def wall(share: float) -> float:
        return float(at(vessel.outer, np.array([share], dtype=np.float32))[0])

    match fitting:
        case Legs(count, height, w, where, splay, turned):
            corner = 1.3 if vessel.form.section.kind == "block" else 1.0
            foot = float(vessel.outer[0]) * where * corner
            leg: Chain = [
                (foot, min(0.1 * top, vessel.foot_top) - 0.6 * w, w),
                (foot + 0.4 * splay, -0.5 * height, w * 0.9),
            ]
            leg += [(foot + splay, -height + w * 0.5, w * 0.7)]
            return [(leg, turned + number / count) for number in range(count)]
        case Spout(low, high, reach, w, turned):
            line: Chain = [(wall(low) - 0.14, low * top, w), (1.12, (low + 0.07) * top, w * 0.82)]
            line += [(reach - 0.1, (high - 0.06) * top, w * 0.58), (reach + 0.04, high * top, w * 0.5)]
            return [(_rounded(line), turned)]
        case Handle():
            return [(_rounded(_rounded(_loop(fitting, top, wall))), fitting.turned)]
        case Flange(low, high, w, turned):
            shares = [low + (high - low) * i / 3 for i in range(4)]
            return [([(wall(share), share * top, w) for share in shares], turned)]
        case Upright(tall, w, turned):
            rim = wall(1.0)
            ear: Chain = [(rim - w, top - 0.1, w), (rim + 0.03, top + tall * 0.5, w)]
            ear += [(rim + 0.07, top + tall, w * 0.9)]
            return [(ear, turned)]


def _loop(handle: Handle, top: float, wall: Callable[[float], float]) -> Chain:
    up, down, out, w = handle.up, handle.down, handle.out, handle.width
    if handle.ring:
        bend = (up - down) * 0.15
        line: Chain = [(wall(up) - 0.03, up * top, w), (out, (up - bend) * top, w)]
        return [*line, (out, (down + bend) * top, w), (wall(down) - 0.03, down * top, w)]
    line = [(wall(up) - 0.05, up * top, w), (out - 0.12, (up + 0.02) * top, w)]
    line += [(out, (up - 0.14) * top, w), (out - 0.08, (down + 0.12) * top, w)]
    return [*line, (wall(down) - 0.05, down * top, w)]


def _rounded(line: Chain) -> Chain:
    """Cut the corners of a chain, once (Chaikin)."""
    points = [line[0]]
    for a, b in pairwise(line):
        for share in (0.25, 0.75):
            x, h, width = (start + (end - start) * share for start, end in zip(a, b, strict=True))
            points.append((x, h, width))
    return [*points, line[-1]]


def _tube(chain: Chain, turned: float, vessel: Vessel, view: View, pixels: int) -> _Tube:
    """Draw a chain: per pixel the nearest of its segments, each a cylinder that may taper."""
    side, front = wave1(turned), wave1(turned + 0.25) * vessel.form.section.deep
    places = []
    for d, h, w in chain:
        x, z = d * side, d * front
        places.append((x, h * view.cos - z * view.sin, h * view.sin + z * view.cos, w))
    xs, ys = grid(view, pixels)
    left = int(np.searchsorted(xs, min(x - w for x, _, _, w in places)))
    right = int(np.searchsorted(xs, max(x + w for x, _, _, w in places)))
    top = int(np.searchsorted(-ys, -max(y + w for _, y, _, w in places)))
    bottom = int(np.searchsorted(-ys, -min(y - w for _, y, _, w in places)))
    rows, cols = slice(top, bottom), slice(left, right)
    across, up = xs[None, cols], ys[rows, None]
    depth = np.full((bottom - top, right - left), _NOTHING, dtype=np.float32)
    ex, ey, ev = (np.zeros_like(depth) for _ in range(3))
    for (x0, y0, z0, w0), (x1, y1, z1, w1) in pairwise(places):
        dx, dy = x1 - x0, y1 - y0
        t = np.clip(((across - x0) * dx + (up - y0) * dy) * (1.0 / max(dx * dx + dy * dy, 1e-6)), 0.0, 1.0)
        sx, sy = across - (x0 + t * dx), up - (y0 + t * dy)
        wide = w0 + t * (w1 - w0)
        off = (sx * sx + sy * sy) / (wide * wide)
        bulge = np.sqrt(np.maximum(1.0 - off, 0.0))
        near = np.where(off < 1.0, z0 + t * (z1 - z0) + bulge * wide, _NOTHING)
        nearer = near > depth
        depth = np.where(nearer, near, depth)
        ex, ey = np.where(nearer, sx / wide, ex), np.where(nearer, sy / wide, ey)
        ev = np.where(nearer, bulge, ev)
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    return _Tube(rows, cols, depth, ex, ey * cos + ev * sin, ev * cos - ey * sin)


def _points(tube: _Tube, mine: NDArray[np.bool_], vessel: Vessel, view: View, pixels: int) -> Surface:
    row, col = np.nonzero(mine)
    xs, ys = grid(view, pixels)
    depth = tube.depth[row, col]
    row, col = row + tube.rows.start, col + tube.cols.start
    x, y = xs[col], ys[row]
    sin, cos = np.float32(view.sin), np.float32(view.cos)
    h, z = y * cos + depth * sin, depth * cos - y * sin
    r = np.sqrt(x * x + z * z)
    nx, nh, nz = (normal[mine] for normal in (tube.nx, tube.nh, tube.nz))
    along = np.clip(h / np.float32(vessel.height), 0.15, 0.85)
    part = np.full(len(x), LIMB, dtype=np.int8)
    index = row.astype(np.int64) * pixels + col
    return Surface(index, part, x, h, z, r, nx, nh, nz, turn(x, z), along, at(vessel.arc, along))
