"""Encoded photographs to RGB pixels: upright, in sRGB, 8 bits a channel, on white where they are transparent.

One function for everybody who reads a photograph, so that import, training and serving see the same pixels.
Files are not trusted: sizes are checked before anything is decoded, and whatever a decoder raises becomes an
InvalidInputError that names the file.
"""

from __future__ import annotations

import hashlib
import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, PngImagePlugin, UnidentifiedImageError

from saggar.errors import InvalidInputError
from saggar.files.pictures.deep_greys import eight_bits, kind_of
from saggar.files.pictures.image_end import JPEG_END, image_end
from saggar.files.pictures.jpeg_holes import has_hole
from saggar.files.pictures.jpeg_steps import out_of_step
from saggar.files.pictures.not_an_image import RefusedError, is_heic, known_kind
from saggar.files.pictures.png_colours import png_colours, srgb_levels
from saggar.files.pictures.tiffs import FIRST_OF_SEVERAL, to_picture

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # what services read: import has turned all others into these
IMPORTED = (*FORMATS, "GIF", "BMP", "AVIF", "HEIF")
LARGEST_PX = 64_000_000  # a decompression bomb otherwise: 64 Mpx are 192 MB of RGB
SMALLEST_PX = 8  # on the shorter side; less is a tracking pixel or a spacer of a web page
NARROWEST = 200  # sides to one; a line of pixels, enlarged to a network's input, takes gigabytes

_HEAVY_PX = 24_000_000  # images above this are decoded one at a time, for the sake of memory
_MOST_SCANNED_PX = 100 * LARGEST_PX  # scans of a JPEG times its area; decoding reads some 10^9 a second
_TOO_DARK = 64  # of 256: colours that are all below it have at most 14 of 16 bits
_JPEG = ("JPEG", "MPO")  # MPO: a JPEG with smaller pictures behind it, as phones write
_SCAN = b"\xff\xda"  # marker of a scan
_SAME_EVERYWHERE = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L", "P", "1"), "WEBP": ("RGB",)}
_SRGB = ("srgb", "c2")  # how descriptions of sRGB profiles begin; c2 is the one that some web sites embed
_SAME_COLOURS = 8  # of 255: by more than that, a profile called sRGB is none

PngImagePlugin.MAX_TEXT_CHUNK = 16 << 20  # bytes unpacked; Pillow allows 1 MiB, and scanners' profiles have more

MORE_PICTURES = "further pictures behind the first are left out"
END_MISSING = "the file's end is missing, though all pixels are there"
COLOURS_LEFT_OUT = "colours are described by cHRM or cICP, which is not applied, taken as sRGB"
PROFILE_UNREADABLE = "colour profile cannot be used, taken as sRGB"
EXIF_UNREADABLE = "EXIF data cannot be read, taken as upright"
NO_CMYK_PROFILE = "CMYK without a colour profile, so its colours are approximate"

_heavy = threading.Lock()


@dataclass(frozen=True)
class Decoded:
    """An image and what was found on the way. `format` is what the bytes are, whatever the file's name.

    `same_everywhere` says that any viewer shows these pixels for the bytes as they are; `notes` says what the
    file has and the pixels do not; `has_position` that its EXIF data tell where it was taken.
    """

    image: Image.Image  # RGB; or L, see `read_image`
    format: str
    same_everywhere: bool
    notes: tuple[str, ...]
    has_position: bool


def decode(data: bytes, source: str, *, enough_px: int | None = None) -> Image.Image:
    """An encoded photograph (JPEG, PNG, WebP, TIFF) as RGB, turned upright by its EXIF orientation.

    Embedded colour profiles and a PNG's gamma are converted to sRGB, transparent parts become white, 16-bit greys
    are scaled to 8 bits. Raises InvalidInputError, naming `source` where it has a name, for anything else, for
    truncated data, and above 64 Mpx. With `enough_px` a JPEG may come smaller, with no less than that on its shorter
    side, in a quarter of the time for a camera's.
    """
    return read_image(data, source, enough_px=enough_px).image


def read_image(
    data: bytes,
    source: str,
    formats: tuple[str, ...] = FORMATS,
    *,
    grey_will_do: bool = False,
    enough_px: int | None = None,
) -> Decoded:
    """As `decode`, for `formats` (of `IMPORTED`), with what is worth telling about the file.

    With `grey_will_do` the image of a plain JPEG may come as L: its colours cost a third of the time. `enough_px` as
    for `decode`.
    """
    try:
        with _quiet_pillow():
            return _read(data, formats, grey_will_do, enough_px)
    except RefusedError as error:
        raise InvalidInputError(_sentence(source, str(error))) from None
    except UnidentifiedImageError:
        raise InvalidInputError(_sentence(source, _what_it_is(data, formats))) from None
    except Image.DecompressionBombError:
        raise InvalidInputError(_sentence(source, f"the image has {_TOO_LARGE}")) from None
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        reason = f"the image is truncated or damaged ({error}); replace it"
        raise InvalidInputError(_sentence(source, reason)) from error


