"""What is exported answers as what was trained, checked at every export on real photographs."""

from __future__ import annotations

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import torch
from saggar.bundle import Golden
from saggar.errors import WrongStateError
from torch import Tensor

from saggar_trainer.model.network import MultiTaskClassifier

LARGEST_DIFFERENCE = 1e-4  # of a logit, times the largest logit where that is above 1


def check_export(onnx: bytes, model: MultiTaskClassifier, images: Tensor) -> Golden:
    """The golden sample: the first of `images` [N, 3, S, S], and the logits that the exported network gives for it.

    Raises WrongStateError when a logit of the ONNX model is further from PyTorch's than LARGEST_DIFFERENCE.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # a few images: threads would wait for each other, spinning
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    names = [*(f"logits_{task}" for task in model.tasks), "features"]
    exported = dict(zip(names, session.run(names, {"images": images.contiguous().numpy()}), strict=True))
    with torch.no_grad():
        logits, _ = model.eval()(images)
    for task, trained in logits.items():
        expected, found = trained.numpy(), exported[f"logits_{task}"]
        apart = float(np.abs(found - expected).max())
        allowed = LARGEST_DIFFERENCE * max(1.0, float(np.abs(expected).max()))
        if not apart <= allowed:
            raise WrongStateError(
                f"the exported network's {task} is {apart:.3g} from the trained one's (allowed: {allowed:.3g}), so it "
                "is not kept; install the versions of torch, onnxscript and onnxruntime that constraints.txt names"
            )
    return Golden(
        np.asarray(images[0].numpy(), np.float32),
        {task: np.asarray(exported[f"logits_{task}"][0], np.float32) for task in model.tasks},
    )
