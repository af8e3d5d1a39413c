"""Between the contract's messages and the domain."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

from saggar.errors import FieldViolation, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.v1 import common_pb2, qc_pb2

from saggar_qc.features import BundleChoice, Choice, InceptionChoice
from saggar_qc.measures import MAX_RESAMPLES, SetMeasures
from saggar_qc.screening import Thresholds

DEFAULT_RESAMPLES = 200

_RANGES: dict[str, tuple[float, float]] = {
    "min_side_px": (1, 100_000),
    "min_luminance_sd": (0, 127.5),
    "min_entropy_bits": (0, 8),
    "min_relative_sharpness": (0, 1000),
    "duplicate_distance_bits": (0, 64),
    "min_intended_probability": (0, 1),
}


def thresholds_from(settings: qc_pb2.ScreenSettings) -> Thresholds:
    """Unset fields take their defaults. InvalidInputError, one violation per field out of range."""
    given = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(Thresholds)
        if settings.HasField(field.name)
    }
    _refuse(
        FieldViolation(f"settings.{name}", f"must be {low:g} to {high:g}, is {given[name]:g}")
        for name, (low, high) in _RANGES.items()
        if name in given and not low <= given[name] <= high
    )
    return Thresholds(**given)


def resamples_from(message: qc_pb2.ScreenSettings | qc_pb2.CompareSetsRequest) -> int:
    """Bootstrap resamples, 1 to `MAX_RESAMPLES`; InvalidInputError for others."""
    name = "settings.kid_resamples" if isinstance(message, qc_pb2.ScreenSettings) else "kid_resamples"
    count = message.kid_resamples if message.HasField("kid_resamples") else DEFAULT_RESAMPLES
    if not 1 <= count <= MAX_RESAMPLES:
        _refuse([FieldViolation(name, f"must be 1 to {MAX_RESAMPLES}, is {count}")])
    return count


def choice_from(message: qc_pb2.FeatureExtractor) -> Choice:
    """InvalidInputError when no extractor is named."""
    match message.WhichOneof("extractor"):
        case "bundle":
            return BundleChoice(ref_from_proto(message.bundle, "extractor.bundle"))
        case "inception_weights_path":
            return InceptionChoice(Path(message.inception_weights_path))
        case _:
            _refuse([FieldViolation("extractor", "name a bundle or the path of Inception weights")])
            raise AssertionError("unreachable")


def progress_to(stage: str, done: int, total: int) -> common_pb2.Progress:
    return common_pb2.Progress(stage=stage, done=done, total=total, unit="images" if total else "")


def measures_to_json(measures: SetMeasures) -> dict[str, Any]:
    """Numbers that are not finite become null."""
    values = dataclasses.asdict(measures)
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in values.items()
    }


def measures_to_proto(values: dict[str, Any]) -> qc_pb2.SetMeasures:
    """From `measures_to_json`."""
    fields: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return qc_pb2.SetMeasures(**fields)


def ref_to_json(ref: ObjectRef) -> dict[str, Any]:
    return dataclasses.asdict(ref)


def result_to_proto(result: dict[str, Any], report: ObjectRef) -> qc_pb2.ScreenResult:
    """From the JSON of a finished screening, which is also the report."""
    return qc_pb2.ScreenResult(
        accepted=ref_to_proto(ObjectRef(**result["accepted"])),
        rejected=ref_to_proto(ObjectRef(**result["rejected"])),
        accepted_count=result["accepted_count"],
        rejected_count=result["rejected_count"],
        rejected_by_reason=result["rejected_by_reason"],
        measures=None if result["measures"] is None else measures_to_proto(result["measures"]),
        report=ref_to_proto(report),
    )


def _refuse(found: Any) -> None:
    violations = tuple(found)
    if violations:
        text = "; ".join(f"{v.field}: {v.description}" for v in violations)
        raise InvalidInputError(text, violations)
