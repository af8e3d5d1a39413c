"""What is measured of one image: numbers with names, colour and form, hashes that find copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from saggar.duplicates.perceptual import perceptual_hash, thumbnail
from saggar.outlines import Lab, Outline, find_outline

from saggar_qc.picture import artefacts
from saggar_qc.picture.texture import Spectrum, spectrum
from saggar_qc.picture.turning import Grey, small_grey

Float32 = npt.NDArray[np.float32]

_OUTLINE_SIDE_PX = 96  # where the object is looked for
_BRIGHT = 250  # clipped, of 0 to 255


@dataclass(frozen=True)
class Picture:
    """Measurements of one image."""

    width_px: int
    height_px: int
    opaque: bool  # no pixel of the file is transparent
    values: Mapping[str, float]  # by the names of `saggar_qc.screening.limits.MEASURES`, and a few more
    colour: Float32 | None  # [9] of the object; None where nothing stands out
    form: Float32 | None  # [PROFILE + 3] of the outline
    texture: Spectrum | None  # of the object's inside
    pixels_sha256: str
    phash: str | None  # 256 bits as in saggar.duplicates.perceptual; None for a flat picture
    mirrored_phash: str | None
    thumbnail: npt.NDArray[np.uint8]  # [32, 32, 3] Y, Cb, Cr
    grey: Grey  # small copy for `saggar_qc.picture.turning`


def measure(image: Image.Image, side_px: int, opaque: bool = True) -> Picture:
    """Measures an RGB image. Only pictures with equal `side_px` have comparable values.

    Sharpness, noise and texture depend on scale: the image is first made smaller until its shorter side has
    `side_px` pixels; a smaller one is taken as it is. `opaque`: whether the file had no transparency.
    """
    from skimage.color import rgb2lab

    grey_whole = np.asarray(image.convert("L"), dtype=np.float32)  # ITU-R 601 luma
    scaled = _shrunk(image, side_px)
    grey = np.asarray(scaled.convert("L"), dtype=np.float32)
    small = _shrunk(image, min(side_px, _OUTLINE_SIDE_PX))
    lab: Lab = rgb2lab(np.asarray(small)).astype(np.float32)
    outline = find_outline(lab) if min(lab.shape[:2]) >= 8 else None
    values = {
        "luminance_sd": float(grey_whole.std(dtype=np.float64)),
        "entropy_bits": entropy_bits(grey_whole),
        "sharpness": artefacts.sharpness(grey),
        "noise": artefacts.noise(grey),
        "blocks": artefacts.blocks(grey_whole),
        "flat_share": artefacts.flat_share(grey_whole),
        "seam": artefacts.seam(grey),
        "frame": artefacts.frame(lab),
        "overlay": artefacts.overlay(np.asarray(image)),
        **_light_and_colour(np.asarray(scaled), lab),
        **(_arrangement(outline, lab, grey) if outline is not None else {}),
    }
    whole = outline is not None and outline.share > 0
    return Picture(
        width_px=image.width,
        height_px=image.height,
        opaque=opaque,
        values=values,
        colour=_colour(lab, outline) if outline is not None and whole else None,
        form=_form(outline) if outline is not None and whole else None,
        texture=spectrum(grey, outline.mask) if outline is not None and whole else None,
        pixels_sha256=pixels_sha256(image),
        phash=perceptual_hash(image),
        mirrored_phash=perceptual_hash(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        thumbnail=thumbnail(image).astype(np.uint8),
        grey=small_grey(image),
    )


def entropy_bits(grey: npt.NDArray[np.float32]) -> float:
    """Shannon entropy of the 256-bin histogram of 0 to 255: 0 (one value) to 8 bits (all values alike)."""
    counts = np.bincount(grey.astype(np.uint8).ravel(), minlength=256)
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def pixels_sha256(image: Image.Image) -> str:
    """Equal for images with equal pixels, whatever their file format."""
    size = f"{image.width}x{image.height}:".encode()
    return hashlib.sha256(size + image.tobytes()).hexdigest()


def _shrunk(image: Image.Image, side_px: int) -> Image.Image:
    shorter = min(image.size)
    if shorter <= side_px:
        return image
    width, height = (max(1, round(side * side_px / shorter)) for side in image.size)
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _light_and_colour(rgb: npt.NDArray[np.uint8], lab: Lab) -> dict[str, float]:
    light = lab[..., 0]
    chroma = np.hypot(lab[..., 1], lab[..., 2])
    return {
        "light": float(light.mean()),
        "bright_end": float(np.percentile(light, 98)),
        "clipped_bright": float((rgb.min(axis=-1) >= _BRIGHT).mean()),
        "chroma": float(np.percentile(chroma, 95)),
    }


def _arrangement(outline: Outline, lab: Lab, grey: artefacts.Grey) -> dict[str, float]:
    ground = lab[outline.ground] if outline.ground.any() else lab.reshape(-1, 3)
    cast = np.median(ground[:, 1:], axis=0)
    whole = _enlarged(outline.mask, grey.shape)
    return {
        "object_share": outline.share,
        "off_centre_x": abs(outline.centre_x - 0.5),
        "centre_y": outline.centre_y,
        "edge_contact": outline.edge_contact,
        "second_share": outline.second_share,
        "waist": outline.waist,
        "contrast": outline.contrast,
        "ground_red": float(cast[0]),
        "ground_yellow": float(cast[1]),
        "rim_sharpness": artefacts.rim_sharpness(grey, whole),
        "stray_detail": artefacts.stray_detail(grey, whole),
    }


def _enlarged(mask: artefacts.Mask, shape: tuple[int, ...]) -> artefacts.Mask:
    grown = Image.fromarray(mask).resize((shape[1], shape[0]), Image.Resampling.NEAREST)
    return np.asarray(grown, dtype=np.bool_)


def _colour(lab: Lab, outline: Outline) -> Float32:
    """[9] mean, spread and ends of the object's Lab; by which glazes are compared."""
    inside = lab[outline.mask]
    light = inside[:, 0]
    chroma = np.hypot(inside[:, 1], inside[:, 2])
    return np.array(
        [
            *np.median(inside, axis=0),
            *inside.std(axis=0),
            np.percentile(light, 90) - np.percentile(light, 10),
            np.percentile(chroma, 90),
            np.percentile(inside[:, 2], 10),
        ],
        dtype=np.float32,
    )


def _form(outline: Outline) -> Float32:
    """[PROFILE + 3] the outline, whatever its size and place."""
    return np.array([*outline.profile, np.log(outline.aspect), outline.fill, np.sqrt(outline.share)], dtype=np.float32)
