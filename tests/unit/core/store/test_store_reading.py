"""Whoever reads an object gets what its key or its reference promises, or an error; never more memory than that."""

from __future__ import annotations

import hashlib
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from saggar.errors import DataCorruptionError, NotFoundError
from saggar.store import DirectoryStore, ObjectRef, put_image, sha256_of_key
from saggar.store.s3 import S3Store
from saggar.store.verified_reads import LARGEST_IMAGE_BYTES
from test_s3_faults import Answer, FaultyS3, faulty  # noqa: F401 a fixture

PICTURE = b"not really a PNG"
READS: list[Callable[[DirectoryStore | S3Store, ObjectRef, Path], object]] = [
    lambda store, ref, _: store.get(ref.key),
    lambda store, ref, _: store.read(ref),
    lambda store, ref, folder: store.fetch(ref.key, folder / "copy"),
]
read = pytest.mark.parametrize("read", READS, ids=["get", "read", "fetch"])


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "store")


@read
def test_an_image_that_was_replaced_under_its_key_is_never_handed_out(
    store: DirectoryStore, tmp_path: Path, read: Callable[..., object]
) -> None:
    ref = put_image(store, PICTURE, "png")
    read(store, ref, tmp_path)
    (tmp_path / "copy").unlink(missing_ok=True)
    (store.root / ref.key).write_bytes(PICTURE[::-1])  # the same size
    with pytest.raises(DataCorruptionError, match=rf"{ref.key} does not match its checksum.*restore the object"):
        read(store, ref, tmp_path)
    assert not (tmp_path / "copy").exists()
    assert not list(tmp_path.glob(".copy*"))


@read
def test_an_s3_image_that_was_replaced_is_never_handed_out(
    faulty: Callable[..., FaultyS3],  # noqa: F811
    tmp_path: Path,
    read: Callable[..., object],
) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    ref = ObjectRef(f"images/{digest[:2]}/{digest}.png", digest, len(PICTURE), "image/png")
    read(faulty(get=[Answer(200, body=PICTURE)]).store, ref, tmp_path)
    s3 = faulty(get=[Answer(200, body=PICTURE[::-1])])
    with pytest.raises(DataCorruptionError, match="does not match its checksum"):
        read(s3.store, ref, tmp_path)
    assert s3.count("GET") == 1


def test_an_object_larger_than_its_reference_is_refused_by_its_size_alone(store: DirectoryStore) -> None:
    ref = store.put("datasets/a/manifest.parquet", b"rows", "application/vnd.apache.parquet")
    with (store.root / ref.key).open("rb+") as file:
        file.truncate(3 << 30)  # takes no room on the disk
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataCorruptionError, match="3221225472 bytes stored, 4 expected"):
        store.read(ref)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


def test_an_image_larger_than_any_is_refused_by_its_size_alone(store: DirectoryStore) -> None:
    ref = put_image(store, PICTURE, "png")
    with (store.root / ref.key).open("rb+") as file:
        file.truncate(LARGEST_IMAGE_BYTES + 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataCorruptionError, match="no image has more than 512"):
        store.get(ref.key)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_an_s3_object_larger_than_its_reference_is_not_downloaded(faulty: Callable[..., FaultyS3]) -> None:  # noqa: F811
    claimed = Answer(200, body=b"rows", headers={"Content-Length": str(3 << 30)})
    s3 = faulty(get=[claimed])
    ref = ObjectRef("datasets/a/manifest.parquet", hashlib.sha256(b"rows").hexdigest(), 4, "application/octet-stream")
    with pytest.raises(DataCorruptionError, match="3221225472 bytes stored, 4 expected"):
        s3.store.read(ref)
    assert s3.count("GET") == 1


def test_a_reference_whose_key_names_another_hash_is_refused(store: DirectoryStore) -> None:
    ref = put_image(store, PICTURE, "png")
    other = ObjectRef(ref.key, "0" * 64, ref.size_bytes, ref.media_type)
    with pytest.raises(DataCorruptionError, match="another than its key's"):
        store.read(other)


@pytest.mark.parametrize(
    ("key", "named"),
    [
        (f"images/ab/ab{'0' * 62}.png", True),
        (f"images/ab/ab{'0' * 62}.JPEG", True),
        (f"images/cd/ab{'0' * 62}.png", False),
        (f"images/ab/ab{'0' * 61}.png", False),
        (f"datasets/ab/ab{'0' * 62}.png", False),
    ],
)
def test_only_keys_of_images_name_a_hash(key: str, named: bool) -> None:
    assert sha256_of_key(key) == ("ab" + "0" * 62 if named else None)


@read
def test_what_is_missing_is_named_by_every_read(
    store: DirectoryStore, tmp_path: Path, read: Callable[..., object]
) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    ref = ObjectRef(f"images/{digest[:2]}/{digest}.png", digest, len(PICTURE), "image/png")
    with pytest.raises(NotFoundError, match=ref.key):
        read(store, ref, tmp_path)
