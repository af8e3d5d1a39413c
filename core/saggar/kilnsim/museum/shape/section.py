"""Cross-sections: a vessel is turned round on the wheel, or pressed square, eight-sided or like a flower.

A section says how deep (z) a level of radius r is at a distance x from the axis. All are mirrored left to
right and front to back; `deep` squeezes (or stretches) them front to back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from saggar.kilnsim.museum.exact import Array, turn, wave

_ROOT2 = 1.4142135623730951
_TURN_PER_RADIAN = 0.15915494309189535


@dataclass(frozen=True)
class Section:
    """The outline of every level of a vessel."""

    kind: Literal["round", "soft", "block", "octagon", "hexagon", "lobed"] = "round"
    deep: float = 1.0
    """Depth front to back, as a share of the width."""
    lobes: int = 0
    dent: float = 0.0
    """How far a lobed outline is drawn in between two lobes."""

    def depth(self, x: Array, r: Array, lobed: Array) -> Array:
        """Half the depth at x of levels of radius r, 0 where ``|x| >= r``; ``lobed`` 0..1 fades dents."""
        r = np.maximum(r, np.float32(1e-4))
        t = np.minimum(np.abs(x) / r, 1.0)
        if self.kind == "soft":
            t = t * t
            g = np.sqrt(np.sqrt(np.maximum(1.0 - t * t, 0.0)))
        elif self.kind == "block":
            t = t * t
            t = t * t
            g = np.sqrt(np.sqrt(np.sqrt(np.maximum(1.0 - t * t, 0.0))))
        elif self.kind == "octagon":
            g = np.asarray(np.minimum(1.0, _ROOT2 - t))
        elif self.kind == "hexagon":
            g = np.minimum(0.8660254, 1.7320508 * (1.0 - t))
        else:
            g = np.sqrt(np.maximum(1.0 - t * t, 0.0))
            if self.lobes:
                g = g * (1.0 - self.dent * lobed * self._valley(turn(t, g)))
        half: Array = r * g * self.deep
        return half

    def radius(self, x: Array, z: Array, lobed: Array) -> Array:
        """The radius of the level that (x, z) lies on."""
        z = np.asarray(np.abs(z) * (1.0 / self.deep))
        x = np.asarray(np.abs(x))
        level: Array
        if self.kind == "soft":
            level = np.sqrt(np.sqrt(x * x * x * x + z * z * z * z))
        elif self.kind == "block":
            big = np.maximum(np.maximum(x, z), 1e-6)
            s = np.minimum(x, z) / big
            s = s * s
            s = s * s
            level = big * np.sqrt(np.sqrt(np.sqrt(1.0 + s * s)))
        elif self.kind == "octagon":
            level = np.maximum(np.maximum(x, z), (x + z) * (1.0 / _ROOT2))
        elif self.kind == "hexagon":
            level = np.maximum(z * (1.0 / 0.8660254), x + z * (1.0 / 1.7320508))
        else:
            if self.lobes:
                z = z / (1.0 - self.dent * lobed * self._valley(turn(x, z)))
            level = np.sqrt(x * x + z * z)
        return np.asarray(level)

    def normal(self, x: Array, z: Array, lobed: Array) -> tuple[Array, Array]:
        """Where the wall faces, (x, z) of length about 1."""
        z = z * (1.0 / self.deep)
        if self.kind in ("octagon", "hexagon"):
            return self._facet(x, z)
        nx: Array
        nz: Array
        if self.kind == "soft":
            nx, nz = x * x * x, z * z * z
        elif self.kind == "block":
            nx, nz = x * x * x, z * z * z
            nx, nz = nx * x * x * x * x, nz * z * z * z * z
        else:
            nx, nz = x, z
        length = np.maximum(np.sqrt(nx * nx + nz * nz), 1e-9)
        nx, nz = nx / length, nz / length
        if self.lobes:
            phi = turn(x, z)
            rise = (self._valley(phi + 0.004) - self._valley(phi - 0.004)) * (_TURN_PER_RADIAN / 0.008)
            lean = self.dent * lobed * np.clip(rise, -3.0, 3.0)
            nx, nz = nx + lean * nz, nz - lean * nx
        return np.asarray(nx), np.asarray(nz)

    def _valley(self, phi: Array) -> Array:
        """0 on the middle of a lobe, 1 between two lobes."""
        return np.asarray(1.0 - np.abs(wave(phi * (self.lobes * 0.5) + 0.25)))

    def _facet(self, x: Array, z: Array) -> tuple[Array, Array]:
        ax, az = np.abs(x), np.abs(z)
        if self.kind == "octagon":
            slant = (ax + az) * (1.0 / _ROOT2)
            side = (ax > az) & (ax > slant)
            front = (az >= ax) & (az > slant)
            sx, sz = 0.70710678, 0.70710678
        else:
            front = az * (1.0 / 0.8660254) > ax + az * (1.0 / 1.7320508)
            side = np.zeros(x.shape, dtype=np.bool_)
            sx, sz = 0.8660254, 0.5
        nx = np.where(side, 1.0, np.where(front, 0.0, sx)).astype(np.float32)
        nz = np.where(front, 1.0, np.where(side, 0.0, sz)).astype(np.float32)
        return np.where(x < 0, -nx, nx), np.where(z < 0, -nz, nz)


ROUND = Section()
