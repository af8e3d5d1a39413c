"""Between the contract's messages, the domain, and the JSON that is kept."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from saggar.errors import FieldViolation, refuse
from saggar.job_settings.messages import from_message
from saggar.job_settings.screening import ExtractorSettings, ScreenSettings
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import qc_pb2

from saggar_qc.extractors.choice import BundleChoice, Choice, Dinov2Choice, InceptionChoice
from saggar_qc.extractors.features import Dinov2Model
from saggar_qc.picture.texture import EDGES
from saggar_qc.review.agreement import Agreement, Coefficient, agreement
from saggar_qc.review.choosing.plan import HeldReview
from saggar_qc.review.choosing.sampling import CombinationDecision
from saggar_qc.review.ledger import Ledger
from saggar_qc.review.opening import Opening
from saggar_qc.review.outcome import AttributeShare, Outcome
from saggar_qc.screening.limits import Limit
from saggar_qc.screening.rules import report_only
from saggar_qc.screening.screen_run import Screened, Verified


def settings_to_json(settings: ScreenSettings) -> dict[str, Any]:
    """All values, with the reasons that `report_only` stands for."""
    return settings.model_dump() | {"report_only": sorted(map(str, report_only(settings.report_only)))}


def choice_from_message(message: qc_pb2.FeatureExtractor, name: str = "extractor") -> Choice:
    """InvalidInputError when no extractor, an unknown model, or a resize mode that cannot be, is named."""
    asked = message.WhichOneof("extractor")
    refuse([] if asked else [FieldViolation(name, "name a bundle, Inception or DINOv2")])
    if asked == "bundle" and message.HasField("resize"):
        refuse([FieldViolation(f"{name}.resize", "is for Inception and DINOv2, and a bundle is named; leave it out")])
    resize = from_message(ExtractorSettings, message, name).resize
    match asked:
        case "bundle":
            return BundleChoice(ref_from_proto(message.bundle, f"{name}.bundle"))
        case "inception_weights_path":
            return InceptionChoice(_path(message.inception_weights_path), resize)
        case _:
            known: tuple[Dinov2Model, ...] = get_args(Dinov2Model)
            model = message.dinov2.model or Dinov2Choice.model
            if model not in known:
                refuse([FieldViolation(f"{name}.dinov2.model", f"known: {', '.join(known)}; is {model}")])
            chosen = next(each for each in known if each == model)
            given = message.dinov2
            return Dinov2Choice(chosen, _path(given.repository_path), _path(given.weights_path), resize)


def to_json(value: Any) -> Any:
    """Dataclasses as objects; numbers that are not finite become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def measures_to_message(values: dict[str, Any]) -> qc_pb2.SetMeasures:
    """From the JSON of `SetMeasures`."""
    fields: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return qc_pb2.SetMeasures(**fields)


def opening_from_message(request: qc_pb2.OpenReviewRequest) -> Opening:
    """InvalidInputError, with a violation per field, for references or settings that cannot be."""
    return Opening(
        manifest=ref_from_proto(request.manifest, "manifest"),
        photographs=ref_from_proto(request.photographs, "photographs") if request.HasField("photographs") else None,
        taxonomy=ref_from_proto(request.taxonomy, "taxonomy"),
        title=request.title or "Review",
        experiment=request.experiment,
        settings=from_message(HeldReview, request.settings),
    )


def standing_to_message(ledger: Ledger, pages_address: str) -> qc_pb2.DescribeReviewResponse:
    return qc_pb2.DescribeReviewResponse(
        items=len(ledger.review.items),
        left=ledger.left,
        conflicts=len(ledger.conflicts()),
        finished=ledger.complete,
        pages_address=pages_address,
        closed=ledger.closed,
        reviewers=_reviewers_to_messages(ledger),
        title=ledger.review.title,
        experiment=ledger.review.experiment,
    )


def outcome_to_message(
    ledger: Ledger, outcome: Outcome, accepted: ObjectRef, rejected: ObjectRef
) -> qc_pb2.ConcludeReviewResponse:
    """`accepted` and `rejected`: where the outcome's manifests lie."""
    return qc_pb2.ConcludeReviewResponse(
        accepted=ref_to_proto(accepted),
        rejected=ref_to_proto(rejected),
        accepted_count=len(outcome.accepted),
        rejected_count=len(outcome.rejected),
        reviewed_count=outcome.passed.n,
        passed_count=outcome.passed.hits,
        pass_rate_low=outcome.passed.low,
        pass_rate_high=outcome.passed.high,
        masked_by_task=outcome.masked,
        whole_set_rejected=outcome.whole_set_rejected,
        combinations=[_combination_to_message(each) for each in outcome.combinations],
        attributes=[_attribute_to_message(each) for each in outcome.attributes],
        agreements=[_agreement_to_message(each) for each in agreement(ledger)],
        reviewers=_reviewers_to_messages(ledger),
    )


