from saggar.v1 import common_pb2 as _common_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FeatureExtractor(_message.Message):
    __slots__ = ("bundle", "inception_weights_path", "dinov2", "resize")
    BUNDLE_FIELD_NUMBER: _ClassVar[int]
    INCEPTION_WEIGHTS_PATH_FIELD_NUMBER: _ClassVar[int]
    DINOV2_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    bundle: _common_pb2.ObjectRef
    inception_weights_path: str
    dinov2: Dinov2
    resize: str
    def __init__(self, bundle: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., inception_weights_path: _Optional[str] = ..., dinov2: _Optional[_Union[Dinov2, _Mapping]] = ..., resize: _Optional[str] = ...) -> None: ...

class Dinov2(_message.Message):
    __slots__ = ("model", "repository_path", "weights_path")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REPOSITORY_PATH_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_PATH_FIELD_NUMBER: _ClassVar[int]
    model: str
    repository_path: str
    weights_path: str
    def __init__(self, model: _Optional[str] = ..., repository_path: _Optional[str] = ..., weights_path: _Optional[str] = ...) -> None: ...

class ScreenSettings(_message.Message):
    __slots__ = ("min_side_px", "min_luminance_sd", "min_entropy_bits", "min_relative_sharpness", "duplicate_distance_bits", "min_intended_probability", "kid_resamples", "trimmed_share", "report_only", "copies_share_labels")
    MIN_SIDE_PX_FIELD_NUMBER: _ClassVar[int]
    MIN_LUMINANCE_SD_FIELD_NUMBER: _ClassVar[int]
    MIN_ENTROPY_BITS_FIELD_NUMBER: _ClassVar[int]
    MIN_RELATIVE_SHARPNESS_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_DISTANCE_BITS_FIELD_NUMBER: _ClassVar[int]
    MIN_INTENDED_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    KID_RESAMPLES_FIELD_NUMBER: _ClassVar[int]
    TRIMMED_SHARE_FIELD_NUMBER: _ClassVar[int]
    REPORT_ONLY_FIELD_NUMBER: _ClassVar[int]
    COPIES_SHARE_LABELS_FIELD_NUMBER: _ClassVar[int]
    min_side_px: int
    min_luminance_sd: float
    min_entropy_bits: float
    min_relative_sharpness: float
    duplicate_distance_bits: int
    min_intended_probability: float
    kid_resamples: int
    trimmed_share: float
    report_only: _containers.RepeatedScalarFieldContainer[str]
    copies_share_labels: bool
    def __init__(self, min_side_px: _Optional[int] = ..., min_luminance_sd: _Optional[float] = ..., min_entropy_bits: _Optional[float] = ..., min_relative_sharpness: _Optional[float] = ..., duplicate_distance_bits: _Optional[int] = ..., min_intended_probability: _Optional[float] = ..., kid_resamples: _Optional[int] = ..., trimmed_share: _Optional[float] = ..., report_only: _Optional[_Iterable[str]] = ..., copies_share_labels: _Optional[bool] = ...) -> None: ...

class ScreenRequest(_message.Message):
    __slots__ = ("request_id", "manifest", "reference", "extractor", "settings", "also_measured_by", "fresh")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    ALSO_MEASURED_BY_FIELD_NUMBER: _ClassVar[int]
    FRESH_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    manifest: _common_pb2.ObjectRef
    reference: _common_pb2.ObjectRef
    extractor: FeatureExtractor
    settings: ScreenSettings
    also_measured_by: _containers.RepeatedCompositeFieldContainer[FeatureExtractor]
    fresh: str
    def __init__(self, request_id: _Optional[str] = ..., manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., reference: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., extractor: _Optional[_Union[FeatureExtractor, _Mapping]] = ..., settings: _Optional[_Union[ScreenSettings, _Mapping]] = ..., also_measured_by: _Optional[_Iterable[_Union[FeatureExtractor, _Mapping]]] = ..., fresh: _Optional[str] = ...) -> None: ...

class ScreenResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: ScreenResult
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ScreenResult, _Mapping]] = ...) -> None: ...

