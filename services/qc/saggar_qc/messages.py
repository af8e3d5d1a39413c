"""Between the contract's messages and the domain."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
from saggar.errors import FieldViolation, InvalidInputError
from saggar.reject_reasons import CALIBRATED_REASONS, Reason
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2, qc_pb2

from saggar_qc.extractors.features import BundleChoice, Choice, Dinov2Choice, Dinov2Model, InceptionChoice
from saggar_qc.measures.distances import MAX_RESAMPLES
from saggar_qc.picture.texture import EDGES
from saggar_qc.screening.limits import CALIBRATED, Limit
from saggar_qc.screening.rules import Thresholds
from saggar_qc.screening.screen_run import Screened, Verified

DEFAULT_RESAMPLES = 200

_RANGES: dict[str, tuple[float, float]] = {
    "min_side_px": (1, 100_000),
    "min_luminance_sd": (0, 127.5),
    "min_entropy_bits": (0, 8),
    "min_relative_sharpness": (0, 1000),
    "duplicate_distance_bits": (0, 64),
    "min_intended_probability": (0, 1),
    "trimmed_share": (0, 0.5),
}


def thresholds_from(settings: qc_pb2.ScreenSettings) -> Thresholds:
    """Unset fields take their defaults. InvalidInputError, one violation per field out of range."""
    given = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(Thresholds)
        if field.name in _RANGES and settings.HasField(field.name)
    }
    _refuse(
        FieldViolation(f"settings.{name}", f"must be {low:g} to {high:g}, is {given[name]:g}")
        for name, (low, high) in _RANGES.items()
        if name in given and not low <= given[name] <= high
    )
    return Thresholds(**given, report_only=_reasons(settings.report_only))


def thresholds_to_json(thresholds: Thresholds) -> dict[str, Any]:
    values = {name: getattr(thresholds, name) for name in _RANGES}
    return values | {"report_only": sorted(str(reason) for reason in thresholds.report_only)}


def resamples_from(message: qc_pb2.ScreenSettings | qc_pb2.CompareSetsRequest) -> int:
    """Bootstrap resamples, 1 to `MAX_RESAMPLES`; InvalidInputError for others."""
    name = "settings.kid_resamples" if isinstance(message, qc_pb2.ScreenSettings) else "kid_resamples"
    count = message.kid_resamples if message.HasField("kid_resamples") else DEFAULT_RESAMPLES
    if not 1 <= count <= MAX_RESAMPLES:
        _refuse([FieldViolation(name, f"must be 1 to {MAX_RESAMPLES}, is {count}")])
    return count


def choice_from(message: qc_pb2.FeatureExtractor, name: str = "extractor") -> Choice:
    """InvalidInputError when no extractor, or an unknown model, is named."""
    match message.WhichOneof("extractor"):
        case "bundle":
            return BundleChoice(ref_from_proto(message.bundle, f"{name}.bundle"))
        case "inception_weights_path":
            return InceptionChoice(_path(message.inception_weights_path))
        case "dinov2":
            known: tuple[Dinov2Model, ...] = get_args(Dinov2Model)
            asked = message.dinov2.model or Dinov2Choice.model
            model = next((each for each in known if each == asked), None)
            if model is None:
                raise _bad_field(f"{name}.dinov2.model", f"known: {', '.join(known)}; is {asked}")
            return Dinov2Choice(model, _path(message.dinov2.repository_path), _path(message.dinov2.weights_path))
        case _:
            raise _bad_field(name, "name a bundle, Inception or DINOv2")


def progress_to(stage: str, done: int, total: int) -> common_pb2.Progress:
    return common_pb2.Progress(stage=stage, done=done, total=total, unit="images" if total else "")


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


def measures_to_proto(values: dict[str, Any]) -> qc_pb2.SetMeasures:
    """From the JSON of `SetMeasures`."""
    fields: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return qc_pb2.SetMeasures(**fields)


def result_to_proto(result: dict[str, Any], report: ObjectRef) -> qc_pb2.ScreenResult:
    """From the JSON of a finished screening, which is also the report."""
    return qc_pb2.ScreenResult(
        accepted=ref_to_proto(ObjectRef.from_json(result["accepted"])),
        rejected=ref_to_proto(ObjectRef.from_json(result["rejected"])),
        accepted_count=result["accepted_count"],
        rejected_count=result["rejected_count"],
        rejected_by_reason=result["rejected_by_reason"],
        measures=None if result["measures"] is None else measures_to_proto(result["measures"]),
        report=ref_to_proto(report),
        other_measures=[measures_to_proto(each) for each in result["other_measures"]],
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


def _reasons(names: Iterable[str]) -> frozenset[Reason]:
    known = {str(reason): frozenset({reason}) for reason in Reason} | {CALIBRATED_REASONS: CALIBRATED}
    if strange := [name for name in names if name not in known]:
        raise _bad_field("settings.report_only", f"no reason '{strange[0]}'; known: {', '.join(sorted(known))}")
    return frozenset().union(*(known[name] for name in names))


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _bad_field(name: str, description: str) -> InvalidInputError:
    return InvalidInputError(f"{name}: {description}", (FieldViolation(name, description),))


def _refuse(found: Any) -> None:
    violations = tuple(found)
    if violations:
        text = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidInputError(text, violations)
