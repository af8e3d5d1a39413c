"""Light, background and camera response: walls, tables and cloths, light from any side, any exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from saggar.kilnsim.world.geometry import View, grid
from saggar.kilnsim.world.maths import Array, bell, lattice, mix, noise, step, uniform, wave
from saggar.kilnsim.world.profiles import Profile

RGB = tuple[float, float, float]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Scene:
    """One photograph's surroundings. Vectors are (x to the right, h up, z to the camera)."""

    kind: str
    light: Vector
    half: Vector
    ambient: float
    tint: RGB
    shine: float
    wall: RGB
    floor: RGB
    horizon: float
    """Where the floor ends, in half pictures above the object's base."""
    shadow: float
    gain: float
    contrast: float
    saturation: float
    grain: float


def world(rng: np.random.Generator) -> Scene:
    """Surroundings of a picture from anywhere."""
    kind = _PLACES[int(rng.integers(len(_PLACES)))]
    wall = _any_colour(rng)
    floor = _any_colour(rng) if rng.random() < 0.6 else wall
    light = (uniform(rng, -0.75, 0.75), uniform(rng, 0.25, 0.9), uniform(rng, 0.35, 0.9))
    warmth = bell(rng, 0.035)
    return _scene(
        kind,
        light,
        ambient=uniform(rng, 0.25, 0.55),
        tint=(1.0 + warmth, 1.0, 1.0 - warmth),
        shine=uniform(rng, 0.4, 1.1),
        wall=wall,
        floor=floor,
        horizon=uniform(rng, 0.1, 0.9),
        shadow=uniform(rng, 0.2, 0.7),
        gain=1.0 + bell(rng, 0.07),
        contrast=1.0 + bell(rng, 0.06),
        saturation=uniform(rng, 1.0, 1.25),
        grain=uniform(rng, 0.0, 0.012),
    )


def ground(scene: Scene, view: View, shape: Profile, pixels: int, rng: np.random.Generator) -> Array:
    """Background with the piece's shadow, float32 [pixels, pixels, 3]."""
    xs, ys = grid(view, pixels)
    scale = np.float32(view.scale)
    x, y = xs[None, :], ys[:, None]
    across = (x - np.float32(view.centre_x)) / scale
    up = (y - np.float32(view.centre_y)) / scale
    wall, floor = (np.array(c, dtype=np.float32) for c in (scene.wall, scene.floor))
    edge = y / scale - np.float32(scene.horizon)
    if scene.kind == "table":
        weight = step(0.012, -0.012, edge)
        shading = np.float32(1.0) + up * np.float32(0.12)
    elif scene.kind == "plain":
        weight, shading = np.zeros_like(up), np.ones_like(up)
    else:
        weight, shading = step(1.0, -1.0, up), np.ones_like(up)
    field = mix(wall, floor, weight[:, :, None]) * shading[:, :, None]
    canvas = np.broadcast_to(field, (pixels, pixels, 3)).copy()
    if scene.kind == "cloth":
        period = np.float32(uniform(rng, 2.0, 5.0))
        stripe = step(-0.2, 0.2, wave((across + up * np.float32(bell(rng, 0.5))) * period))
        canvas *= (np.float32(0.86) + np.float32(0.14) * stripe)[:, :, None]
    elif scene.kind == "plaster":
        spots = noise(lattice(rng), across * np.float32(4.0) + 9, up * np.float32(4.0) + 9)
        canvas *= (np.float32(1.0) + np.float32(0.1) * spots)[:, :, None]
    # The shadow: an ellipse on the floor, drawn out away from the light.
    foot = np.float32(float(shape.outer[0]) * 0.55 + 0.45)
    flat = np.float32(max(view.sin, 0.12))
    away = np.float32(-scene.light[0] * 0.45)
    dx = (x - away * np.float32(0.8)) / foot
    dy = (y - np.float32(0.02)) / (foot * flat)
    far = dx * dx + dy * dy
    near = x / np.float32(shape.outer[0])
    deep = y / (np.float32(shape.outer[0]) * flat)
    contact = near * near + deep * deep
    dark: Array = np.float32(scene.shadow) / (np.float32(1.0) + far * far)
    dark = np.maximum(dark, np.float32(0.75 * scene.shadow) / (np.float32(0.7) + contact * contact))
    canvas *= (np.float32(1.0) - np.minimum(dark, np.float32(0.85)))[:, :, None]
    return canvas


def expose(picture: Array, scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """The camera's response: exposure, contrast, saturation, grain; uint8 [size, size, 3]."""
    grey: Array = (picture[..., 0] + picture[..., 1] + picture[..., 2]) * np.float32(1.0 / 3.0)
    vivid: Array = grey[..., None] + (picture - grey[..., None]) * np.float32(scene.saturation)
    stretched: Array = (vivid - np.float32(0.5)) * np.float32(scene.contrast) + np.float32(0.5)
    exposed: Array = stretched * np.float32(scene.gain)
    if scene.grain > 0.004:
        size = len(picture)
        grain = rng.random((size, size, 1), dtype=np.float32) - np.float32(0.5)
        exposed = exposed + grain * np.float32(2.0 * scene.grain)
    return (np.clip(exposed, 0.0, 1.0) * np.float32(255.0) + np.float32(0.5)).astype(np.uint8)


_PLACES = ("gradient", "gradient", "table", "table", "table", "plain", "plaster", "cloth")


def _any_colour(rng: np.random.Generator) -> RGB:
    grey = uniform(rng, 0.12, 0.92)
    strength = uniform(rng, 0.0, 0.17)
    red, green, blue = (uniform(rng, -1.0, 1.0) * strength for _ in range(3))
    return (
        min(max(grey + red, 0.04), 0.98),
        min(max(grey + green, 0.04), 0.98),
        min(max(grey + blue, 0.04), 0.98),
    )


def _scene(kind: str, light: Vector, **rest: float | RGB) -> Scene:
    light = _unit(light)
    half = _unit((light[0], light[1] + 0.3, light[2] + 0.95))
    return Scene(kind=kind, light=light, half=half, **rest)  # type: ignore[arg-type]


def _unit(v: Vector) -> Vector:
    length = float(np.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]))
    return (v[0] / length, v[1] / length, v[2] / length)
