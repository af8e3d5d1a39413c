"""The review methods of the contract: convert, call, convert."""

from __future__ import annotations

from pydantic import ValidationError
from saggar.dataset.manifest import Manifest
from saggar.errors import FieldViolation, InvalidInputError
from saggar.files.yamlfile import parse_yaml
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest, write_manifest
from saggar.taxonomy import Taxonomy
from saggar.v1 import common_pb2, qc_pb2

from saggar_qc.extractors.extraction import Extraction
from saggar_qc.review.journal import Desks, keep_review
from saggar_qc.review.nearest import nearest_photographs
from saggar_qc.review.outcome import conclude
from saggar_qc.review.plan import ReviewSettings, plan_review
from saggar_qc.screening.reference import training_photographs


def open_review(
    store: ObjectStore, request: qc_pb2.OpenReviewRequest, extraction: Extraction | None = None
) -> qc_pb2.OpenReviewResponse:
    """See qc.proto; `extraction` is by the request's extractor."""
    manifest_ref = ref_from_proto(request.manifest, "manifest")
    manifest = read_manifest(store, manifest_ref)
    taxonomy_ref = ref_from_proto(request.taxonomy, "taxonomy")
    photographs = training_photographs(read_manifest(store, ref_from_proto(request.photographs, "photographs")))
    taxonomy = parse_yaml(store.read(taxonomy_ref).decode(), Taxonomy, taxonomy_ref.key)
    review = plan_review(
        request.title or "Review",
        manifest,
        manifest_ref,
        photographs,
        taxonomy,
        review_settings(request.settings),
        nearest_photographs(store, manifest, photographs, extraction) if extraction else None,
    )
    keep_review(store, review)
    return qc_pb2.OpenReviewResponse(review_id=review.review_id, items=len(review.items))


def describe_review(
    desks: Desks, request: qc_pb2.DescribeReviewRequest, pages_address: str
) -> qc_pb2.DescribeReviewResponse:
    """See qc.proto."""
    ledger = desks.desk(request.review_id).read()
    return qc_pb2.DescribeReviewResponse(
        items=len(ledger.review.items),
        left=ledger.left,
        conflicts=len(ledger.conflicts()),
        finished=ledger.complete,
        pages_address=pages_address,
    )


def conclude_review(desks: Desks, request: qc_pb2.ConcludeReviewRequest) -> qc_pb2.ConcludeReviewResponse:
    """See qc.proto."""
    store, ledger = desks.store, desks.desk(request.review_id).read()
    stored = ObjectRef.from_json(ledger.review.manifest.model_dump())
    outcome = conclude(ledger, read_manifest(store, stored))
    return qc_pb2.ConcludeReviewResponse(
        accepted=_written(store, outcome.accepted),
        rejected=_written(store, outcome.rejected),
        accepted_count=len(outcome.accepted),
        rejected_count=len(outcome.rejected),
        reviewed_count=outcome.passed.n,
        passed_count=outcome.passed.hits,
        pass_rate_low=outcome.passed.low,
        pass_rate_high=outcome.passed.high,
        masked_by_task=outcome.masked,
        whole_set_rejected=outcome.whole_set_rejected,
    )


def review_settings(message: qc_pb2.ReviewSettings) -> ReviewSettings:
    """Raises InvalidInputError, with a violation per field that is out of range."""
    given = {field.name: value for field, value in message.ListFields()}
    if "maskable_tasks" in given:
        given["maskable_tasks"] = tuple(given["maskable_tasks"])
    try:
        return ReviewSettings(**given)
    except ValidationError as error:
        violations = tuple(
            FieldViolation(f"settings.{problem['loc'][0]}", problem["msg"]) for problem in error.errors()
        )
        text = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidInputError(text, violations) from None


def _written(store: ObjectStore, manifest: Manifest) -> common_pb2.ObjectRef:
    return ref_to_proto(write_manifest(store, manifest))
