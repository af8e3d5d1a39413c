"""(b) MLServer's runtime: one photograph as BYTES, by the standard inference protocol. Runs in MLServer's workers."""

from __future__ import annotations

from typing import Any

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput
from network import Network


class Classifier(MLModel):  # type: ignore[misc,unused-ignore]
    async def load(self) -> bool:
        self._network = Network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        data: Any = payload.inputs[0].data.root[0]
        found = self._network.classify(data)
        outputs = [
            ResponseOutput(name=task, shape=[1, len(values)], datatype="FP32", data=values)
            for task, values in found.items()
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)
