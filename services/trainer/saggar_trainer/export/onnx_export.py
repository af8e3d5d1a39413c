"""From torch to ONNX: `images` [N, 3, S, S] in; `logits_<task>` [N, C] each, `features` [N, 960] and `maps`
[N, 960, S/32, S/32], of which features are the mean, out.
"""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from saggar.bundle.model import MAPS
from torch import Tensor, nn

from saggar_trainer.model.network import MultiTaskClassifier


def to_onnx(model: MultiTaskClassifier, size_px: int) -> bytes:
    """`model` in evaluation mode as one self-contained ONNX file with a free batch dimension."""
    model = model.to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    outputs = [*(f"logits_{task}" for task in model.tasks), "features", MAPS]
    with _quiet():
        program = torch.onnx.export(
            _Flat(model).eval(),
            (torch.zeros(2, 3, size_px, size_px),),
            dynamo=True,
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export gave no program")
    graph = program.model_proto
    _strip(graph)
    return bytes(graph.SerializeToString(deterministic=True))


class _Flat(nn.Module):
    """ONNX has no mappings: one output per task, then the features and what is pooled."""

    def __init__(self, model: MultiTaskClassifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = self.model.backbone(images)
        logits, features = self.model.answers(maps)
        return (*(logits[task] for task in self.model.tasks), features, maps)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """The exporter prints, logs and warns about its own insides; nothing of that is for our users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _strip(graph: Any) -> None:
    """Remove stack traces, which hold paths of this machine and make equal models differ."""
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for part in (*graph.graph.node, *graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""
    for tensor in graph.graph.initializer:
        del tensor.metadata_props[:]
        tensor.doc_string = ""
