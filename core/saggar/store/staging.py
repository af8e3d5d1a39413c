"""Many images in one go: written beside the store while the rest is still being checked, then published."""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from saggar.store.directory import DirectoryStore
from saggar.store.images import image_key
from saggar.store.objects import OCTETS, ObjectRef, ObjectStore, media_type_of

_UPLOADS = 4  # at once; they wait for the network more than they work


class Staging:
    """Images that may come to be in `store`, until then files of `folder`. Safe to use from many threads."""

    def __init__(self, store: ObjectStore, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._writing = threading.Lock()  # writers to one folder spin in the kernel, which costs more

    def put_image(self, data: bytes, extension: str) -> str:
        """Writes an encoded image where `publish` finds it; the key that it is going to have.

        Raises as `ObjectStore.put`.
        """
        digest = hashlib.sha256(data).hexdigest()
        key = image_key(digest, extension)
        ref = ObjectRef(key, digest, len(data), media_type_of(key, OCTETS))
        if not (isinstance(self._store, DirectoryStore) and self._store.holds(ref)):
            with self._writing, open(self._file(key), "wb") as file:  # noqa: PTH123 a Path takes longer
                file.write(data)
        return key

    def publish(self, keys: Collection[str]) -> Iterator[str]:
        """Puts staged images into the store, where they last when the iterator has ended; yields the keys.

        Raises as `ObjectStore.put`.
        """
        staged = set(os.listdir(self._folder))  # noqa: PTH208 names only
        files = {key: Path(self._file(key)) for key in keys if key.rpartition("/")[2] in staged}
        yield from (key for key in keys if key not in files)
        if isinstance(self._store, DirectoryStore):
            yield from self._store.adopt(files)
        else:
            with ThreadPoolExecutor(_UPLOADS) as pool:
                yield from pool.map(self._upload, files.items())

    def _file(self, key: str) -> str:
        return f"{self._folder}/{key.rpartition('/')[2]}"

    def _upload(self, item: tuple[str, Path]) -> str:
        key, file = item
        return self._store.put(key, file.read_bytes(), media_type_of(key, OCTETS)).key


@contextmanager
def staging(store: ObjectStore) -> Iterator[Staging]:
    """Where images for `store` wait; those that are not published when the block ends are gone.

    Within a directory store when it is one, else in the system's folder for temporary files.
    """
    if isinstance(store, DirectoryStore):
        with store.unfinished_folder() as folder:
            yield Staging(store, folder)
    else:
        with tempfile.TemporaryDirectory(prefix="saggar-") as name:
            yield Staging(store, Path(name))
