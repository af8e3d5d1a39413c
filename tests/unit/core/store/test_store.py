"""Both stores keep the same promises.

The directory store is always tested. The S3 store is tested against any S3 server when these are set:

    SAGGAR_TEST_S3_ENDPOINT=http://127.0.0.1:9000  SAGGAR_TEST_S3_ACCESS_KEY=...
    SAGGAR_TEST_S3_SECRET_KEY=...

Tests make buckets whose names start with saggar-test- and remove them.
"""

import hashlib
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minio import Minio
from properties import examples
from saggar.errors import (
    AlreadyExistsError,
    DataCorruptionError,
    InvalidInputError,
    NotFoundError,
    SaggarError,
    UnavailableError,
    WrongStateError,
)
from saggar.store import DirectoryStore, ObjectRef, ObjectStore, open_store, put_image
from saggar.store.s3 import S3Store

ENDPOINT = os.environ.get("SAGGAR_TEST_S3_ENDPOINT", "")
ACCESS_KEY = os.environ.get("SAGGAR_TEST_S3_ACCESS_KEY", "")
SECRET_KEY = os.environ.get("SAGGAR_TEST_S3_SECRET_KEY", "")
NO_S3 = "no S3 server; set SAGGAR_TEST_S3_ENDPOINT, SAGGAR_TEST_S3_ACCESS_KEY and SAGGAR_TEST_S3_SECRET_KEY"


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    if not ENDPOINT:
        pytest.skip(NO_S3)
    parts = urlsplit(ENDPOINT)
    client = Minio(parts.netloc, ACCESS_KEY, SECRET_KEY, secure=parts.scheme == "https", region="us-east-1")
    name = f"saggar-test-{uuid.uuid4().hex[:12]}"
    client.make_bucket(name)
    yield name
    for item in client.list_objects(name, recursive=True):
        client.remove_object(name, item.object_name)
    client.remove_bucket(name)


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    if request.param == "directory":
        yield open_store((tmp_path / "store").as_uri())
        return
    name = request.getfixturevalue("bucket")
    made = open_store(f"s3://{name}?endpoint={ENDPOINT}", ACCESS_KEY, SECRET_KEY)
    yield made
    for key in list(made.list("")):
        made.delete(key)


@pytest.fixture
def s3(bucket: str) -> S3Store:
    made = open_store(f"s3://{bucket}?endpoint={ENDPOINT}", ACCESS_KEY, SECRET_KEY)
    assert isinstance(made, S3Store)
    return made


def test_what_is_put_is_got(store: ObjectStore) -> None:
    ref = store.put("datasets/a/manifest.parquet", b"rows", "application/vnd.apache.parquet")
    assert ref == ObjectRef(
        "datasets/a/manifest.parquet",
        hashlib.sha256(b"rows").hexdigest(),
        4,
        "application/vnd.apache.parquet",
    )
    assert store.get(ref.key) == b"rows"
    assert store.read(ref) == b"rows"
    assert store.stat(ref.key) == ref
    assert store.exists(ref.key)


def test_an_empty_object_is_an_object(store: ObjectStore) -> None:
    ref = store.put("a/empty.txt", b"", "text/plain; charset=utf-8")
    assert store.exists("a/empty.txt")
    assert store.read(ref) == b""
    assert store.stat("a/empty.txt") == ref


@pytest.mark.parametrize("key", ["a/x.png", "a/x.json", "a/report.html", "a/model.onnx", "a/no-extension"])
def test_put_and_stat_agree_on_the_media_type(store: ObjectStore, key: str) -> None:
    assert store.put(key, b"1", "application/octet-stream") == store.stat(key)


def test_equal_bytes_again_are_a_no_op(store: ObjectStore) -> None:
    first = store.put("a/b.json", b"{}", "application/json")
    assert store.put("a/b.json", b"{}", "application/json") == first


