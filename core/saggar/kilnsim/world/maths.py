"""Arithmetic of the renderer: smooth functions and noise that give the same bits on each machine.

Only additions, multiplications, divisions and square roots are used, because these are exact by
IEEE 754; ``sin``, ``exp`` and ``**`` differ in the last bit between CPUs and would flip pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

NOISE_CELLS = 32
"""Cells per side of a noise lattice; the lattice repeats after that many."""


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """One number from [low, high)."""
    return low + (high - low) * float(rng.random())


def bell(rng: np.random.Generator, spread: float) -> float:
    """One number around 0 with standard deviation ``spread``, never beyond 2.45 times it."""
    three = rng.random(3)
    return (float(three[0]) + float(three[1]) + float(three[2]) - 1.5) * 2.0 * spread


def mix(a: Array, b: Array, weight: Array) -> Array:
    """Blend ``a`` into ``b`` where ``weight`` (0..1) is 1."""
    return a + (b - a) * weight


def step(low: float, high: float, x: Array) -> Array:
    """Smooth step: 0 below ``low``, 1 above ``high`` (or the reverse where low > high)."""
    t = np.clip((x - np.float32(low)) * np.float32(1.0 / (high - low)), 0.0, 1.0)
    smooth: Array = t * t * (np.float32(3.0) - np.float32(2.0) * t)
    return smooth


def wave(x: Array) -> Array:
    """A sine of period 1, to within 0.1 % of its amplitude."""
    t = x - np.floor(x)
    t = np.where(t > 0.5, t - np.float32(1.0), t) * np.float32(2.0)  # -1..1, half turns
    y = np.float32(4.0) * t * (np.float32(1.0) - np.abs(t))
    return y * (np.float32(0.775) + np.float32(0.225) * np.abs(y))


def wave1(x: float) -> float:
    """:func:`wave` of one number."""
    return float(wave(np.array([x], dtype=np.float32))[0])


def turn(x: Array, z: Array) -> Array:
    """Angle of (x, z) around the axis in turns, -0.5..0.5, 0 towards the camera (+z)."""
    ax, az = np.abs(x), np.abs(z)
    big = np.maximum(np.maximum(ax, az), np.float32(1e-6))
    small = np.minimum(ax, az) / big
    s2 = small * small
    poly = ((np.float32(-0.0464965) * s2 + np.float32(0.1593142)) * s2 - np.float32(0.3276228)) * s2
    angle = (poly + np.float32(1.0)) * small * np.float32(0.1591549)
    angle = np.where(ax > az, np.float32(0.25) - angle, angle)
    angle = np.where(z < 0, np.float32(0.5) - angle, angle)
    return np.where(x < 0, -angle, angle)


def lattice(rng: np.random.Generator) -> Array:
    """Random values in -1..1 on a [NOISE_CELLS, NOISE_CELLS] lattice, for :func:`noise`."""
    return rng.random((NOISE_CELLS, NOISE_CELLS), dtype=np.float32) * np.float32(2.0) - np.float32(1)


def noise(values: Array, u: Array, v: Array) -> Array:
    """Smooth value noise in -1..1; ``u`` and ``v`` in lattice cells, repeating."""
    fu, fv = np.floor(u), np.floor(v)
    tu, tv = u - fu, v - fv
    iu, iv = fu.astype(np.int32), fv.astype(np.int32)
    tu = tu * tu * (np.float32(3.0) - np.float32(2.0) * tu)
    tv = tv * tv * (np.float32(3.0) - np.float32(2.0) * tv)
    mask = NOISE_CELLS - 1
    iu0, iv0 = iu & mask, (iv & mask) * NOISE_CELLS
    iu1, iv1 = (iu + 1) & mask, ((iv + 1) & mask) * NOISE_CELLS
    flat = values.ravel()
    top = mix(flat.take(iv0 + iu0), flat.take(iv0 + iu1), tu)
    low = mix(flat.take(iv1 + iu0), flat.take(iv1 + iu1), tu)
    return mix(top, low, tv)


def cells(points: Array, u: Array, v: Array) -> Array:
    """Distance in cells to the nearest border between Voronoi cells, about 0..0.7.

    ``points`` is a [NOISE_CELLS, NOISE_CELLS, 2] lattice of offsets in 0..1; one point a cell.
    """
    fu, fv = np.floor(u), np.floor(v)
    tu, tv = u - fu, v - fv
    iu, iv = fu.astype(np.int32), fv.astype(np.int32)
    px, py = points[..., 0].ravel(), points[..., 1].ravel()
    first = np.full(u.shape, 9.0, dtype=np.float32)
    second = first.copy()
    mask = NOISE_CELLS - 1
    for dv in (-1, 0, 1):
        for du in (-1, 0, 1):
            at = ((iv + dv) & mask) * NOISE_CELLS + ((iu + du) & mask)
            dx = px.take(at) + np.float32(du) - tu
            dy = py.take(at) + np.float32(dv) - tv
            d = dx * dx + dy * dy
            second = np.minimum(second, np.maximum(first, d))
            first = np.minimum(first, d)
    return np.sqrt(second) - np.sqrt(first)
