"""Files that are given as a photograph and cannot be read as one, by how they begin."""

RAW = "a raw photograph, as cameras keep them"
CANON = b"CR"  # behind a TIFF's header: CR2


class RefusedError(Exception):
    """An image that is what it says, and cannot be used."""


_READ = ((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"\x89PNG", "PNG"), (b"\xff\xd8\xff", "JPEG"))
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")
_OTHERS = (
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP image"),
    (b"8BPS", "a Photoshop document"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    *(
        (start, RAW)
        for start in (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0")
    ),
    (b"%PDF", "a PDF"),
    (b"%!PS", "a PostScript file"),
    (b"PK\x03\x04", "an archive (ZIP)"),
)


def is_heic(data: bytes) -> bool:
    """Whether it is a photograph as phones take them."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def known_kind(data: bytes, formats: tuple[str, ...] = ()) -> str:
    """What it is and what to do, for an error; blank where it begins as nothing that is known.

    A file of one of `formats`, which are read, is damaged.
    """
    if not data:
        return "is empty; replace it"
    name = next((name for start, name in _READ if data.startswith(start)), None)
    if name == "TIFF" and data[8:10] == CANON:
        return f"is {RAW}; save it as JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        name = "WebP"
    if name:
        return f"is a {name} file of a kind that cannot be read, or damaged; save it as JPEG or PNG"
    if data.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the image; `git lfs pull` gets it"
    if data[:512].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        return "is a web page, not an image; download the image itself"
    other = _boxed(data) or _drawn(data) or next((name for start, name in _OTHERS if data.startswith(start)), "")
    if any(name in other for name in formats):
        other += " of a kind that cannot be read, or damaged"
    return f"is {other}; save it as JPEG or PNG" if other else ""


def _drawn(data: bytes) -> str:
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")
    return "a drawing (SVG)" if start.startswith((b"<svg", b"<?xml")) and b"<svg" in start else ""


def _boxed(data: bytes) -> str:
    if data[4:8] != b"ftyp":
        return ""
    if is_heic(data):
        return "a HEIC photograph, as phones take them"
    if data[8:12] == b"crx ":
        return RAW
    return "an AVIF image" if data[8:12] in _AVIF_BRANDS else "a film, or a photograph in an MP4 box"
