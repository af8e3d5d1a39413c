"""Whether one picture is another one turned by a few degrees, mirrored or not, cut and re-coloured or not.

In two steps: many angles and scales at a coarse size, all in one transform, then the best of them at the size at
which detail can be told. Only the middle of the picture is compared, which a turn by `MOST_DEGREES` leaves inside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image

MOST_DEGREES = 15.0
SIDE_PX = 96  # shorter side of the copies that are compared
_COARSE_PX = 48
_LONGEST = 1.6  # of the shorter side; what is longer is cut at both ends
_ANGLES = np.arange(-MOST_DEGREES - 1, MOST_DEGREES + 1.1, 2.0)
_SCALES = (1.0, 0.94, 0.88)
_MIDDLE = 0.78  # of each side: within the picture at every angle
_FINE, _WIDE = 0.7, 3.0  # pixels, of the band that is compared
_STEPS_DEGREES = (-1.5, -0.75, 0.0, 0.75, 1.5)
_STEPS_SCALE = (-0.03, 0.0, 0.03)
_FIT_STEPS = 6
_NEIGHBOURHOOD = 3.0  # pixels, of the correlations whose mean is the agreement
_LOST = 2.0  # grey levels: detail as faint as that does not survive turning and compressing
_WORTH_A_LOOK = 0.4  # correlation at the coarse size; no copy has less
_WORTH_ANOTHER = 0.6  # agreement, where a finer fit may show a copy

Grey = npt.NDArray[np.uint8]
Band = npt.NDArray[np.float32]


def small_grey(image: Image.Image) -> Grey:
    """[H, W] its shorter side `SIDE_PX`; what `match` compares."""
    shrink = SIDE_PX / min(image.size)
    width, height = (max(8, round(side * shrink)) for side in image.size)
    most = round(_LONGEST * SIDE_PX)
    small = image.convert("L").resize((width, height), Image.Resampling.BOX if shrink < 1 else Image.Resampling.BICUBIC)
    left, top = max(0, (width - most) // 2), max(0, (height - most) // 2)
    cut = small.crop((left, top, left + min(width, most), top + min(height, most)))
    return np.asarray(cut, dtype=np.uint8)


@dataclass(frozen=True)
class Match:
    """How a picture lies on a photograph: correlation of detail, degrees, scale, and whether it is mirrored.

    `agreement`: the mean correlation of small neighbourhoods, by what detail they have. Outlines alone, which many pots
    share, give a high correlation, but not this one: there has to be the same detail all over.
    """

    correlation: float = 0.0
    agreement: float = 0.0
    degrees: float = 0.0
    scale: float = 1.0
    mirrored: bool = False


class Turned:
    """A picture in all its coarse turns, to be laid over any number of photographs."""

    def __init__(self, grey: Grey) -> None:
        self._sides = (grey, np.ascontiguousarray(grey[:, ::-1]))

    def match(self, photograph: Grey) -> Match:
        """The best way to lay the picture on `photograph`."""
        coarse = _band(_resized(photograph, _COARSE_PX / SIDE_PX))
        best = Match()
        for scale, mirrored, templates in self._templates:
            found, _ = _correlations(coarse, templates)
            angle = int(found.argmax())
            if found[angle] > best.correlation:
                best = Match(float(found[angle]), 0.0, float(_ANGLES[angle]), scale, mirrored)
        if best.correlation <= _WORTH_A_LOOK:
            return best
        whole = _band(photograph.astype(np.float32))
        return self._refined(best, whole)

    @cached_property
    def _templates(self) -> list[tuple[float, bool, Band]]:
        """Scale, whether mirrored, and [angles, h, w] bands of the picture's middle."""
        made = []
        for mirrored, grey in enumerate(self._sides):
            for scale in _SCALES:
                small = _resized(grey, scale * _COARSE_PX / SIDE_PX)
                made.append((scale, bool(mirrored), np.stack([_middle_band(small, angle) for angle in _ANGLES])))
        return made

    def _refined(self, coarse: Match, whole: Band) -> Match:
        best, grey = replace(coarse, correlation=0.0), self._sides[coarse.mirrored]
        laid: tuple[Band, Band] | None = None
        for step in _STEPS_SCALE:
            scale = coarse.scale + step
            small = _resized(grey, scale)
            angles = [coarse.degrees + turn for turn in _STEPS_DEGREES]
            templates = np.stack([_middle_band(small, angle) for angle in angles])
            found, places = _correlations(whole, templates)
            at = int(found.argmax())
            if found[at] > best.correlation:
                (top, left), (height, width) = places[at], templates.shape[1:]
                laid = templates[at], whole[top : top + height, left : left + width]
                best = Match(float(found[at]), 0.0, angles[at], scale, coarse.mirrored)
        return best if laid is None else replace(best, agreement=_settled(*laid))


