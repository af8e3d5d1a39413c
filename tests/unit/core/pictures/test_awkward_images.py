"""Images as scanners, microscopes, phones and broken downloads leave them: shown, told or refused, never black."""

from __future__ import annotations

import hashlib
import io
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms
from saggar.decoding import COLOURS_LEFT_OUT, IMPORTED, PROFILE_UNREADABLE, Decoded, decode, read_image
from saggar.errors import InvalidInputError
from saggar.images import InputSpec, preprocess
from saggar.importing.photographs.files import inspect

RAMP = np.linspace(0, 1, 60 * 40).reshape(40, 60)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photograph(width: int, height: int, seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (7, 9, 3), dtype=np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def digest(pixels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()[:16]


def grey(decoded: Decoded) -> np.ndarray:
    return np.asarray(decoded.image, int)[..., 0]


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, of kinds that Pillow reads and does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(values: np.ndarray, **tags: int) -> bytes:
    names = {"photometric": 262}
    out = io.BytesIO()
    Image.fromarray(values).save(out, "TIFF", tiffinfo={names[name]: value for name, value in tags.items()})
    return out.getvalue()


# what ordinary photographs came out as before deep and narrow ones were looked after; results rest on these pixels
PINNED = {
    "PNG": "9460b945534ab65a",
    "grey PNG": "c62d4ca252566505",
    "alpha PNG": "3fca1fd151078bea",
    "palette PNG": "f8cf4eb0027f3c1f",
    "TIFF": "9460b945534ab65a",
    "CMYK TIFF": "9460b945534ab65a",
    "16 bits": "c62d4ca252566505",
    "BMP": "9460b945534ab65a",
}


def test_ordinary_photographs_decode_as_ever() -> None:
    picture = photograph(640, 427, 1)
    clear = picture.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(picture.size))
    deep = Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257)
    files = {
        "PNG": encoded(picture, "PNG"),
        "grey PNG": encoded(picture.convert("L"), "PNG"),
        "alpha PNG": encoded(clear, "PNG"),
        "palette PNG": encoded(picture.quantize(32), "PNG"),
        "TIFF": encoded(picture, "TIFF"),
        "CMYK TIFF": encoded(picture.convert("CMYK"), "TIFF"),
        "16 bits": encoded(deep, "PNG"),
        "BMP": encoded(picture, "BMP"),
    }
    found = {name: digest(np.asarray(read_image(data, name, IMPORTED).image)) for name, data in files.items()}
    assert found == PINNED


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((640, 427), "6dddea2a7ef8abdc"),
        ((427, 640), "d4f95f5bab44b272"),
        ((1200, 300), "c68f982b9806dd73"),
        ((224, 224), "18eeac0ea9ddf02e"),
        ((100, 90), "7a4e11a58cd0dd80"),
        ((3000, 200), "07a5b5202fe703e0"),
    ],
)
def test_ordinary_photographs_are_prepared_as_ever(size: tuple[int, int], expected: str) -> None:
    assert digest(preprocess(photograph(*size, 2), InputSpec(224))) == expected


@pytest.mark.parametrize("size", [(1, 300_000), (300_000, 1), (2, 1000), (40, 5000), (16, 257)])
def test_a_strip_is_cropped_before_it_is_enlarged(size: tuple[int, int]) -> None:
    """The whole strip enlarged took 17 seconds and 6 GB."""
    image = photograph(*size, 3)
    tracemalloc.start()
    started = time.thread_time()
    found = preprocess(image, InputSpec(224))
    took, (_, peak) = time.thread_time() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shape == (3, 224, 224)
    assert took < 5
    assert peak < 50e6


