"""A base model as a file or a command names it: nano, a hub id, or a path."""

from __future__ import annotations

import os
from pathlib import Path


def with_absolute_path(name: str, folder: Path) -> str:
    """Paths, which start from `folder`, made absolute: the generator has another working folder. A folder or
    file that is there is one, also where a hub id could be meant.
    """
    path = folder / Path(name).expanduser()
    is_path = name.startswith((".", "~", "/")) or (name != "nano" and os.path.exists(path))  # noqa: PTH110 a name that is too long is none
    return str(path.resolve()) if is_path else name
