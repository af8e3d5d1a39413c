"""Encoded photographs to RGB pixels: upright, in sRGB, 8 bits a channel, on white where they are transparent.

One function for everybody who reads a photograph, so that import, training and serving see the same pixels.
Files are not trusted: sizes are checked before anything is decoded, and whatever a decoder raises becomes an
InvalidInputError that names the file.
"""

from __future__ import annotations

import io
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

from saggar.errors import InvalidInputError

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF")  # what services read: import has turned all others into these
IMPORTED = (*FORMATS, "GIF", "BMP", "AVIF", "HEIF")
LARGEST_PX = 64_000_000  # a decompression bomb otherwise: 64 Mpx are 192 MB of RGB

_HEAVY_PX = 24_000_000  # images above this are decoded one at a time, for the sake of memory
_MOST_SCANNED_PX = 100 * LARGEST_PX  # scans of a JPEG times its area; decoding reads some 10^9 a second
_JPEG = ("JPEG", "MPO")  # MPO: a JPEG with smaller pictures behind it, as phones write
_SCAN = b"\xff\xda"  # marker of a scan
_SAME_EVERYWHERE = {"JPEG": ("RGB", "L"), "PNG": ("RGB", "L", "P", "1"), "WEBP": ("RGB",)}
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_SRGB = ("srgb", "c2")  # how descriptions of sRGB profiles begin; c2 is the one that some web sites embed

FIRST_OF_SEVERAL = "first of several frames or pages taken"
PROFILE_UNREADABLE = "colour profile cannot be used, taken as sRGB"
EXIF_UNREADABLE = "EXIF data cannot be read, taken as upright"
NO_CMYK_PROFILE = "CMYK without a colour profile, so its colours are approximate"

_heavy = threading.Lock()


@dataclass(frozen=True)
class Decoded:
    """An image and what was found on the way. `format` is what the bytes are, whatever the file's name.

    `same_everywhere` says that any viewer shows these pixels for the bytes as they are; `notes` says what the
    file has and the pixels have not; `has_position` that its EXIF data tell where it was taken.
    """

    image: Image.Image  # RGB; or L, see `read_image`
    format: str
    same_everywhere: bool
    notes: tuple[str, ...]
    has_position: bool


def decode(data: bytes, source: str) -> Image.Image:
    """An encoded photograph (JPEG, PNG, WebP, TIFF) as RGB, turned upright by its EXIF orientation.

    Embedded colour profiles are converted to sRGB, transparent parts become white, 16-bit greys are scaled
    to 8 bits. Raises InvalidInputError, naming `source`, for anything else, for truncated data, and above
    64 Mpx.
    """
    return read_image(data, source).image


def read_image(data: bytes, source: str, formats: tuple[str, ...] = FORMATS, *, grey_will_do: bool = False) -> Decoded:
    """As `decode`, for `formats` (of `IMPORTED`), with what is worth telling about the file.

    With `grey_will_do` the image of a plain JPEG may come as L: its colours cost a third of the time.
    """
    try:
        with _quiet_pillow(), Image.open(io.BytesIO(data), formats=_likely(data, formats)) as image:
            pixels = image.width * image.height
            too_many_scans = image.format in _JPEG and data.count(_SCAN) * pixels > _MOST_SCANNED_PX
            if pixels <= LARGEST_PX and not too_many_scans:
                with _heavy if pixels > _HEAVY_PX else nullcontext():
                    return _decoded(image, grey_will_do)
    except UnidentifiedImageError:
        raise InvalidInputError(f"{source}: {_what_it_is(data, formats)}") from None
    except Image.DecompressionBombError:
        size = "the image's size"
    except Exception as error:  # Pillow's decoders raise almost anything on damaged data
        raise InvalidInputError(f"{source}: the image is truncated or damaged ({error}); replace it") from error
    else:
        if too_many_scans:
            raise InvalidInputError(f"{source}: a JPEG of so many scans takes minutes to decode; save it anew")
        size = f"{image.width} x {image.height} pixels"
    raise InvalidInputError(
        f"{source}: {size} is above the {LARGEST_PX // 10**6} million pixels that are read; scale it down"
    )


def _decoded(image: ImageFile.ImageFile, grey_will_do: bool) -> Decoded:
    """The opened file's first frame in RGB. Raises whatever Pillow's decoders do."""
    notes: list[str] = []
    kind = "JPEG" if image.format in _JPEG else image.format or ""
    several = kind != "JPEG" and bool(getattr(image, "is_animated", False))
    if several:
        notes.append(FIRST_OF_SEVERAL)
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
    pixels = image if grey_will_do else _to_srgb(image, notes)
    pixels.info.clear()  # a profile that was applied must not be saved with them
    return Decoded(pixels, kind, plain and not several, tuple(notes), has_position)


def _to_srgb(image: Image.Image, notes: list[str]) -> Image.Image:
    """`image` of any mode as 8-bit RGB in sRGB, on white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits of grey; PIL's own conversion would clip to 255
        grey = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode.startswith("I;16") or grey.max(initial=0) > 255 else 255.0
        image = Image.fromarray((grey.clip(0, top) * (255 / top)).round().astype(np.uint8))
    alpha = None
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode not in {"RGB", "L", "CMYK", "LAB"}:
        image = image.convert("RGB")
    if image.mode == "CMYK" and not profile:
        notes.append(NO_CMYK_PROFILE)
    converted = _by_profile(image, profile, notes) or (image if image.mode == "RGB" else image.convert("RGB"))
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


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile)) if profile else ImageCms.createProfile("LAB")
    if profile and mode == "RGB" and ImageCms.getProfileDescription(source).casefold().startswith(_SRGB):
        return None
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


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
    if not data:
        return "is empty; replace it"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS and "HEIF" in formats and not _register_heif():
        return "is a HEIC photograph; `pip install pillow-heif` to have it read, or save it as JPEG"
    names = "WebP or TIFF" if formats == FORMATS else "WebP, TIFF, GIF, BMP, AVIF or HEIC"
    return f"is not a JPEG, PNG, {names} image; replace it"


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
