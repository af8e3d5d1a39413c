"""Marks that no photograph of an object should bear: smear, blocks, bands, seams, frames, lettering."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.float32]  # [H, W], 0 to 255
Rgb = npt.NDArray[np.uint8]  # [H, W, 3]
Mask = npt.NDArray[np.bool_]  # [H, W]

_BLOCK = 8  # pixels, of JPEG
_FLAT_STEP = 1.0
_STRONG_STEP = 50.0  # grey levels
_RIM = 0.035  # of the shorter side, to either side of the rim
_LEAST_STEP = 15.0  # grey levels
_LEAST_LINES = 6
_LEAST_AWAY = 0.03
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R 601


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian, 0 under 3 pixels (Pech-Pacheco 2000, doi:10.1109/ICPR.2000.903548)."""
    if min(grey.shape) < 3:
        return 0.0
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64))


def rim_sharpness(grey: Grey, mask: Mask) -> float:
    """Steepest step across the object's rim over the whole step: 1 within a pixel, 1/n over n pixels.

    The lesser of the medians across the sides (left and right) and across the top, for motion smears one of
    them only. NaN where the rim hardly stands out.
    """
    found = [
        float(np.median(steps))
        for steps in (_rim_steps(grey, mask, both=True), _rim_steps(grey.T, mask.T, both=False))
        if len(steps) >= _LEAST_LINES
    ]
    return min(found, default=float("nan"))


def _rim_steps(grey: Grey, mask: Mask, *, both: bool) -> list[float]:
    """Along the lines through the object's middle, where they enter it, and where they leave it too."""
    lines = np.flatnonzero(mask.any(axis=1))
    if not len(lines):
        return []
    tall = lines[-1] - lines[0]
    reach = max(3, round(_RIM * min(grey.shape)))
    found = []
    for line in range(lines[0] + round(0.15 * tall), lines[0] + round(0.75 * tall), max(1, tall // 60)):
        inside = np.flatnonzero(mask[line])
        for at in (inside[:1], inside[-1:]) if both else (inside[:1],):
            if not len(at) or at[0] < reach or at[0] + reach >= grey.shape[1]:
                continue
            across = grey[line, at[0] - reach : at[0] + reach + 1]
            step = float(across.max() - across.min())
            if step >= _LEAST_STEP:
                found.append(float(np.abs(np.diff(across)).max()) / step)
    return found


def noise(grey: Grey) -> float:
    """Standard deviation of noise, median over 8 x 8 tiles (Immerkaer 1996, doi:10.1006/cviu.1996.0060)."""
    if min(grey.shape) < 10:
        return 0.0
    second = grey[:, :-2] - 2 * grey[:, 1:-1] + grey[:, 2:]
    both = second[:-2] - 2 * second[1:-1] + second[2:]
    height, width = (side // 8 * 8 for side in both.shape)
    tiles = np.abs(both[:height, :width]).reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
    return float(np.sqrt(np.pi / 2) / 6 * np.median(tiles))


def blocks(grey: Grey) -> float:
    """Step across the 8-pixel grid over steps elsewhere; about 1 without JPEG blocks.

    `grey` is the picture as it came: scaling moves the grid.
    """
    ratios = []
    for lines in (grey, grey.T):
        steps = np.abs(np.diff(lines, axis=1)).mean(axis=0)
        if len(steps) < 3 * _BLOCK:
            return 1.0
        at = np.arange(len(steps)) % _BLOCK == _BLOCK - 1
        ratios.append((steps[at].mean() + _FLAT_STEP) / (steps[~at].mean() + _FLAT_STEP))
    return float(np.mean(ratios))


def flat_share(grey: Grey) -> float:
    """Share of 2 x 2 neighbourhoods of one value: large where levels or blocks swallow the gradient."""
    if min(grey.shape) < 2:
        return 0.0
    a, b, c, d = grey[:-1, :-1], grey[1:, :-1], grey[:-1, 1:], grey[1:, 1:]
    return float(((np.abs(a - b) < 0.5) & (np.abs(a - c) < 0.5) & (np.abs(a - d) < 0.5)).mean())


def seam(grey: Grey) -> float:
    """Strongest straight edge through the whole picture: median step over a line, beyond its neighbours'.

    In grey levels, the largest over all rows and columns but the outermost.
    """
    strongest = 0.0
    for lines in (grey, grey.T):
        steps = np.diff(lines, axis=1)
        size = np.median(np.abs(steps), axis=0)
        inner = size[3:-3]
        if len(inner) < 5:
            continue
        around = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(inner, 2, mode="edge"), 5), axis=1)
        strongest = max(strongest, float((inner - around).max()))
    return strongest


def frame(lab: npt.NDArray[Any]) -> float:
    """How far the outermost strip is from the picture just inside, in Lab: the second least of four sides.

    A border around a picture stands out on every side; light that falls off does not within so little.
    """
    found = []
    for turned in (lab, lab[::-1], lab.transpose(1, 0, 2), lab[:, ::-1].transpose(1, 0, 2)):
        depth = max(1, round(len(turned) * 0.015))
        outer = turned[:depth].mean(axis=0)
        inner = turned[round(len(turned) * 0.09) : round(len(turned) * 0.09) + depth + 1].mean(axis=0)
        found.append(float(np.median(np.linalg.norm(outer - inner, axis=1))))
    return float(np.sort(found)[1])


def overlay(rgb: Rgb) -> float:
    """Share of the picture that has one and the same colour beside a strong edge: lettering, drawn lines."""
    grey = rgb.astype(np.float32) @ _LUMA
    steps = np.abs(np.diff(grey, axis=1))[:-1] + np.abs(np.diff(grey, axis=0))[:, :-1]
    from scipy import ndimage  # type: ignore[import-untyped]

    near = ndimage.maximum_filter(steps, 3) > _STRONG_STEP
    codes = rgb[:-1, :-1].astype(np.int64) @ np.array([1 << 16, 1 << 8, 1])
    found = codes[near]
    return float(np.unique(found, return_counts=True)[1].max() / near.size) if len(found) else 0.0


def stray_detail(grey: Grey, mask: Mask) -> float:
    """Root mean square of fine detail away from the object: lettering, watermarks, litter. In grey levels.

    Thin parts are taken off the object first, for lettering may touch it.
    """
    from scipy import ndimage

    body = ndimage.binary_opening(mask, np.ones((5, 5), dtype=np.bool_))
    away = ~ndimage.binary_dilation(body, iterations=2)
    if away.mean() < _LEAST_AWAY:
        return 0.0
    fine = grey - ndimage.gaussian_filter(grey, 1.5)
    return float(np.sqrt(np.square(fine[away]).mean()))
