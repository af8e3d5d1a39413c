"""What the name of a file promises of its content."""

from pathlib import PurePosixPath

_EXTENSIONS = {
    "jpg": "JPEG", "jpeg": "JPEG", "jpe": "JPEG", "jfif": "JPEG", "mpo": "JPEG", "png": "PNG", "apng": "PNG",
    "webp": "WEBP", "tif": "TIFF", "tiff": "TIFF", "gif": "GIF", "bmp": "BMP", "avif": "AVIF", "heic": "HEIF",
    "heif": "HEIF", "hif": "HEIF",
}  # fmt: skip


def promised_format(name: str) -> str | None:
    """The image format that the extension of `name` stands for; None where it stands for none."""
    return _EXTENSIONS.get(PurePosixPath(name.strip()).suffix.lower().removeprefix("."))


def is_image_name(name: str) -> bool:
    """Whether a file of that name is taken for an image."""
    return promised_format(name) is not None