@pytest.mark.parametrize("size", [(20, 340), (400, 21), (16, 257)])
def test_a_strip_has_the_pixels_that_cropping_later_gave(size: tuple[int, int]) -> None:
    image = photograph(*size, 4)
    width, height = (max(64, round(side * 64 / min(size))) for side in size)
    left, top = (width - 64) // 2, (height - 64) // 2
    whole = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 64, top + 64))
    found = preprocess(image, InputSpec(64, (0, 0, 0), (1, 1, 1))) * 255
    assert np.abs(found.transpose(1, 2, 0) - np.asarray(whole, np.float32)).max() <= 1.01


@pytest.mark.parametrize(
    ("size", "reason"),
    [
        ((1, 300_000), "so narrow"),
        ((300_000, 1), "so narrow"),
        ((64_000_000, 1), "so narrow"),
        ((2, 401), "so narrow"),
        ((64_000_001, 1), "64 million pixels"),
        ((10, 20_000_000), "has more than 64 million pixels"),
    ],
)
def test_lines_of_pixels_are_refused_before_they_are_decoded(size: tuple[int, int], reason: str) -> None:
    data = png(*size, 8, 0, b"\0" * 100)
    started = time.thread_time()
    with pytest.raises(InvalidInputError, match=rf"a\.png: .*({reason})"):
        decode(data, "a.png")
    assert time.thread_time() - started < 1


def test_scrolls_are_read() -> None:
    assert decode(encoded(photograph(4000, 20, 5), "PNG"), "scroll").size == (4000, 20)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_few_bits_in_sixteen_are_shown_by_their_own_range(bits: int, kind: str) -> None:
    values = (RAMP * ((1 << bits) - 1)).round().astype(np.uint16)
    found = read_image(encoded(Image.fromarray(values), kind), "a")
    assert np.abs(grey(found) - RAMP * 255).max() <= 1
    assert found.notes == (f"{bits} bits of grey in 16, shown by their own range",)


def test_sixteen_bits_and_thirty_two_are_scaled() -> None:
    found = read_image(encoded(Image.fromarray((RAMP * 65535).astype(np.uint16)), "TIFF"), "a")
    assert (np.abs(grey(found) - RAMP * 255).max() <= 1, found.notes) == (True, ())
    found = read_image(tiff((RAMP * (2**31 - 1)).astype(np.int32)), "a")
    assert np.abs(grey(found) - RAMP * 255).max() <= 1
    assert found.notes == ("greys of 31 bits, shown by their own range",)
    found = read_image(tiff((RAMP * 300 - 44).round().astype(np.int32)), "a")
    assert np.abs(grey(found) - RAMP * 255).max() <= 1
    assert found.notes == ("greys from -44 to 256 shown as black to white",)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 255), (0, 65535), (-1, 1), (1000, 90_000), (-3e38, 3e38)])
def test_greys_as_numbers_have_their_range(low: float, high: float) -> None:
    values = (low * (1 - RAMP) + high * RAMP).astype(np.float32)
    values[0, 0] = np.nan
    values[0, 1] = np.inf
    found = read_image(tiff(values), "a")
    assert np.abs(grey(found)[1:] - RAMP[1:] * 255).max() <= 1
    assert len(found.notes) == 1
    assert "shown as black to white" in found.notes[0]


def test_greys_that_are_no_numbers_are_refused_and_constant_ones_are_not() -> None:
    with pytest.raises(InvalidInputError, match=r"a: its grey values are not numbers"):
        decode(tiff(np.full((8, 8), np.nan, np.float32)), "a")
    assert grey(read_image(tiff(np.full((8, 8), -7, np.float32)), "a")).max() == 0


@pytest.mark.parametrize("values", [(RAMP * 4095).astype(np.uint16), RAMP.astype(np.float32)])
def test_greys_that_count_from_white_are_not_negatives(values: np.ndarray) -> None:
    found = read_image(tiff(values, photometric=0), "a")
    assert np.abs(grey(found) - (1 - RAMP) * 255).max() <= 1


