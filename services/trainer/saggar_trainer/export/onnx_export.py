"""From torch to ONNX: `images` [N, 3, S, S] in; `logits_<task>` [N, C] each, `features` [N, D] and `maps`
[N, F, S/32, S/32] out; features are the means of the first D maps, of all but in an ensemble.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import torch
from saggar.bundle.model import MAPS
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from saggar_trainer.model.network import MultiTaskClassifier

_graphs: dict[tuple[str, int], bytes] = {}  # what the exporter made of a kind of network at a size, without weights


def to_onnx(model: MultiTaskClassifier, size_px: int) -> bytes:
    """`model` in evaluation mode as one self-contained ONNX file with a free batch dimension.

    The exporter takes seconds, so it runs once for a kind of network; the weights of each go into a copy of its graph.
    """
    folded = without_batch_norm(model)
    kind = (f"{folded.tasks} {folded}", size_px)
    if kind not in _graphs:
        _graphs[kind] = _exported(folded, size_px).SerializeToString(deterministic=True)
    graph = onnx.ModelProto.FromString(_graphs[kind])
    weights = _parameters(folded)
    for tensor in graph.graph.initializer:
        if tensor.name in weights:
            tensor.raw_data = weights[tensor.name].numpy().tobytes()
    return bytes(graph.SerializeToString(deterministic=True))


def without_batch_norm(model: MultiTaskClassifier) -> MultiTaskClassifier:
    """A copy of `model` on the CPU in evaluation mode, its batch normalisation in the weights of the convolutions."""
    folded = copy.deepcopy(model).to("cpu", memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]
    for sequence in folded.modules():
        if not isinstance(sequence, nn.Sequential):
            continue
        for place in range(1, len(sequence)):
            convolution, norm = sequence[place - 1], sequence[place]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[place - 1] = fuse_conv_bn_eval(convolution, norm)
                sequence[place] = nn.Identity()
    return folded  # type: ignore[no-any-return]


def _exported(folded: MultiTaskClassifier, size_px: int) -> onnx.ModelProto:
    """The exporter's graph, with no content in what are weights of the network."""
    # Weights that are all different: the exporter may not take two for one, nor one for a constant.
    drawn = copy.deepcopy(folded)
    generator = torch.Generator().manual_seed(0)
    for values in drawn.parameters():
        values.data = torch.randn(values.shape, generator=generator)
    outputs = [*(f"logits_{task}" for task in folded.tasks), "features", MAPS]
    with _quiet():
        program = torch.onnx.export(
            _Flat(drawn).eval(),
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
    expected = _parameters(drawn)
    for tensor in graph.graph.initializer:
        if tensor.name in expected:
            if not np.array_equal(onnx.numpy_helper.to_array(tensor), expected.pop(tensor.name).numpy()):
                raise RuntimeError(f"torch.onnx.export changed {tensor.name}, so other weights cannot take its place")
            tensor.raw_data = b""
    if expected:
        raise RuntimeError(f"torch.onnx.export left out {', '.join(expected)}")
    return graph


def _parameters(model: nn.Module) -> dict[str, Tensor]:
    """The weights of `model` by their names in the graph."""
    return {f"model.{name}": values.detach().contiguous() for name, values in model.named_parameters()}


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
