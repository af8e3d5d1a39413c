"""The skin of a piece while it is painted: colour, gloss and relief of each visible point."""

from __future__ import annotations

import numpy as np

from saggar.kilnsim.museum.exact import RGB, Array, Draws, noise, step
from saggar.kilnsim.museum.shape.sight import INSIDE, LIMB, LIP, Surface
from saggar.kilnsim.museum.shape.vessel import Vessel

CELLS_PER_UNIT = 5.1
"""Lattice cells per profile unit: a whole lattice around a circle of radius 1."""


class Skin:
    """What painting reads and writes; all arrays hold an entry for each visible point [n].

    ``u``, ``v`` are texture coordinates in lattice cells; ``round`` and ``band`` say where decoration goes:
    turns around the axis, and 0 (foot, or middle of the well) to 1 (rim).
    """

    def __init__(self, surface: Surface, vessel: Vessel, unit: float, draws: Draws) -> None:
        s = self.surface = surface
        self.vessel = vessel
        self.draws = draws
        self.song = vessel.song
        self.bold = 1.0
        """How plainly decoration in relief shows, 0..1."""
        self.fine = unit * CELLS_PER_UNIT
        """Lattice cells per pixel: patterns finer than this can't be drawn."""
        self.inside = s.part == INSIDE
        self.flat = self.inside | (s.part == LIP) if vessel.form.lid else self.inside
        self.limb = s.part == LIMB
        self.body = ~(self.limb | self.flat)
        self.body_or_well = ~self.limb
        total = float(vessel.arc[-1])
        # The hollow is unrolled from its middle, so that patterns keep their shape on its walls.
        wall = np.where(self.inside, np.maximum(s.h - np.float32(vessel.floor), 0.0), np.float32(0.0))
        unrolled = 1.0 + wall / np.maximum(s.r, 0.2)
        u = np.where(self.flat, s.x * unrolled, s.around * np.float32(6.2831853))
        v = np.where(self.flat, s.z * unrolled, s.arc)
        self.u = u * np.float32(CELLS_PER_UNIT)
        self.v = v * np.float32(CELLS_PER_UNIT) + np.float32(11.0)
        self.round = s.around
        mouth = float(vessel.outer[-1])
        self.band = np.where(self.flat, s.r * np.float32(1.0 / max(mouth, 0.1)), s.arc * np.float32(1.0 / total))
        self.rim = self._rim(total, mouth)
        self.mottle = draws.lattice()
        self.grain = draws.lattice()
        self.rough = noise(self.mottle, self.u * 0.6, self.v * 0.6)
        self.thick = self._thickness()
        n = len(s.x)
        self.colour = np.zeros((3, n), dtype=np.float32)
        self.gloss = np.full(n, 0.5, dtype=np.float32)
        self.bump = np.zeros(n, dtype=np.float32)

    def paint(self, colour: RGB, weight: Array) -> None:
        """Lay ``colour`` over the skin where ``weight`` (0..1) says so."""
        for channel, value in enumerate(colour):
            self.colour[channel] += (np.float32(value) - self.colour[channel]) * weight

    def darken(self, weight: Array) -> None:
        """Take away light: 1 leaves nothing."""
        self.colour *= np.float32(1.0) - weight

    def noise(self, table: Array, across: float, up: float, shift: float = 0.0) -> Array:
        """Noise in -1..1 with so many bumps per lattice cell."""
        return noise(table, self.u * across + shift, self.v * up + shift)

    def sharp(self, cells: float) -> float:
        """How much of a pattern that repeats every ``cells`` survives at this resolution, 0..1."""
        return min(max((cells / self.fine - 2.0) * 0.4, 0.0), 1.0)

    def _rim(self, total: float, mouth: float) -> Array:
        """1 on the lip, fading within a few hundredths of a width."""
        s, form = self.surface, self.vessel.form
        if form.lid:
            if not form.seam:
                return np.zeros(len(s.x), dtype=np.float32)
            near = np.abs(s.along - np.float32(form.seam)) * np.float32(self.vessel.height)
            return np.asarray(np.where(self.limb, np.float32(0.0), step(0.05, 0.01, near)))
        below = np.where(self.inside, np.float32(mouth) - s.r, np.float32(total) - s.arc)
        rim = np.where(s.part == LIP, np.float32(1.0), step(0.075, 0.015, below))
        return np.asarray(np.where(self.limb, np.float32(0.0), rim))

    def _thickness(self) -> Array:
        """Glaze runs down: it gathers above the foot and in the well, and is thin on the rim and on edges."""
        s = self.surface
        pool = step(0.5, 0.05, s.along) * 0.4
        well = step(0.8, 0.1, s.r) * 0.4
        return np.asarray(np.where(self.flat, well, pool) + self.rough * 0.14 - self.rim * 0.35)
