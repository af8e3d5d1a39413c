"""The store through the orchestrator: whole objects, in pieces, that go on where they broke off."""

import hashlib
import threading

import grpc
import pytest
from saggar.errors import (
    AlreadyExistsError,
    DataCorruptionError,
    InvalidInputError,
    NotFoundError,
    StorageFullError,
    UnavailableError,
    WrongStateError,
)
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.store.staging import staging
from saggar.v1 import store_pb2, store_pb2_grpc
from saggar_orchestrator.remote import store as remote
from saggar_orchestrator.remote.servicer import StoreServicer

LARGE = bytes(range(256)) * 40_000  # 10 MB: more than is sent from memory, in twenty pieces


class Breaking(StoreServicer):
    """Breaks every stream off after so many messages, until it has done so `breaks` times."""

    def __init__(self, store, folder):
        super().__init__(store, folder)
        self.breaks, self.after = 0, 6
        self.sent, self.taken = 0, 0

    def ReadObject(self, request, context):  # noqa: N802
        for number, message in enumerate(super().ReadObject(request, context)):
            if self.breaks and number == self.after:
                self.breaks -= 1
                raise UnavailableError("the line broke")
            self.sent += len(message.data)
            yield message

    def WriteObject(self, requests, context):  # noqa: N802
        def some():
            for number, request in enumerate(requests):
                if self.breaks and number == self.after:
                    self.breaks -= 1
                    raise UnavailableError("the line broke")
                self.taken += len(request.data)
                yield request

        return super().WriteObject(some(), context)


class Elsewhere:
    def __init__(self, folder):
        self.kept = DirectoryStore(folder / "store")
        self.transfers = folder / "transfers"
        self.servicer = Breaking(self.kept, self.transfers)
        self.server = start_server(lambda server: [self.servicer.register(server)], ServiceSettings())
        self.channel = open_channel(self.server.address)
        self.store = remote.RemoteStore(self.channel, "the test's orchestrator")
        self.stub = store_pb2_grpc.StoreServiceStub(self.channel)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "_FIRST_WAIT_S", 0.01)
    made = Elsewhere(tmp_path)
    yield made
    made.channel.close()
    made.server.stop()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def test_what_is_put_can_be_read_listed_and_described(elsewhere):
    ref = put_image(elsewhere.store, b"a picture", "png")
    elsewhere.store.put("datasets/x/manifest.parquet", LARGE, "application/octet-stream")
    assert elsewhere.kept.get(ref.key) == b"a picture"
    assert elsewhere.store.get(ref.key) == b"a picture"
    assert elsewhere.store.read(elsewhere.store.stat("datasets/x/manifest.parquet")) == LARGE
    assert list(elsewhere.store.list("datasets/")) == ["datasets/x/manifest.parquet"]
    assert elsewhere.store.exists(ref.key)
    assert not elsewhere.store.exists("images/none")
    with pytest.raises(NotFoundError, match=r"no object datasets/none"):
        elsewhere.store.get("datasets/none")


def test_long_lists_come_in_several_messages(elsewhere):
    for number in range(2105):
        path = elsewhere.kept.root / "plans" / f"{number:05d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    assert len(list(elsewhere.store.list("plans/"))) == 2105
    assert len(list(elsewhere.stub.ListObjects(store_pb2.ListObjectsRequest(prefix="plans/")))) == 2


