"""What only a store in a directory can suffer: full disks, changed files, lost mounts."""

import os
from pathlib import Path

import pytest
from saggar.errors import (
    DataCorruptionError,
    InvalidInputError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.store import DirectoryStore


def test_a_changed_file_is_corruption(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    ref = store.put("a/b.txt", b"right", "text/plain")
    (tmp_path / "a" / "b.txt").write_bytes(b"wrong")
    with pytest.raises(DataCorruptionError, match=r"restore the object"):
        store.read(ref)


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    store = DirectoryStore(tmp_path)
    with pytest.raises(StorageFullError, match=r"no room left.*free some space"), FullDisk(store):
        store.put("a/b.txt", b"data" * 100_000, "text/plain")
    assert list(store.list("")) == []


class FullDisk:
    """Makes every unfinished file of a store a link to /dev/full, whose writes fail as those of a full disk
    do.
    """

    def __init__(self, store: DirectoryStore) -> None:
        self.folder = store.root / ".unfinished"

    def __enter__(self) -> None:
        self.real = Path.open

        def full(path: Path, *arguments: object, **options: object) -> object:
            if path.parent == self.folder:
                return self.real(Path("/dev/full"), "wb")
            return self.real(path, *arguments, **options)

        Path.open = full

    def __exit__(self, *_: object) -> None:
        Path.open = self.real


def test_a_store_that_is_gone_is_unavailable_not_empty(tmp_path: Path) -> None:
    root = tmp_path / "mounted"
    store = DirectoryStore(root)
    store.put("a/b.txt", b"1", "text/plain")
    root.rename(tmp_path / "elsewhere")
    for call in (
        lambda: store.get("a/b.txt"),
        lambda: store.exists("a/b.txt"),
        lambda: store.put("a/c.txt", b"1", "text/plain"),
        lambda: list(store.list("")),
    ):
        with pytest.raises(UnavailableError, match=r"mount or restore it|try again"):
            call()
    (tmp_path / "elsewhere").rename(root)
    assert store.get("a/b.txt") == b"1"


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(WrongStateError, match=r"must be a folder"):
        DirectoryStore(tmp_path / "file")


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    store = DirectoryStore(tmp_path)
    (tmp_path / "a").mkdir(mode=0o500)
    with pytest.raises(WrongStateError, match=r"can write to"):
        store.put("a/b.txt", b"1", "text/plain")


def test_a_key_below_another_object_is_refused(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.put("a/b", b"1", "text/plain")
    with pytest.raises(InvalidInputError, match=r"below another object"):
        store.put("a/b/c", b"1", "text/plain")
    with pytest.raises(InvalidInputError, match=r"is a folder"):
        store.put("a", b"1", "text/plain")


def test_unfinished_files_are_swept_after_a_day(tmp_path: Path) -> None:
    DirectoryStore(tmp_path)
    for name, age in (("old", 2 * 86400), ("young", 60)):
        path = tmp_path / ".unfinished" / name
        path.write_bytes(b"half")
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    assert list(DirectoryStore(tmp_path).list("")) == []
    assert [p.name for p in (tmp_path / ".unfinished").iterdir()] == ["young"]
