"""(e) A plain synchronous gRPC server: `python plain_server.py STORE KEY` prints its address, and serves until it is
killed. A pool of threads, whole decoding, one session with all processors: what somebody writes in an afternoon.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from saggar.bundle import BundleModel
from saggar.images import decode, preprocess
from saggar.store import DirectoryStore
from saggar.v1 import classifier_pb2, classifier_pb2_grpc


def main(store: str, key: str) -> None:
    at = DirectoryStore(Path(store))
    model = BundleModel.load(at, at.stat(key))

    class Plain(classifier_pb2_grpc.ClassifierServiceServicer):
        def Classify(self, request: Any, _context: Any) -> Any:  # noqa: N802 as in the contract
            image = preprocess(decode(request.image, "photograph"), model.card.input_spec)
            found = model.predict(image[np.newaxis])
            return classifier_pb2.ClassifyResponse(
                predictions=[
                    classifier_pb2.TaskPrediction(
                        task=task,
                        classes=[
                            classifier_pb2.ClassProbability(code=str(index), probability=values[0][index])
                            for index in np.argsort(-values[0])[:5]
                        ],
                    )
                    for task, values in found.items()
                ]
            )

    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", 20 << 20)])
    classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(Plain(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(*sys.argv[1:])
