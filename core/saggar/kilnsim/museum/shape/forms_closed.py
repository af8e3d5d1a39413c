"""Families of closed forms: vases, jars, ewers, boxes, pillows. Each function draws one form of its type."""

from __future__ import annotations

from saggar.kilnsim.museum.exact import Draws
from saggar.kilnsim.museum.shape.form import Fitting, Flange, Form, Handle, Knots, Legs, Make, Spout, Upright
from saggar.kilnsim.museum.shape.forms_open import flower
from saggar.kilnsim.museum.shape.section import ROUND, Section


def vase(draws: Draws, make: Make) -> Form:
    """瓶: meiping, pear-shaped, mallet, long-necked, eared, cong-shaped or gourd; no spout, no handle."""
    f = make.foot * draws.between(0.50, 0.62)
    m = draws.between(-0.03, 0.03)
    kinds = {"meiping": 0.24, "pear": 0.24, "mallet": 0.16, "long": 0.12, "eared": 0.12, "cong": 0.06}
    kind = draws.weighed({**kinds, "gourd": 0.06})
    section = ROUND
    fittings: tuple[Fitting, ...] = ()
    if kind == "meiping":
        knots: Knots = [(0, f), (0.03, f), (0.3, 0.68 + m), (0.62, 0.98), (0.75, 1.0), (0.87, 0.72)]
        knots += [(0.92, 0.33), (0.955, 0.31), (1, 0.40)]
        ratio = draws.around(1.62, 0.09)
    elif kind == "pear":
        knots = [(0, f), (0.04, f * 0.98), (0.14, 0.84 + m), (0.3, 1.0), (0.46, 0.8), (0.64, 0.40)]
        knots += [(0.8, 0.29), (0.93, 0.4), (1, 0.62)]
        ratio = draws.around(1.70, 0.09)
    elif kind == "mallet":
        f *= 1.35
        knots = [(0, f), (0.03, f), (0.1, 0.84), (0.42, 0.98 + m), (0.5, 0.98), (0.55, 0.8), (0.585, 0.36)]
        knots += [(0.66, 0.3), (0.93, 0.31), (0.965, 0.52), (1, 0.58)]
        ratio = draws.around(1.62, 0.09)
    elif kind == "long":
        knots = [(0, f), (0.04, f), (0.14, 0.88 + m), (0.27, 1.0), (0.41, 0.8), (0.52, 0.34)]
        knots += [(0.72, 0.27), (0.9, 0.28), (1, 0.36)]
        ratio = draws.around(1.80, 0.10)
    elif kind == "eared":
        knots = [(0, f * 1.1), (0.05, f), (0.1, f * 0.95), (0.3, 1.0), (0.48, 0.82 + m), (0.62, 0.42)]
        knots += [(0.92, 0.4), (1, 0.46)]
        ratio = draws.around(1.72, 0.09)
        section = Section(deep=draws.between(0.75, 1.0))
        ring = draws.chance(0.5)
        out = draws.between(0.66, 0.76)
        fittings = tuple(Handle(0.93, 0.72, out, 0.055 if ring else 0.075, turned, ring) for turned in (0.25, -0.25))
    elif kind == "cong":
        knots = [(0, 0.6), (0.06, 0.62), (0.09, 0.97), (0.12, 1.0), (0.82, 1.0), (0.86, 0.95), (0.9, 0.6)]
        knots += [(1, 0.64)]
        ratio = draws.around(1.95, 0.12)
        section = Section("block", deep=1.0)
    else:
        knots = [(0, f), (0.04, f), (0.2, 0.94 + m), (0.32, 1.0), (0.48, 0.7), (0.55, 0.42), (0.61, 0.45)]
        knots += [(0.73, 0.62), (0.84, 0.46), (0.92, 0.2), (1, 0.22)]
        ratio = draws.around(1.70, 0.09)
    if kind in ("pear", "meiping") and draws.chance(0.12):
        section = Section("octagon")
    return Form(knots, ratio, 1.0, section=section, fittings=fittings)


def jar(draws: Draws, make: Make) -> Form:
    """罐: wide shoulder, short neck; some lidded, some with lugs."""
    f = make.foot * draws.between(0.50, 0.64)
    m = draws.between(-0.04, 0.04)
    mouth = draws.between(0.48, 0.62)
    wide = draws.between(0.56, 0.66)
    knots: Knots = [(0, f), (0.04, f), (0.25, 0.8 + m), (wide - 0.12, 0.98), (wide, 1.0), (0.78, 0.88)]
    knots += [(0.87, mouth + 0.02), (0.94, mouth - 0.02), (1, mouth + 0.05)]
    ratio = draws.around(0.84, 0.07)
    if draws.chance(0.25):
        return Form(lidded(knots, draws), ratio * 1.17, 0.9, lid=True, seam=0.84)
    lugs: tuple[Fitting, ...] = ()
    if draws.chance(0.25):
        turned = draws.between(-0.1, 0.1)
        lugs = tuple(Handle(0.9, 0.76, 0.98, 0.05, turned + step, ring=True) for step in (0.25, -0.25, 0.08, -0.08))
    return Form(knots, ratio, 0.9, section=flower(draws, 0.14), fittings=lugs)


