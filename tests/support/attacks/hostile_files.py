"""Files and table rows that try to crash, hang or fool an import; all made here, none kept."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin, TiffImagePlugin

# What becomes of a row: "refused", or "noted": imported, with a remark in the report.
REFUSED, NOTED = "refused", "noted"


def picture(seed: int, size: tuple[int, int] = (96, 72), mode: str = "RGB") -> Image.Image:
    """A picture with structure of its own: coarse noise, enlarged."""
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_size(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG of 1-bit grey whose pixels are `rows`, compressed."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    parts = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(rows, 9)), png_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def jpeg_of_size(width: int, height: int) -> bytes:
    """A JPEG whose header claims another size than its data have."""
    data = bytearray(encoded(picture(1), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("P", (1, 1)), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    place = data.index(b",")
    data[place + 5 : place + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def tiff_of_size(width: int, height: int) -> bytes:
    """One strip, compressed by deflate, of which there is next to nothing."""
    data = zlib.compress(bytes(1000), 9)
    tags = [
        (256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 200),
        (277, 3, 1), (278, 4, height), (279, 4, len(data)),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head.ljust(200, b"\0") + data


def tiff_in_a_loop() -> bytes:
    """Its only page names itself as the next one."""
    data = bytearray(encoded(picture(2), "TIFF"))
    first = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[first : first + 2])[0]
    end = first + 2 + count * 12
    data[end : end + 4] = struct.pack("<I", first)
    return bytes(data)


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated: a few KB that take minutes to decode."""
    data = encoded(Image.new("L", (3000, 3000), 128), "JPEG", progressive=True, quality=50)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + b"\xff\xd9"


def png_with_text_bomb() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("comment", "A" * 100_000_000, zip=True)
    return encoded(picture(3), "PNG", pnginfo=text)


def tiff_with_profile(profile: bytes) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[34675] = profile
    tags.tagtype[34675] = 7
    return encoded(picture(4), "TIFF", tiffinfo=tags)


def animation(kind: str, frames: int = 50) -> bytes:
    rest = [picture(100 + i) for i in range(frames)]
    return encoded(picture(sum(kind.encode())), kind, save_all=True, append_images=rest)


