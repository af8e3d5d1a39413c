"""Messages of the contract to and from the classifier's own types."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from saggar.errors import BusyError, FieldViolation, InvalidInputError, refuse
from saggar.rpc.errors import status_of
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectStore
from saggar.v1 import classifier_pb2

from saggar_classifier.serving import photographs
from saggar_classifier.serving.desk import Photograph
from saggar_classifier.serving.models import Probabilities, ServedModel
from saggar_classifier.serving.ranking import top_classes

DEFAULT_TOP_K = 5
LARGEST_BATCH = 64


def photograph(request: classifier_pb2.ClassifyRequest, store: ObjectStore) -> Photograph:
    """The request's image, still encoded; raises InvalidInputError where there is none.

    Decoding raises InvalidInputError, or the store's errors.
    """
    source = request.WhichOneof("source")
    if source is None:
        violation = FieldViolation("source", "is not set; give image or object")
        raise InvalidInputError("no image: set image (its bytes) or object (a reference)", (violation,))
    if source == "image":
        return Photograph(len(request.image), partial(photographs.from_bytes, request.image))
    ref = ref_from_proto(request.object, "object")
    return Photograph(ref.size_bytes, partial(photographs.from_store, store, ref))


def top_k(request: classifier_pb2.ClassifyRequest) -> int:
    """How many classes to return per task; raises InvalidInputError below 1."""
    count = request.top_k if request.HasField("top_k") else DEFAULT_TOP_K
    if count < 1:
        refuse([FieldViolation("top_k", f"is {count}; must be 1 or more")])
    return count


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


def classification(model: ServedModel, probabilities: Probabilities, count: int) -> classifier_pb2.ClassifyResponse:
    """The `count` most probable classes of each task."""
    ranked = top_classes(probabilities, model.card.taxonomy, count)
    return classifier_pb2.ClassifyResponse(
        model_id=model.model_id,
        predictions=[
            classifier_pb2.TaskPrediction(
                task=task,
                classes=[
                    classifier_pb2.ClassProbability(code=c.code, name=c.name, probability=c.probability)
                    for c in classes
                ],
            )
            for task, classes in ranked.items()
        ],
    )


def description(model: ServedModel, previous: ServedModel | None, problem: str) -> classifier_pb2.DescribeModelResponse:
    card = model.card
    return classifier_pb2.DescribeModelResponse(
        model_id=model.model_id,
        bundle=ref_to_proto(model.bundle),
        tasks=[classifier_pb2.TaskDescription(task=task.name, codes=task.codes) for task in card.taxonomy.tasks],
        image_size_px=card.input_spec.size_px,
        annotations=card.annotations,
        problem=problem,
        previous_model_id=previous.model_id if previous else "",
    )