def pot(draws: Draws, make: Make) -> Form:
    """壶: for pouring, with a spout and a handle."""
    f = make.foot * draws.between(0.52, 0.66)
    m = draws.between(-0.04, 0.04)
    kind = draws.weighed({"melon": 0.35, "ewer": 0.35, "pear": 0.3})
    low, high, reach = draws.between(0.34, 0.42), draws.between(0.62, 0.74), draws.between(1.3, 1.46)
    up, down, out = draws.between(0.72, 0.8), draws.between(0.28, 0.36), draws.between(1.2, 1.36)
    if kind == "melon":
        knots: Knots = [(0, f), (0.05, f), (0.22, 0.86 + m), (0.45, 1.0), (0.66, 0.84), (0.78, 0.5)]
        knots += [(0.86, 0.36), (1, 0.42)]
        ratio = draws.around(0.80, 0.05)
    elif kind == "ewer":
        knots = [(0, f), (0.04, f), (0.2, 0.84 + m), (0.4, 1.0), (0.56, 0.82), (0.68, 0.42)]
        knots += [(0.82, 0.33), (1, 0.46)]
        ratio = draws.around(1.05, 0.06)
    else:
        knots = [(0, f), (0.04, f), (0.14, 0.84 + m), (0.28, 1.0), (0.46, 0.8), (0.64, 0.42), (0.82, 0.3)]
        knots += [(0.95, 0.33), (1, 0.38)]
        ratio = draws.around(1.38, 0.07)
        low, high = draws.between(0.22, 0.3), draws.between(0.76, 0.88)
    lid = draws.chance(0.45)
    if lid:
        knots, ratio = lidded(knots, draws), ratio * 1.17
        low, high, up, down = low * 0.84, high * 0.84, up * 0.84, down * 0.84
    side = draws.pick((0.25, -0.25)) + draws.around(0.0, 0.025)
    width = draws.between(0.06, 0.08)
    fittings: tuple[Fitting, ...] = (Spout(low, high, reach, 0.14, side),)
    fittings += (Handle(up, down, out, width, side + 0.5),)
    section = flower(draws, 0.3) if kind == "melon" else ROUND
    return Form(knots, ratio, 0.86, lid=lid, seam=0.84 if lid else 0.0, section=section, fittings=fittings)


def censer(draws: Draws, make: Make) -> Form:
    """炉: on three legs, bellied or a cylinder, some with two ears standing on the rim."""
    turned = draws.pick((0.0, 0.5)) + draws.around(0.0, 0.02)
    kind = draws.weighed({"li": 0.45, "lian": 0.3, "ding": 0.25})
    ears: tuple[Fitting, ...] = ()
    if kind == "li":
        knots: Knots = [(0, 0.45), (0.08, 0.72), (0.3, 0.98), (0.45, 1.0), (0.66, 0.86), (0.78, 0.74)]
        knots += [(0.92, 0.76), (0.95, 0.92), (1, 0.96)]
        ratio = draws.around(0.48 * make.tall, 0.04)
        legs = Legs(3, draws.between(0.22, 0.34), 0.17, 1.15, 0.06, turned)
    elif kind == "lian":
        b = draws.between(0.94, 0.98)
        knots = [(0, 0.8), (0.04, 0.92), (0.08, b), (0.5, b - 0.02), (0.9, b), (0.94, 1.0), (1, 0.99)]
        ratio = draws.around(0.50, 0.04)
        legs = Legs(3, draws.between(0.14, 0.22), 0.15, 0.98, 0.03, turned)
    else:
        knots = [(0, 0.4), (0.06, 0.66), (0.25, 0.95), (0.4, 1.0), (0.62, 0.84), (0.76, 0.68)]
        knots += [(0.94, 0.72), (1, 0.82)]
        ratio = draws.around(0.52, 0.04)
        legs = Legs(3, draws.between(0.26, 0.4), 0.15, 1.25, 0.12, turned)
        tall = draws.between(0.34, 0.5)
        ears = tuple(Upright(tall, 0.06, turned) for turned in (0.25, -0.25))
    return Form(knots, ratio, 0.84, floor=0.08, wall=1.3, fittings=(legs, *ears))


def brush_pot(draws: Draws, make: Make) -> Form:
    """笔筒: an upright cylinder."""
    waist = draws.between(0.84, 0.98)
    foot = draws.between(0.93, 1.0)
    knots: Knots = [(0, foot), (0.03, foot), (0.5, waist), (0.96, 0.98), (1, 1.0)]
    section = draws.weighed({ROUND: 0.75, Section("hexagon"): 0.15, Section("soft"): 0.1})
    return Form(knots, draws.around(1.08 * make.tall, 0.09), 0.8, floor=0.06, wall=1.4, section=section)


