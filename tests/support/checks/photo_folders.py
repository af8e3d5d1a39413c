"""A folder of photographs and a table beside it, for tests of imports."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hostile_files import encoded, picture
from saggar.errors import InvalidInputError
from saggar.importing.intake import import_csv
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("song-yuan-porcelain")
HEAD = "image,dynasty,kiln,glaze,type"
ROWS = ("a.jpg,Song,Ding,IvoryW,Bowl", "b.jpg,Yuan,Jun,MoonW,Plate")


def put(folder: Path, name: str | bytes, seed: int) -> None:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(picture(seed + 100), "JPEG"))


def table(tmp_path: Path, data: str | bytes, name: str = "labels.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def refusal(root: Path, path: Path, store: DirectoryStore) -> str:
    with pytest.raises(InvalidInputError) as caught:
        import_csv(root, path, TAXONOMY, store)
    return str(caught.value)
