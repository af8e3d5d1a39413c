"""Decoding and ONNX Runtime as the service has them, for servers in environments without Saggar."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MODEL = "SAGGAR_BENCH_MODEL"  # path of the network
SIZE = 224


class Network:
    """One session of one thread: several workers are fastest so, for this server as for any other."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        data = Path(os.environ[MODEL]).read_bytes()
        self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._tasks = [each.name for each in self._session.get_outputs() if each.name.startswith("logits_")]
        levels = np.arange(256, dtype=np.float32) / 255
        self._levels = [((levels - mean) / std).astype(np.float32) for mean, std in zip(MEAN, STD, strict=True)]

    def classify(self, photograph: bytes) -> dict[str, list[float]]:
        """Probabilities by task."""
        outputs = self._session.run(self._tasks, {"images": self._prepared(photograph)[None]})
        return {task: _softmax(logits[0]) for task, logits in zip(self._tasks, outputs, strict=True)}

    def _prepared(self, photograph: bytes) -> Any:
        image = Image.open(io.BytesIO(photograph))
        image.draft("RGB", (2 * SIZE, 2 * SIZE))
        image = image.convert("RGB")
        shorter = min(image.size)
        width, height = (round(side * SIZE / shorter) for side in image.size)
        left, top = (width - SIZE) // 2, (height - SIZE) // 2
        square = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + SIZE, top + SIZE))
        pixels = np.asarray(square)
        return np.stack([values[pixels[:, :, channel]] for channel, values in enumerate(self._levels)])


def _softmax(logits: Any) -> list[float]:
    powers = np.exp(logits - logits.max())
    found: list[float] = (powers / powers.sum()).tolist()
    return found
