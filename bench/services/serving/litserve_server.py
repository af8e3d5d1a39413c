"""(c) LitServe: `python litserve_server.py PORT WORKERS`. The photograph comes in base64, in JSON."""

import base64
import sys
from typing import Any

import litserve
from network import Network


class Classifier(litserve.LitAPI):  # type: ignore[misc,unused-ignore]
    def setup(self, device: Any) -> None:  # noqa: ARG002 the interface's
        self._network = Network()

    def decode_request(self, request: dict[str, str]) -> bytes:
        return base64.b64decode(request["photograph"])

    def predict(self, data: bytes) -> dict[str, list[float]]:
        return self._network.classify(data)

    def encode_response(self, found: dict[str, list[float]]) -> dict[str, list[float]]:
        return found


if __name__ == "__main__":
    port, workers = map(int, sys.argv[1:])
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=workers, fast_queue=True)
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="error")