@pytest.mark.parametrize(("bits", "dark"), [(10, True), (12, True), (14, True), (16, False)])
@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)], ids=["RGB", "RGBA", "LA"])
def test_few_bits_of_colour_in_sixteen_are_refused(bits: int, dark: bool, colour: int, channels: int) -> None:
    values = np.repeat((RAMP * ((1 << bits) - 1)).astype(">u2")[..., None], channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 65535
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    data = png(60, 40, 16, colour, rows)
    if dark:
        with pytest.raises(InvalidInputError, match=rf"a: it uses {bits} of 16 bits a channel"):
            decode(data, "a")
    else:
        assert np.abs(grey(read_image(data, "a")) - RAMP * 255).max() <= 1


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}, {"subsampling": 0}])
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_without_its_end_is_whole(options: dict[str, object], missing: int, tmp_path) -> None:
    data = encoded(photograph(320, 240, 10), "JPEG", quality=92, **options)
    found = read_image(data[:-missing], "a")
    assert np.array_equal(np.asarray(found.image), np.asarray(decode(data, "a")))
    assert found.notes == ("the file's end is missing, though all pixels are there",)
    path = tmp_path / "a.jpg"
    path.write_bytes(data[:-missing])
    stored: list[bytes] = []
    assert inspect(path, "a.jpg", lambda kept, ending: stored.append(kept) or f"x.{ending}").notes == found.notes
    assert stored == [data]  # with its end again, for every viewer


@pytest.mark.parametrize("options", [{}, {"restart_marker_rows": 1}, {"subsampling": 0}])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97, 0.995])
def test_a_jpeg_that_was_cut_off_is_refused(options: dict[str, object], share: float) -> None:
    data = encoded(photograph(320, 240, 11), "JPEG", quality=92, **options)
    with pytest.raises(InvalidInputError, match="a: the image is truncated or damaged"):
        decode(data[: int(len(data) * share)], "a")


def test_a_jpeg_cut_off_between_restarts_is_refused() -> None:
    data = encoded(photograph(320, 240, 12), "JPEG", quality=92, restart_marker_rows=1)
    for marker in (b"\xff\xd0", b"\xff\xd3"):
        with pytest.raises(InvalidInputError, match="truncated or damaged"):
            decode(data[: data.rindex(marker)], "a")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><title>Just a moment...</title>", "is a web page"),
        (b"<html><body>403</body></html>", "is a web page"),
        (b"II*\0" + bytes(40), "TIFF file of a kind that cannot be read"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "PNG file of a kind that cannot be read"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "is a HEIC photograph, as phones take them; save it as JPEG or PNG"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "is an AVIF image"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "is a film"),
        (b"8BPS\0\1" + bytes(40), "is a Photoshop document"),
        (b"\xff\x0a" + bytes(40), "is a JPEG XL image"),
        (b"GIF89a" + bytes(40), "is a GIF"),
        (b"%PDF-1.7" + bytes(40), "is a PDF"),
        (b"\0\0\0\x18ftypcrx " + bytes(40), "is a raw photograph, as cameras keep them; save it as JPEG or PNG"),
        (b"IIRO\x08\0\0\0" + bytes(40), "is a raw photograph"),
        (b"IIU\0\x18\0\0\0" + bytes(40), "is a raw photograph"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "is a raw photograph"),
    ],
)
def test_what_is_no_image_is_named_as_what_it_is(data: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        decode(data, "a")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"GIF89a" + bytes(4), "is a GIF of a kind that cannot be read, or damaged"),
        (b"BM" + bytes(4), "is a BMP image of a kind that cannot be read, or damaged"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "is an AVIF image of a kind that cannot be read, or damaged"),
        (
            b"RIFF\x40\0\0\0WEBPVP8 " + bytes(4),
            "WebP file of a kind that cannot be read, or damaged|is truncated or damaged",
        ),
        (b"RIFF\x40\0\0\0WEBP", "WebP file of a kind that cannot be read, or damaged|is truncated or damaged"),
    ],
)
def test_what_is_read_where_it_is_whole_is_called_damaged(data: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        read_image(data, "a", IMPORTED)


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("WEBP", "RGBA"), ("TIFF", "RGBA")])
def test_a_picture_that_nobody_sees_is_refused_and_not_white(kind: str, mode: str) -> None:
    picture = Image.linear_gradient("L").convert(mode)
    picture.putalpha(0)
    out = io.BytesIO()
    picture.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    with pytest.raises(InvalidInputError, match="all of it is transparent"):
        decode(out.getvalue(), "a")
    picture.putpixel((0, 0), (9, 255) if mode == "LA" else (9, 9, 9, 255))
    picture.save(out := io.BytesIO(), "PNG")
    assert decode(out.getvalue(), "a").getpixel((0, 0)) == (9, 9, 9)


