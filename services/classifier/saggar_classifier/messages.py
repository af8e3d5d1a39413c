"""Messages of the contract to and from the classifier's own types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PIL import Image
from saggar.errors import FieldViolation, InvalidInputError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectStore
from saggar.v1 import classifier_pb2

from saggar_classifier.serving import photographs
from saggar_classifier.serving.models import ServedModel
from saggar_classifier.serving.ranking import RankedClass

DEFAULT_TOP_K = 5


def photograph(request: classifier_pb2.ClassifyRequest, store: ObjectStore) -> Image.Image:
    """The request's image, decoded; raises InvalidInputError, or the store's errors."""
    source = request.WhichOneof("source")
    if source is None:
        violation = FieldViolation("source", "is not set; give image or object")
        raise InvalidInputError("no image: set image (its bytes) or object (a reference)", (violation,))
    if source == "image":
        return photographs.from_bytes(request.image)
    return photographs.from_store(store, ref_from_proto(request.object, "object"))


def top_k(request: classifier_pb2.ClassifyRequest) -> int:
    """How many classes to return per task; raises InvalidInputError below 1."""
    wanted = request.top_k if request.HasField("top_k") else DEFAULT_TOP_K
    if wanted < 1:
        text = f"is {wanted}; must be 1 or more"
        raise InvalidInputError(f"top_k {text}", (FieldViolation("top_k", text),))
    return wanted


def classification(model_id: str, ranked: Mapping[str, Sequence[RankedClass]]) -> classifier_pb2.ClassifyResponse:
    return classifier_pb2.ClassifyResponse(
        model_id=model_id,
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


def description(model: ServedModel) -> classifier_pb2.DescribeModelResponse:
    card = model.card
    return classifier_pb2.DescribeModelResponse(
        model_id=model.model_id,
        bundle=ref_to_proto(model.bundle),
        tasks=[classifier_pb2.TaskDescription(task=task.name, codes=task.codes) for task in card.taxonomy.tasks],
        image_size_px=card.input_spec.size_px,
        annotations=card.annotations,
    )
