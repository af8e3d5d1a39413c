"""Sizes and ages of objects, and that what is put again is young again."""

import os
import time

import pytest
from saggar.store import DirectoryStore, Entry, ListedStore

HOUR_S = 3600.0


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


def aged(store, key, hours):
    then = time.time() - hours * HOUR_S
    os.utime(store.root / key, (then, then))


def test_entries_have_sizes_and_ages(store):
    assert isinstance(store, ListedStore)
    store.put("plans/a.json", b"{}", "application/json")
    store.put("plans/b.json", b"[1]", "application/json")
    aged(store, "plans/a.json", 5)
    first, second = store.entries("plans/")
    assert (first.key, first.size_bytes, second.size_bytes) == ("plans/a.json", 2, 3)
    assert first.modified == pytest.approx(time.time() - 5 * HOUR_S, abs=60)
    assert second.modified == pytest.approx(time.time(), abs=60)
    assert isinstance(first, Entry)
    assert list(store.entries("nothing/")) == []


@pytest.mark.parametrize("how", ["put", "put_file"])
def test_an_old_object_that_is_put_again_is_young(store, tmp_path, how):
    (tmp_path / "file").write_bytes(b"{}")
    store.put("plans/a.json", b"{}", "application/json")
    aged(store, "plans/a.json", 5)
    if how == "put":
        store.put("plans/a.json", b"{}", "application/json")
    else:
        store.put_file("plans/a.json", tmp_path / "file", "application/json")
    (entry,) = store.entries("plans/")
    assert entry.modified == pytest.approx(time.time(), abs=60)