def test_a_file_appears_whole(elsewhere, tmp_path):
    elsewhere.kept.put("experiments/a/report.html", b"<html>", "text/html")
    elsewhere.store.fetch("experiments/a/report.html", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes() == b"<html>"


@pytest.mark.parametrize("size", [0, 1, 512 << 10, len(LARGE)])
def test_a_download_that_breaks_goes_on_where_it_was(elsewhere, size):
    data = LARGE[:size]
    elsewhere.kept.put("bundles/b/model.onnx", data, "application/octet-stream")
    elsewhere.servicer.breaks = 3
    assert elsewhere.store.get("bundles/b/model.onnx") == data
    assert elsewhere.servicer.sent == size  # nothing twice


def test_an_upload_that_breaks_goes_on_where_it_was(elsewhere):
    elsewhere.servicer.breaks = 3
    elsewhere.store.put("datasets/y/manifest.parquet", LARGE, "application/octet-stream")
    assert elsewhere.kept.get("datasets/y/manifest.parquet") == LARGE
    assert elsewhere.servicer.taken == len(LARGE)
    assert list(elsewhere.transfers.iterdir()) == []


def test_another_command_goes_on_with_what_an_earlier_one_sent(elsewhere, tmp_path):
    file = tmp_path / "large"
    file.write_bytes(LARGE)
    elsewhere.servicer.breaks = 1000
    with pytest.raises(UnavailableError):
        remote_with_few_attempts(elsewhere).put_file("datasets/z/manifest.parquet", file, "application/octet-stream")
    before = elsewhere.servicer.taken
    assert 0 < before < len(LARGE)
    elsewhere.servicer.breaks = 0
    elsewhere.store.put_file("datasets/z/manifest.parquet", file, "application/octet-stream")
    assert elsewhere.servicer.taken == len(LARGE)


def remote_with_few_attempts(elsewhere):
    elsewhere.servicer.after = 0 if elsewhere.servicer.taken else 6

    class Hasty(remote.RemoteStore):
        @staticmethod
        def _wait(failures, problem):
            raise problem

    return Hasty(elsewhere.channel, "x")


def test_nothing_is_sent_that_is_there(elsewhere):
    elsewhere.store.put("datasets/y/manifest.parquet", b"rows", "application/octet-stream")
    taken = elsewhere.servicer.taken
    elsewhere.store.put("datasets/y/manifest.parquet", b"rows", "application/octet-stream")
    assert elsewhere.servicer.taken == taken


def test_nothing_is_overwritten(elsewhere):
    elsewhere.store.put("datasets/y/manifest.parquet", b"rows", "application/octet-stream")
    with pytest.raises(AlreadyExistsError, match="nothing is overwritten"):
        elsewhere.store.put("datasets/y/manifest.parquet", b"other", "application/octet-stream")


@pytest.mark.parametrize(
    "key", ["experiments/a/results.json", "bundles/b/model.onnx", "classifier/active/000000000001.json", "reviews/r/x"]
)
def test_callers_add_photographs_data_sets_and_taxonomies_alone(elsewhere, key):
    with pytest.raises(WrongStateError, match="cannot be written through the orchestrator"):
        elsewhere.store.put(key, b"x", "application/octet-stream")
    elsewhere.kept.put(key, b"x", "application/octet-stream")
    with pytest.raises(WrongStateError, match="cannot be deleted"):
        elsewhere.store.delete(key)
    with pytest.raises(InvalidInputError, match="cannot be replaced"):
        elsewhere.store.replace(key, b"y", "application/octet-stream")


@pytest.mark.parametrize("key", ["sessions/a.json", "checkpoints/trainer/a/state.safetensors"])
def test_sessions_and_checkpoints_are_nobodys(elsewhere, key):
    elsewhere.kept.put(key, b"x", "application/octet-stream")
    for ask in (elsewhere.store.get, elsewhere.store.stat):
        with pytest.raises(WrongStateError, match="not shown"):
            ask(key)
    assert list(elsewhere.store.list("")) == []


def test_an_image_lies_under_its_own_hash(elsewhere):
    key = f"images/aa/aa{'0' * 62}.png"
    with pytest.raises(InvalidInputError, match="is not where an image"):
        elsewhere.store.put(key, b"not that picture", "image/png")


def write(elsewhere, ref, data, offset=0):
    requests = iter([store_pb2.WriteObjectRequest(object=ref_to_proto(ref), offset=offset, data=data)])
    return elsewhere.stub.WriteObject(requests, timeout=60)


def test_damaged_bytes_are_not_kept(elsewhere):
    ref = ObjectRef("datasets/d/manifest.parquet", sha256(b"right"), 5, "application/octet-stream")
    with pytest.raises(DataCorruptionError, match="send the file again"):
        write(elsewhere, ref, b"wrong")
    assert not elsewhere.kept.exists(ref.key)
    assert elsewhere.stub.DescribeUpload(store_pb2.DescribeUploadRequest(object=ref_to_proto(ref))).received_bytes == 0
    write(elsewhere, ref, b"right")
    assert elsewhere.kept.get(ref.key) == b"right"


def test_more_or_fewer_bytes_than_announced_are_refused(elsewhere):
    ref = ObjectRef("datasets/d/manifest.parquet", sha256(b"right"), 5, "application/octet-stream")
    with pytest.raises(InvalidInputError, match="more bytes than the 5"):
        write(elsewhere, ref, b"right and more")
    with pytest.raises(UnavailableError, match="2 of 5 bytes"):
        write(elsewhere, ref, b"ri")
    with pytest.raises(UnavailableError, match="2 bytes have come, and not 4"):
        write(elsewhere, ref, b"t", offset=4)
    write(elsewhere, ref, b"ght", offset=2)
    assert elsewhere.kept.get(ref.key) == b"right"


def test_what_is_too_large_is_refused_before_it_comes(elsewhere):
    ref = ObjectRef("datasets/d/manifest.parquet", "0" * 64, (1 << 30) + 1, "application/octet-stream")
    with pytest.raises(StorageFullError, match="1,024 at most"):
        write(elsewhere, ref, b"x")


def test_an_offset_behind_the_end_is_refused(elsewhere):
    elsewhere.kept.put("plans/p.json", b"{}", "application/json")
    with pytest.raises(InvalidInputError, match="3 is not within its 2 bytes"):
        list(elsewhere.stub.ReadObject(store_pb2.ReadObjectRequest(key="plans/p.json", offset=3)))


def test_one_stream_writes_an_object_at_a_time_and_both_callers_end_well(elsewhere):
    problems = []

    def send():
        try:
            elsewhere.store.put("datasets/w/manifest.parquet", LARGE, "application/octet-stream")
        except Exception as error:  # noqa: BLE001 told to the test
            problems.append(error)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert elsewhere.kept.get("datasets/w/manifest.parquet") == LARGE


def test_a_caller_that_breaks_off_leaves_no_error_in_the_log(elsewhere, caplog):
    ref = ObjectRef("datasets/d/manifest.parquet", sha256(b"right"), 5, "application/octet-stream")
    gate = threading.Event()

    def requests():
        yield store_pb2.WriteObjectRequest(object=ref_to_proto(ref), data=b"ri")
        gate.wait(10)

    with grpc.insecure_channel(elsewhere.server.address) as channel:
        call = store_pb2_grpc.StoreServiceStub(channel).WriteObject.future(requests())
        described = store_pb2.DescribeUploadRequest(object=ref_to_proto(ref))
        for _ in range(200):
            if elsewhere.servicer.taken:
                break
            gate.wait(0.02)
        call.cancel()
        gate.set()
    elsewhere.server.stop(5)
    del described
    assert "internal error" not in caplog.text


def test_many_photographs_go_at_once(elsewhere):
    with staging(elsewhere.store) as staged:
        keys = [staged.put_image(f"picture {n}".encode(), "png") for n in range(40)]
        assert set(staged.publish(keys)) == set(keys)
    assert elsewhere.kept.get(keys[7]) == b"picture 7"
