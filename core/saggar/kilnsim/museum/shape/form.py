"""What a form of a vessel is made of, before a size in pixels comes into play.

Units: the widest radius is 1, heights are in the same unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from saggar.kilnsim.museum.shape.section import ROUND, Section

Knots = list[tuple[float, float]]
"""(share of the height, radius) from the foot to the rim."""


@dataclass(frozen=True)
class Legs:
    """Feet under the body; ``turned`` is the angle of the first in turns (0 towards the camera)."""

    count: int
    height: float
    width: float
    at: float  # share of the foot's radius
    splay: float = 0.0
    turned: float = 0.0


@dataclass(frozen=True)
class Spout:
    """A spout in the plane at ``turned``; heights are shares of the body's."""

    low: float
    high: float
    reach: float
    width: float
    turned: float


@dataclass(frozen=True)
class Handle:
    """A loop from ``up`` to ``down`` on the wall, ``out`` from the axis, in the plane at ``turned``."""

    up: float
    down: float
    out: float
    width: float
    turned: float
    ring: bool = False
    """A small round loop, as the ears of a vase or the lugs of a jar have it."""


@dataclass(frozen=True)
class Upright:
    """An ear standing on the rim, as a censer after a bronze has two of."""

    height: float
    width: float
    turned: float


@dataclass(frozen=True)
class Flange:
    """A fin up the wall, as a zun after a bronze has them, from share ``low`` to ``high``."""

    low: float
    high: float
    width: float
    turned: float


Fitting = Legs | Spout | Handle | Upright | Flange


@dataclass(frozen=True)
class Form:
    """One shape out of a family of shapes."""

    knots: Knots
    ratio: float
    """Height to greatest width."""
    fill: float
    """How large the piece stands in the frame, relative to others."""
    open: bool = False
    """The inside is a large part of what one sees."""
    lid: bool = False
    """The top is closed: a lid is part of the knots, or there is no mouth at all."""
    seam: float = 0.0
    """Share of the height at which lid and body meet; 0: nowhere."""
    floor: float = 0.0
    """Share of the height at which the inside begins; 0: just above the foot."""
    wall: float = 1.0
    """Thickness of the wall, relative to others."""
    section: Section = ROUND
    dish: float = 0.0
    """How far a closed flat top is hollowed, as a pillow's is."""
    fittings: tuple[Fitting, ...] = ()


@dataclass(frozen=True)
class Make:
    """How the dynasty throws: Song light on a small foot, Yuan heavy on a broad one."""

    song: bool
    foot: float
    tall: float
    wall: float