def content_files() -> dict[str, tuple[bytes, str, str]]:
    """Name: (bytes, what becomes of it, what the reason must say)."""
    jpeg, png = encoded(picture(10), "JPEG"), encoded(picture(11), "PNG")
    webp, tiff = encoded(picture(12), "WEBP"), encoded(picture(13), "TIFF", compression="tiff_lzw")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'
    unknown, damaged, large = "is not a JPEG", "truncated or damaged", "million pixels"
    drawing, document, archive = "is a drawing (SVG)", "is a PDF", "is an archive (ZIP)"
    profile, exif = "colour profile cannot be used", "EXIF data cannot be read"
    return {
        "zero.jpg": (b"", REFUSED, "is empty"),
        "one-byte.jpg": (b"\xff", REFUSED, unknown),
        "text.jpg": (b"There is no photograph here.\n" * 50, REFUSED, unknown),
        "nulls.png": (bytes(5000), REFUSED, unknown),
        "noise.jpg": (np.random.default_rng(0).bytes(20_000), REFUSED, unknown),
        "cut-header.jpg": (jpeg[:20], REFUSED, ""),
        "cut-middle.jpg": (jpeg[: len(jpeg) // 2], REFUSED, damaged),
        "cut-end.jpg": (jpeg[:-40], REFUSED, damaged),
        "cut.png": (png[: len(png) // 2], REFUSED, damaged),
        "cut-checksum.png": (png[:-18], NOTED, "end is missing"),
        "cut.webp": (webp[: len(webp) // 2], REFUSED, ""),
        "cut.tif": (tiff[: len(tiff) - 300], REFUSED, "TIFF file of a kind that cannot be read, or damaged"),
        "flipped.png": (png[:60] + bytes(40) + png[100:], REFUSED, damaged),
        "bomb.png": (png_of_size(30_000, 30_000, bytes(3751 * 30_000)), REFUSED, large),
        "huge-header.png": (png_of_size(2**31 - 1, 2**31 - 1), REFUSED, ""),
        "huge-header.jpg": (jpeg_of_size(65_500, 65_500), REFUSED, ""),
        "bomb.gif": (gif_of_size(65_535, 65_535), REFUSED, ""),
        "bomb.tif": (tiff_of_size(60_000, 60_000), REFUSED, ""),
        "loop.tif": (tiff_in_a_loop(), NOTED, "stored as PNG"),
        "scans.jpg": (jpeg_of_scans(2000), REFUSED, "so many scans"),
        "text-bomb.png": (png_with_text_bomb(), REFUSED, damaged),
        "drawing.svg": (svg, REFUSED, drawing),
        "drawing.jpg": (svg, REFUSED, drawing),
        "drawing.xml": (b'<?xml version="1.0"?>\n<!-- drawn -->\n' + svg, REFUSED, drawing),
        "document.jpg": (b"%PDF-1.7\n" + jpeg, REFUSED, document),
        "postscript.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nloop", REFUSED, "is a PostScript file"),
        "archive.jpg": (b"PK\x03\x04" + bytes(500), REFUSED, archive),
        "program.png": (b"\x7fELF" + bytes(500), REFUSED, unknown),
        "jpeg-and-zip.jpg": (jpeg + b"PK\x03\x04" + b"x" * 900, NOTED, "bytes after the image's end"),
        "png-and-page.png": (png + b"<script>alert(1)</script>", NOTED, "bytes after the image's end"),
        "webp-and-more.webp": (webp + b"<?php system($_GET[0]); ?>", NOTED, "bytes after the image's end"),
        "gif-and-script.gif": (
            encoded(picture(14, mode="P"), "GIF") + b"*/=1;alert(1);/*", NOTED, "stored as PNG"
        ),
        "is-png.jpg": (encoded(picture(15), "PNG"), NOTED, "another extension than the content, PNG"),
        "animated.gif": (animation("GIF"), NOTED, "first of several frames"),
        "animated.webp": (animation("WEBP"), NOTED, "first of several frames"),
        "animated.png": (animation("PNG"), NOTED, "first of several frames"),
        "bad-profile.jpg": (encoded(picture(16), "JPEG", icc_profile=b"\0" * 400), NOTED, profile),
        "cmyk-profile.png": (encoded(picture(17), "PNG", icc_profile=b"garbage" * 99), NOTED, profile),
        "bad-profile.tif": (tiff_with_profile(b"acsp" * 100), NOTED, profile),
        "bad-exif.jpg": (encoded(picture(18), "JPEG", exif=b"Exif\0\0MM\0*" + b"\xff" * 40), NOTED, exif),
        "worse-exif.jpg": (encoded(picture(19), "JPEG", exif=b"Exif\0\0nonsense"), NOTED, exif),
    }  # fmt: skip


def make_odd_files(root: Path, outside: Path) -> dict[str, tuple[str, str]]:
    """Things below `root` that are no plain files, and names that lead out: row -> (outcome, reason)."""
    outside.write_bytes(encoded(picture(20), "JPEG"))
    (root / "out.jpg").symlink_to(outside)
    (root / "zero-device.jpg").symlink_to("/dev/zero")
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "folder.jpg").mkdir()
    os.mkfifo(root / "pipe.jpg")
    with (root / "sparse.jpg").open("wb") as file:
        file.truncate(2**40)
    elsewhere, absolute = "leads out of the folder", "is an absolute path"
    return {
        "out.jpg": (REFUSED, elsewhere),
        "zero-device.jpg": (REFUSED, elsewhere),
        "self.jpg": (REFUSED, "cannot be read"),
        "folder.jpg": (REFUSED, "is a folder"),
        "pipe.jpg": (REFUSED, "is not a regular file"),
        "sparse.jpg": (REFUSED, "MiB"),
        "missing.jpg": (REFUSED, "no such file"),
        "../secret.jpg": (REFUSED, elsewhere),
        "a/b/../../../secret.jpg": (REFUSED, elsewhere),
        "..\\secret.jpg": (REFUSED, elsewhere),
        "/dev/zero": (REFUSED, absolute),
        "/etc/passwd": (REFUSED, absolute),
        "C:\\Windows\\win.ini": (REFUSED, absolute),
        "\\\\server\\share\\a.jpg": (REFUSED, absolute),
        "file:///etc/passwd": (REFUSED, "is a web address"),
        "https://example.org/a.jpg": (REFUSED, "is a web address"),
        "good.jpg\x00.png": (REFUSED, "NUL"),
        "=HYPERLINK(1)": (REFUSED, "no such file"),
        "~/secret.jpg": (REFUSED, "no such file"),
        "$HOME/secret.jpg": (REFUSED, "no such file"),
        "n" * 5000 + ".jpg": (REFUSED, "has 5,004 characters"),
        ".": (REFUSED, "is a folder"),
        "*.jpg": (REFUSED, "no such file"),
    }
