"""A classifier that answers at once, by the photograph's bytes alone, behind a real server."""

import threading
import zlib
from collections import Counter
from contextlib import contextmanager

from saggar.errors import InvalidInputError, SaggarError, WrongStateError
from saggar.rpc.errors import status_of
from saggar.rpc.server import start_server
from saggar.settings import ServiceSettings
from saggar.taxonomy import load_taxonomy
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

TAXONOMY = load_taxonomy("kilnsim")
MODEL = "0123456789abcdef"


class FakeClassifier(classifier_pb2_grpc.ClassifierServiceServicer):
    """`seen` counts photographs; what begins with `bad` is no photograph; `gone`: there is no model."""

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
            raise InvalidInputError("the image is not a JPEG, PNG, WebP or TIFF")
        return classifier_pb2.ClassifyResponse(
            model_id=self.model, predictions=[prediction(task, image, request.top_k) for task in TAXONOMY.tasks]
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
        return classifier_pb2.DescribeModelResponse(model_id=self.model, tasks=tasks)

    def register(self, server):
        classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(self, server)
        return ["saggar.v1.ClassifierService"]


def best_code(task, image):
    """What the fake says of a photograph."""
    codes = TAXONOMY.task(task).codes
    return codes[zlib.crc32(image) % len(codes)]


def prediction(task, image, count):
    best = zlib.crc32(image) % len(task.classes)
    ordered = [*task.classes[best:], *task.classes[:best]][: count or 5]
    classes = [
        classifier_pb2.ClassProbability(code=each.code, name=each.names.en, probability=0.9 / (place + 1))
        for place, each in enumerate(ordered)
    ]
    return classifier_pb2.TaskPrediction(task=task.name, classes=classes)


@contextmanager
def fake_classifier():
    """(the fake, its address)."""
    fake = FakeClassifier()
    server = start_server(fake.register, ServiceSettings())
    try:
        yield fake, server.address
    finally:
        server.stop()