def test_lab_pictures_need_no_apology() -> None:
    from PIL import ImageCms

    picture = photograph(60, 40, 13)
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    data = encoded(ImageCms.profileToProfile(picture, srgb, lab, outputMode="LAB"), "TIFF")
    found = read_image(data, "a")
    assert found.notes == ()
    assert np.abs(np.asarray(found.image, int) - np.asarray(picture, int)).mean() < 3


def with_hole(data: bytes, value: bytes, length: int = 3000) -> bytes:
    middle = len(data) // 2
    return data[:middle] + value * length + data[middle + length :]


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 240, 3), dtype=np.uint8))
WAYS = [{}, {"optimize": True}, {"progressive": True}, {"quality": 95, "subsampling": 0}]


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize("value", [b"\0", b"\xff"])
def test_a_jpeg_with_a_hole_is_refused(options: dict[str, object], value: bytes) -> None:
    with pytest.raises(InvalidInputError, match=r"a part of the data is lost|truncated or damaged"):
        decode(with_hole(encoded(NOISE, "JPEG", **options), value), "hole.jpg")


def on_paper(ground: object, options: dict[str, object]) -> bytes:
    """A piece on a ground of one colour, whose codes are runs of zeros in optimised JPEGs."""
    picture = Image.new("RGB", (400, 300), ground)
    picture.paste(Image.radial_gradient("L").resize((150, 120)).convert("RGB"), (120, 90))
    return encoded(picture, "JPEG", **options)


GROUNDS = [(255, 255, 255), (0, 0, 0), (240, 238, 230), (37, 90, 141)]


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("quality", [40, 75, 95, 100])
@pytest.mark.parametrize("options", [*WAYS[:3], {"optimize": True, "restart_marker_rows": 4}])
def test_a_piece_on_plain_paper_has_no_hole(ground: object, quality: int, options: dict[str, object]) -> None:
    decode(on_paper(ground, {"quality": quality} | options), "paper.jpg")


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("quality", [75, 95])
@pytest.mark.parametrize("at", [0.3, 0.5, 0.7])
def test_a_hole_is_told_from_plain_paper(ground: object, quality: int, at: float) -> None:
    data = on_paper(ground, {"quality": quality, "optimize": True})
    place = int(at * len(data))
    damaged = data[:place] + bytes(512) + data[place + 512 :]
    with pytest.raises(InvalidInputError, match="a part of the data is lost"):
        decode(damaged, "hole.jpg")
    with pytest.raises(InvalidInputError, match="a part of the data is lost"):
        decode(damaged, "hole.jpg", enough_px=64)


def test_padding_before_the_end_is_no_hole() -> None:
    data = encoded(NOISE, "JPEG")
    decode(data[:-2] + b"\xff" * 100 + data[-2:], "padded.jpg")
    decode(data[:-2] + b"\xff" * 100, "padded.jpg")


