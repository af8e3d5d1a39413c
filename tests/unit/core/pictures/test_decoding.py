"""Every kind of photograph comes out upright, in sRGB, 8 bits, on white; import keeps what viewers show."""

import io
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageDraw, ImageFont, features
from saggar.decoding import IMPORTED, decode, read_image
from saggar.files.pictures.image_end import image_end
from saggar.images import InputSpec, preprocess
from saggar.importing.photographs.files import inspect

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def encoded(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def picture():
    """Four patches of different colour and a ramp."""
    image = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
    draw = ImageDraw.Draw(image)
    for place, colour in enumerate(["red", "green", "navy", "tan"]):
        draw.rectangle((place * 16, 8, place * 16 + 12, 30), fill=colour)
    draw.text((2, 34), "ab", font=ImageFont.load_default(8))
    return image


def difference(first, second):
    return np.abs(np.asarray(first, int) - np.asarray(second.convert("RGB"), int)).mean()


def linear_profile(space=b"RGB "):
    """A profile with sRGB's primaries (or none, for b"GRAY") and no gamma, written out by hand."""
    import struct

    def curve(gamma):
        return b"curv" + bytes(4) + struct.pack(">I", 1) + struct.pack(">H", round(gamma * 256)) + bytes(2)

    def xyz(*values):
        return b"XYZ " + bytes(4) + b"".join(struct.pack(">i", round(v * 65536)) for v in values)

    text = b"linear test profile\0"
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text)) + text + bytes(79),
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.4361, 0.2225, 0.0139),
        b"gXYZ": xyz(0.3851, 0.7169, 0.0971),
        b"bXYZ": xyz(0.1431, 0.0606, 0.7139),
        b"rTRC": curve(1.0), b"gTRC": curve(1.0), b"bTRC": curve(1.0), b"cprt": b"text" + bytes(5),
    }  # fmt: skip
    if space == b"GRAY":
        tags = {name: tags[name] for name in (b"desc", b"wtpt", b"cprt")} | {b"kTRC": curve(1.0)}
    start = 128 + 4 + 12 * len(tags)
    index, body = b"", b""
    for name, data in tags.items():
        padded = data.ljust(-(-len(data) // 4) * 4, b"\0")
        index += name + struct.pack(">II", start + len(body), len(padded))
        body += padded
    head = bytearray(128)
    head[8:12], head[12:16], head[16:20], head[20:24] = b"\x02\x10\0\0", b"mntr", space, b"XYZ "
    head[36:40], head[68:80] = b"acsp", struct.pack(">iii", 63190, 65536, 54061)
    head[0:4] = struct.pack(">I", start + len(body))
    return bytes(head) + struct.pack(">I", len(tags)) + index + body


def to_srgb(values):
    """IEC 61966-2-1, from linear light 0..1 to 0..255."""
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055) * 255


def test_an_embedded_profile_is_converted_to_srgb(picture):
    data = encoded(picture, "PNG", icc_profile=linear_profile())
    expected = to_srgb(np.asarray(picture) / 255)
    assert np.abs(np.asarray(decode(data, "a"), float) - expected).max() < 2.5
    assert "icc_profile" not in decode(data, "a").info
    found = read_image(data, "a")
    assert (found.same_everywhere, found.notes) == (True, ())  # viewers apply it too, so the file may stay


def test_srgb_profiles_change_nothing(picture):
    data = encoded(picture, "PNG", icc_profile=SRGB.tobytes())
    assert difference(decode(data, "a"), picture) == 0


def test_a_profile_of_another_kind_is_told_and_not_used(picture):
    found = read_image(encoded(picture.convert("L"), "PNG", icc_profile=SRGB.tobytes()), "a")
    assert found.notes == ("colour profile cannot be used, taken as sRGB",)
    assert difference(found.image, picture.convert("L")) == 0


def test_transparency_and_a_profile_go_together(picture):
    rgba = picture.convert("RGBA")
    rgba.putalpha(Image.new("L", rgba.size, 255))
    rgba.paste((0, 0, 0, 0), (0, 0, 8, 8))
    found = read_image(encoded(rgba, "PNG", icc_profile=linear_profile()), "a")
    assert found.image.getpixel((0, 0)) == (255, 255, 255)
    assert not found.same_everywhere
    expected = to_srgb(np.asarray(picture)[20, 40] / 255)
    assert np.abs(np.array(found.image.getpixel((40, 20))) - expected).max() < 2.5


def test_cmyk_photographs_are_not_inverted(picture):
    """Adobe's JPEGs hold inverted inks."""
    found = read_image(encoded(picture.convert("CMYK"), "JPEG", quality=95), "a")
    assert difference(found.image, picture) < 6
    assert found.notes == ("CMYK without a colour profile, so its colours are approximate",)
    assert not found.same_everywhere


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_comes_out_upright(picture, orientation, kind):
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    lying = picture.transpose(undo) if undo is not None else picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"subsampling": 0, "quality": 95} if kind == "JPEG" else {}
    found = decode(encoded(lying, kind, exif=exif, **options), "a")
    assert found.size == picture.size
    assert difference(found, picture) < 4


