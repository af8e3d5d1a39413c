"""Texture of glazes: the radial power spectrum of the object's inside.

Diffusion models are said to smooth glazes. The ratio of synthetic to real power by frequency says by how
much: 1 is alike, below 1 is smoother. The outline does not count, for the spectrum is that of the largest
square inside it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from saggar_qc.objects import Objects, numbered

Spectrum = npt.NDArray[np.float32]  # [BINS] log power by frequency

BINS = 8
EDGES = np.linspace(1 / 16, 0.5, BINS + 1)  # cycles per pixel at the common scale
FINE = slice(BINS // 2, None)  # the upper half of the frequencies: a quarter of a cycle a pixel and more
_LEAST_SIDE_PX = 12
_LEAST_POWER = 1e-3  # grey levels squared; less is rounding


def spectrum(grey: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> Spectrum | None:
    """Log power per band of the largest square inside the object; None where it is under 12 pixels wide.

    `mask` may be of a smaller scale than `grey` [H, W] (0 to 255). Windowed by Hann's, plane removed.
    """
    from scipy import fft, ndimage  # type: ignore[import-untyped]

    scale = grey.shape[0] / mask.shape[0]
    inside = ndimage.distance_transform_cdt(np.pad(mask, 1), metric="chessboard")[1:-1, 1:-1]
    half = int(inside.max() * scale) - 1
    if 2 * half < _LEAST_SIDE_PX:
        return None
    y, x = (int((place + 0.5) * scale) for place in np.unravel_index(inside.argmax(), inside.shape))
    patch = grey[max(0, y - half) : y + half, max(0, x - half) : x + half].astype(np.float64)
    if min(patch.shape) < _LEAST_SIDE_PX:
        return None
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in patch.shape))
    power = np.abs(fft.fft2(_levelled(patch) * window)) ** 2 / (window**2).sum()
    frequency = np.hypot(*np.meshgrid(*(fft.fftfreq(side) for side in patch.shape), indexing="ij"))
    band = np.digitize(frequency.ravel(), EDGES) - 1
    inner = (band >= 0) & (band < BINS)
    counts = np.bincount(band[inner], minlength=BINS)
    means = np.bincount(band[inner], power.ravel()[inner], minlength=BINS) / np.maximum(counts, 1)
    return np.log(np.maximum(means, _LEAST_POWER)).astype(np.float32)


@dataclass
class TextureTally:
    """Spectra by glaze, as running sums, a list of fine-band means and one of objects: some bytes an image."""

    sums: defaultdict[str, npt.NDArray[np.float64]] = field(default_factory=lambda: defaultdict(lambda: np.zeros(BINS)))
    fine: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    objects: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def take(self, found: Spectrum | None, glaze: str | None, object_id: str = "") -> None:
        """Nothing where there is no spectrum or no glaze. An image without `object_id` is of an object of its own."""
        if found is None or glaze is None:
            return
        self.sums[glaze] += found
        self.fine[glaze].append(float(found[FINE].mean()))
        self.objects[glaze].append(object_id)


@dataclass(frozen=True)
class TextureRatio:
    """Geometric mean power, synthetic over real. `fine` is that of the upper half of the bands."""

    synthetic_count: int
    real_count: int
    synthetic_objects: int
    real_objects: int
    by_band: tuple[float, ...]
    fine: float
    fine_low: float  # 95 % bootstrap interval over objects; NaN where a side has one alone
    fine_high: float


def ratios(synthetic: TextureTally, real: TextureTally, resamples: int = 500, seed: int = 0) -> dict[str, TextureRatio]:
    """By glaze, where both sides have an image."""
    random = np.random.default_rng(seed)
    found: dict[str, TextureRatio] = {}
    for glaze in sorted(set(synthetic.fine) & set(real.fine)):
        ours, theirs = np.array(synthetic.fine[glaze]), np.array(real.fine[glaze])
        objects = [numbered(tally.objects[glaze]) for tally in (synthetic, real)]
        drawn = [_means(*side, resamples, random) for side in zip((ours, theirs), objects, strict=True)]
        low, high = np.exp(np.quantile(drawn[0] - drawn[1], (0.025, 0.975)))
        bands = np.exp(synthetic.sums[glaze] / len(ours) - real.sums[glaze] / len(theirs))
        found[glaze] = TextureRatio(
            synthetic_count=len(ours),
            real_count=len(theirs),
            synthetic_objects=int(objects[0].max()) + 1,
            real_objects=int(objects[1].max()) + 1,
            by_band=tuple(float(value) for value in bands),
            fine=float(np.exp(ours.mean() - theirs.mean())),
            fine_low=float(low),
            fine_high=float(high),
        )
    return found


def _means(
    values: npt.NDArray[np.float64], objects: Objects, resamples: int, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """[R] means over images [N] of objects drawn again, each with all its images; NaN of one object."""
    sums, counts = np.bincount(objects, values), np.bincount(objects)
    if len(sums) < 2:
        return np.full(resamples, np.nan)
    drawn = random.integers(0, len(sums), (resamples, len(sums)))
    means: npt.NDArray[np.float64] = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    return means


def _levelled(patch: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Without its plane: light falls off across a vessel, and that is no texture."""
    rows, columns = (np.linspace(-1, 1, side) for side in patch.shape)
    level: npt.NDArray[np.float64] = patch - patch.mean()
    level -= np.outer(rows, np.ones_like(columns)) * (level.mean(axis=1) @ rows / (rows @ rows))
    level -= np.outer(np.ones_like(rows), columns) * (level.mean(axis=0) @ columns / (columns @ columns))
    return level