@pytest.mark.parametrize("options", WAYS)
def test_flat_areas_are_no_holes(options: dict[str, object]) -> None:
    """White paper may be zeros for thousands of bytes."""
    paper = Image.new("RGB", (1500, 1500), "white")
    paper.paste(NOISE, (600, 600))
    for data in (
        encoded(paper, "JPEG", **options),
        encoded(Image.new("RGB", (2000, 2000), "white"), "JPEG", **options),
    ):
        decode(data, "paper.jpg")


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (7, 7)])
def test_tracking_pixels_are_no_photographs(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInputError, match=f"{size[0]} x {size[1]} pixels are too few"):
        decode(encoded(Image.new("RGB", size), "PNG"), "pixel.png")


def png_with(kind: bytes, value: bytes, picture: Image.Image | None = None, data: bytes = b"") -> bytes:
    whole = data or encoded(picture or photograph(60, 40, 3), "PNG")
    chunk = struct.pack(">I", len(value)) + kind + value + struct.pack(">I", zlib.crc32(kind + value))
    return whole[:33] + chunk + whole[33:]


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        (b"gAMA", struct.pack(">I", 100_000), False),  # applied
        (b"gAMA", struct.pack(">I", 45_455), False),
        (b"gAMA", struct.pack(">I", 0), True),
        (b"gAMA", struct.pack(">I", 9_000_000), True),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000), True),
        (b"cICP", bytes([12, 13, 0, 1]), True),  # Display P3
        (b"cICP", bytes([9, 16, 0, 1]), True),  # high dynamic range
        (b"cICP", bytes([1, 13, 0, 1]), False),
        (b"sRGB", b"\0", False),
    ],
)
def test_colours_that_a_png_describes_otherwise_are_told(kind: bytes, value: bytes, told: bool) -> None:
    assert (COLOURS_LEFT_OUT in read_image(png_with(kind, value), "a.png").notes) is told


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA"])
def test_the_gamma_of_a_png_is_applied(mode: str) -> None:
    """A picture of light itself, as renderers write it, is what it was coded from."""
    shown = np.linspace(40, 250, 60 * 40).reshape(40, 60)  # in sRGB
    light = np.where(shown <= 10.31, shown / 255 / 12.92, ((shown / 255 + 0.055) / 1.055) ** 2.4)
    picture = Image.fromarray((255 * light).round().astype(np.uint8)).convert(mode)
    data = png_with(b"gAMA", struct.pack(">I", 100_000), picture)
    found = read_image(data, "a.png")
    assert (found.notes, found.same_everywhere) == ((), False)
    assert np.abs(np.asarray(found.image, float) - shown[..., None]).max() < 5  # of the dark, few levels are left
    plain = np.asarray(decode(png_with(b"gAMA", struct.pack(">I", 45_455), picture), "a.png"), float)
    assert (plain < np.asarray(found.image) - 20).any()
    assert np.array_equal(decode(png_with(b"sRGB", b"\0", data=data), "a.png"), plain)  # which outranks it


def test_a_profile_of_which_a_part_is_missing_is_told() -> None:
    whole = encoded(photograph(60, 40, 3), "JPEG")
    segment = b"ICC_PROFILE\0\x01\x03" + b"part"  # the first of three
    data = whole[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + whole[2:]
    assert PROFILE_UNREADABLE in read_image(data, "a.jpg").notes
    assert PROFILE_UNREADABLE in read_image(png_with(b"iCCP", b"x\0\0no deflate"), "a.png").notes


def test_a_profile_is_known_by_its_curves_not_by_its_name() -> None:
    """`sRGB ... linear` is a profile of its own."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    curve = srgb.find(b"para")  # of all three colours
    linear = b"curv" + bytes(8)  # no entries: the identity
    picture = photograph(60, 40, 3)
    as_srgb = np.asarray(decode(encoded(picture, "PNG", icc_profile=bytes(srgb)), "a.png"), int)
    assert (as_srgb == np.asarray(picture, int)).all()
    srgb[curve : curve + len(linear)] = linear
    as_linear = np.asarray(decode(encoded(picture, "PNG", icc_profile=bytes(srgb)), "a.png"), int)
    assert as_linear.mean() > as_srgb.mean() + 20
