"""Prompts and photographs from files, images into a folder, and all of them side by side."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image
from saggar.decoding import IMPORTED, read_image
from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.regular import read_regular
from saggar.files.text_encoding import marked_text

_MOST_BYTES = 1 << 30  # of a file to be read
_GAP_PX = 4
_LARGEST_TILE_PX = 256


def read_prompts(path: Path) -> list[str]:
    """A prompt a line; blank lines and those that begin with # are left out."""
    try:
        lines = marked_text(read_regular(path, _MOST_BYTES), str(path)).splitlines()
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    found = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not found:
        raise InvalidInputError(f"{path}: no prompt in it; write one a line")
    return found


def read_photograph(path: Path) -> tuple[bytes, str]:
    """The photograph upright and in sRGB, as PNG, and its extension."""
    import io

    try:
        data = read_regular(path, _MOST_BYTES)
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path", str(path)) from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error.strerror})") from None
    buffer = io.BytesIO()
    read_image(data, str(path), IMPORTED).image.save(buffer, "PNG")
    return buffer.getvalue(), "png"


def folder_for(path: Path) -> Path:
    """The folder, made when missing. Raises InvalidInputError where it cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidInputError(
            f"cannot make the folder {path} ({error.strerror}); name one that you may write to"
        ) from None
    return path


def grid(files: list[Path], columns: int = 0) -> Image.Image:
    """The pictures in rows of `columns` (0: about as many columns as rows), at most 256 px each."""
    columns = columns or math.ceil(math.sqrt(len(files)))
    rows = math.ceil(len(files) / columns)
    with Image.open(files[0]) as first:
        scale = min(1.0, _LARGEST_TILE_PX / max(first.size))
        width, height = (round(side * scale) for side in first.size)
    sheet = Image.new("RGB", (columns * (width + _GAP_PX) - _GAP_PX, rows * (height + _GAP_PX) - _GAP_PX), "white")
    for number, file in enumerate(files):
        with Image.open(file) as image:
            tile = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        sheet.paste(tile, (column * (width + _GAP_PX), row * (height + _GAP_PX)))
    return sheet
