"""OpenVINO with the few methods of ONNX Runtime's session that a bundle's model calls. Extra `openvino`."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import openvino  # type: ignore[import-untyped]

_LOOK_MS = 20  # between looks whether the run was to be given up


@dataclass(frozen=True)
class _Port:
    name: str
    shape: list[Any]  # a number, or a name where it is free


class OpenVinoSession:
    """Safe to use from many threads: each has its own request. `streams` of them run at once, by a thread each."""

    def __init__(self, onnx: bytes, precision: str, streams: int) -> None:
        """`precision`: f32, or bf16 where the processor computes with it."""
        core = openvino.Core()
        config: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": precision,
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
        }
        self._model = core.compile_model(core.read_model(onnx), "CPU", config)
        self._own = threading.local()

    def get_providers(self) -> list[str]:
        return ["OpenVINO"]

    def get_inputs(self) -> list[_Port]:
        return [_port(each) for each in self._model.inputs]

    def get_outputs(self) -> list[_Port]:
        return [_port(each) for each in self._model.outputs]

    def run(self, names: list[str], inputs: dict[str, Any], options: Any = None, look_ms: int = _LOOK_MS) -> list[Any]:
        """As ONNX Runtime's; ends with RuntimeError once `options.terminate` is set."""
        request = getattr(self._own, "request", None)
        if request is None:
            request = self._own.request = self._model.create_infer_request()
        request.start_async(inputs, share_inputs=True)
        while not request.wait_for(look_ms):
            if options is not None and options.terminate:
                request.cancel()
                self._own.request = None
                raise RuntimeError("given up")
        return [request.get_tensor(name).data.copy() for name in names]


def _port(port: Any) -> _Port:
    shape = [each.to_string() if each.is_dynamic else each.get_length() for each in port.get_partial_shape()]
    return _Port(port.get_any_name(), shape)