@pytest.mark.parametrize(
    ("kind", "options", "limit"),
    [("GIF", {}, 6), ("BMP", {}, 0), ("AVIF", {"quality": 95}, 6), ("TIFF", {"compression": "jpeg"}, 6)],
)
def test_import_reads_more_kinds_than_services_do(picture, kind, options, limit):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    found = read_image(encoded(picture, kind, **options), "a", IMPORTED)
    assert difference(found.image, picture) <= limit
    assert (found.format, found.same_everywhere) == (kind, False)


def test_heic_is_read_with_its_plug_in(picture):
    pillow_heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    pillow_heif.from_pillow(picture.resize((128, 96))).save(out, quality=95)
    found = read_image(out.getvalue(), "a", IMPORTED)
    assert (found.format, found.image.size) == ("HEIF", (128, 96))
    assert difference(found.image.resize((64, 48)), picture) < 12


@pytest.mark.parametrize("depth", [8, 16])
def test_a_profile_of_greys_is_converted_too(depth):
    levels = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(1, 64).repeat(8, axis=0)
    values = levels if depth == 8 else levels.astype(np.uint16) * 257
    data = encoded(Image.fromarray(values), "PNG", icc_profile=linear_profile(b"GRAY"))
    found = read_image(data, "a")
    assert found.notes == ()
    off = np.abs(np.asarray(found.image, float)[..., 0] - to_srgb(levels / 255))
    assert off[:, 2:].max() < 2.5  # littlecms interpolates coarsely between the darkest


def test_sixteen_bits_a_channel(picture):
    """16-bit TIFF in colour, as scanners write it."""
    levels = np.asarray(picture, np.uint16) * 257
    out = io.BytesIO()
    Image.fromarray(levels[..., 0]).save(out, "TIFF")
    assert difference(decode(out.getvalue(), "a"), picture.getchannel("R")) == 0


@pytest.fixture
def kept(tmp_path):
    """What import keeps of a file: the photograph and its bytes."""

    def keep(data, name="a.jpg"):
        path = tmp_path / name
        path.write_bytes(data)
        stored = []
        photograph = inspect(path, name, lambda data, ending: f"{stored.append(data)}.{ending}")
        return photograph, stored[0]

    return keep


def with_orientation():
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8825)[1] = "N"
    return exif


def test_plain_files_are_kept_as_they_are(picture, kept):
    for kind, name in (("JPEG", "a.jpg"), ("PNG", "a.png"), ("WEBP", "a.webp")):
        data = encoded(picture, kind, icc_profile=linear_profile())
        photograph, stored = kept(data, name)
        assert stored == data
        assert photograph.notes == ()
    photograph, stored = kept(encoded(picture, "JPEG", exif=with_orientation()))
    assert (photograph.width_px, photograph.height_px) == (48, 64)  # upright
    assert photograph.has_position