def test_other_bytes_are_refused_and_leave_the_first(store: ObjectStore) -> None:
    store.put("a/b.json", b"{}", "application/json")
    with pytest.raises(AlreadyExistsError, match=r"a/b\.json.*choose another key"):
        store.put("a/b.json", b"[]", "application/json")
    assert store.get("a/b.json") == b"{}"


def test_files_are_put_like_bytes(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"w" * 3_000_000)
    ref = store.put_file("a/w.safetensors", path, "application/octet-stream")
    assert ref == store.stat("a/w.safetensors")
    assert store.put("a/w.safetensors", path.read_bytes(), "application/octet-stream") == ref
    path.write_bytes(b"other")
    with pytest.raises(AlreadyExistsError):
        store.put_file("a/w.safetensors", path, "application/octet-stream")
    with pytest.raises(NotFoundError, match=r"no such file"):
        store.put_file("a/x", tmp_path / "none", "application/octet-stream")


def test_an_object_larger_than_one_part_is_written_whole(store: ObjectStore) -> None:
    data = os.urandom(1 << 20) * 12  # clients cut S3 uploads at 5 MiB unless told otherwise
    ref = store.put("a/large.zip", data, "application/zip")
    assert store.read(ref) == data
    with pytest.raises(AlreadyExistsError):
        store.put("a/large.zip", data[:-1], "application/zip")


@pytest.mark.parametrize("call", ["get", "stat"])
def test_what_is_missing_is_named(store: ObjectStore, call: str) -> None:
    with pytest.raises(NotFoundError, match=r"a/none") as caught:
        getattr(store, call)("a/none")
    assert caught.value.name == "a/none"
    assert not store.exists("a/none")


def test_a_folder_is_not_an_object(store: ObjectStore) -> None:
    store.put("a/b/c.txt", b"1", "text/plain")
    assert not store.exists("a/b")
    for call in (store.get, store.stat):
        with pytest.raises(NotFoundError):
            call("a/b")


def test_fetch_makes_a_whole_local_file(store: ObjectStore, tmp_path: Path) -> None:
    store.put("a/b.txt", b"content", "text/plain")
    target = tmp_path / "deep" / "copy.txt"
    store.fetch("a/b.txt", target)
    assert target.read_bytes() == b"content"
    with pytest.raises(NotFoundError):
        store.fetch("a/none.txt", target)
    assert target.read_bytes() == b"content"
    assert [p.name for p in target.parent.iterdir()] == ["copy.txt"]


def test_list_gives_sorted_keys_by_any_prefix(store: ObjectStore) -> None:
    keys = ["images/ab/1.png", "images/ab-/1.png", "images/ac/2.png", "imagesx/3.png", "other"]
    for key in keys:
        store.put(key, key.encode(), "image/png")
    assert list(store.list("")) == sorted(keys)
    assert list(store.list("images/")) == ["images/ab-/1.png", "images/ab/1.png", "images/ac/2.png"]
    assert list(store.list("images/ab")) == ["images/ab-/1.png", "images/ab/1.png"]
    assert list(store.list("images/ac/2.png")) == ["images/ac/2.png"]
    assert list(store.list("nothing/")) == []


def test_delete_forgets_and_may_be_repeated(store: ObjectStore) -> None:
    store.put("a/b.txt", b"1", "text/plain")
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert not store.exists("a/b.txt")
    store.put("a/b.txt", b"2", "text/plain")
    assert store.get("a/b.txt") == b"2"


def test_checkpoints_and_only_they_are_replaced(store: ObjectStore) -> None:
    store.replace("checkpoints/trainer/1/state.pt", b"1", "application/octet-stream")
    ref = store.replace("checkpoints/trainer/1/state.pt", b"22", "application/octet-stream")
    assert store.read(ref) == b"22"
    assert store.stat(ref.key) == ref
    with pytest.raises(InvalidInputError, match=r"cannot be replaced"):
        store.replace("bundles/1/bundle.json", b"1", "application/json")


