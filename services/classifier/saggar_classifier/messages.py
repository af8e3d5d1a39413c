"""Messages of the contract to and from the classifier's own types."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from saggar.bundle import BundleCard, Neighbour
from saggar.errors import BusyError, FieldViolation, InvalidInputError, refuse
from saggar.rpc.errors import status_of
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef
from saggar.taxonomy import Task
from saggar.v1 import classifier_pb2

from saggar_classifier.answers.answering import (
    Abstention,
    Answer,
    Novelty,
    PredictedSet,
    Question,
    TaskAnswer,
)
from saggar_classifier.answers.combinations import JointCombination
from saggar_classifier.answers.ranking import RankedClass
from saggar_classifier.answers.speaker import notes_on, preprocessing_sha256
from saggar_classifier.serving import photographs
from saggar_classifier.serving.catalogue import Known
from saggar_classifier.serving.desk import Photograph
from saggar_classifier.serving.models import ServedModel
from saggar_classifier.serving.observer import Timing

LARGEST_BATCH = 64
MOST_NEIGHBOURS = 50

_REASONS = {
    "improbable": classifier_pb2.ABSTENTION_REASON_IMPROBABLE,
    "unlike training": classifier_pb2.ABSTENTION_REASON_UNLIKE_TRAINING,
}
_STATES = {
    "served": classifier_pb2.MODEL_STATE_SERVED,
    "loaded": classifier_pb2.MODEL_STATE_LOADED,
    "stored": classifier_pb2.MODEL_STATE_STORED,
}


def is_stored(request: classifier_pb2.ClassifyRequest) -> bool:
    """Whether the request's image is to be read from the store."""
    return bool(request.WhichOneof("source") == "object")


def photograph(request: classifier_pb2.ClassifyRequest, read: Callable[[ObjectRef], bytes]) -> Photograph:
    """The request's image, still encoded, by `read` where it is stored: before it takes the turn of another.

    Raises InvalidInputError where there is none, and as `read`. Decoding raises InvalidInputError.
    """
    source = request.WhichOneof("source")
    if source is None:
        violation = FieldViolation("source", "is not set; give image or object")
        raise InvalidInputError("no image: set image (its bytes) or object (a reference)", (violation,))
    if source == "image":
        data = request.image  # a copy, at every access
        return Photograph(len(data), partial(photographs.from_bytes, data))
    ref, begun = ref_from_proto(request.object, "object"), time.perf_counter()
    decoded = partial(photographs.from_bytes, read(ref), source=ref.key)
    return Photograph(ref.size_bytes, decoded, time.perf_counter() - begun)


def question(request: classifier_pb2.ClassifyRequest) -> Question:
    """What is asked of the photograph; raises InvalidInputError for numbers out of their range."""
    usual = Question()
    top_k = request.top_k if request.HasField("top_k") else usual.top_k
    coverage = request.coverage if request.HasField("coverage") else None
    least = request.least_probability if request.HasField("least_probability") else usual.least_probability
    wrong = []
    if top_k < 1:
        wrong.append(FieldViolation("top_k", f"is {top_k}; must be 1 or more"))
    if coverage is not None and not 0 < coverage < 1:
        wrong.append(FieldViolation("coverage", f"is {coverage:g}; must be between 0 and 1, as 0.9"))
    if not 0 <= least <= 1:
        wrong.append(FieldViolation("least_probability", f"is {least:g}; must be 0 to 1"))
    if not 0 <= request.neighbours <= MOST_NEIGHBOURS:
        wrong.append(FieldViolation("neighbours", f"is {request.neighbours}; must be 0 to {MOST_NEIGHBOURS}"))
    refuse(wrong)
    return Question(top_k, coverage, least, request.neighbours)


def batch(request: classifier_pb2.ClassifyBatchRequest) -> Sequence[classifier_pb2.ClassifyRequest]:
    """The batch's requests; raises InvalidInputError where there is none, or too many."""
    count = len(request.requests)
    if not 1 <= count <= LARGEST_BATCH:
        text = f"has {count}; give 1 to {LARGEST_BATCH}, or use ClassifyStream, which takes any number"
        refuse([FieldViolation("requests", text)])
    return request.requests


def failed(error: Exception) -> classifier_pb2.ClassifyResult:
    """The result in place of a response, with what the interceptor would make of `error`."""
    status = status_of(error)
    found = classifier_pb2.ClassifyError(code=status.code, message=status.message)
    if isinstance(error, BusyError):
        found.retry_after_seconds = error.retry_after_s
    return classifier_pb2.ClassifyResult(error=found)


def classification(answer: Answer, timing: Timing) -> classifier_pb2.ClassifyResponse:
    return classifier_pb2.ClassifyResponse(
        model_id=answer.model_id,
        predictions=[_prediction(name, task) for name, task in answer.tasks.items()],
        combination=_combination(answer.combination) if answer.combination else None,
        not_porcelain=_not_porcelain(answer.novelty) if answer.novelty else None,
        neighbours=[_neighbour(each) for each in answer.neighbours],
        preprocessing_sha256=answer.preprocessing_sha256,
        timing=classifier_pb2.Timing(
            queue_ms=1e3 * timing.queue_s,
            decode_ms=1e3 * timing.decode_s,
            network_ms=1e3 * timing.network_s,
            answer_ms=1e3 * timing.answer_s,
        ),
        notes=answer.notes,
    )


def _prediction(name: str, task: TaskAnswer) -> classifier_pb2.TaskPrediction:
    return classifier_pb2.TaskPrediction(
        task=name,
        classes=[_class(each) for each in task.classes],
        calibrated=task.calibrated,
        prediction_sets=[_set(each) for each in task.sets],
        abstention=_abstention(task.abstention) if task.abstention else None,
    )


