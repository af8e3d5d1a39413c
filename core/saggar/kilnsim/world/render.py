"""From a piece to a picture: shape, glaze, light, ground and camera.

Two streams of random numbers: one belongs to the object (its shape and glaze), one to the
photograph (camera, light, background), so that one object can be photographed twice.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from saggar.kilnsim.pieces import Piece
from saggar.kilnsim.world import scenes
from saggar.kilnsim.world.geometry import INSIDE, OUTSIDE, Surface, View, grid, see
from saggar.kilnsim.world.glazes import Coat, Style, coat
from saggar.kilnsim.world.maths import Array, bell, mix, step, turn, uniform, wave1
from saggar.kilnsim.world.profiles import Profile, profile

OVERSAMPLE = 2
STYLE = Style(traits=0.6, spread=1.5, coarse=1.35)


def render_world(piece: Piece, size: int, view: int) -> np.ndarray:
    """A picture of ``piece``, uint8 [size, size, 3]; ``view`` numbers the pictures of one object."""
    thing = _stream(piece.seed, 0, 0)
    photo = _stream(piece.seed, 0, 1 + view)
    style = STYLE
    pixels = size * OVERSAMPLE

    shape = profile(piece.type, piece.dynasty, style.traits, thing, style.spread)
    scene = scenes.world(photo)
    camera = _camera(piece, shape, photo)
    surface = see(shape, camera, pixels)
    if shape.spout:
        surface = _with_spout(surface, shape, camera, pixels, thing)
    painted = coat(piece, surface, shape, style, thing)
    canvas = scenes.ground(scene, camera, shape, pixels, photo)
    canvas.reshape(-1, 3)[surface.index] = _lit(painted, surface, shape, scene)
    small = canvas.reshape(size, OVERSAMPLE, size, OVERSAMPLE, 3)
    picture = (small[:, 0] + small[:, 1])[:, :, 0] + (small[:, 0] + small[:, 1])[:, :, 1]
    return scenes.expose(picture * np.float32(0.25), scene, photo)


def _stream(*entropy: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def _camera(piece: Piece, shape: Profile, rng: np.random.Generator) -> View:
    flat = piece.type in ("Plate", "Dish")
    degrees = uniform(rng, 18.0, 62.0) if flat else uniform(rng, 8.0, 40.0)
    sin, cos = wave1(degrees / 360.0), wave1(degrees / 360.0 + 0.25)
    tall = shape.height * cos + (float(shape.outer[0]) + float(shape.outer[-1])) * sin
    wide = 2.75 if shape.spout else 2.0
    fill = uniform(rng, 0.60, 0.88)
    scale = max(wide, tall * (1.0 if tall < wide * 1.3 else 0.92)) / 2.0 / min(fill, 0.92)
    middle = (shape.height * cos + (float(shape.outer[-1]) - float(shape.outer[0])) * sin) / 2.0
    shift = 0.06
    return View(
        sin=sin,
        cos=cos,
        scale=scale,
        centre_x=bell(rng, shift) * scale,
        centre_y=middle + (bell(rng, shift) + 0.04) * scale,
    )


def _with_spout(body: Surface, shape: Profile, view: View, pixels: int, rng: np.random.Generator) -> Surface:
    """Add spout and handle, drawn as tubes in the plane through the axis, behind the body."""
    side = 1.0 if rng.random() < 0.5 else -1.0
    top = shape.height
    last = len(shape.outer) - 1

    def wall(share: float) -> float:
        return float(shape.outer[round(share * last)])

    low, high = uniform(rng, 0.34, 0.42), uniform(rng, 0.62, 0.72)
    reach = uniform(rng, 1.28, 1.42)
    spout = [(wall(low) - 0.12, low * top, 0.15), (1.12, (low + 0.07) * top, 0.12)]
    spout += [(reach - 0.08, (high - 0.05) * top, 0.085), (reach + 0.04, high * top, 0.075)]
    up, down = uniform(rng, 0.70, 0.76), uniform(rng, 0.28, 0.36)
    out = uniform(rng, 1.22, 1.36)
    handle = [(wall(up) - 0.05, up * top, 0.065), (out - 0.12, (up + 0.02) * top, 0.065)]
    handle += [(out, (up - 0.14) * top, 0.065), (out - 0.08, (down + 0.12) * top, 0.065)]
    handle += [(wall(down) - 0.05, down * top, 0.065)]
    spout = [(side * x, h, w) for x, h, w in spout]
    handle = [(-side * x, h, w) for x, h, w in handle]

    xs, ys = grid(view, pixels)
    x = np.broadcast_to(xs[None, :], (pixels, pixels))
    h = np.broadcast_to(ys[:, None], (pixels, pixels)) / np.float32(view.cos)
    best = np.full((pixels, pixels), 1.0, dtype=np.float32)
    nx, nh = np.zeros_like(best), np.zeros_like(best)
    for line in (_rounded(spout), _rounded(handle)):
        for (x0, h0, w0), (x1, h1, w1) in pairwise(line):
            dx, dh = x1 - x0, h1 - h0
            t = ((x - x0) * dx + (h - h0) * dh) / np.float32(dx * dx + dh * dh)
            t = np.clip(t, 0.0, 1.0).astype(np.float32)
            ex, eh = x - (x0 + t * dx), h - (h0 + t * dh)
            width = w0 + t * np.float32(w1 - w0)
            d = np.sqrt(ex * ex + eh * eh) / width
            closer = d < best
            best = np.where(closer, d, best)
            nx, nh = np.where(closer, ex / width, nx), np.where(closer, eh / width, nh)
    free = best < 1.0
    free.ravel()[body.index] = False
    index = np.nonzero(free.ravel())[0]
    x, h, nx, nh = (a.ravel()[index].astype(np.float32) for a in (x, h, nx, nh))
    nz = np.sqrt(np.maximum(np.float32(1.0) - nx * nx - nh * nh, 0.0))
    zero = np.zeros_like(x)

    def both(a: Array, b: Array) -> Array:
        return np.concatenate([a, b.astype(a.dtype)])

    return Surface(
        index=np.concatenate([body.index, index]),
        part=np.concatenate([body.part, np.full(len(index), OUTSIDE, dtype=np.int8)]),
        x=both(body.x, x),
        h=both(body.h, h),
        z=both(body.z, zero),
        r=both(body.r, np.abs(x)),
        nx=both(body.nx, nx),
        nh=both(body.nh, nh),
        nz=both(body.nz, nz),
        around=both(body.around, turn(x, zero + np.float32(0.3))),
        along=both(body.along, np.clip(h / np.float32(top), 0.15, 0.85)),
    )


def _rounded(line: list[tuple[float, float, float]]) -> list[tuple[float, float, float]]:
    """Cut the corners of a line of (x, height, width), once (Chaikin)."""
    points = [line[0]]
    for a, b in pairwise(line):
        for share in (0.25, 0.75):
            x, h, width = (start + (end - start) * share for start, end in zip(a, b, strict=True))
            points.append((x, h, width))
    return [*points, line[-1]]


def _lit(painted: Coat, s: Surface, shape: Profile, scene: scenes.Scene) -> Array:
    """Light on the glazed surface: a key light, a fill light, hollows, highlights."""
    lx, lh, lz = scene.light
    facing = s.nx * np.float32(lx) + s.nh * np.float32(lh) + s.nz * np.float32(lz)
    facing = facing + painted.bump
    soft = np.clip(facing * np.float32(0.62) + np.float32(0.38), 0.0, 1.2)
    shade = np.float32(scene.ambient) + np.float32(1.0 - scene.ambient) * soft
    inside = s.part == INSIDE
    depth = np.clip((np.float32(shape.height) - s.h) / np.float32(1.1), 0.0, 1.0)
    narrow = np.float32(1.0) / np.float32(0.6 + 1.6 * float(shape.outer[-1]) ** 2)
    hollow = np.where(inside, np.float32(1.0) - np.clip(depth * narrow, 0.0, 0.8), np.float32(1.0))
    ground = np.where(inside, np.float32(1.0), step(-0.15, 0.3, s.along))
    shade = shade * hollow * (np.float32(0.72) + np.float32(0.28) * ground)
    # Camera axis is between the horizontal and the vertical: half way to the light shines.
    hx, hh, hz = scene.half
    shine = np.clip(s.nx * np.float32(hx) + s.nh * np.float32(hh) + s.nz * np.float32(hz), 0.0, 1.0)
    shine = shine + painted.bump * np.float32(0.05)
    shine = np.clip(shine, 0.0, 1.0)
    shine = shine * shine
    shine = shine * shine
    shine = shine * shine
    wide = shine * shine  # power 16
    tight = wide * wide
    tight = tight * tight  # power 64
    gloss = painted.gloss * np.float32(scene.shine) * hollow
    glint = wide * np.float32(0.12) + tight * np.float32(0.75)
    lit = painted.colour * shade[:, None] * np.array(scene.tint, dtype=np.float32)
    return mix(lit, np.ones(3, dtype=np.float32), np.clip(glint * gloss, 0.0, 0.95)[:, None])
