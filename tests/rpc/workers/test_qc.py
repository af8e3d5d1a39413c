"""The qc service over a real server: hand-made vessels, planted faults, and a tiny classifier."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from random_inception import write_random_inception
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import InvalidInputError, NotFoundError
from saggar.rpc.channel import open_channel, wait_ready
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore, ObjectRef
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.v1 import common_pb2, qc_pb2, qc_pb2_grpc
from saggar_qc.review.journal import read_review
from saggar_qc.servicer import QcServicer
from vessels import GLAZES, encoded, planted, record, vessel, vessels, write_tiny_bundle


@dataclass
class Bench:
    store: DirectoryStore
    stub: Any
    bundle: common_pb2.ObjectRef

    def manifest(self, records: list[Record]) -> common_pb2.ObjectRef:
        return ref_to_proto(write_manifest(self.store, Manifest.from_records(records, ("glaze",))))

    def photographs(self, count: int = 20, seed: int = 1000, **fields: Any) -> common_pb2.ObjectRef:
        fields = {"split": "train"} | fields
        names = [(f"photo-{i}.jpg", ("red", "blue")[i % 2]) for i in range(count)]
        return self.manifest(
            [
                record(self.store, name, encoded(vessel(seed + i, glaze)), glaze, **fields)
                for i, (name, glaze) in enumerate(names)
            ]
        )

    def request(self, records: list[Record], photographs: int = 20, **settings: Any) -> qc_pb2.ScreenRequest:
        return qc_pb2.ScreenRequest(
            request_id="r",
            manifest=self.manifest(records),
            reference=self.photographs(photographs),
            extractor=qc_pb2.FeatureExtractor(bundle=self.bundle),
            settings=qc_pb2.ScreenSettings(**settings),
        )

    def screen(self, request: qc_pb2.ScreenRequest) -> qc_pb2.ScreenResult:
        return list(self.stub.Screen(request, timeout=240))[-1].result

    def rejected(self, result: qc_pb2.ScreenResult) -> dict[str, tuple[str, str]]:
        """Reason and detail by source."""
        frame = pd.read_parquet(io.BytesIO(self.store.read(ref_from_proto(result.rejected))))
        columns = zip(frame["source"], frame["reject_reason"], frame["reject_detail"], strict=True)
        return {source: (reason, detail) for source, reason, detail in columns}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = DirectoryStore(tmp_path / "store")
    bundle = write_tiny_bundle(store)

    def register(server: grpc.Server) -> list[str]:
        qc_pb2_grpc.add_QcServiceServicer_to_server(QcServicer(store, 1, batch_size=7), server)
        return ["saggar.v1.QcService"]

    server = start_server(register)
    with open_channel(server.address) as channel:
        yield Bench(store, qc_pb2_grpc.QcServiceStub(channel), ref_to_proto(bundle))
    server.stop()


def test_every_planted_fault_is_found_with_its_reason_and_nothing_else(bench):
    good, bad = vessels(bench.store, 30), planted(bench.store)
    request = bench.request(
        [*good, *(item for item, _ in bad.values())],
        photographs=40,
        min_intended_probability=0.1,
        min_relative_sharpness=0.1,
        trimmed_share=0,
        report_only=["colour"],  # a wrong glaze has another colour, too
    )
    result = bench.screen(request)

    rejected = bench.rejected(result)
    assert {name: reason for name, (reason, _) in rejected.items()} == {n: reason for n, (_, reason) in bad.items()}
    assert rejected["again"][1] == "same pixels as prompt-3"
    assert "prompt-0" in rejected["brighter"][1]
    assert rejected["copied"][1] == "same pixels as training image photo-4.jpg"
    assert rejected["small"][1].startswith("64 x 20 pixels")
    assert "intended red" in rejected["wrong-glaze"][1]
    assert (result.accepted_count, result.rejected_count) == (30, len(bad))
    assert dict(result.rejected_by_reason) == pd.Series([r for _, r in bad.values()]).value_counts().to_dict()

    assert result.found_by_reason["colour"] >= 1
    frame = pd.read_parquet(io.BytesIO(bench.store.read(ref_from_proto(result.rejected))))
    every = [reasons.split(",") for reasons in frame["reject_reasons"]]
    assert all(first in reasons for first, reasons in zip(frame["reject_reason"], every, strict=True))
    assert max(map(len, every)) > 1  # an image may have several
    assert all(result.found_by_reason[reason] >= n for reason, n in result.rejected_by_reason.items())

    accepted = read_manifest(bench.store, ref_from_proto(result.accepted))
    assert list(accepted.records()) == good


def test_the_result_measures_the_accepted_against_the_reference(bench):
    request = bench.request(vessels(bench.store, 30), photographs=40, kid_resamples=50, trimmed_share=0)
    result = bench.screen(request)
    measures = result.measures
    assert measures.extractor.startswith("backbone:")
    assert measures.resize == "bundle"
    assert (measures.first_count, measures.second_count, measures.feature_dimensions) == (30, 40, 48)
    assert measures.fid > 0
    assert measures.kid_low <= measures.kid <= measures.kid_high
    assert any("2,048" in warning for warning in measures.warnings)

    report = json.loads(bench.store.read(ref_from_proto(result.report)))
    assert report["measures"]["fid"] == measures.fid
    assert report["intended_probability"]["glaze"]["images"] == 30
    assert report["intended_probability"]["glaze"]["mean"] > 0.9
    assert report["reference_images"] == 40
    assert report["libraries"]["torch-fidelity"]


def test_progress_counts_images(bench):
    events = list(bench.stub.Screen(bench.request(vessels(bench.store, 10)), timeout=240))
    stages = [(e.progress.stage, e.progress.done, e.progress.total) for e in events[:-1]]
    assert ("reading reference", 20, 20) in stages
    assert ("screening", 10, 10) in stages
    assert all(e.progress.unit == "images" for e in events[:-1] if e.progress.total)
    assert events[-1].WhichOneof("event") == "result"


def test_asking_again_gives_the_stored_result(bench):
    request = bench.request(vessels(bench.store, 10))
    first = bench.screen(request)
    before = list(bench.store.list(""))
    request.request_id = "another"
    events = list(bench.stub.Screen(request, timeout=240))
    assert [e.WhichOneof("event") for e in events] == ["result"]  # no work was done
    assert events[0].result == first
    assert list(bench.store.list("")) == before
    request.settings.min_entropy_bits = 8
    assert bench.screen(request).accepted_count == 0


def test_a_set_of_which_nothing_passes_has_no_measures(bench):
    result = bench.screen(bench.request(vessels(bench.store, 3), min_luminance_sd=127.5))
    assert result.accepted_count == 0
    assert not result.HasField("measures")
    assert len(read_manifest(bench.store, ref_from_proto(result.accepted))) == 0
    assert dict(result.rejected_by_reason) == {"flat": 3}


def test_a_set_of_which_everything_passes_has_an_empty_table_of_rejects(bench):
    result = bench.screen(bench.request(vessels(bench.store, 5)))
    assert bench.rejected(result) == {}
    assert result.accepted_count == 5


def test_batches_do_not_change_the_result(bench, tmp_path):
    request = bench.request(vessels(bench.store, 20), kid_resamples=20)
    expected = bench.screen(request)
    other = DirectoryStore(tmp_path / "other")
    for key in bench.store.list(""):
        if not key.startswith("results/"):
            other.put(key, bench.store.get(key), bench.store.stat(key).media_type)

    def register(server: grpc.Server) -> list[str]:
        qc_pb2_grpc.add_QcServiceServicer_to_server(QcServicer(other, 1, batch_size=64), server)
        return ["saggar.v1.QcService"]

    server = start_server(register)
    with open_channel(server.address) as channel:
        found = list(qc_pb2_grpc.QcServiceStub(channel).Screen(request, timeout=240))[-1].result
    server.stop()
    assert found.accepted == expected.accepted
    assert found.measures.fid == pytest.approx(expected.measures.fid, rel=1e-5)
    assert found.measures.kid == pytest.approx(expected.measures.kid, rel=1e-5, abs=1e-9)


def test_only_real_training_photographs_serve_as_reference(bench):
    """A held-out photograph is no reference; a generated image that equals one is no training copy."""
    request = bench.request(vessels(bench.store, 4, first_seed=1000))
    assert bench.screen(request).rejected_by_reason["training_copy"] == 4
    kept = record(bench.store, "kept.jpg", encoded(vessel(2000, "red")), "red", split="train")
    held_out = [
        record(bench.store, f"{i}.jpg", encoded(vessel(1000 + i, ("red", "blue")[i % 2])), None, split="test")
        for i in range(4)
    ]
    request.reference.CopyFrom(bench.manifest([kept, *held_out]))
    assert bench.screen(request).accepted_count == 4
    request.reference.CopyFrom(bench.manifest(held_out))
    with pytest.raises(InvalidInputError, match="training split"):
        bench.screen(request)


def test_composites_are_copies_of_photographs_with_their_own_labels_alone(bench):
    """Form and ground of a photograph with the other glaze; and, as labelled, with its own, a little brighter."""

    def made(name: str, seed: int, glaze: str, brighter: int = 0) -> Record:
        picture = Image.fromarray(
            (np.asarray(vessel(seed, glaze)).astype(int) + brighter).clip(0, 255).astype(np.uint8)
        )
        return record(bench.store, name, encoded(picture), glaze, origin="synthetic", split="train")

    changed = [made(f"changed-{i}", 1000 + i, ("blue", "red")[i % 2]) for i in range(6)]
    unchanged = [made(f"unchanged-{i}", 1000 + i, ("red", "blue")[i % 2], 9) for i in range(6, 9)]
    request = bench.request([*changed, *unchanged], report_only=["calibrated"])
    copies = {name for name, (reason, _) in bench.rejected(bench.screen(request)).items() if reason == "training_copy"}
    assert {f"changed-{i}" for i in range(6)} <= copies
    request.settings.copies_share_labels = True
    found = bench.rejected(bench.screen(request))
    assert {name: reason for name, (reason, _) in found.items()} == {
        f"unchanged-{i}": "training_copy" for i in (6, 7, 8)
    }


def test_comparing_a_set_with_itself_and_with_another(bench):
    extractor = qc_pb2.FeatureExtractor(bundle=bench.bundle)
    first, second = bench.photographs(60), bench.photographs(50, seed=3000)

    def compared(one: Any, two: Any) -> qc_pb2.SetMeasures:
        request = qc_pb2.CompareSetsRequest(first=one, second=two, extractor=extractor, kid_resamples=100)
        return list(bench.stub.CompareSets(request, timeout=240))[-1].result

    same, other, back = compared(first, first), compared(first, second), compared(second, first)
    assert same.fid == pytest.approx(0, abs=1e-4)
    assert other.fid > 0.01
    assert other.fid == pytest.approx(back.fid, rel=1e-4)
    assert other.kid == pytest.approx(back.kid, rel=1e-6)
    assert (other.first_count, other.second_count) == (60, 50)
    assert any("unequal size" in warning for warning in other.warnings)
    events = list(
        bench.stub.CompareSets(
            qc_pb2.CompareSetsRequest(first=first, second=second, extractor=extractor, kid_resamples=100),
            timeout=240,
        )
    )
    assert [e.WhichOneof("event") for e in events] == ["result"]


def test_the_same_sets_in_both_modes_are_two_results(bench, tmp_path):
    weights = str(write_random_inception(tmp_path))
    first, second = bench.photographs(3), bench.photographs(3, seed=3000)

    def compared(resize: str | None) -> qc_pb2.SetMeasures:
        extractor = qc_pb2.FeatureExtractor(inception_weights_path=weights, resize=resize)
        request = qc_pb2.CompareSetsRequest(first=first, second=second, extractor=extractor, kid_resamples=10)
        return list(bench.stub.CompareSets(request, timeout=240))[-1].result

    usual, clean, again = compared(None), compared("clean"), compared("fidelity")
    assert [each.resize for each in (usual, clean, again)] == ["fidelity", "clean", "fidelity"]
    assert (usual.extractor, clean.extractor) == ("inception-v3-compat", "inception-v3-compat:clean")
    assert again == usual
    assert clean.fid != pytest.approx(usual.fid, rel=1e-3)
    assert len(list(bench.store.list("results/qc/"))) == 2


def test_bad_requests_say_which_field_is_wrong(bench):
    good = bench.request(vessels(bench.store, 2))

    def violations(**changes: Any) -> list[str]:
        request = qc_pb2.ScreenRequest()
        request.CopyFrom(good)
        for name, value in changes.items():
            if value is None:
                request.ClearField(name)
            else:
                getattr(request, name).CopyFrom(value)
        with pytest.raises(InvalidInputError) as caught:
            bench.screen(request)
        return [violation.field for violation in caught.value.violations]

    assert violations(manifest=None) == ["manifest.uri"]
    assert violations(extractor=None) == ["extractor"]
    assert violations(extractor=qc_pb2.FeatureExtractor(bundle=bench.bundle, resize="clean")) == ["extractor.resize"]
    assert violations(manifest=bench.manifest([])) == ["manifest"]
    wrong = qc_pb2.ScreenSettings(min_side_px=0, min_entropy_bits=9, min_intended_probability=-0.1)
    assert violations(settings=wrong) == [
        "settings.min_side_px",
        "settings.min_entropy_bits",
        "settings.min_intended_probability",
    ]
    assert violations(settings=qc_pb2.ScreenSettings(kid_resamples=0)) == ["settings.kid_resamples"]


def test_a_set_of_one_image_cannot_be_compared(bench):
    request = qc_pb2.CompareSetsRequest(
        first=bench.photographs(1),
        second=bench.photographs(5),
        extractor=qc_pb2.FeatureExtractor(bundle=bench.bundle),
    )
    with pytest.raises(InvalidInputError, match="first set has 1 images"):
        list(bench.stub.CompareSets(request, timeout=240))


def test_what_is_missing_is_named(bench):
    request = bench.request(vessels(bench.store, 3))
    gone = next(read_manifest(bench.store, ref_from_proto(request.manifest)).records()).image
    bench.store.delete(gone)
    with pytest.raises(NotFoundError, match=gone):
        bench.screen(request)
    nowhere = ObjectRef("bundles/0123456789abcdef/bundle.json", "0" * 64, 5, "application/json")
    request.extractor.bundle.CopyFrom(ref_to_proto(nowhere))
    with pytest.raises(NotFoundError, match=r"bundles/0123456789abcdef/bundle\.json"):
        bench.screen(request)
    request.extractor.inception_weights_path = "/nowhere/inception.pth"
    with pytest.raises(NotFoundError, match=r"/nowhere/inception\.pth"):
        bench.screen(request)


def test_labels_that_the_bundle_lacks_are_refused(bench):
    strange = record(bench.store, "prompt-0", encoded(vessel(0, "red")), "purple")
    with pytest.raises(InvalidInputError, match="glaze has no class 'purple'; known: red, blue"):
        bench.screen(bench.request([strange]))


def test_leaving_the_stream_ends_the_work_and_frees_the_place(bench):
    call = bench.stub.Screen(bench.request(vessels(bench.store, 200)), timeout=240)
    next(call)
    call.cancel()
    assert bench.screen(bench.request(vessels(bench.store, 5))).accepted_count == 5
    assert len(list(bench.store.list("results/qc/"))) == 1


def test_the_process_serves_and_ends_when_it_is_told_to(tmp_path):
    address_file = tmp_path / "address"
    environment = os.environ | {
        "SAGGAR_STORE": str(tmp_path / "store"),
        "SAGGAR_ADDRESS_FILE": str(address_file),
        "SAGGAR_THREADS": "1",
    }
    process = subprocess.Popen([sys.executable, "-m", "saggar_qc"], env=environment)
    try:
        deadline = time.monotonic() + 120
        while not address_file.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = address_file.read_text(encoding="utf-8")
        wait_ready(address, 60)
        with open_channel(address) as channel, pytest.raises(InvalidInputError, match="manifest"):
            list(qc_pb2_grpc.QcServiceStub(channel).Screen(qc_pb2.ScreenRequest(), timeout=60))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_help_names_the_settings():
    command = [sys.executable, "-m", "saggar_qc", "--help"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=240)
    assert "SAGGAR_QUEUE_LIMIT" in answer.stdout


def test_a_review_shows_the_nearest_photographs_of_other_objects(bench):
    generated = bench.manifest(vessels(bench.store, 8))
    photographs = bench.photographs(40)
    taxonomy = bench.store.put("taxonomies/glazes.yaml", GLAZES.model_dump_json(by_alias=True).encode(), "text/plain")
    opened = bench.stub.OpenReview(
        qc_pb2.OpenReviewRequest(
            manifest=generated,
            photographs=photographs,
            taxonomy=ref_to_proto(taxonomy),
            extractor=qc_pb2.FeatureExtractor(bundle=bench.bundle),
            settings=qc_pb2.ReviewSettings(controls=3),
        ),
        timeout=60,
    )
    review = read_review(bench.store, opened.review_id)
    records = list(read_manifest(bench.store, ref_from_proto(photographs)).records())
    glaze_of = {record.image: record.labels["glaze"] for record in records}
    sources = {record.image: record.source for record in records}
    assert len(review.items) == 8 + 2 * 3
    controls = {item.source for item in review.items if item.control}
    alike = []
    for item in review.items:
        assert len(item.neighbours) in (3, 4)
        assert not {*item.neighbours, *item.alike} & {record for record, name in sources.items() if name in controls}
        assert all(review.captions[key] == {"glaze": glaze_of[key]} for key in item.neighbours)
        if item.control is None:
            alike += [glaze_of[key] == item.labels["glaze"] for key in item.neighbours]
            assert all(glaze_of[key] == item.labels["glaze"] for key in item.alike)
    assert sum(alike) > 0.7 * len(alike)
    assert len({item.neighbours for item in review.items}) > 8  # each has its own