BAD_KEYS = [
    *("", "/etc/passwd", "../up", "a/../../up", "a//b", "a/", "./a", ".hidden", "a/.b"),
    *("a\\b", "a\x00b", "a b", "a\n", "é", "a" * 201, "/".join(["a" * 100] * 10)),
]


@pytest.mark.parametrize("key", BAD_KEYS)
def test_keys_that_leave_the_store_or_are_not_portable_are_refused(store: ObjectStore, key: str) -> None:
    for call in (
        lambda: store.put(key, b"1", "text/plain"),
        lambda: store.get(key),
        lambda: store.stat(key),
        lambda: store.exists(key),
        lambda: store.delete(key),
    ):
        with pytest.raises(InvalidInputError, match=r"is not a store key"):
            call()


@pytest.mark.parametrize("prefix", ["../", "/", "a/../", "a//"])
def test_prefixes_that_leave_the_store_are_refused(store: ObjectStore, prefix: str) -> None:
    with pytest.raises(InvalidInputError):
        list(store.list(prefix))


def test_of_many_writers_of_one_key_one_wins_and_all_know(store: ObjectStore) -> None:
    start = threading.Barrier(8)
    won: list[bytes] = []
    lost: list[SaggarError] = []

    def write(data: bytes) -> None:
        start.wait()
        try:
            store.put("a/contended", data, "application/octet-stream")
            won.append(data)
        except AlreadyExistsError as error:
            lost.append(error)

    threads = [threading.Thread(target=write, args=(bytes([n]) * 200_000,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert len(lost) == 7
    assert store.get("a/contended") == won[0]


def test_many_writers_of_equal_bytes_all_succeed(store: ObjectStore) -> None:
    refs: list[ObjectRef] = []
    threads = [
        threading.Thread(target=lambda: refs.append(store.put("a/same", b"s" * 100_000, "text/plain")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refs) == 8
    assert len(set(refs)) == 1


def test_images_are_named_by_their_content(store: ObjectStore) -> None:
    ref = put_image(store, b"pixels", ".PNG")
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert ref == ObjectRef(f"images/{digest[:2]}/{digest}.png", digest, 6, "image/png")
    assert put_image(store, b"pixels", "png") == ref
    assert list(store.list("images/")) == [ref.key]


def test_a_reference_that_does_not_match_is_corruption(store: ObjectStore) -> None:
    ref = store.put("a/b.txt", b"right", "text/plain")
    with pytest.raises(DataCorruptionError, match=r"a/b\.txt does not match its checksum"):
        store.read(ObjectRef(ref.key, hashlib.sha256(b"wrong").hexdigest(), 5, ref.media_type))


KEYS = st.from_regex(r"[a-z]{1,2}(/[a-z]{1,2}){0,2}\.(png|json|bin)", fullmatch=True)
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["put", "delete", "replace"]), KEYS, st.binary(max_size=64)), max_size=20
)


@examples(60, one_fixture_for_all=True)
@given(operations=OPERATIONS)
def test_a_store_behaves_like_a_dictionary(
    operations: list[tuple[str, str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    behaves_like_a_dictionary(DirectoryStore(tmp_path_factory.mktemp("store")), operations)


@examples(10, one_fixture_for_all=True)
@given(operations=OPERATIONS)
def test_an_s3_store_behaves_like_a_dictionary(operations: list[tuple[str, str, bytes]], s3: S3Store) -> None:
    for key in list(s3.list("")):
        s3.delete(key)
    behaves_like_a_dictionary(s3, operations)


def behaves_like_a_dictionary(store: ObjectStore, operations: list[tuple[str, str, bytes]]) -> None:
    model: dict[str, bytes] = {}
    for operation, key, data in operations:
        if operation == "put":
            if model.setdefault(key, data) == data:
                assert store.put(key, data, "application/octet-stream") == store.stat(key)
            else:
                with pytest.raises(AlreadyExistsError):
                    store.put(key, data, "application/octet-stream")
        elif operation == "replace":
            checkpoint = f"checkpoints/{key}"
            store.replace(checkpoint, data, "application/octet-stream")
            model[checkpoint] = data
        else:
            store.delete(key)
            model.pop(key, None)
    assert list(store.list("")) == sorted(model)
    for key, data in model.items():
        assert store.get(key) == data
        assert store.stat(key).sha256 == hashlib.sha256(data).hexdigest()


# What only S3 can suffer.


def test_nobody_at_the_endpoint_is_unavailable() -> None:
    store = S3Store("127.0.0.1:1", "bucket", "access", "secret", secure=False)
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1.*check that it runs"):
        store.get("a/b.txt")


@pytest.mark.parametrize(
    ("access", "secret", "told"),
    [("nobody", SECRET_KEY, "SAGGAR_S3_ACCESS_KEY"), (ACCESS_KEY, "wrong", "SAGGAR_S3_SECRET_KEY")],
)
@pytest.mark.parametrize("call", ["get", "stat"])
def test_wrong_credentials_are_told(bucket: str, access: str, secret: str, told: str, call: str) -> None:
    store = open_store(f"s3://{bucket}?endpoint={ENDPOINT}", access, secret)
    with pytest.raises(WrongStateError, match=told):
        getattr(store, call)("a/b.txt")
    with pytest.raises(WrongStateError, match=told):
        store.put("a/b.txt", b"1", "text/plain")


@pytest.mark.parametrize("call", ["get", "stat", "list"])
def test_a_missing_bucket_is_told(bucket: str, call: str) -> None:
    store = open_store(f"s3://{bucket}-none?endpoint={ENDPOINT}", ACCESS_KEY, SECRET_KEY)
    with pytest.raises(WrongStateError, match=r"bucket does not exist; create it"):
        getattr(store, call)("a/b.txt")


def test_an_object_of_another_program_has_a_reference(bucket: str, s3: S3Store, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"foreign")
    parts = urlsplit(ENDPOINT)
    client = Minio(parts.netloc, ACCESS_KEY, SECRET_KEY, secure=parts.scheme == "https", region="us-east-1")
    client.fput_object(bucket, "a/foreign.bin", str(tmp_path / "x"))
    assert s3.stat("a/foreign.bin").sha256 == hashlib.sha256(b"foreign").hexdigest()
    s3.delete("a/foreign.bin")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "empty"),
        ("ftp://host/x", "unknown scheme 'ftp'"),
        ("s3:/bucket", "two slashes"),
        ("s3:bucket?endpoint=http:/h:1", "two slashes"),
        ("file:/somewhere", "two slashes"),
        ("file://relative/x", "absolute folder"),
        ("s3://", "must name one bucket"),
        ("s3://b/folder?endpoint=http://h:1", "no folder"),
        ("s3://b?endpoint=h:1", "endpoint such as"),
        ("s3://b?endpont=http://h:1", "unknown parameter endpont"),
        ("s3://b?endpoint=http://h:1/minio", "the endpoint has the path /minio.*give endpoint=http://h:1"),
        ("s3://b?endpoint=http://h:1/b", "names the bucket twice"),
        ("s3://b?endpoint=https://b.s3.example.org", "give endpoint=https://s3.example.org&style=virtual"),
        ("s3://b?endpoint=http://h:1&style=host", "style=virtual"),
        ("s3://b?endpoint=http://h:1", "SAGGAR_S3_ACCESS_KEY"),
    ],
)
def test_a_wrong_url_is_told(url: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told):
        open_store(url)


def test_a_plain_path_and_a_file_url_name_the_same_store(tmp_path: Path) -> None:
    root = tmp_path / "with space"
    open_store(str(root)).put("a/b.txt", b"1", "text/plain")
    assert open_store(root.as_uri()).get("a/b.txt") == b"1"
