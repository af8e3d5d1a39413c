"""Prepared pixels on disk: whole or missing, bounded, shared; photographs decoded once."""

import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from saggar.errors import InvalidInputError
from saggar.images import InputSpec
from saggar.store import DirectoryStore, put_image
from saggar_trainer.data.pixel_store import ABANDONED_S, PixelStore
from saggar_trainer.data.prepared import PreparedPhotographs, Recipe
from saggar_trainer.servicer import TrainerServicer
from saggar_trainer.settings import TrainerSettings

MEBIBYTE = 2**20


def pixels(seed: int, side: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (3, side, side + 3), dtype=np.uint8)


def name(number: int) -> str:
    return f"{number % 256:02x}{number:062x}"


def numbered(path: Path) -> int:
    return int(path.name[-62:], base=16)


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_what_was_put_is_found_by_others_too(tmp_path: Path) -> None:
    store = PixelStore(tmp_path, MEBIBYTE)
    assert store.get(name(1)) is None
    store.put(name(1), pixels(1).transpose(0, 2, 1))
    found = PixelStore(tmp_path, MEBIBYTE).get(name(1))
    assert found is not None
    assert np.array_equal(found, pixels(1).transpose(0, 2, 1))


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:-1] + b"\0", lambda b: b"", lambda b: b"\0" * len(b)]
)
def test_damaged_files_count_as_missing_and_are_replaced(tmp_path: Path, damage) -> None:
    store = PixelStore(tmp_path, MEBIBYTE)
    whole = np.full((3, 4, 4), 7, np.uint8)
    store.put(name(1), whole)
    (path,) = tmp_path.glob("??/*")
    path.write_bytes(damage(path.read_bytes()))
    assert store.get(name(1)) is None
    store.put(name(1), whole)
    assert np.array_equal(store.get(name(1)), whole)


def test_two_writers_stay_within_the_limit_and_what_is_used_stays(tmp_path: Path) -> None:
    limit = 64 * 1400
    stores = [PixelStore(tmp_path, limit), PixelStore(tmp_path, limit)]
    for number in range(200):
        stores[number % 2].put(name(number), pixels(number))
        assert size(tmp_path) <= limit
        assert stores[0].get(name(0)) is not None  # used all the time
    assert stores[0].get(name(1)) is None
    assert stores[0].get(name(199)) is not None
    assert size(tmp_path) > limit * 3 // 4
    stores[0].put(name(300), pixels(0, side=100))  # a third of the limit
    assert stores[0].get(name(300)) is None


def test_where_nothing_can_be_written_it_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = PixelStore(tmp_path / "file", MEBIBYTE)
    for number in range(3):
        store.put(name(number), pixels(number))
        assert store.get(name(number)) is None
    assert len([record for record in caplog.records if "each job decodes anew" in record.message]) == 1


WRITER = """
import sys
from pathlib import Path
import numpy as np
from saggar_trainer.data.pixel_store import PixelStore
store = PixelStore(Path(sys.argv[1]), 2**26)
print("ready", flush=True)
number = int(sys.argv[2])
while True:
    store.put(f"{number % 256:02x}{number:062x}", np.full((3, 100, 100), number % 251, np.uint8))
    number += 2
"""


def test_writers_killed_at_any_moment_leave_whole_images(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(first)], stdout=subprocess.PIPE)
        for first in (0, 1)
    ]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.readline()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("??/*"))) < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
    store = PixelStore(tmp_path, MEBIBYTE)
    whole = [path for path in tmp_path.glob("??/*") if not path.suffix]
    assert len(whole) >= 20
    for path in whole:
        found = store.get(path.name)
        assert found is not None
        assert (found == numbered(path) % 251).all()
    left = tmp_path / "00" / f"{name(0)}.abandoned"
    left.parent.mkdir(exist_ok=True)
    left.write_bytes(b"half")
    os.utime(left, (0, time.time() - 2 * ABANDONED_S))
    store.put(name(5), pixels(5))
    assert not left.exists()


class Counting(DirectoryStore):
    """Counts what is read of it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.reads: Counter[str] = Counter()

    def get(self, key: str) -> bytes:
        self.reads[key] += 1
        return super().get(key)


def test_a_photograph_is_decoded_once_for_all_that_is_made_of_it(tmp_path: Path) -> None:
    store = Counting(tmp_path / "store")
    buffer = io.BytesIO()
    Image.fromarray(pixels(3, side=90).transpose(1, 2, 0)).save(buffer, "PNG")
    key = put_image(store, buffer.getvalue(), "png").key
    recipes = [Recipe("training"), Recipe("training", 5), Recipe("training", 6), Recipe("evaluation")]
    spec = InputSpec(size_px=48)
    bare = [PreparedPhotographs(store, spec).pixels(key, recipe) for recipe in recipes]
    assert store.reads[key] == 4
    for _ in range(2):  # an arm, then another
        kept = PixelStore(tmp_path / "pixels", MEBIBYTE)
        photographs = PreparedPhotographs(store, spec, kept, {key: recipes})
        for recipe, expected in zip(recipes, bare, strict=True):
            assert np.array_equal(photographs.pixels(key, recipe), expected)
        assert store.reads[key] == 5
    smaller = PreparedPhotographs(store, InputSpec(size_px=32), kept, {key: recipes})
    assert smaller.pixels(key, recipes[3]).shape == (3, 32, 32)


def test_a_key_that_does_not_name_the_content_is_read_anew(tmp_path: Path) -> None:
    store = Counting(tmp_path / "store")
    photographs = PreparedPhotographs(store, InputSpec(size_px=16), PixelStore(tmp_path / "pixels", MEBIBYTE))
    found = []
    for shade in (10, 200):
        buffer = io.BytesIO()
        Image.new("RGB", (20, 20), (shade, shade, shade)).save(buffer, "PNG")
        store.replace("checkpoints/picture.png", buffer.getvalue(), "image/png")
        found.append(int(photographs.pixels("checkpoints/picture.png", Recipe("evaluation")).mean()))
    assert found == [10, 200]


def test_the_scratch_folder_is_made_or_refused(tmp_path: Path) -> None:
    store, folder = DirectoryStore(tmp_path / "store"), tmp_path / "new" / "scratch"
    TrainerServicer(store, TrainerSettings(device="cpu", scratch=folder))
    assert folder.is_dir()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"SAGGAR_SCRATCH=.*file/scratch: no folder can be made"):
        TrainerServicer(store, TrainerSettings(device="cpu", scratch=tmp_path / "file" / "scratch"))