def _sentence(source: str, reason: str) -> str:
    """`bowl.jpg: is a web page; ...` of a file; without a name `the file is a web page; ...`."""
    if source:
        return f"{source}: {reason}"
    return f"the file {reason}" if reason.startswith("is ") else reason


_TOO_LARGE = f"more than {LARGEST_PX // 10**6} million pixels, the most that are read; scale it down"


_HOLE = "a part of the data is lost (a run of zeros or ones in its middle); copy or download it again"


def _read(data: bytes, formats: tuple[str, ...], grey_will_do: bool, enough_px: int | None) -> Decoded:
    """Raises RefusedError, or whatever Pillow's decoders do."""
    with Image.open(io.BytesIO(data), formats=_likely(data, formats)) as image:
        notes = to_picture(image, data) if image.format == "TIFF" else []
        width, height = image.size
        if width * height > LARGEST_PX:
            raise RefusedError(f"{width} x {height} are {_TOO_LARGE}")
        if max(width, height) > NARROWEST * min(width, height):
            raise RefusedError(
                f"no photograph is so narrow as {width} x {height} pixels (at most {NARROWEST} to 1 is read); crop it"
            )
        if min(width, height) < SMALLEST_PX:
            raise RefusedError(
                f"{width} x {height} pixels are too few for a photograph (at least {SMALLEST_PX} a side); replace it"
            )
        if image.format in _JPEG and has_hole(data):
            raise RefusedError(_HOLE)
        gamma = _colours(image, data, notes)
        if image.format in _JPEG and data.count(_SCAN) * width * height > _MOST_SCANNED_PX:
            raise RefusedError("a JPEG of so many scans takes minutes to decode; save it again")
        if image.format in _JPEG and out_of_step(data):
            raise RefusedError(_HOLE)
        if enough_px and image.format in _JPEG:
            image.draft(None, (enough_px, enough_px))
            width, height = image.size
        with _heavy if width * height > _HEAVY_PX else nullcontext():
            try:
                return _decoded(image, grey_will_do, notes, gamma)
            except OSError:
                whole = ended_jpeg(data) if image.format in _JPEG else None
                if whole is None or not _has_all_pixels(data):
                    raise
                with Image.open(io.BytesIO(whole), formats=_JPEG) as ended:
                    return _decoded(ended, grey_will_do, [*notes, END_MISSING])


def ended_jpeg(data: bytes) -> bytes | None:
    """A JPEG without an end marker, with one; None for a JPEG that has its end."""
    return data.rstrip(b"\xff") + JPEG_END if image_end(data, "JPEG") is None else None


def _has_all_pixels(data: bytes) -> bool:
    """Whether a JPEG without an end marker holds all its pixels, rather than being cut off earlier.

    A decoder fills what is missing with grey and says nothing. So it is given more data behind the file's own:
    where pixels were missing, they come out as something else.
    """
    start = data.rstrip(b"\xff")
    more = bytes(range(1, 129))  # no marker in it
    restarts = b"".join(bytes([0xFF, 0xD0 + number]) + more for number in range(8))
    seen: set[bytes] = set()
    for tail in (b"", more, restarts):
        with Image.open(io.BytesIO(start + tail + JPEG_END), formats=_JPEG) as image:
            seen.add(hashlib.sha256(image.tobytes()).digest())
    return len(seen) == 1


def _decoded(image: ImageFile.ImageFile, grey_will_do: bool, notes: list[str], gamma: float | None = None) -> Decoded:
    """The opened file's present frame in RGB, of a PNG by its gamma. Raises whatever Pillow's decoders do."""
    kind = "JPEG" if image.format in _JPEG else image.format or ""
    several = kind != "JPEG" and bool(getattr(image, "is_animated", False))
    if several and image.format != "TIFF":
        notes.append(FIRST_OF_SEVERAL)
    if image.format == "MPO":
        notes.append(MORE_PICTURES)
    deep = any(";16" in str(tile.args) for tile in image.tile)
    greys = kind_of(image)
    grey_will_do &= kind == "JPEG" and image.mode == "RGB" and "icc_profile" not in image.info
    if grey_will_do:
        image.draft("L", None)
    image.load()
    has_position = False
    try:
        exif = image.getexif()
        has_position = ExifTags.Base.GPSInfo in exif
        if image.info.get("exif") and not exif:
            notes.append(EXIF_UNREADABLE)
        ImageOps.exif_transpose(image, in_place=True)
    except Exception:  # noqa: BLE001 the parser of EXIF raises anything; the pixels are read already
        notes.append(EXIF_UNREADABLE)
    plain = image.mode in _SAME_EVERYWHERE.get(kind, ()) and "transparency" not in image.info
    plain &= COLOURS_LEFT_OUT not in notes and gamma is None
    if deep and image.mode in {"RGB", "RGBA", "LA"}:
        _refuse_dark(image)
    whole = eight_bits(image, greys, notes) if image.mode.startswith(("I", "F")) else image
    pixels = whole if grey_will_do else _to_srgb(whole, notes, gamma)
    pixels.info.clear()  # a profile that was applied must not be saved with them
    return Decoded(pixels, kind, plain and not several, tuple(notes), has_position)


