"""From a piece to a photograph of it, as a museum would take it.

Random numbers come in streams: shape, glaze, kiln, dynasty and wear belong to the object; camera, light and
surroundings to the photograph. So one object can be photographed twice, and another label changes what the
label says and leaves the rest as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from saggar.kilnsim.museum.exact import Array, Draws, wave1
from saggar.kilnsim.museum.scene import camera, grounds
from saggar.kilnsim.museum.scene.light import light, lit
from saggar.kilnsim.museum.shape.form import Handle, Legs, Spout, Upright
from saggar.kilnsim.museum.shape.limbs import with_limbs
from saggar.kilnsim.museum.shape.sight import Index, View, see
from saggar.kilnsim.museum.shape.vessel import Vessel, make_vessel
from saggar.kilnsim.museum.surface import dynasty, glazes, kilns
from saggar.kilnsim.museum.surface.skin import Skin

if TYPE_CHECKING:
    from saggar.kilnsim.pieces import Piece

OVERSAMPLE = 2


def render_museum(piece: Piece, size: int, view: int) -> np.ndarray:
    """A photograph, uint8 [size, size, 3]; ``view`` numbers the photographs of one object."""

    def object_stream(number: int) -> Draws:
        return Draws(piece.seed, 1, number)

    def photo_stream(number: int) -> Draws:
        return Draws(piece.seed, 2, view, number)

    vessel = make_vessel(piece.type, piece.dynasty, object_stream(0))
    looked = _view(vessel, photo_stream(0))
    place, lamp, taken = (
        grounds.surroundings(photo_stream(1)),
        light(photo_stream(2)),
        camera.camera(photo_stream(3)),
    )

    pixels = size * OVERSAMPLE
    surface = with_limbs(see(vessel, looked, pixels), vessel, looked, pixels)
    skin = Skin(surface, vessel, 2.0 * looked.scale / pixels, object_stream(1))
    kiln = kilns.KILNS[piece.kiln]
    glazes.glaze(skin, piece.glaze, kiln.coat, kiln.shine)
    skin.draws = object_stream(2)
    kilns.finish(skin, piece.kiln, piece.glaze)
    skin.draws = object_stream(3)
    dynasty.date(skin)
    skin.draws = object_stream(4)
    dynasty.age(skin)
    np.clip(skin.colour, 0.0, 1.0, out=skin.colour)

    object_, cover = _shrunk(lit(skin, lamp, looked, place.floor), surface.index, size)
    picture = grounds.draw(place, looked, vessel, lamp, size, photo_stream(4))
    if place.mirror:
        picture = _mirrored(picture, object_, cover, looked, vessel, place.mirror)
    picture = picture * (1.0 - cover) + object_
    return camera.develop(picture, taken, photo_stream(5))


def _view(vessel: Vessel, draws: Draws) -> View:
    """Where the camera stands: low for tall pieces, rather higher for flat ones, the piece about centred."""
    flat = vessel.height < 0.6
    degrees = draws.between(7.0, 24.0)
    if flat and draws.chance(0.4):
        degrees += draws.between(5.0, 22.0)
    sin, cos = wave1(degrees / 360.0), wave1(degrees / 360.0 + 0.25)
    deep = vessel.form.section.deep
    reach, top = 1.0, vessel.height
    for fitting in vessel.form.fittings:
        if isinstance(fitting, Spout):
            reach = max(reach, fitting.reach + 0.1)
        elif isinstance(fitting, Handle):
            reach = max(reach, fitting.out * abs(wave1(fitting.turned)) + fitting.width)
        elif isinstance(fitting, Upright):
            top = vessel.height + fitting.height
        elif isinstance(fitting, Legs):
            reach = max(reach, 1.02)
    low = -vessel.lift * cos - float(vessel.outer[0]) * sin * deep
    high = top * cos + float(vessel.outer[-1]) * sin * deep
    tall, wide = high - low, 2.0 * reach
    fill = draws.between(0.76, 0.96) * vessel.form.fill
    scale = max(wide, tall) / 2.0 / min(fill, 0.93)
    return View(
        sin=sin,
        cos=cos,
        scale=scale,
        centre_x=draws.around(0.0, 0.03) * scale,
        centre_y=(low + high) / 2.0 + draws.around(0.05, 0.035) * scale,
    )


def _shrunk(colours: Array, index: Index, size: int) -> tuple[Array, Array]:
    """Colours [3, n] of oversampled pixels as a picture [3, size, size], and how far it covers each pixel."""
    pixels = size * OVERSAMPLE
    layers = np.zeros((4, pixels * pixels), dtype=np.float32)
    layers[:3, index] = colours
    layers[3, index] = 1.0
    grid = layers.reshape(4, size, OVERSAMPLE, size, OVERSAMPLE)
    rows = grid[:, :, 0] + grid[:, :, 1]
    small = (rows[..., 0] + rows[..., 1]) * np.float32(1.0 / (OVERSAMPLE * OVERSAMPLE))
    return small[:3], small[3]


def _mirrored(picture: Array, object_: Array, cover: Array, view: View, vessel: Vessel, strength: float) -> Array:
    """The piece upside down below its foot, fading out."""
    size = picture.shape[-1]
    base = -vessel.lift * view.cos - float(vessel.outer[0]) * view.sin * vessel.form.section.deep * 0.8
    row = (view.centre_y - base) * (size / 2.0 / view.scale) + size / 2.0
    rows = np.arange(size)
    source = np.floor(2.0 * row - rows).astype(np.int64)
    fade = np.clip(1.0 - (rows - row) * (2.5 / size), 0.0, 1.0).astype(np.float32) * np.float32(strength)
    fade = np.where((source >= 0) & (source < size) & (rows > row), fade, np.float32(0.0))[:, None]
    source = np.clip(source, 0, size - 1)
    return np.asarray(picture * (1.0 - cover[source] * fade) + object_[:, source] * fade)
