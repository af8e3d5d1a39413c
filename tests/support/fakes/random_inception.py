"""A file of Inception-v3's weights as torch-fidelity reads them, made here at random, for the real ones are 95 MB."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


class Unloaded(FeatureExtractorInceptionV3):
    """torch-fidelity's network as it is built, before any weights are read."""

    def load_state_dict(self, *_args, **_kwargs):
        return None


def write_random_inception(folder: Path) -> Path:
    """The same weights every time, of a spread that keeps features as large as what comes in (He et al. 2015)."""
    torch.manual_seed(0)
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    network = Unloaded("x", ["2048"], feature_extractor_weights_path=nothing)
    for layer in network.modules():
        if isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    path = folder / "inception.pth"
    torch.save(network.state_dict(), path)
    return path