@pytest.mark.parametrize(
    ("kind", "mode", "extension"),
    [("TIFF", "RGB", "png"), ("PNG", "RGBA", "png"), ("PNG", "LA", "png"), ("GIF", "P", "png"),
     ("JPEG", "CMYK", "jpg"), ("BMP", "RGB", "png"), ("AVIF", "RGB", "jpg"), ("PNG", "I;16", "png")],
)  # fmt: skip
def test_all_others_are_stored_as_every_viewer_shows_them(picture, kept, kind, mode, extension):
    image = picture.convert("L").convert("I;16") if mode == "I;16" else picture.convert(mode)
    data = encoded(image, kind, **({"icc_profile": linear_profile()} if mode == "RGB" and kind == "TIFF" else {}))
    photograph, stored = kept(data, f"a.{kind.lower()}")
    assert photograph.key == f"None.{extension}"
    again = read_image(stored, "stored")
    assert again.same_everywhere
    assert difference(again.image, read_image(data, "a", IMPORTED).image) < 2  # nothing is applied twice
    assert any(note.startswith(f"stored as {'PNG' if extension == 'png' else 'JPEG'}") for note in photograph.notes)
    assert not photograph.has_position


def test_what_follows_an_image_is_cut_off_and_nothing_else(picture, kept):
    for kind in ("JPEG", "PNG", "WEBP"):
        for options in ({}, {"progressive": True, "quality": 90} if kind == "JPEG" else {}):
            data = encoded(picture, kind, icc_profile=linear_profile(), **options)
            assert image_end(data, kind) == len(data)
            assert kept(data + b"\0" * 20)[1] == data + b"\0" * 20  # padding is harmless
            photograph, stored = kept(data + b"MZ\x90 a program")
            assert stored == data
            assert any("bytes after the image's end" in note for note in photograph.notes)


def test_a_thumbnail_within_is_not_the_end(picture):
    exif = Image.Exif()
    exif[0x010E] = "before"
    data = encoded(picture, "JPEG", exif=exif, comment=encoded(picture.resize((8, 6)), "JPEG"))
    assert image_end(data, "JPEG") == len(data)


def test_phones_second_pictures_are_left_out_and_told(picture, kept):
    """MPO: a JPEG with more pictures behind it, listed in its head."""
    data = encoded(picture, "MPO", save_all=True, append_images=[picture.resize((32, 24))])
    photograph, stored = kept(data)
    assert photograph.key == "None.jpg"
    assert photograph.notes == ("further pictures behind the first are left out",)
    with Image.open(io.BytesIO(stored)) as again:
        assert (again.format, getattr(again, "n_frames", 1)) == ("JPEG", 1)  # and no index of what is not there
    assert difference(decode(stored, "stored"), decode(data, "a")) == 0


def test_warnings_are_silent_in_threads_and_come_back():
    """Pillow warns of odd EXIF data; with warnings as errors that would refuse good photographs."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\0\0\x01\0\0\0\0\0\0\0"
    data = encoded(Image.linear_gradient("L"), "JPEG", exif=exif)
    start = threading.Barrier(4)

    def work(number):
        start.wait()
        return [decode(data, str(number)).size for _ in range(25)]

    before = list(warnings.filters)
    with ThreadPoolExecutor(4) as pool:
        assert all(sizes == [(256, 256)] * 25 for sizes in pool.map(work, range(4)))
    assert list(warnings.filters) == before


@pytest.mark.parametrize(("size", "expected"), [((4000, 3000), 750), ((900, 600), 600), ((300, 200), 200)])
def test_a_jpeg_may_come_smaller_where_that_will_do(size: tuple[int, int], expected: int) -> None:
    blobs = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(blobs).resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=90)
    small, whole = decode(file.getvalue(), "a.jpg", enough_px=448), decode(file.getvalue(), "a.jpg")
    assert (min(small.size), whole.size) == (expected, size)
    spec = InputSpec(224, (0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255))  # grey levels
    assert np.abs(preprocess(small, spec) - preprocess(whole, spec)).mean() < 0.5


def test_only_a_jpeg_comes_smaller() -> None:
    file = io.BytesIO()
    Image.new("RGB", (1000, 1000), "red").save(file, "PNG")
    assert decode(file.getvalue(), "a.png", enough_px=100).size == (1000, 1000)


def test_a_png_with_a_profile_of_megabytes_is_read():
    """As scanners' tables of colours are; Pillow by itself refuses what unpacks to more than one."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + bytes(3 << 20)
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), (200, 10, 10)).save(buffer, "PNG", icc_profile=profile)
    assert decode(buffer.getvalue(), "scan").getpixel((0, 0)) == (200, 10, 10)