class ScreenResult(_message.Message):
    __slots__ = ("accepted", "rejected", "accepted_count", "rejected_count", "rejected_by_reason", "measures", "report", "other_measures", "found_by_reason")
    class RejectedByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class FoundByReasonEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    REPORT_FIELD_NUMBER: _ClassVar[int]
    OTHER_MEASURES_FIELD_NUMBER: _ClassVar[int]
    FOUND_BY_REASON_FIELD_NUMBER: _ClassVar[int]
    accepted: _common_pb2.ObjectRef
    rejected: _common_pb2.ObjectRef
    accepted_count: int
    rejected_count: int
    rejected_by_reason: _containers.ScalarMap[str, int]
    measures: SetMeasures
    report: _common_pb2.ObjectRef
    other_measures: _containers.RepeatedCompositeFieldContainer[SetMeasures]
    found_by_reason: _containers.ScalarMap[str, int]
    def __init__(self, accepted: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., rejected: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., accepted_count: _Optional[int] = ..., rejected_count: _Optional[int] = ..., rejected_by_reason: _Optional[_Mapping[str, int]] = ..., measures: _Optional[_Union[SetMeasures, _Mapping]] = ..., report: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., other_measures: _Optional[_Iterable[_Union[SetMeasures, _Mapping]]] = ..., found_by_reason: _Optional[_Mapping[str, int]] = ...) -> None: ...

class SetMeasures(_message.Message):
    __slots__ = ("extractor", "first_count", "second_count", "feature_dimensions", "fid", "kid", "kid_low", "kid_high", "warnings", "preparation", "libraries", "fid_infinity", "precision", "recall", "density", "coverage", "resize")
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    FIRST_COUNT_FIELD_NUMBER: _ClassVar[int]
    SECOND_COUNT_FIELD_NUMBER: _ClassVar[int]
    FEATURE_DIMENSIONS_FIELD_NUMBER: _ClassVar[int]
    FID_FIELD_NUMBER: _ClassVar[int]
    KID_FIELD_NUMBER: _ClassVar[int]
    KID_LOW_FIELD_NUMBER: _ClassVar[int]
    KID_HIGH_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PREPARATION_FIELD_NUMBER: _ClassVar[int]
    LIBRARIES_FIELD_NUMBER: _ClassVar[int]
    FID_INFINITY_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    DENSITY_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FIELD_NUMBER: _ClassVar[int]
    extractor: str
    first_count: int
    second_count: int
    feature_dimensions: int
    fid: float
    kid: float
    kid_low: float
    kid_high: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    preparation: str
    libraries: str
    fid_infinity: float
    precision: float
    recall: float
    density: float
    coverage: float
    resize: str
    def __init__(self, extractor: _Optional[str] = ..., first_count: _Optional[int] = ..., second_count: _Optional[int] = ..., feature_dimensions: _Optional[int] = ..., fid: _Optional[float] = ..., kid: _Optional[float] = ..., kid_low: _Optional[float] = ..., kid_high: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., preparation: _Optional[str] = ..., libraries: _Optional[str] = ..., fid_infinity: _Optional[float] = ..., precision: _Optional[float] = ..., recall: _Optional[float] = ..., density: _Optional[float] = ..., coverage: _Optional[float] = ..., resize: _Optional[str] = ...) -> None: ...

class CompareSetsRequest(_message.Message):
    __slots__ = ("request_id", "first", "second", "extractor", "kid_resamples")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    SECOND_FIELD_NUMBER: _ClassVar[int]
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    KID_RESAMPLES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    first: _common_pb2.ObjectRef
    second: _common_pb2.ObjectRef
    extractor: FeatureExtractor
    kid_resamples: int
    def __init__(self, request_id: _Optional[str] = ..., first: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., second: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., extractor: _Optional[_Union[FeatureExtractor, _Mapping]] = ..., kid_resamples: _Optional[int] = ...) -> None: ...

class CompareSetsResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _common_pb2.Progress
    result: SetMeasures
    def __init__(self, progress: _Optional[_Union[_common_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[SetMeasures, _Mapping]] = ...) -> None: ...

class OpenReviewRequest(_message.Message):
    __slots__ = ("manifest", "photographs", "taxonomy", "title", "settings", "extractor", "experiment")
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    PHOTOGRAPHS_FIELD_NUMBER: _ClassVar[int]
    TAXONOMY_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    SETTINGS_FIELD_NUMBER: _ClassVar[int]
    EXTRACTOR_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    manifest: _common_pb2.ObjectRef
    photographs: _common_pb2.ObjectRef
    taxonomy: _common_pb2.ObjectRef
    title: str
    settings: ReviewSettings
    extractor: FeatureExtractor
    experiment: str
    def __init__(self, manifest: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., photographs: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., taxonomy: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., title: _Optional[str] = ..., settings: _Optional[_Union[ReviewSettings, _Mapping]] = ..., extractor: _Optional[_Union[FeatureExtractor, _Mapping]] = ..., experiment: _Optional[str] = ...) -> None: ...

class ReviewSettings(_message.Message):
    __slots__ = ("policy", "sample_size", "least_pass_rate", "double_share", "controls", "maskable_tasks", "leave_out_unreliable", "guidelines")
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    LEAST_PASS_RATE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_SHARE_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_FIELD_NUMBER: _ClassVar[int]
    MASKABLE_TASKS_FIELD_NUMBER: _ClassVar[int]
    LEAVE_OUT_UNRELIABLE_FIELD_NUMBER: _ClassVar[int]
    GUIDELINES_FIELD_NUMBER: _ClassVar[int]
    policy: str
    sample_size: int
    least_pass_rate: float
    double_share: float
    controls: int
    maskable_tasks: _containers.RepeatedScalarFieldContainer[str]
    leave_out_unreliable: bool
    guidelines: str
    def __init__(self, policy: _Optional[str] = ..., sample_size: _Optional[int] = ..., least_pass_rate: _Optional[float] = ..., double_share: _Optional[float] = ..., controls: _Optional[int] = ..., maskable_tasks: _Optional[_Iterable[str]] = ..., leave_out_unreliable: _Optional[bool] = ..., guidelines: _Optional[str] = ...) -> None: ...

class OpenReviewResponse(_message.Message):
    __slots__ = ("review_id", "items")
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    items: int
    def __init__(self, review_id: _Optional[str] = ..., items: _Optional[int] = ...) -> None: ...

class DescribeReviewRequest(_message.Message):
    __slots__ = ("review_id",)
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    def __init__(self, review_id: _Optional[str] = ...) -> None: ...

class DescribeReviewResponse(_message.Message):
    __slots__ = ("items", "left", "conflicts", "finished", "pages_address", "closed", "reviewers", "title", "experiment")
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    CONFLICTS_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    PAGES_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CLOSED_FIELD_NUMBER: _ClassVar[int]
    REVIEWERS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    EXPERIMENT_FIELD_NUMBER: _ClassVar[int]
    items: int
    left: int
    conflicts: int
    finished: bool
    pages_address: str
    closed: bool
    reviewers: _containers.RepeatedCompositeFieldContainer[ReviewerStanding]
    title: str
    experiment: str
    def __init__(self, items: _Optional[int] = ..., left: _Optional[int] = ..., conflicts: _Optional[int] = ..., finished: _Optional[bool] = ..., pages_address: _Optional[str] = ..., closed: _Optional[bool] = ..., reviewers: _Optional[_Iterable[_Union[ReviewerStanding, _Mapping]]] = ..., title: _Optional[str] = ..., experiment: _Optional[str] = ...) -> None: ...

class ReviewerStanding(_message.Message):
    __slots__ = ("reviewer", "verdicts", "controls_right", "controls_seen", "median_seconds", "concern", "left_out")
    REVIEWER_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_RIGHT_FIELD_NUMBER: _ClassVar[int]
    CONTROLS_SEEN_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_SECONDS_FIELD_NUMBER: _ClassVar[int]
    CONCERN_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    reviewer: str
    verdicts: int
    controls_right: int
    controls_seen: int
    median_seconds: float
    concern: str
    left_out: bool
    def __init__(self, reviewer: _Optional[str] = ..., verdicts: _Optional[int] = ..., controls_right: _Optional[int] = ..., controls_seen: _Optional[int] = ..., median_seconds: _Optional[float] = ..., concern: _Optional[str] = ..., left_out: _Optional[bool] = ...) -> None: ...

class CloseReviewRequest(_message.Message):
    __slots__ = ("review_id",)
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    def __init__(self, review_id: _Optional[str] = ...) -> None: ...

class CloseReviewResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ConcludeReviewRequest(_message.Message):
    __slots__ = ("review_id",)
    REVIEW_ID_FIELD_NUMBER: _ClassVar[int]
    review_id: str
    def __init__(self, review_id: _Optional[str] = ...) -> None: ...

class ConcludeReviewResponse(_message.Message):
    __slots__ = ("accepted", "rejected", "accepted_count", "rejected_count", "reviewed_count", "passed_count", "pass_rate_low", "pass_rate_high", "masked_by_task", "whole_set_rejected", "combinations", "attributes", "agreements", "reviewers")
    class MaskedByTaskEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REJECTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PASSED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PASS_RATE_LOW_FIELD_NUMBER: _ClassVar[int]
    PASS_RATE_HIGH_FIELD_NUMBER: _ClassVar[int]
    MASKED_BY_TASK_FIELD_NUMBER: _ClassVar[int]
    WHOLE_SET_REJECTED_FIELD_NUMBER: _ClassVar[int]
    COMBINATIONS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    AGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    REVIEWERS_FIELD_NUMBER: _ClassVar[int]
    accepted: _common_pb2.ObjectRef
    rejected: _common_pb2.ObjectRef
    accepted_count: int
    rejected_count: int
    reviewed_count: int
    passed_count: int
    pass_rate_low: float
    pass_rate_high: float
    masked_by_task: _containers.ScalarMap[str, int]
    whole_set_rejected: bool
    combinations: _containers.RepeatedCompositeFieldContainer[CombinationDecision]
    attributes: _containers.RepeatedCompositeFieldContainer[AttributeShare]
    agreements: _containers.RepeatedCompositeFieldContainer[ReviewerAgreement]
    reviewers: _containers.RepeatedCompositeFieldContainer[ReviewerStanding]
    def __init__(self, accepted: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., rejected: _Optional[_Union[_common_pb2.ObjectRef, _Mapping]] = ..., accepted_count: _Optional[int] = ..., rejected_count: _Optional[int] = ..., reviewed_count: _Optional[int] = ..., passed_count: _Optional[int] = ..., pass_rate_low: _Optional[float] = ..., pass_rate_high: _Optional[float] = ..., masked_by_task: _Optional[_Mapping[str, int]] = ..., whole_set_rejected: _Optional[bool] = ..., combinations: _Optional[_Iterable[_Union[CombinationDecision, _Mapping]]] = ..., attributes: _Optional[_Iterable[_Union[AttributeShare, _Mapping]]] = ..., agreements: _Optional[_Iterable[_Union[ReviewerAgreement, _Mapping]]] = ..., reviewers: _Optional[_Iterable[_Union[ReviewerStanding, _Mapping]]] = ...) -> None: ...

class CombinationDecision(_message.Message):
    __slots__ = ("combination", "images", "reviewed", "passed", "low", "high", "kept")
    COMBINATION_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    REVIEWED_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    KEPT_FIELD_NUMBER: _ClassVar[int]
    combination: str
    images: int
    reviewed: int
    passed: int
    low: float
    high: float
    kept: bool
    def __init__(self, combination: _Optional[str] = ..., images: _Optional[int] = ..., reviewed: _Optional[int] = ..., passed: _Optional[int] = ..., low: _Optional[float] = ..., high: _Optional[float] = ..., kept: _Optional[bool] = ...) -> None: ...

class AttributeShare(_message.Message):
    __slots__ = ("subject", "right", "unsure", "judged", "low", "high")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    UNSURE_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    subject: str
    right: int
    unsure: int
    judged: int
    low: float
    high: float
    def __init__(self, subject: _Optional[str] = ..., right: _Optional[int] = ..., unsure: _Optional[int] = ..., judged: _Optional[int] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class ReviewerAgreement(_message.Message):
    __slots__ = ("subject", "pairs", "agreed", "kappa", "alpha")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PAIRS_FIELD_NUMBER: _ClassVar[int]
    AGREED_FIELD_NUMBER: _ClassVar[int]
    KAPPA_FIELD_NUMBER: _ClassVar[int]
    ALPHA_FIELD_NUMBER: _ClassVar[int]
    subject: str
    pairs: int
    agreed: int
    kappa: Coefficient
    alpha: Coefficient
    def __init__(self, subject: _Optional[str] = ..., pairs: _Optional[int] = ..., agreed: _Optional[int] = ..., kappa: _Optional[_Union[Coefficient, _Mapping]] = ..., alpha: _Optional[_Union[Coefficient, _Mapping]] = ...) -> None: ...

class Coefficient(_message.Message):
    __slots__ = ("value", "low", "high")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    value: float
    low: float
    high: float
    def __init__(self, value: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...
