"""Quality control: screening by qc, and review by people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from saggar.progress import Progress, Report
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import qc_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.sections import Review, Screening
from saggar_orchestrator.findings.wording import counted
from saggar_orchestrator.peers import messages
from saggar_orchestrator.peers.calls import Calls, file_digest
from saggar_orchestrator.peers.messages import as_inputs
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.workflow.database.open_reviews import OpenReview
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.run import ReviewNotes

_REVIEW_POLL_S = 3.0
_CLOSE_S = 10.0


@dataclass(frozen=True)
class Judges:
    """What images are judged by and beside."""

    calls: Calls
    screening: Screening
    reference: ObjectRef  # manifest of training photographs
    baseline: ObjectRef  # bundle

    def screen_inputs(self, images: ObjectRef) -> Result:
        path, mode = self.screening.inception_weights_path, messages.resize_mode(self.screening.resize)
        return {
            "manifest": images.sha256,
            "reference": self.reference.sha256,
            "extractor": file_digest(Path(path)) if path else self.baseline.sha256,
            "settings": as_inputs(messages.screen_settings(self.screening)),
            **({"resize": mode} if mode else {}),
        }

    def screen(self, images: ObjectRef, report: Report) -> Result:
        request = qc_pb2.ScreenRequest(
            request_id=digest(self.screen_inputs(images))[:32],
            manifest=ref_to_proto(images),
            reference=ref_to_proto(self.reference),
            extractor=messages.extractor(self.screening, self.baseline),
            settings=messages.screen_settings(self.screening),
        )
        result: qc_pb2.ScreenResult = self.calls.stream("qc", "Screen", request, report)
        return {
            "accepted": ref_from_proto(result.accepted).to_json(),
            "rejected": ref_from_proto(result.rejected).to_json(),
            "accepted_count": result.accepted_count,
            "rejected_count": result.rejected_count,
            "rejected_by_reason": dict(sorted(result.rejected_by_reason.items())),
            "found_by_reason": dict(sorted(result.found_by_reason.items())),
            "measures": _measures(result.measures) if result.HasField("measures") else None,
            "other_measures": [_measures(measures) for measures in result.other_measures],
            "report": ref_from_proto(result.report).to_json(),
        }


@dataclass(frozen=True)
class Reviewers:
    """People who judge, by the experiment's terms."""

    judges: Judges
    terms: Review
    taxonomy: ObjectRef
    title: str
    experiment: str  # as reviewers read it
    notes: ReviewNotes

    def inputs(self, images: ObjectRef) -> Result:
        return {
            "extractor": as_inputs(messages.extractor(self.judges.screening, self.judges.baseline)),
            "manifest": images.sha256,
            "photographs": self.judges.reference.sha256,
            "taxonomy": self.taxonomy.sha256,
            "settings": as_inputs(messages.review_settings(self.terms)),
        }

    def review(self, images: ObjectRef, report: Report, *, further: bool = False) -> Result:
        """Waits until people have judged the images; days, if need be. `further`: they are in place of rejected ones.

        Cancelling the experiment closes the review, whoever does it; resuming it opens it again.
        """
        calls = self.judges.calls
        request = qc_pb2.OpenReviewRequest(
            manifest=ref_to_proto(images),
            photographs=ref_to_proto(self.judges.reference),
            taxonomy=ref_to_proto(self.taxonomy),
            title=f"{self.title}: in place of rejected images" if further else self.title,
            experiment=self.experiment,
            settings=messages.review_settings(self.terms),
            extractor=messages.extractor(self.judges.screening, self.judges.baseline),
        )
        self.notes.asked(request)
        opened = calls.call("qc", "OpenReview", request)
        self.notes.opened(request, opened.review_id)
        self._wait(opened.review_id, report)
        result = calls.call("qc", "ConcludeReview", qc_pb2.ConcludeReviewRequest(review_id=opened.review_id))
        self.notes.ended(request)
        return {
            "review_id": opened.review_id,
            "policy": self.terms.policy,
            "accepted": ref_from_proto(result.accepted).to_json(),
            "rejected": ref_from_proto(result.rejected).to_json(),
            "accepted_count": result.accepted_count,
            "rejected_count": result.rejected_count,
            "reviewed_count": result.reviewed_count,
            "passed_count": result.passed_count,
            "pass_rate_low": result.pass_rate_low,
            "pass_rate_high": result.pass_rate_high,
            "masked_by_task": dict(sorted(result.masked_by_task.items())),
            "whole_set_rejected": result.whole_set_rejected,
            "combinations": [_plain(each) for each in result.combinations],
            "attributes": [_plain(each) for each in result.attributes],
            "agreements": [_plain(each) for each in result.agreements],
            "reviewers": [_plain(each) for each in result.reviewers],
        }

    def _wait(self, review_id: str, report: Report) -> None:
        calls, shown = self.judges.calls, None
        while True:
            standing = calls.call("qc", "DescribeReview", qc_pb2.DescribeReviewRequest(review_id=review_id))
            concerns = "; ".join(f"check {who.reviewer}: {who.concern}" for who in standing.reviewers if who.concern)
            if (now := (standing.left, standing.conflicts, concerns)) != shown:
                stage = waiting(standing.conflicts)
                done = standing.items - standing.left
                report(Progress(stage, done, standing.items, "images", message=concerns))
                shown = now
            if standing.finished:
                return
            calls.cancellation.wait(_REVIEW_POLL_S)


def waiting(conflicts: int) -> str:
    """What a review that people have not finished waits for."""
    settled = f", {counted(conflicts, 'conflict')} to settle" if conflicts else ""
    return f"waiting for people (`saggar review` says where{settled})"


def close_review(peers: Peers, review: OpenReview) -> None:
    """Closes a review that nobody waits for any more, unless people have finished it. Raises qc's errors."""
    identity = review.review_id
    if not identity:  # whether it came to be opened is not known: asked for again, it is the same
        identity = peers.call("qc", "OpenReview", review.request, _CLOSE_S).review_id
    standing = peers.call("qc", "DescribeReview", qc_pb2.DescribeReviewRequest(review_id=identity), _CLOSE_S)
    if not standing.finished:
        peers.call("qc", "CloseReview", qc_pb2.CloseReviewRequest(review_id=identity), _CLOSE_S)


def _plain(message: Message) -> Result:
    """Every field by its name in the contract; counts as numbers."""
    found: Result = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if isinstance(value, Message):
            found[field.name] = _plain(value) if message.HasField(field.name) else None
        else:
            found[field.name] = value
    return found


def _measures(measures: qc_pb2.SetMeasures) -> dict[str, Any]:
    """Every field; numbers that are not finite become None, for results.json has no NaN."""
    values = {field.name: getattr(measures, field.name) for field in measures.DESCRIPTOR.fields}
    finite = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
    return finite | {"warnings": list(measures.warnings)}
