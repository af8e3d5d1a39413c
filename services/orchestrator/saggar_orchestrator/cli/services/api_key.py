"""The key that the classifier may ask for: out of a file, so that no list of processes and no history shows it."""

from __future__ import annotations

import stat
from pathlib import Path

from saggar_orchestrator.cli.terminal.output import warn

_LONGEST_BYTES = 4096


def read_key(path: Path | None) -> str:
    """The key in the file at `path`, empty where none is named. Warns where other users may read it.

    Raises InvalidInputError for a file without one line of plain characters.
    """
    if path is None:
        return ""
    from saggar.errors import InvalidInputError
    from saggar.files.regular import read_regular
    from saggar.files.text_encoding import marked_text
    from saggar.settings import what_is_wrong_with_key

    try:
        text = marked_text(read_regular(path, _LONGEST_BYTES), str(path)).strip()
        readable = path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    except OSError as error:
        raise InvalidInputError(
            f"{path}: the API key's file cannot be read ({error.strerror}); check --api-key-file"
        ) from None
    if wrong := what_is_wrong_with_key(text) or ("" if text else "is none"):
        raise InvalidInputError(f"{path}: must hold one line, the API key, and nothing else; what it holds {wrong}")
    if readable:
        warn(f"warning: {path}: other users can read this key; `chmod 600 {path}`")
    return text
