"""QcService: convert, call, convert."""

# ruff: noqa: N802 - names are the contract's

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
from saggar.rpc.refs import ref_from_proto
from saggar.rpc.work import Emit, JobQueue, stream_events
from saggar.store import ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.v1 import qc_pb2, qc_pb2_grpc

from saggar_qc import messages
from saggar_qc.compare_run import compare_sets
from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.features import Choice, identity, open_extractor
from saggar_qc.results import Result, find_result, keep_result, library_versions, result_key, write_rejected
from saggar_qc.review.journal import Desks
from saggar_qc.review.requests import conclude_review, describe_review, open_review
from saggar_qc.screening.reference import Report, training_photographs
from saggar_qc.screening.screen_run import screen


class QcServicer(qc_pb2_grpc.QcServiceServicer):
    """One job at a time; finished ones are answered from the store."""

    def __init__(self, store: ObjectStore, threads: int = 0, batch_size: int = 32, queue_limit: int = 8) -> None:
        self._store = store
        self._threads = threads
        self._batch_size = batch_size
        self._jobs = JobQueue(queue_limit)
        self.desks = Desks(store)
        self.pages_address = ""  # host:port of the review pages, when this process serves them

    def Screen(self, request: qc_pb2.ScreenRequest, context: grpc.ServicerContext) -> Iterator[qc_pb2.ScreenResponse]:
        """See qc.proto."""

        def work(emit: Emit, cancelled: threading.Event) -> qc_pb2.ScreenResult:
            key, result = self._screen(request, emit, cancelled)
            return messages.result_to_proto(result, self._store.stat(key))

        return stream_events(context, qc_pb2.ScreenResponse, work, self._jobs)

    def CompareSets(
        self, request: qc_pb2.CompareSetsRequest, context: grpc.ServicerContext
    ) -> Iterator[qc_pb2.CompareSetsResponse]:
        """See qc.proto."""

        def work(emit: Emit, cancelled: threading.Event) -> qc_pb2.SetMeasures:
            return messages.measures_to_proto(self._compare(request, emit, cancelled)["measures"])

        return stream_events(context, qc_pb2.CompareSetsResponse, work, self._jobs)

    def OpenReview(
        self, request: qc_pb2.OpenReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.OpenReviewResponse:
        """See qc.proto."""
        extraction = None
        if request.HasField("extractor"):
            extraction = self._open(messages.choice_from(request.extractor), lambda *_: None)
        return open_review(self._store, request, extraction)

    def DescribeReview(
        self, request: qc_pb2.DescribeReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.DescribeReviewResponse:
        """See qc.proto."""
        return describe_review(self.desks, request, self.pages_address)

    def ConcludeReview(
        self, request: qc_pb2.ConcludeReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.ConcludeReviewResponse:
        """See qc.proto."""
        return conclude_review(self.desks, request)

    def _screen(self, request: qc_pb2.ScreenRequest, emit: Emit, cancelled: threading.Event) -> tuple[str, Result]:
        manifest = ref_from_proto(request.manifest, "manifest")
        reference = ref_from_proto(request.reference, "reference")
        choice = messages.choice_from(request.extractor)
        others = [
            messages.choice_from(message, f"also_measured_by[{number}]")
            for number, message in enumerate(request.also_measured_by)
        ]
        thresholds = messages.thresholds_from(request.settings)
        resamples = messages.resamples_from(request.settings)
        inputs = {
            "manifest": manifest.sha256,
            "reference": reference.sha256,
            "extractor": identity(choice),
            "also_measured_by": [identity(other) for other in others],
            "settings": messages.thresholds_to_json(thresholds) | {"kid_resamples": resamples},
        }
        key = result_key("screen", inputs)
        if (finished := find_result(self._store, key)) is not None:
            return key, finished
        rows, real = read_manifest(self._store, manifest), read_manifest(self._store, reference)
        report = _reporter(emit)
        extraction = self._open(choice, report)
        found = screen(self._store, rows, real, extraction, thresholds, resamples, self._batch_size, report, cancelled)
        photographs = training_photographs(real)
        measured = [
            compare_sets(
                self._store,
                found.accepted,
                photographs,
                self._open(other, report),
                resamples,
                self._batch_size,
                report,
                cancelled,
            )
            for other in others
            if found.measures is not None
        ]
        result = inputs | {
            "accepted": write_manifest(self._store, found.accepted).to_json(),
            "rejected": write_rejected(self._store, found.rejected, found.rejections).to_json(),
            **messages.screened_to_json(found),
            "other_measures": messages.to_json(measured),
            **_about(extraction),
        }
        return key, keep_result(self._store, key, result)

    def _compare(self, request: qc_pb2.CompareSetsRequest, emit: Emit, cancelled: threading.Event) -> Result:
        first = ref_from_proto(request.first, "first")
        second = ref_from_proto(request.second, "second")
        choice = messages.choice_from(request.extractor)
        resamples = messages.resamples_from(request)
        inputs = {
            "first": first.sha256,
            "second": second.sha256,
            "extractor": identity(choice),
            "kid_resamples": resamples,
        }
        key = result_key("compare", inputs)
        if (finished := find_result(self._store, key)) is not None:
            return finished
        one, two = read_manifest(self._store, first), read_manifest(self._store, second)
        report = _reporter(emit)
        extraction = self._open(choice, report)
        measures = compare_sets(self._store, one, two, extraction, resamples, self._batch_size, report, cancelled)
        result = inputs | {"measures": messages.to_json(measures), **_about(extraction)}
        return keep_result(self._store, key, result)

    def _open(self, choice: Choice, report: Report) -> Extraction:
        report("loading extractor", 0, 0)
        return Extraction(self._store, open_extractor(choice, self._store, self._threads), identity(choice))


def _reporter(emit: Emit) -> Report:
    def report(stage: str, done: int, total: int) -> None:
        emit(messages.progress_to(stage, done, total))

    return report


def _about(extraction: Extraction) -> Result:
    return {
        "extractor_name": extraction.extractor.name,
        "preparation": extraction.extractor.preparation,
        "libraries": library_versions(),
    }
