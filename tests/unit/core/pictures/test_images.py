import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from saggar.errors import InvalidInputError
from saggar.images import RESIZE, InputSpec, decode, preprocess

PLAIN = InputSpec(size_px=4, mean=(0, 0, 0), std=(1, 1, 1))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width: int, height: int) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns % 256, rows % 256, (rows + columns) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}), ("JPEG", {})])
def test_photographs_become_rgb(kind: str, options: dict[str, object]) -> None:
    image = decode(encoded(gradient(40, 30), kind, **options), "a")
    assert (image.mode, image.size) == ("RGB", (40, 30))
    difference = np.abs(np.asarray(image, int) - np.asarray(gradient(40, 30), int)).mean()
    assert difference < (8 if kind == "JPEG" else 1e-9)


def test_the_exif_orientation_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    image = decode(encoded(gradient(40, 30), "JPEG", exif=exif), "a")
    assert image.size == (30, 40)


def test_transparent_parts_become_white() -> None:
    clear = Image.new("RGBA", (8, 8), (10, 20, 30, 0))
    clear.putpixel((1, 1), (10, 20, 30, 255))
    assert decode(encoded(clear), "a").getpixel((0, 0)) == (255, 255, 255)
    palette = Image.new("P", (8, 8), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((1, 1), 1)
    assert decode(encoded(palette, transparency=0), "a").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "1"])
def test_other_modes_become_rgb(mode: str) -> None:
    kind = "TIFF" if mode == "CMYK" else "PNG"
    image = decode(encoded(gradient(8, 8).convert(mode if mode != "LA" else "L").convert(mode), kind), "a")
    assert image.mode == "RGB"


def test_sixteen_bit_greys_are_scaled_not_clipped() -> None:
    levels = np.array([[0, 257 * 100, 65535, *[0] * 5]] * 8, dtype=np.uint16)
    image = decode(encoded(Image.fromarray(levels)), "a")
    assert [image.getpixel((x, 0))[0] for x in range(3)] == [0, 100, 255]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "is empty"),
        (b"not a picture", "is not a JPEG, PNG, WebP or TIFF image"),
        (encoded(gradient(40, 30), "GIF"), "is a GIF; save it as JPEG or PNG"),
        (encoded(gradient(200, 200), "JPEG")[:-2000], "truncated or damaged"),
        (encoded(gradient(200, 200), "PNG")[:300], "truncated or damaged"),
    ],
    ids=["empty", "text", "gif", "jpeg", "png"],
)
def test_bad_images_are_told_with_their_name(data: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"shelf/7\.jpg: .*{told}"):
        decode(data, "shelf/7.jpg")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"not a picture", "the file is not a JPEG, PNG, WebP or TIFF image; replace it"),
        (b"<!doctype html>", "the file is a web page, not an image; download the image itself"),
        (encoded(gradient(4, 40), "PNG"), "4 x 40 pixels are too few for a photograph (at least 8 a side); replace it"),
        (encoded(Image.new("1", (8001, 8000))), "8001 x 8000 are more than 64 million pixels, the most that are read"),
        (encoded(gradient(200, 200), "JPEG")[:-2000], "the image is truncated or damaged"),
    ],
)
def test_what_is_said_of_bytes_without_a_name_is_a_sentence(data: bytes, told: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        decode(data, "")
    assert str(caught.value).startswith(told)
    with pytest.raises(InvalidInputError) as caught:
        decode(data, "bowl.jpg")
    assert str(caught.value).startswith(f"bowl.jpg: {told.removeprefix('the file ')}")


@pytest.mark.parametrize("size", [(8001, 8000), (20_000, 20_000)])
def test_decompression_bombs_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(InvalidInputError, match="64 million pixels"):
        decode(encoded(Image.new("1", size)), "a")


def test_the_largest_size_that_is_read() -> None:
    assert decode(encoded(Image.new("1", (8000, 8000))), "a").size == (8000, 8000)


@examples(30)
@given(
    data=st.binary(max_size=400),
    position=st.integers(0, 2000),
    kind=st.sampled_from(["PNG", "JPEG", "TIFF", "WEBP"]),
)
def test_damaged_data_never_raises_anything_else(data: bytes, position: int, kind: str) -> None:
    good = encoded(gradient(64, 48), kind)
    damaged = good[:position] + data + good[position + len(data) :]
    told = "a: "
    try:
        decode(damaged, "a")
    except InvalidInputError as error:
        told = str(error)
    assert told.startswith("a: ")


def test_preprocessing_normalises_channels_first() -> None:
    spec = InputSpec(size_px=2, mean=(0.5, 0.0, 0.25), std=(0.5, 1.0, 0.25))
    out = preprocess(Image.new("RGB", (2, 2), (255, 51, 0)), spec)
    assert out.dtype == np.float32
    assert out.shape == (3, 2, 2)
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out[:, 0, 0], [1.0, 0.2, -1.0], atol=1e-6)