def zun(draws: Draws, make: Make) -> Form:
    """尊: after a bronze, a trumpet mouth over a bulging middle and a spread foot; or a squat basket."""
    kind = draws.weighed({"trumpet": 0.5, "finned": 0.3, "basket": 0.2})
    if kind == "basket":
        knots: Knots = [(0, 0.66), (0.05, 0.76), (0.3, 1.0), (0.5, 0.98), (0.75, 0.82), (0.9, 0.8)]
        knots += [(1, 0.9)]
        return Form(knots, draws.around(0.74, 0.05), 0.8, floor=0.08)
    f = draws.between(0.62, 0.74) * (0.9 + 0.1 * make.foot)
    b = draws.between(0.60, 0.72)
    knots = [(0, f), (0.04, f * 0.98), (0.24, b * 0.76), (0.29, b * 0.84), (0.33, b), (0.48, b)]
    knots += [(0.52, b * 0.84), (0.57, b * 0.74), (0.75, b * 0.86), (0.94, 0.93), (1, 1.0)]
    fins: tuple[Fitting, ...] = ()
    if kind == "finned":
        bands = ((0.04, 0.22), (0.33, 0.48), (0.6, 0.9))
        fins = tuple(Flange(low, high, 0.045, turned) for low, high in bands for turned in (0.0, 0.25, -0.25))
    return Form(knots, draws.around(1.2, 0.08), 0.94, floor=0.3, fittings=fins)


def water_basin(draws: Draws, make: Make) -> Form:
    """水盂: like an alms bowl, rounded, the mouth drawn in, hardly a foot."""
    f = make.foot * draws.between(0.44, 0.56)
    mouth = draws.between(0.58, 0.70)
    wide = draws.between(0.55, 0.66)
    knots: Knots = [(0, f), (0.03, f), (0.2, 0.78), (wide - 0.15, 0.97), (wide, 1.0), (0.86, 0.88)]
    knots += [(1, mouth)]
    return Form(knots, draws.around(0.44, 0.035), 0.68, floor=0.08)


def water_container(draws: Draws, make: Make) -> Form:
    """水丞: a small round body with a narrow collared mouth, some on three feet."""
    f = make.foot * draws.between(0.52, 0.64)
    mouth = draws.between(0.28, 0.38)
    knots: Knots = [(0, f), (0.04, f), (0.2, 0.86), (0.42, 1.0), (0.62, 0.92), (0.8, 0.6), (0.88, mouth)]
    knots += [(0.95, mouth), (1, mouth + 0.07)]
    legs = (Legs(3, 0.14, 0.1, 0.95, 0.02, draws.pick((0.0, 0.5))),) if draws.chance(0.45) else ()
    section = flower(draws, 0.3)
    return Form(knots, draws.around(0.58, 0.05), 0.64, floor=0.08, section=section, fittings=legs)


def pillow(draws: Draws, make: Make) -> Form:
    """枕: a low block with a hollowed top: oblong, bean-shaped or eight-sided."""
    kind = draws.weighed({"block": 0.45, "soft": 0.3, "octagon": 0.25})
    deep = draws.between(0.52, 0.68)
    lip = draws.between(0.96, 1.0)
    base = draws.between(0.84, 0.94)
    knots: Knots = [(0, base), (0.06, base + 0.01), (0.8, lip - 0.02), (0.88, lip), (0.94, 1.0), (1, 0.98)]
    section = Section(kind, deep=deep)  # type: ignore[arg-type]
    hollow = draws.between(0.25, 0.5)
    ratio = draws.around(0.30 * make.tall, 0.03)
    return Form(knots, ratio, 0.98, lid=True, section=section, dish=hollow)


def box(draws: Draws, make: Make) -> Form:
    """盒: low and round with a lid, the seam at half the height."""
    f = make.foot * draws.between(0.58, 0.72)
    seam = draws.between(0.48, 0.6)
    dome = draws.weighed({"flat": 0.45, "domed": 0.55})
    knots: Knots = [(0, f), (0.06, f), (0.2, 0.9), (seam - 0.1, 1.0), (seam + 0.1, 1.0)]
    if dome == "flat":
        knots += [(0.84, 0.95), (0.92, 0.84), (0.97, 0.5), (1, 0.1)]
        ratio = draws.around(0.38, 0.04)
    else:
        knots += [(0.78, 0.86), (0.92, 0.52), (1, 0.08)]
        ratio = draws.around(0.46, 0.05)
    return Form(knots, ratio, 0.74, lid=True, seam=seam, section=flower(draws, 0.25))


def lidded(knots: Knots, draws: Draws) -> Knots:
    """The same body with a domed lid and a knob on its mouth."""
    mouth = knots[-1][1]
    body = [(h * 0.84, r) for h, r in knots]
    brim = mouth + draws.between(0.02, 0.12)
    return [*body, (0.865, brim), (0.93, mouth * 0.62), (0.95, 0.08), (0.975, 0.12), (1, 0.04)]
