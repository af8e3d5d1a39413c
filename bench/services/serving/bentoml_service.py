"""(d) BentoML: `bentoml serve bentoml_service:Classifier`. The photograph is the body of the request."""

from __future__ import annotations

import os
from typing import Annotated

import bentoml
from bentoml.validators import ContentType
from network import Network

WORKERS = int(os.environ.get("SAGGAR_BENCH_WORKERS", "2"))


@bentoml.service(workers=WORKERS, logging={"access": {"enabled": False}})
class Classifier:
    def __init__(self) -> None:
        self._network = Network()

    @bentoml.api(route="/classify")
    def classify(self, photograph: Annotated[bytes, ContentType("image/jpeg")], /) -> dict[str, list[float]]:
        return self._network.classify(photograph)