@examples(50)
@given(width=st.integers(1, 300), height=st.integers(1, 300), size=st.integers(1, 64))
def test_any_size_fits_any_input(width: int, height: int, size: int) -> None:
    for resize in ("shorter-side-bilinear-then-centre-crop", "stretch"):
        out = preprocess(gradient(width, height), InputSpec(size, resize=resize))
        assert out.shape == (3, size, size)
        assert np.isfinite(out).all()


def test_the_centre_is_cropped_and_stretching_keeps_all() -> None:
    image = Image.new("RGB", (12, 4), "black")
    image.paste((255, 255, 255), (4, 0, 8, 4))  # the middle third is white
    assert preprocess(image, PLAIN).min() == 1
    stretched = preprocess(image, InputSpec(12, (0, 0, 0), (1, 1, 1), resize="stretch"))
    assert (stretched.min(), stretched.max()) == (0, 1)


def test_a_picture_of_the_right_size_is_only_normalised() -> None:
    image = gradient(4, 4)
    expected = np.asarray(image, np.float32).transpose(2, 0, 1) / 255
    np.testing.assert_array_equal(preprocess(image, PLAIN), expected)


def test_specifications_survive_a_dictionary() -> None:
    spec = InputSpec(96, (0.1, 0.2, 0.3), (1, 2, 3), "stretch")
    assert InputSpec.from_dict(spec.to_dict()) == spec
    assert spec.to_dict()["mean"] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    "values",
    [
        {"size_px": 0},
        {},
        {"size_px": 4, "sharpen": True},
        {"size_px": 4, "resize": "pad"},
        {"size_px": 4, "std": [0, 1, 1]},
        {"size_px": 4, "mean": [0.5]},
    ],
)
def test_bad_specifications_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InvalidInputError):
        InputSpec.from_dict(values)


@pytest.mark.parametrize("size", [(80, 40), (30, 90), (400, 7)])
def test_pad_keeps_a_photograph_whole_on_a_ground_of_its_border(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (200, 180, 160))
    image.paste((10, 20, 200), (size[0] // 4, size[1] // 4, size[0] * 3 // 4, size[1] * 3 // 4))
    spec = InputSpec(40, (0, 0, 0), (1, 1, 1), resize=RESIZE["pad"])
    out = preprocess(image, spec) * 255  # [3, 40, 40]
    ground = np.array([200, 180, 160])[:, None]
    np.testing.assert_allclose(out[:, 0, [0, 39]], np.repeat(ground, 2, 1), atol=1)
    np.testing.assert_allclose(out[:, 39, [0, 39]], np.repeat(ground, 2, 1), atol=1)
    assert (out[2, 19:21, 20] > out[0, 19:21, 20]).any()  # the blue middle


def test_pad_leaves_a_square_as_it_is() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8))
    crop, pad = (InputSpec(32, (0, 0, 0), (1, 1, 1), resize=RESIZE[framing]) for framing in ("crop", "pad"))
    np.testing.assert_array_equal(preprocess(image, crop), preprocess(image, pad))
