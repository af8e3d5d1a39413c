"""QcService: convert, call, convert."""

# ruff: noqa: N802 - names are the contract's

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
from saggar.job_settings.messages import from_message
from saggar.job_settings.screening import ScreenSettings, SetMeasureSettings
from saggar.progress import Progress, Work
from saggar.rpc.refs import ref_from_proto
from saggar.rpc.serving.work import Emit, JobQueue, stream_events
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.v1 import qc_pb2, qc_pb2_grpc

from saggar_qc import messages
from saggar_qc.extractors.choice import Choice, identity, open_extractor
from saggar_qc.extractors.extraction import Extraction
from saggar_qc.results import Result, find_result, keep_result, library_versions, result_key, write_rejected
from saggar_qc.review.journal import Desks
from saggar_qc.review.opening import open_review
from saggar_qc.review.outcome import conclude
from saggar_qc.screening.comparing import compare_sets
from saggar_qc.screening.reference import training_photographs
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

        def job(emit: Emit, cancelled: threading.Event) -> qc_pb2.ScreenResult:
            key, result = self._screen(request, Work(emit, cancelled))
            return messages.result_to_message(result, self._store.stat(key))

        return stream_events(context, qc_pb2.ScreenResponse, job, self._jobs)

    def CompareSets(
        self, request: qc_pb2.CompareSetsRequest, context: grpc.ServicerContext
    ) -> Iterator[qc_pb2.CompareSetsResponse]:
        """See qc.proto."""

        def job(emit: Emit, cancelled: threading.Event) -> qc_pb2.SetMeasures:
            return messages.measures_to_message(self._compare(request, Work(emit, cancelled))["measures"])

        return stream_events(context, qc_pb2.CompareSetsResponse, job, self._jobs)

    def OpenReview(
        self, request: qc_pb2.OpenReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.OpenReviewResponse:
        """See qc.proto."""
        opening = messages.opening_from_message(request)
        extraction = None
        if request.HasField("extractor"):
            extraction = self._open(messages.choice_from_message(request.extractor), Work())
        review = open_review(self._store, opening, extraction)
        self.desks.desk(review.review_id).reopen(opening.experiment)
        return qc_pb2.OpenReviewResponse(review_id=review.review_id, items=len(review.items))

    def DescribeReview(
        self, request: qc_pb2.DescribeReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.DescribeReviewResponse:
        """See qc.proto."""
        return messages.standing_to_message(self.desks.desk(request.review_id).read(), self.pages_address)

    def CloseReview(
        self, request: qc_pb2.CloseReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.CloseReviewResponse:
        """See qc.proto."""
        desk = self.desks.desk(request.review_id)
        desk.close(desk.review.experiment)
        return qc_pb2.CloseReviewResponse()

    def ConcludeReview(
        self, request: qc_pb2.ConcludeReviewRequest, _context: grpc.ServicerContext
    ) -> qc_pb2.ConcludeReviewResponse:
        """See qc.proto."""
        ledger = self.desks.desk(request.review_id).read()
        manifest = read_manifest(self._store, ObjectRef.from_json(ledger.review.manifest.model_dump()))
        outcome = conclude(ledger, manifest)
        accepted, rejected = (write_manifest(self._store, each) for each in (outcome.accepted, outcome.rejected))
        return messages.outcome_to_message(ledger, outcome, accepted, rejected)

    def _screen(self, request: qc_pb2.ScreenRequest, work: Work) -> tuple[str, Result]:
        manifest = ref_from_proto(request.manifest, "manifest")
        reference = ref_from_proto(request.reference, "reference")
        choice = messages.choice_from_message(request.extractor)
        others = [
            messages.choice_from_message(message, f"also_measured_by[{number}]")
            for number, message in enumerate(request.also_measured_by)
        ]
        settings = from_message(ScreenSettings, request.settings)
        inputs = {
            "manifest": manifest.sha256,
            "reference": reference.sha256,
            "extractor": identity(choice),
            "also_measured_by": [identity(other) for other in others],
            "settings": messages.settings_to_json(settings),
        }
        key = result_key("screen", inputs | ({"fresh": request.fresh} if request.fresh else {}))
        if (finished := find_result(self._store, key)) is not None:
            return key, finished
        rows, real = read_manifest(self._store, manifest), read_manifest(self._store, reference)
        extraction = self._open(choice, work)
        found = screen(rows, real, extraction, settings, work)
        photographs = training_photographs(real)
        measured = [
            compare_sets(found.accepted, photographs, self._open(other, work), settings.kid_resamples, work)
            for other in others
            if found.measures is not None
        ]
        result = inputs | {
            "accepted": write_manifest(self._store, found.accepted).to_json(),
            "rejected": write_rejected(self._store, found).to_json(),
            **messages.screened_to_json(found),
            "other_measures": messages.to_json(measured),
            **_about(extraction),
        }
        return key, keep_result(self._store, key, result)

    def _compare(self, request: qc_pb2.CompareSetsRequest, work: Work) -> Result:
        first = ref_from_proto(request.first, "first")
        second = ref_from_proto(request.second, "second")
        choice = messages.choice_from_message(request.extractor)
        resamples = from_message(SetMeasureSettings, request, "").kid_resamples
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
        extraction = self._open(choice, work)
        measures = compare_sets(one, two, extraction, resamples, work)
        result = inputs | {"measures": messages.to_json(measures), **_about(extraction)}
        return keep_result(self._store, key, result)

    def _open(self, choice: Choice, work: Work) -> Extraction:
        work.report(Progress("loading extractor"))
        extractor = open_extractor(choice, self._store, self._threads)
        return Extraction(self._store, extractor, identity(choice), self._batch_size)


def _about(extraction: Extraction) -> Result:
    return {
        "extractor_name": extraction.extractor.name,
        "preparation": extraction.extractor.preparation,
        "resize": extraction.extractor.resize,
        "libraries": library_versions(),
    }
