"""Arithmetic that gives the same bits on every machine, and random numbers from integers alone.

Floating point is held to additions, multiplications, divisions, square roots, comparisons and floors, each a
step of its own: IEEE 754 fixes their last bit. `sin`, `exp`, `**`, sums over an axis, products of matrices
and `np.interp` are not used, because libraries, vector units and fused multiply-add change their last bit;
nor is `sum`, which Python 3.12 made more exact.
Random numbers come from SplitMix64 (doi:10.1145/2714064.2660195), so no library's generator has a say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
RGB = tuple[float, float, float]
T = TypeVar("T")

CELLS = 32
"""Cells per side of a noise lattice; the lattice repeats after that many."""

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = 0xFFFFFFFFFFFFFFFF


class Draws:
    """A stream of random numbers that belongs to a key of integers."""

    def __init__(self, *key: int) -> None:
        self._state = 0
        for part in key:
            self._state = _scramble((self._state + _GOLDEN) & _MASK) ^ _scramble(part & _MASK)

    def unit(self) -> float:
        """One number from [0, 1)."""
        self._state = (self._state + _GOLDEN) & _MASK
        return (_scramble(self._state) >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """One number from [low, high)."""
        return low + (high - low) * self.unit()

    def around(self, centre: float, spread: float) -> float:
        """One number with mean ``centre`` and standard deviation ``spread``, at most 3 times that away."""
        return centre + (self.unit() + self.unit() + self.unit() - 1.5) * 2.0 * spread

    def whole(self, low: int, high: int) -> int:
        """One whole number from ``low`` to ``high``, both included."""
        return low + int(self.unit() * (high - low + 1))

    def chance(self, share: float) -> bool:
        """True in ``share`` of the cases."""
        return self.unit() < share

    def pick(self, items: Sequence[T]) -> T:
        """One of ``items``, all alike."""
        return items[int(self.unit() * len(items))]

    def weighed(self, weights: Mapping[T, float]) -> T:
        """One key of ``weights``, in proportion to its value."""
        left = self.unit() * math.fsum(weights.values())
        for item, weight in weights.items():
            left -= weight
            if left < 0:
                return item
        return next(reversed(list(weights)))

    def table(self, *shape: int) -> Array:
        """Numbers from [0, 1), float32 of ``shape``."""
        self._state = (self._state + _GOLDEN) & _MASK
        count = 1
        for side in shape:
            count *= side
        z = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(_scramble(self._state))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
        z ^= z >> np.uint64(31)
        return ((z >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)

    def lattice(self) -> Array:
        """Numbers from [-1, 1) on a square of ``CELLS``, for :func:`noise`."""
        return self.table(CELLS, CELLS) * np.float32(2.0) - np.float32(1.0)


def _scramble(z: int) -> int:
    z = ((z ^ (z >> 30)) * _FIRST) & _MASK
    z = ((z ^ (z >> 27)) * _SECOND) & _MASK
    return z ^ (z >> 31)


def blend(a: RGB, b: RGB, share: float) -> RGB:
    """Between colours ``a`` (share 0) and ``b`` (share 1)."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def step(low: float, high: float, x: Array) -> Array:
    """Smooth step: 0 at and below ``low``, 1 at and above ``high`` (or the reverse where low > high)."""
    t = np.clip((x - low) * (1.0 / (high - low)), 0.0, 1.0)
    smooth: Array = t * t * (3.0 - 2.0 * t)
    return smooth


def line(x: Array, at: float, width: float) -> Array:
    """1 where ``x`` is within half a ``width`` of ``at``, fading to 0 at a whole width."""
    return step(width, width * 0.5, np.abs(x - at))


def wave(x: Array) -> Array:
    """A sine of period 1, to within 0.1 % of its amplitude."""
    t = x - np.floor(x + 0.5)  # -0.5..0.5
    y = t * (8.0 - 16.0 * np.abs(t))
    swing: Array = y * (0.775 + 0.225 * np.abs(y))
    return swing


def wave1(x: float) -> float:
    """:func:`wave` of one number."""
    return float(wave(np.array([x], dtype=np.float64))[0])


def turn(x: Array, z: Array) -> Array:
    """Angle of (x, z) around the axis in turns, -0.5..0.5, 0 towards the camera (+z), to 0.0001."""
    ax, az = np.abs(x), np.abs(z)
    small = np.minimum(ax, az) / np.maximum(np.maximum(ax, az), 1e-6)
    s2 = small * small
    angle = (((-0.0464965 * s2 + 0.1593142) * s2 - 0.3276228) * s2 + 1.0) * small * 0.1591549
    angle = np.where(ax > az, 0.25 - angle, angle)
    angle = np.where(z < 0, 0.5 - angle, angle)
    turned: Array = np.where(x < 0, -angle, angle)
    return turned


def noise(values: Array, u: Array, v: Array) -> Array:
    """Smooth value noise in -1..1; ``u`` and ``v`` in lattice cells, repeating."""
    fu, fv = np.floor(u), np.floor(v)
    tu, tv = u - fu, v - fv
    iu, iv = fu.astype(np.int32), fv.astype(np.int32)
    tu = tu * tu * (3.0 - 2.0 * tu)
    tv = tv * tv * (3.0 - 2.0 * tv)
    mask = CELLS - 1
    iu0, iv0 = iu & mask, (iv & mask) * CELLS
    iu1, iv1 = (iu + 1) & mask, ((iv + 1) & mask) * CELLS
    flat = values.ravel()
    a, b = flat.take(iv0 + iu0), flat.take(iv1 + iu0)
    top = a + (flat.take(iv0 + iu1) - a) * tu
    low = b + (flat.take(iv1 + iu1) - b) * tu
    smooth: Array = top + (low - top) * tv
    return smooth


def borders(points: Array, u: Array, v: Array) -> Array:
    """Distance in cells to the nearest border between Voronoi cells, about 0..0.7.

    ``points`` is a [CELLS, CELLS, 2] table of offsets in 0..1, one point a cell. Only the four points
    around the nearest corner of the lattice are asked: a crackle may kink there, as crackles do.
    """
    hu, hv = np.floor(u - 0.5), np.floor(v - 0.5)
    tu, tv = u - hu, v - hv
    iu, iv = hu.astype(np.int32), hv.astype(np.int32)
    px, py = (points[..., axis].ravel() * 0.8 + 0.1 for axis in (0, 1))
    mask = CELLS - 1
    first = np.full(u.shape, 9.0, dtype=np.float32)
    second = first.copy()
    for dv in (0, 1):
        row = ((iv + dv) & mask) * CELLS
        for du in (0, 1):
            at = row + ((iu + du) & mask)
            dx = px.take(at) + float(du) - tu
            dy = py.take(at) + float(dv) - tv
            d = dx * dx + dy * dy
            second = np.minimum(second, np.maximum(first, d))
            first = np.minimum(first, d)
    distance: Array = np.sqrt(second) - np.sqrt(first)
    return distance


def at(curve: Array, position: Array) -> Array:
    """The value of an evenly spaced ``curve`` at shares 0..1 of its length."""
    last = len(curve) - 1
    place = np.clip(position, 0.0, 1.0) * float(last)
    i = np.minimum(place.astype(np.int32), last - 1)
    a = curve.take(i)
    value: Array = a + (curve.take(i + 1) - a) * (place - i.astype(np.float32))
    return value