def _to_srgb(image: Image.Image, notes: list[str], gamma: float | None) -> Image.Image:
    """`image` of any mode as 8-bit RGB in sRGB, on white."""
    profile = None if image.mode == "LAB" else image.info.get("icc_profile")
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        if alpha.getextrema() == (0, 0):
            raise RefusedError("all of it is transparent, so that nothing is seen; save it without transparency")
        image = image.convert("RGB")
    elif image.mode not in {"RGB", "L", "CMYK", "LAB"}:
        image = image.convert("RGB")
    if image.mode == "CMYK" and not profile:
        notes.append(NO_CMYK_PROFILE)
    converted = _by_profile(image, profile, notes) or (image if image.mode == "RGB" else image.convert("RGB"))
    if gamma is not None:
        converted = converted.point(srgb_levels(gamma) * 3)
    if alpha is None:
        return converted
    white = Image.new("RGB", converted.size, "white")
    white.paste(converted, mask=alpha)
    return white


def _by_profile(image: Image.Image, profile: bytes | None, notes: list[str]) -> Image.Image | None:
    """`image` in sRGB by its profile; None where it has none, is sRGB already, or the profile is no use."""
    if not profile and image.mode != "LAB":
        return None
    try:
        transform = _transform(profile or b"", image.mode)
        return ImageCms.applyTransform(image, transform) if transform else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        notes.append(PROFILE_UNREADABLE)
        return None


def _colours(image: ImageFile.ImageFile, data: bytes, notes: list[str]) -> float | None:
    """The gamma of a PNG that has one of its own; what the file says of its colours and is not applied is noted."""
    if "icc_profile" in image.info:  # empty where parts of it are missing, or it cannot be unpacked
        notes += [] if image.info["icc_profile"] else [PROFILE_UNREADABLE]
        return None
    if image.format != "PNG":
        return None
    found = png_colours(image.info, data)
    notes += [COLOURS_LEFT_OUT] if found.left_out else []
    return found.gamma


def _refuse_dark(image: Image.Image) -> None:
    """Pillow keeps the upper 8 of 16 bits of colours; where 10 or 12 bits lie in the lower ones, little is left."""
    extremes: Any = image.getextrema()  # (least, most) of each band
    brightest = max(most for name, (_, most) in zip(image.getbands(), extremes, strict=True) if name != "A")
    if brightest < _TOO_DARK:
        bits = 8 + brightest.bit_length()
        raise RefusedError(f"it uses {bits} of 16 bits a channel and would be black; save it with 8 bits")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    if profile and mode == "RGB" and ImageCms.getProfileDescription(source).casefold().startswith(_SRGB):
        steps = np.stack(np.meshgrid(*[np.arange(0, 256, 51, dtype=np.uint8)] * 3), axis=-1).reshape(1, -1, 3)
        shown = np.asarray(ImageCms.applyTransform(Image.fromarray(steps), transform))
        if np.abs(shown.astype(int) - steps).max() <= _SAME_COLOURS:  # linear curves are called sRGB too
            return None
    return transform


def _likely(data: bytes, formats: tuple[str, ...]) -> tuple[str, ...]:
    """`formats` that `data` may be in: HEIF needs a plug-in, which is loaded for the first such file only."""
    if "HEIF" in formats and not (data[4:8] == b"ftyp" and _register_heif()):
        return tuple(name for name in formats if name != "HEIF")
    return formats


@lru_cache(maxsize=1)
def _register_heif() -> bool:
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener(thumbnails=False)
    return True


def _what_it_is(data: bytes, formats: tuple[str, ...]) -> str:
    names = "WebP or TIFF" if formats == FORMATS else "WebP, TIFF, GIF, BMP, AVIF or HEIC"
    if is_heic(data) and "HEIF" in formats and not _register_heif():
        return "is a HEIC photograph; `pip install pillow-heif` to have it read, or save it as JPEG"
    return known_kind(data, formats) or f"is not a JPEG, PNG, {names} image; replace it"


_quiet_lock = threading.Lock()
_quiet_depth = 0


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silences warnings: Pillow's are about odd metadata and size, and both are checked here.

    `warnings.catch_warnings` alone is not safe in threads: one would restore another's filters.
    """
    global _quiet_depth, _quiet_filters  # noqa: PLW0603 the filters are the interpreter's
    with _quiet_lock:
        if _quiet_depth == 0:
            _quiet_filters = warnings.catch_warnings()
            _quiet_filters.__enter__()
            warnings.simplefilter("ignore")
        _quiet_depth += 1
    try:
        yield
    finally:
        with _quiet_lock:
            _quiet_depth -= 1
            if _quiet_depth == 0:
                _quiet_filters.__exit__(None, None, None)


_quiet_filters = warnings.catch_warnings()
