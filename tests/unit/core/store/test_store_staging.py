from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from saggar.errors import AlreadyExistsError, StorageFullError
from saggar.store import DirectoryStore, flushing, put_image
from saggar.store.staging import staging

PICTURES = [str(number).encode() for number in range(40)]


class Elsewhere:
    """A store that is no directory, as far as staging can tell."""

    def __init__(self, root: Path) -> None:
        self.inner = DirectoryStore(root)
        self.put = self.inner.put


@pytest.fixture(params=["directory", "elsewhere"])
def store(request, tmp_path):
    return DirectoryStore(tmp_path / "s") if request.param == "directory" else Elsewhere(tmp_path / "s")


def objects(store):
    store = getattr(store, "inner", store)
    return {key: store.get(key) for key in store.list("")}


def unfinished(store):
    return list((getattr(store, "inner", store).root / ".unfinished").iterdir())


def test_images_are_there_when_published_and_not_before(store):
    with staging(store) as staged, ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda data: staged.put_image(data, "png"), PICTURES * 3))
        assert objects(store) == {}
        assert sorted(staged.publish(keys[: len(PICTURES)])) == sorted(set(keys))
    assert objects(store) == dict(zip(keys, PICTURES, strict=False))
    assert unfinished(store) == []


def test_only_what_is_published_stays(store):
    with staging(store) as staged:
        keys = [staged.put_image(data, "png") for data in PICTURES[:3]]
        list(staged.publish(keys[1:2]))
    assert objects(store) == {keys[1]: PICTURES[1]}
    assert unfinished(store) == []


def test_a_block_that_raises_leaves_nothing(store):
    def broken_off() -> None:
        with staging(store) as staged:
            staged.put_image(b"1", "png")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken_off()
    assert objects(store) == {}
    assert unfinished(store) == []


def test_images_that_the_store_has_are_left_as_they_are(store):
    key = put_image(store, b"1", "png").key
    with staging(store) as staged:
        assert list(staged.publish([staged.put_image(b"1", "png")])) == [key]
    assert objects(store) == {key: b"1"}


def test_a_damaged_image_in_the_store_is_told(tmp_path):
    store = DirectoryStore(tmp_path)
    key = put_image(store, b"1", "png").key
    (tmp_path / key).write_bytes(b"2")
    with staging(store) as staged, pytest.raises(AlreadyExistsError):
        staged.put_image(b"1", "png")


def test_an_object_of_another_writer_is_compared(tmp_path):
    store = DirectoryStore(tmp_path)
    with staging(store) as staged:
        keys = [staged.put_image(data, "png") for data in (b"1", b"2")]
        put_image(store, b"1", "png")
        (tmp_path / keys[1]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / keys[1]).write_bytes(b"3")
        assert list(staged.publish(keys[:1])) == keys[:1]
        with pytest.raises(AlreadyExistsError):
            list(staged.publish(keys[1:]))


def test_a_full_disk_is_told_with_what_to_do(tmp_path, monkeypatch):
    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    store = DirectoryStore(tmp_path)

    def write() -> None:
        with staging(store) as staged:
            monkeypatch.setattr("saggar.store.staging.open", full, raising=False)
            staged.put_image(b"1", "png")

    with pytest.raises(StorageFullError, match="free some space"):
        write()
    monkeypatch.undo()
    assert objects(store) == {}


def test_without_the_operating_systems_call_each_file_is_flushed(tmp_path, monkeypatch):
    flushed = []
    monkeypatch.setattr(flushing, "_syncfs", lambda: None)
    monkeypatch.setattr(flushing.os, "fsync", flushed.append)
    store = DirectoryStore(tmp_path)
    with staging(store) as staged:
        keys = [staged.put_image(data, "png") for data in PICTURES[:2]]
        list(staged.publish(keys))
    assert len(flushed) == 4  # two files, two folders
    assert sorted(objects(store)) == sorted(keys)
