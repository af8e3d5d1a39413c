"""A classifier that answers at once, by the photograph's bytes alone, behind a real server."""

import threading
import zlib
from collections import Counter
from contextlib import contextmanager

from saggar.errors import InvalidInputError, SaggarError, WrongStateError
from saggar.rpc.errors import status_of
from saggar.rpc.serving.server import start_server
from saggar.settings import ServiceSettings
from saggar.taxonomy import load_taxonomy
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

TAXONOMY = load_taxonomy("kilnsim")
MODEL = "0123456789abcdef"
SNAPSHOT = "5" * 64


class FakeClassifier(classifier_pb2_grpc.ClassifierServiceServicer):
    """`seen` counts photographs; what begins with `bad` is no photograph, with `doubt` none of porcelain.

    `gone`: there is no model.
    """

    def __init__(self):
        self.seen = Counter()
        self.keys = set()
        self.gone = threading.Event()
        self.model = MODEL

    def answer(self, request):
        image = request.image
        self.seen[image] += 1
        if self.gone.is_set():
            raise WrongStateError("no model is active; activate one")
        if image.startswith(b"bad"):
            raise InvalidInputError("the file is not a JPEG, PNG, WebP or TIFF")
        doubtful = image.startswith(b"doubt")
        return classifier_pb2.ClassifyResponse(
            model_id=self.model,
            predictions=[prediction(task, image, request, doubtful=doubtful) for task in TAXONOMY.tasks],
            not_porcelain=classifier_pb2.NotPorcelain(
                score=7.5 if doubtful else 2, threshold=6, not_porcelain=doubtful
            ),
            notes=["glaze is not calibrated"],
        )

    def Classify(self, request, context):  # noqa: N802
        return self.answer(request)

    def ClassifyStream(self, requests, context):  # noqa: N802
        self.keys |= {value for name, value in context.invocation_metadata() if name == "authorization"}
        for each in requests:
            try:
                result = classifier_pb2.ClassifyResult(response=self.answer(each.request))
            except SaggarError as error:
                status = status_of(error)
                found = classifier_pb2.ClassifyError(code=status.code, message=status.message)
                result = classifier_pb2.ClassifyResult(error=found)
            yield classifier_pb2.ClassifyStreamResponse(id=each.id, result=result)

    def DescribeModel(self, request, context):  # noqa: N802
        tasks = [classifier_pb2.TaskDescription(task=task.name, codes=task.codes) for task in TAXONOMY.tasks]
        found = classifier_pb2.DescribeModelResponse(model_id=self.model, tasks=tasks)
        found.training.update({"manifest": SNAPSHOT})
        return found

    def register(self, server):
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(self, server)
        return ["saggar.v1.ClassifierService"]


def best_code(task, image):
    """What the fake says of a photograph."""
    codes = TAXONOMY.task(task).codes
    return codes[zlib.crc32(image) % len(codes)]


def prediction(task, image, request, *, doubtful):
    best = zlib.crc32(image) % len(task.classes)
    ordered = [*task.classes[best:], *task.classes[:best]][: request.top_k or 5]
    classes = [
        classifier_pb2.ClassProbability(code=each.code, name=each.names.en, probability=0.9 / (place + 1))
        for place, each in enumerate(ordered)
    ]
    found = classifier_pb2.TaskPrediction(task=task.name, classes=classes)
    coverage = request.coverage if request.HasField("coverage") else 0.9
    two = [task.codes[best], task.codes[(best + 1) % len(task.codes)]]
    found.prediction_sets.add(kind="marginal", coverage=coverage, codes=two, objects=40)
    if doubtful:
        found.abstention.reason = classifier_pb2.ABSTENTION_REASON_UNLIKE_TRAINING
        found.abstention.explanation = "the photograph is unlike those of the training"
    return found


@contextmanager
def fake_classifier():
    """(the fake, its address)."""
    fake = FakeClassifier()
    server = start_server(fake.register, ServiceSettings())
    try:
        yield fake, server.address
    finally:
        server.stop()
