"""Families of open forms: what one looks into. Each function draws one form of its type."""

from __future__ import annotations

from saggar.kilnsim.museum.exact import Draws
from saggar.kilnsim.museum.shape.form import Fitting, Flange, Form, Handle, Knots, Legs, Make
from saggar.kilnsim.museum.shape.section import ROUND, Section


def flower(draws: Draws, share: float) -> Section:
    """Round, or (in ``share`` of the cases) lobed like a flower."""
    if not draws.chance(share):
        return ROUND
    lobes = draws.pick((6, 8, 8, 10, 12))
    return Section("lobed", lobes=lobes, dent=draws.between(0.06, 0.13))


def bowl(draws: Draws, make: Make) -> Form:
    """碗: round-sided, conical, or with an everted lip; larger and deeper than a dish."""
    f = make.foot * draws.between(0.33, 0.45)
    ratio = draws.around(0.43, 0.05)
    shape = draws.weighed({"round": 0.45, "conical": 0.25, "lip": 0.3})
    base: Knots = [(0, f), (0.08, f * 0.96), (0.11, f * 1.0)]
    if shape == "conical":
        knots = [*base, (0.5, draws.between(0.64, 0.72)), (0.85, 0.93), (1, 1.0)]
    elif shape == "lip":
        b = draws.between(0.70, 0.8)
        knots = [*base, (0.2, f * 1.45), (0.45, b), (0.84, b + 0.11), (0.96, 0.96), (1, 1.0)]
    else:
        b = draws.between(0.76, 0.86)
        knots = [*base, (0.16, f * 1.3), (0.42, b), (0.8, draws.between(0.93, 0.99)), (1, 1.0)]
    return Form(knots, ratio, 0.94, open=True, section=flower(draws, 0.14))


def tea_bowl(draws: Draws, make: Make) -> Form:
    """盏: conical sides on a small foot, often with a groove under the lip."""
    f = make.foot * draws.between(0.23, 0.31)
    ratio = draws.around(0.42, 0.06)
    base: Knots = [(0, f), (0.10, f * 0.97), (0.13, f * 1.04)]
    shape = draws.weighed({"straight": 0.4, "groove": 0.45, "shallow": 0.15})
    if shape == "straight":
        knots = [*base, (0.5, draws.between(0.55, 0.62)), (1, 1.0)]
    elif shape == "groove":
        b = draws.between(0.68, 0.76)
        knots = [*base, (0.22, f * 1.75), (0.5, b), (0.8, 0.95), (0.88, 0.945), (0.94, 0.96), (1, 1.0)]
    else:
        ratio = draws.around(0.33, 0.02)
        knots = [*base, (0.55, 0.66), (0.9, 0.95), (1, 1.0)]
    return Form(knots, ratio, 0.80, open=True, section=flower(draws, 0.05))


def plate(draws: Draws, make: Make) -> Form:
    """盘: wide, shallow, a broad flat centre; often a flange."""
    f = make.foot * draws.between(0.56, 0.68)
    ratio = draws.around(0.155, 0.018)
    base: Knots = [(0, f), (0.22, f), (0.32, f * 1.12)]
    if draws.chance(0.5):
        knots = [*base, (0.78, 0.8), (0.92, 0.92), (1, 1.0)]
    else:
        knots = [*base, (0.6, 0.86), (0.85, 0.96), (1, 1.0)]
    return Form(knots, ratio, 1.04, open=True, wall=1.3, section=flower(draws, 0.3))


def dish(draws: Draws, make: Make) -> Form:
    """碟: a small plate, rather deeper for its width."""
    f = make.foot * draws.between(0.42, 0.58)
    ratio = draws.around(0.235, 0.022)
    knots: Knots = [(0, f), (0.13, f), (0.19, f * 1.15), (0.5, 0.82), (0.82, 0.96), (1, 1.0)]
    return Form(knots, ratio, 0.72, open=True, wall=1.3, section=flower(draws, 0.3))


def cup(draws: Draws, make: Make) -> Form:
    """杯: small and deep; on a tall stem in Yuan more often than in Song."""
    lip = draws.between(0.90, 0.97)
    if draws.chance(0.16 if make.song else 0.5):
        f = make.foot * draws.between(0.44, 0.52)
        stem = draws.between(0.23, 0.29) * make.foot
        low = draws.between(0.36, 0.45)
        knots = [(0, f), (0.05, f * 0.9), (0.2, stem * 1.15), (low - 0.05, stem), (low, stem * 1.3)]
        knots += [(low + 0.13, 0.72), (low + 0.3, 0.88), (0.95, lip), (1, 1.0)]
        return Form(knots, draws.around(0.86, 0.06), 0.80, open=True, floor=low + 0.06)
    f = make.foot * draws.between(0.42, 0.54)
    b = draws.between(0.80, 0.92)
    knots = [(0, f), (0.1, f * 0.94), (0.13, f * 1.02), (0.34, b), (0.75, lip), (1, 1.0)]
    fittings: tuple[Fitting, ...] = ()
    if draws.chance(0.15):
        side = draws.pick((0.25, -0.25)) + draws.around(0.0, 0.04)
        fittings = (Handle(0.8, 0.35, 1.3, 0.055, side, ring=True),)
    return Form(knots, draws.around(0.70, 0.05), 0.70, open=True, section=flower(draws, 0.15), fittings=fittings)


