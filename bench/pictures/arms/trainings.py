"""A training by the trainer's own functions, without the export, and what it says of fresh pieces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from onnxruntime import InferenceSession, SessionOptions
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from saggar_trainer.data.pixel_store import PixelStore
from saggar_trainer.data.pixels import normalise
from saggar_trainer.data.rows import samples_of
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.fitting.completing.finishing import Plain, finish
from saggar_trainer.fitting.lessons import Classroom, Workplace
from saggar_trainer.fitting.loop import fit
from saggar_trainer.fitting.objective import log_priors
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from scipy.special import softmax

from arms.holdings import SIZE, Collection

CPU = torch.device("cpu")
_PIXELS_BYTES = 1 << 30
_BATCH = 25  # more at once are slower

SETTINGS = TrainingSettings.checked(
    {
        "architecture": "mobilenet_v3_large_minimalistic",
        "initial_weights": "random",
        "image_size_px": SIZE,
        "batch_size": 32,
        "max_epochs": 4,
        "patience_epochs": 4,
        "steps_per_epoch": 30,
        "backbone_learning_rate": 3e-3,
        "head_learning_rate": 3e-3,
        "dropout": 0.2,
        "projection": False,
    }
)


@dataclass(frozen=True)
class Trained:
    """A network with its settings."""

    model: MultiTaskClassifier
    settings: TrainingSettings

    @cached_property
    def _session(self) -> InferenceSession:
        options = SessionOptions()
        options.intra_op_num_threads = 1
        return InferenceSession(to_onnx(self.model, SIZE), options)

    def probabilities(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """float32 [N, C] by task, of uint8 [N, 3, S, S], by the network as bundles have it."""
        spec, found = input_spec(self.settings), []
        for start in range(0, len(pixels), _BATCH):
            images = normalise(torch.from_numpy(np.array(pixels[start : start + _BATCH])), spec)
            logits = self._session.run([f"logits_{task}" for task in self.model.tasks], {"images": images.numpy()})
            found.append([softmax(values, axis=1) for values in logits])
        return {task: np.concatenate([part[place] for part in found]) for place, task in enumerate(self.model.tasks)}


def train(collection: Collection, manifest: Manifest, settings: TrainingSettings, scratch: Path) -> Trained:
    """The network of an arm: as the trainer's job trains it, up to the export."""
    leakage.check(manifest)
    taxonomy, work = collection.taxonomy, Work()
    training = samples_of(manifest.select(split="train"), taxonomy)
    validation = samples_of(manifest.select(split="validation"), taxonomy)
    kept = PixelStore(scratch / "pixels", _PIXELS_BYTES)
    at = Workplace(collection.store, CPU, threads=1, pixels=kept)
    room = Classroom(training, validation, taxonomy, settings, input_spec(settings), at, work)
    torch.manual_seed(settings.seed)
    backbone = build_backbone(settings)
    classes = {task.name: len(task.classes) for task in taxonomy.tasks}
    model = MultiTaskClassifier(backbone.layers, classes, settings.dropout, settings.projection)
    lessons = room.lessons()
    snapshot = fit(model, lessons, settings, device=CPU)
    model.load_state_dict(snapshot.best_model)
    priors = log_priors(training, taxonomy, settings)
    photographs, everything = (room.plain_training(real_only=real_only) for real_only in (True, False))
    plain = Plain(photographs, everything if settings.retrain_heads == "all" else photographs)
    finish(model, lessons, plain, settings, priors=priors, device=CPU, work=work)
    return Trained(model, settings)
