"""Grad-CAM without torch is torch's."""

from pathlib import Path

import numpy as np
import pytest
import torch
from saggar.bundle import BundleModel, write_bundle
from saggar.bundle.explaining import Explainer, read_heads
from saggar.errors import DataCorruptionError, InvalidInputError
from saggar.images import InputSpec
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.fitting.checkpoint import weights_to_bytes
from saggar_trainer.model.backbone import minimalistic
from saggar_trainer.model.network import MultiTaskClassifier

SIZE = 96
TAXONOMY = load_taxonomy("kilnsim").narrowed(("glaze", "type"))


def network(projection: bool) -> MultiTaskClassifier:
    torch.manual_seed(1)
    classes = {task.name: len(task.classes) for task in TAXONOMY.tasks}
    model = MultiTaskClassifier(minimalistic().features, classes, projection=projection)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        model.train()(torch.randn(8, 3, SIZE, SIZE))
    return model.eval()


def grad_cam(model: MultiTaskClassifier, maps: torch.Tensor, task: str, index: int) -> np.ndarray:
    """By autograd, as the paper has it, of the last convolution's maps [N, F, h, w]."""
    maps = maps.detach().requires_grad_()
    logits, _ = model.answers(maps)
    (gradient,) = torch.autograd.grad(logits[task][:, index].sum(), maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return torch.relu((weights * maps).sum(1)).detach().numpy()


def written(
    store: DirectoryStore, model: MultiTaskClassifier, onnx: bytes, weights: bytes | None = None
) -> BundleModel:
    _, ref = write_bundle(
        store,
        onnx,
        weights or weights_to_bytes(model.state_dict()),
        taxonomy=TAXONOMY,
        input_spec=InputSpec(SIZE),
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="random",
    )
    return BundleModel.load(store, ref, threads=1)


@pytest.mark.parametrize("projection", [True, False])
def test_heat_is_that_of_autograd(projection: bool, tmp_path: Path) -> None:
    model, store = network(projection), DirectoryStore(tmp_path)
    bundle = written(store, model, to_onnx(model, SIZE))
    images = torch.randn(3, 3, SIZE, SIZE)
    look = Explainer(bundle, read_heads(store, bundle.card)).look(images.numpy())
    with torch.no_grad():
        maps = model.backbone(images)
    np.testing.assert_allclose(look.maps, maps.numpy(), atol=1e-4 * float(maps.max()))
    # On the same maps: where a ReLU of the projection is at 0 to the last bit, rounding decides whether it is open.
    maps = torch.from_numpy(look.maps)
    for task in TAXONOMY.tasks:
        for index in (0, len(task.classes) - 1):
            expected = grad_cam(model, maps, task.name, index)
            assert expected.max() > 1e-3
            np.testing.assert_allclose(look.heat(task.name, index), expected, atol=1e-4 * max(1, expected.max()))


def test_weights_of_another_network_are_told(tmp_path: Path) -> None:
    model, store = network(projection=False), DirectoryStore(tmp_path)
    state = model.state_dict()
    onnx = to_onnx(model, SIZE)
    other = {name: value + 0.1 if name == "heads.task_type.bias" else value for name, value in state.items()}
    bundle = written(store, model, onnx, weights_to_bytes(other))
    explainer = Explainer(bundle, read_heads(store, bundle.card))
    with pytest.raises(DataCorruptionError, match=r"its weights give type 0\.1 from its network's"):
        explainer.look(np.zeros((1, 3, SIZE, SIZE), np.float32))
    nothing = written(store, model, onnx, weights_to_bytes({"x": torch.zeros(1)}))
    with pytest.raises(InvalidInputError, match="another kind, which cannot be explained"):
        read_heads(store, nothing.card)
    text = written(store, model, onnx, b"hello")
    with pytest.raises(DataCorruptionError, match="not safetensors"):
        read_heads(store, text.card)