def washer(draws: Draws, make: Make) -> Form:
    """洗: low straight wall, broad flat base; some on three small feet, some like a flower."""
    f = make.foot * draws.between(0.70, 0.80)
    ratio = draws.around(0.30, 0.03)
    b = draws.between(0.88, 0.97)
    fittings: tuple[Fitting, ...] = ()
    if draws.chance(0.22):
        fittings = (Legs(3, 0.12, 0.085, 0.95, turned=draws.pick((0.0, 0.5, 1 / 6))),)
    elif draws.chance(0.12):
        fittings = (Handle(0.9, 0.3, 1.22, 0.05, 0.25, ring=True),)
    knots: Knots = [(0, f), (0.07, f), (0.12, b - 0.03), (0.2, b), (0.6, b + 0.02), (1, 1.0)]
    return Form(knots, ratio, 0.88, open=True, section=flower(draws, 0.28), fittings=fittings)


def tea_bowl_stand(draws: Draws, make: Make) -> Form:
    """盏托: a wide flange around a raised ring or cup, on a foot."""
    f = make.foot * draws.between(0.38, 0.48)
    flange = draws.between(0.30, 0.40)
    ring = draws.between(0.46, 0.56)
    knots = [(0, f), (0.06, f * 0.98), (flange - 0.14, f * 0.88), (flange - 0.03, 0.95)]
    knots += [(flange + 0.02, 1.0), (flange + 0.07, 0.96), (flange + 0.13, ring * 0.9)]
    knots += [(0.7, ring), (0.95, ring * 1.06), (1, ring * 1.1)]
    section = flower(draws, 0.35)
    return Form(knots, draws.around(0.38, 0.03), 0.86, floor=flange + 0.1, section=section)


def planter(draws: Draws, make: Make) -> Form:
    """盆: deep, with a broad flat rim, on cloud feet; round, square, six-sided or like a flower."""
    f = make.foot * draws.between(0.58, 0.70)
    rim = draws.between(0.86, 0.9)
    body = draws.between(0.80, 0.86)
    knots: Knots = [(0, f), (0.1, f * 1.06), (0.45, body - 0.06), (rim, body), (rim + 0.05, 0.97), (1, 1.0)]
    kind = draws.weighed({"round": 0.3, "hexagon": 0.2, "block": 0.25, "lobed": 0.25})
    deep = draws.between(0.66, 0.8) if kind == "block" else 1.0
    section = flower(draws, 1.0) if kind == "lobed" else Section(kind, deep=deep)  # type: ignore[arg-type]
    turned = 0.125 if kind == "block" else 0.0
    legs = Legs(4 if kind == "block" else 3, draws.between(0.13, 0.2), 0.12, 0.92, 0.03, turned)
    return Form(knots, draws.around(0.50, 0.04), 0.92, open=True, section=section, fittings=(legs,))


def planter_stand(draws: Draws, make: Make) -> Form:
    """盆托: the planter's tray, shallow, flat-rimmed, on feet."""
    f = make.foot * draws.between(0.66, 0.76)
    knots: Knots = [(0, f), (0.15, f * 1.05), (0.6, 0.82), (0.78, 0.86), (0.9, 0.97), (1, 1.0)]
    kind = draws.weighed({"round": 0.2, "hexagon": 0.25, "block": 0.25, "lobed": 0.3})
    deep = draws.between(0.66, 0.8) if kind == "block" else 1.0
    section = flower(draws, 1.0) if kind == "lobed" else Section(kind, deep=deep)  # type: ignore[arg-type]
    turned = 0.125 if kind == "block" else 0.0
    legs = Legs(4 if kind == "block" else 5, draws.between(0.15, 0.22), 0.1, 0.95, 0.05, turned)
    return Form(knots, draws.around(0.15, 0.015), 0.98, open=True, section=section, fittings=(legs,))


def gui(draws: Draws, make: Make) -> Form:
    """簋: after a bronze, a bellied bowl on a high foot with two handles."""
    f = make.foot * draws.between(0.66, 0.78)
    neck = draws.between(0.80, 0.86)
    knots = [(0, f * 1.05), (0.04, f), (0.2, f * 0.84), (0.25, f * 0.9), (0.4, 0.93), (0.54, 0.97)]
    knots += [(0.78, neck), (0.94, neck + 0.07), (1, neck + 0.11)]
    side = 0.25 + draws.around(0.0, 0.03)
    out, width = draws.between(1.24, 1.36), draws.between(0.075, 0.1)
    ears = tuple(Handle(0.86, 0.38, out, width, turned) for turned in (side, side - 0.5))
    fins = (Flange(0.3, 0.75, 0.04, 0.0),) if draws.chance(0.25) else ()
    return Form(knots, draws.around(0.50, 0.035), 0.8, open=True, floor=0.27, fittings=ears + fins)
