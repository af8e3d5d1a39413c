import pytest
from saggar.errors import AlreadyExistsError
from saggar.store import DirectoryStore
from saggar.store.together import together


def test_objects_are_whole_at_once_and_their_folders_remembered(tmp_path):
    store = DirectoryStore(tmp_path)
    with together(store) as batch:
        for number in range(6):
            batch.put(f"images/{number % 2}{number % 2}/{number}.png", b"x", "image/png")
        assert store.get("images/00/0.png") == b"x"
        assert {folder.name for folder in batch.folders} == {"00", "11"}  # flushed when the block ends
    assert len(list(store.list("images/"))) == 6


def test_the_rules_of_the_store_hold_within(tmp_path):
    store = DirectoryStore(tmp_path)
    with together(store) as batch:
        batch.put("a", b"1", "text/plain")
        batch.put("a", b"1", "text/plain")
        with pytest.raises(AlreadyExistsError):
            batch.put("a", b"2", "text/plain")


def test_another_kind_of_store_is_used_as_it_is():
    store = object()
    with together(store) as batch:
        assert batch is store