def _class(ranked: RankedClass) -> classifier_pb2.ClassProbability:
    names = ranked.entry.names
    return classifier_pb2.ClassProbability(
        code=ranked.entry.code,
        name=names.en,
        probability=ranked.probability,
        name_zh_hans=names.zh_hans or "",
        name_zh_hant=names.zh_hant or "",
    )


def _set(found: PredictedSet) -> classifier_pb2.PredictionSet:
    rule = found.rule
    return classifier_pb2.PredictionSet(
        kind=rule.kind,
        coverage=rule.coverage,
        coverage_sd=rule.coverage_sd,
        objects=rule.objects,
        codes=found.codes,
    )


def _abstention(found: Abstention) -> classifier_pb2.Abstention:
    return classifier_pb2.Abstention(
        reason=_REASONS[found.reason],
        value=found.value,
        threshold=found.threshold,
        explanation=found.explanation,
    )


def _combination(found: JointCombination) -> classifier_pb2.JointCombination:
    return classifier_pb2.JointCombination(
        labels=found.labels, probability=found.probability, best_classes_agree=found.best_classes_agree
    )


def _not_porcelain(found: Novelty) -> classifier_pb2.NotPorcelain:
    return classifier_pb2.NotPorcelain(
        score=found.score,
        threshold=found.threshold,
        not_porcelain=found.not_porcelain,
        false_alarms=found.false_alarms,
        objects=found.objects,
    )


def _neighbour(found: Neighbour) -> classifier_pb2.Neighbour:
    return classifier_pb2.Neighbour(
        image=found.image,
        object_id=found.object_id,
        labels={task: code for task, code in found.labels.items() if code is not None},
        distance=1 - found.similarity,
        source=found.source,
        licence=found.licence,
        credit_line=found.credit_line,
        object_url=found.object_url,
    )


def description(
    known: Known, model: ServedModel | None, previous: ServedModel | None, problem: str
) -> classifier_pb2.DescribeModelResponse:
    """Of a model that can be read; `model` where this replica has loaded it."""
    card = known.card
    assert card is not None  # noqa: S101 whoever asks for one model gets an error where its card cannot be read
    return classifier_pb2.DescribeModelResponse(
        model_id=card.bundle_id,
        bundle=ref_to_proto(known.bundle),
        tasks=[_task_description(task, card) for task in card.taxonomy.tasks],
        image_size_px=card.input_spec.size_px,
        annotations=card.annotations,
        problem=problem,
        previous_model_id=previous.model_id if previous else "",
        state=_STATES[known.state],
        architecture=card.architecture,
        initial_weights=card.initial_weights,
        size_bytes=card.size_bytes,
        preprocessing_sha256=preprocessing_sha256(card),
        provider=model.network.provider if model else "",
        precision=model.precision if model else "",
        metrics=_struct(card.metrics),
        training=_struct(card.training),
        warnings=card.warnings,
        not_answered=card.not_answered,
        not_porcelain=_novelty_rule(card),
        neighbours=card.neighbours.photographs if card.neighbours else 0,
        notes=[*notes_on(card), *([model.compromise] if model and model.compromise else [])],
    )


def listing(known: Iterable[Known], problem: str) -> classifier_pb2.ClassifierServiceListModelsResponse:
    return classifier_pb2.ClassifierServiceListModelsResponse(models=map(_summary, known), problem=problem)


def _summary(known: Known) -> classifier_pb2.ModelSummary:
    found = classifier_pb2.ModelSummary(
        model_id=known.model_id, bundle=ref_to_proto(known.bundle), state=_STATES[known.state], problem=known.problem
    )
    card = known.card
    if card is None:
        return found
    found.MergeFrom(
        classifier_pb2.ModelSummary(
            architecture=card.architecture,
            tasks=card.taxonomy.task_names,
            annotations=card.annotations,
            size_bytes=card.size_bytes,
        )
    )
    score = card.metrics.get("validation_macro_f1")
    if isinstance(score, int | float):
        found.validation_macro_f1 = score
    return found


def _task_description(task: Task, card: BundleCard) -> classifier_pb2.TaskDescription:
    calibration = card.calibration.get(task.name)
    found = classifier_pb2.TaskDescription(
        task=task.name,
        codes=task.codes,
        classes=[
            classifier_pb2.ClassDescription(
                code=each.code,
                name=each.names.en,
                name_zh_hans=each.names.zh_hans or "",
                name_zh_hant=each.names.zh_hant or "",
            )
            for each in task.classes
        ],
        calibrated=calibration is not None,
        temperature=card.temperature(task.name),
        prediction_sets=[
            classifier_pb2.SetDescription(
                kind=rule.kind,
                coverage=rule.coverage,
                coverage_sd=rule.coverage_sd,
                objects=rule.objects,
                mean_size=rule.mean_size,
            )
            for rule in card.prediction_sets.get(task.name, ())
        ],
    )
    if calibration is not None:
        found.calibration_objects = calibration.objects
        found.expected_calibration_error = calibration.expected_error
        found.brier = calibration.brier
    return found


def _novelty_rule(card: BundleCard) -> classifier_pb2.NoveltyDescription | None:
    rule = card.novelty
    if rule is None or card.novelty_model is None:
        return None
    return classifier_pb2.NoveltyDescription(
        threshold=rule.threshold, false_alarms=rule.false_alarms, objects=rule.objects
    )


def _struct(values: Mapping[str, Any]) -> Struct:
    return ParseDict(dict(values), Struct())