def _settled(one: Band, other: Band) -> float:
    """The best `_agreement` of the two on the way to an affine fit of the first to the second, by least squares (Lucas
    and Kanade 1981): the steps of angle and scale leave a pixel or so, and cuts may stretch.
    """
    from scipy import ndimage  # type: ignore[import-untyped]

    height, width = one.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    scale, centre = np.array([height, width]) / 2, (np.array([height, width]) - 1) / 2
    warp, shift, best = np.eye(2), np.zeros(2), _agreement(one, other)
    for _ in range(_FIT_STEPS if best > _WORTH_ANOTHER else 0):
        matrix = scale[:, None] * warp / scale
        laid = ndimage.affine_transform(one, matrix, centre + scale * shift - matrix @ centre, order=3, mode="nearest")
        best = max(best, _agreement(laid, other))
        down, across = (slope * half for slope, half in zip(np.gradient(laid), scale, strict=True))
        columns = np.stack([down * y, down * x, across * y, across * x, down, across, laid], axis=-1).reshape(-1, 7)
        found = np.linalg.lstsq(columns, (other - laid).ravel(), rcond=None)[0]
        step = found[:6] / max(1.0 + found[6], 0.5)
        warp, shift = warp + step[:4].reshape(2, 2), shift + step[4:]
    return best


def _correlations(whole: Band, templates: Band) -> tuple[npt.NDArray[np.float64], list[tuple[int, int]]]:
    """[K] largest normalised correlation of each template [K, h, w], laid anywhere within `whole` [H, W], and the row
    and column where.
    """
    from scipy import fft

    height, width = templates.shape[1:]
    rows, columns = whole.shape[0] - height + 1, whole.shape[1] - width + 1
    if rows < 1 or columns < 1:
        return np.zeros(len(templates)), [(0, 0)] * len(templates)
    shape = (fft.next_fast_len(whole.shape[0], real=True), fft.next_fast_len(whole.shape[1], real=True))
    spectrum = fft.rfft2(whole, shape)
    products = fft.irfft2(np.conj(fft.rfft2(templates, shape)) * spectrum, shape)[:, :rows, :columns]
    sums = np.pad(np.cumsum(np.cumsum(whole.astype(np.float64) ** 2, axis=0), axis=1), ((1, 0), (1, 0)))
    energy = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    own = np.sqrt((templates.astype(np.float64) ** 2).sum(axis=(1, 2)))
    scores = products / np.maximum(np.sqrt(np.maximum(energy, 0)) * own[:, None, None], 1e-6)
    flat = scores.reshape(len(templates), -1)
    places = [divmod(int(place), columns) for place in flat.argmax(axis=1)]
    found: npt.NDArray[np.float64] = flat.max(axis=1)
    return found, places


def _agreement(one: Band, other: Band) -> float:
    """Correlation in every neighbourhood, weighed by how far the detail of both is above what is lost in copying."""
    from scipy import ndimage

    def local(values: Band) -> Band:
        blurred: Band = ndimage.gaussian_filter(values, _NEIGHBOURHOOD)
        return blurred

    energies = local(one * one), local(other * other)
    correlations = local(one * other) / np.sqrt(np.maximum(energies[0] * energies[1], 1e-9))
    least = np.minimum(*energies)
    weights = least / (least + _LOST**2)
    return float((weights * correlations).sum() / max(float(weights.sum()), 1e-9))


def _middle_band(grey: Image.Image, degrees: float) -> Band:
    turned = np.asarray(grey.rotate(degrees, Image.Resampling.BICUBIC), dtype=np.float32)
    band = _band(turned)
    height, width = band.shape
    top, left = round(height * (1 - _MIDDLE) / 2), round(width * (1 - _MIDDLE) / 2)
    middle: Band = band[top : height - top, left : width - left]
    middle -= middle.mean()
    return middle


def _resized(grey: Grey, scale: float) -> Image.Image:
    height, width = grey.shape
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    return Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR if scale > 1 else Image.Resampling.BOX)


def _band(grey: object) -> Band:
    from scipy import ndimage

    pixels = np.asarray(grey, dtype=np.float32)
    band: Band = ndimage.gaussian_filter(pixels, _FINE) - ndimage.gaussian_filter(pixels, _WIDE)
    return band
