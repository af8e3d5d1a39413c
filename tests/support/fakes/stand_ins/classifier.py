"""A classifier that gives every photograph the same answer."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

from saggar.errors import WrongStateError
from saggar.images import decode
from saggar.v1 import classifier_pb2, classifier_pb2_grpc

from stand_ins.service import TAXONOMY, FakeService


class FakeClassifier(FakeService, classifier_pb2_grpc.ClassifierServiceServicer):
    """Stands in for the classifier service."""

    def ActivateModel(self, request, context):
        self._begin("ActivateModel")
        self.active = request.bundle.uri.split("/")[1]
        return classifier_pb2.ActivateModelResponse(model_id=self.active)

    def DescribeModel(self, request, context):
        self._begin("DescribeModel")
        if self.active is None:
            raise WrongStateError("no model is active")
        return classifier_pb2.DescribeModelResponse(model_id=self.active)

    def Classify(self, request, context):
        self._begin("Classify")
        if self.active is None:
            raise WrongStateError("no model is active; activate one with `saggar models activate`")
        decode(request.image, "the photograph")
        predictions = [
            classifier_pb2.TaskPrediction(
                task=task.name,
                classes=[
                    classifier_pb2.ClassProbability(
                        code=c.code,
                        name=c.names.en,
                        name_zh_hans=c.names.zh_hans or "",
                        probability=1 / (i + 2),
                    )
                    for i, c in enumerate(task.classes[: request.top_k])
                ],
                calibrated=True,
                prediction_sets=[
                    classifier_pb2.PredictionSet(
                        kind="marginal", coverage=0.9, codes=[c.code for c in task.classes[:2]]
                    )
                ],
            )
            for task in TAXONOMY.tasks
        ]
        abstained = predictions[-1].abstention
        abstained.reason = classifier_pb2.ABSTENTION_REASON_IMPROBABLE
        abstained.value, abstained.threshold = 0.5, 0.6
        neighbours = [
            classifier_pb2.Neighbour(
                image=key,
                object_id=str(n),
                labels={"glaze": TAXONOMY.tasks[0].codes[0]},
                distance=0.1 + n,
                source="kilnsim",
            )
            for n, key in enumerate(sorted(self.store.list("images/"))[: request.neighbours])
        ]
        return classifier_pb2.ClassifyResponse(model_id=self.active, predictions=predictions, neighbours=neighbours)