def _reviewers_to_messages(ledger: Ledger) -> list[qc_pb2.ReviewerStanding]:
    scores = [ledger.score_of(reviewer) for reviewer in ledger.reviewers]
    return [
        qc_pb2.ReviewerStanding(
            reviewer=each.reviewer,
            verdicts=each.verdicts,
            controls_right=each.controls.hits,
            controls_seen=each.controls.n,
            median_seconds=each.median_seconds,
            concern=each.concern,
            left_out=ledger.is_left_out(each.reviewer),
        )
        for each in scores
    ]


def _combination_to_message(decision: CombinationDecision) -> qc_pb2.CombinationDecision:
    return qc_pb2.CombinationDecision(
        combination=decision.combination,
        images=decision.images,
        reviewed=decision.passed.n,
        passed=decision.passed.hits,
        low=decision.passed.low,
        high=decision.passed.high,
        kept=decision.kept,
    )


def _attribute_to_message(share: AttributeShare) -> qc_pb2.AttributeShare:
    return qc_pb2.AttributeShare(
        subject=share.subject,
        right=share.right.hits,
        unsure=share.unsure,
        judged=share.right.n,
        low=share.right.low,
        high=share.right.high,
    )


def _agreement_to_message(found: Agreement) -> qc_pb2.ReviewerAgreement:
    def coefficient(value: Coefficient | None) -> qc_pb2.Coefficient | None:
        return None if value is None else qc_pb2.Coefficient(value=value.value, low=value.low, high=value.high)

    return qc_pb2.ReviewerAgreement(
        subject=found.subject,
        pairs=found.pairs,
        agreed=found.agreed,
        kappa=coefficient(found.kappa),
        alpha=coefficient(found.alpha),
    )


def result_to_message(result: dict[str, Any], report: ObjectRef) -> qc_pb2.ScreenResult:
    """From the JSON of a finished screening, which is also the report."""
    return qc_pb2.ScreenResult(
        accepted=ref_to_proto(ObjectRef.from_json(result["accepted"])),
        rejected=ref_to_proto(ObjectRef.from_json(result["rejected"])),
        accepted_count=result["accepted_count"],
        rejected_count=result["rejected_count"],
        rejected_by_reason=result["rejected_by_reason"],
        measures=None if result["measures"] is None else measures_to_message(result["measures"]),
        report=ref_to_proto(report),
        other_measures=[measures_to_message(each) for each in result["other_measures"]],
        found_by_reason=result["found_by_reason"],
    )


def screened_to_json(found: Screened) -> dict[str, Any]:
    """What the report holds of a screening; manifests are written apart."""
    return {
        "accepted_count": len(found.accepted),
        "rejected_count": len(found.rejected),
        "rejected_by_reason": found.by_reason,
        "found_by_reason": found.found,
        "limits": [_limit_to_json(limit, images) for limit, images in found.limits],
        "measures": to_json(found.measures),
        "combinations": to_json(found.combinations),
        "texture": {
            "bands_cycles_per_pixel": [round(float(edge), 4) for edge in EDGES],
            "by_glaze": to_json(found.textures),
        },
        "embedding": to_json(found.embedding),
        "verified": {task: _verified_to_json(verified) for task, verified in found.verified.items()},
        "intended_probability": {
            task: {"mean": mean, "images": count} for task, (mean, count) in found.intended.items()
        },
        "reference_images": found.reference_count,
        "reference_median_sharpness": found.reference_sharpness,
        "measured_at_side_px": found.side_px,
    }


def _limit_to_json(limit: Limit, images: int) -> dict[str, Any]:
    return {
        "measure": limit.measure.name,
        "words": limit.measure.words,
        "side": "above" if limit.measure.high else "below",
        "reason": str(limit.measure.reason),
        "limit": to_json(limit.value),
        "quantile": (1 - limit.beyond / limit.count) if limit.measure.high else limit.beyond / limit.count,
        "reference_beyond": limit.beyond,
        "reference_count": limit.count,
        "images_beyond": images,
    }


def _verified_to_json(verified: Verified) -> dict[str, Any]:
    values = np.array(verified.probabilities)
    return {
        "images": len(values),
        "mean": float(values.mean()),
        "far_too_wrong": int((values < verified.lowest).sum()),
        "far_too_easy": int((values > verified.highest).sum()),
        "band": [verified.lowest, verified.highest],
        "histogram": np.histogram(values, bins=10, range=(0, 1))[0].tolist(),
    }


def _path(text: str) -> Path | None:
    return Path(text) if text else None
