"""Architectures, first weights, and the ONNX file."""

from pathlib import Path
from urllib.error import URLError

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from saggar.bundle.model import MAPS
from saggar.errors import InvalidInputError, NotFoundError
from saggar.job_settings.training import TrainingSettings
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.model.backbone import build_backbone, input_spec, minimalistic
from saggar_trainer.model.network import MultiTaskClassifier
from torchvision.models import _api, mobilenet_v3_large

MINIMALISTIC = "mobilenet_v3_large_minimalistic"


@pytest.mark.parametrize("architecture", ["mobilenet_v3_large", MINIMALISTIC])
def test_the_onnx_file_answers_as_torch_does(architecture: str) -> None:
    torch.manual_seed(0)
    settings = TrainingSettings(architecture=architecture, initial_weights="random")
    model = MultiTaskClassifier(build_backbone(settings).layers, {"type": 3, "glaze": 7})
    with torch.no_grad():  # batch statistics of noise, so that features are not all alike
        for _ in range(3):
            model(torch.randn(8, 3, 64, 64))
    content = to_onnx(model, 64)
    session = onnxruntime.InferenceSession(content)
    assert [output.name for output in session.get_outputs()] == ["logits_type", "logits_glaze", "features", MAPS]
    for n in (1, 3):
        images = torch.randn(n, 3, 64, 64)
        with torch.no_grad():
            logits, features = model.eval()(images)
        found = session.run(None, {"images": images.numpy()})
        expected = [logits["type"].numpy(), logits["glaze"].numpy(), features.numpy()]
        np.testing.assert_allclose(found[3].mean(axis=(2, 3)), found[2], atol=1e-4)
        for got, want in zip(found[:3], expected, strict=True):
            assert got.shape == want.shape
            assert np.abs(want).max() > 1e-3
            np.testing.assert_allclose(got, want, atol=1e-4)
    assert b"site-packages" not in content  # no paths of the machine that trained it


def trained(seed: int) -> MultiTaskClassifier:
    torch.manual_seed(seed)
    layers = build_backbone(TrainingSettings(architecture=MINIMALISTIC, initial_weights="random")).layers
    model = MultiTaskClassifier(layers, {"form": 4})
    with torch.no_grad():
        model(torch.randn(8, 3, 32, 32))
    return model.eval()


def test_the_exporter_runs_once_for_networks_of_a_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = trained(1), trained(2)
    files = [to_onnx(first, 32)]
    monkeypatch.setattr(torch.onnx, "export", None)  # to call it again is an error
    files += [to_onnx(second, 32), to_onnx(first, 32)]
    assert files[0] == files[2] != files[1]
    images = torch.randn(2, 3, 32, 32)
    for model, file in ((first, files[0]), (second, files[1])):
        (found,) = onnxruntime.InferenceSession(file).run(["logits_form"], {"images": images.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(found, model(images)[0]["form"].numpy(), atol=1e-4)
    assert any(isinstance(layer, torch.nn.BatchNorm2d) for layer in first.modules())  # the model itself is as it was
    with pytest.raises(TypeError):
        to_onnx(first, 64)  # another size is another kind


def test_a_task_may_be_called_type_and_projection_may_be_left_out() -> None:
    settings = TrainingSettings(initial_weights="random")
    model = MultiTaskClassifier(build_backbone(settings).layers, {"type": 3}, projection=False).eval()
    logits, features = model(torch.zeros(2, 3, 32, 32))
    assert logits["type"].shape == (2, 3)
    assert features.shape == (2, 960)
    assert len(model.head_parameters()) == 2


def test_random_weights_are_warned_of() -> None:
    (warning,) = build_backbone(TrainingSettings(initial_weights="random")).warnings
    assert "random initial weights" in warning


def test_weights_from_a_file(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = minimalistic()
    state = {name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    settings = TrainingSettings(
        architecture=MINIMALISTIC,
        initial_weights="file",
        initial_weights_path=str(tmp_path / "weights.safetensors"),
    )
    backbone = build_backbone(settings)
    assert backbone.warnings == ()
    for name, value in network.features.state_dict().items():
        torch.testing.assert_close(backbone.layers.state_dict()[name], value, atol=1e-3, rtol=1e-3)


def test_the_shared_weights_fit(project_data: Path) -> None:
    path = project_data / "weights" / "mobilenet_v3_large_minimalistic_imagenet.safetensors"
    settings = TrainingSettings(architecture=MINIMALISTIC, initial_weights="file", initial_weights_path=str(path))
    assert build_backbone(settings).warnings == ()


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(mobilenet_v3_large().state_dict(), path)
    settings = TrainingSettings(architecture=MINIMALISTIC, initial_weights="file", initial_weights_path=str(path))
    with pytest.raises(InvalidInputError, match=r"other\.safetensors are not those of torchvision's .*minimalistic"):
        build_backbone(settings)


def test_missing_and_broken_weights_are_refused(tmp_path: Path) -> None:
    missing = TrainingSettings(initial_weights="file", initial_weights_path=str(tmp_path / "none.safetensors"))
    with pytest.raises(NotFoundError, match="no such file on the trainer's machine"):
        build_backbone(missing)
    (tmp_path / "text.safetensors").write_text("not weights")
    broken = TrainingSettings(initial_weights="file", initial_weights_path=str(tmp_path / "text.safetensors"))
    with pytest.raises(InvalidInputError, match="not a safetensors file"):
        build_backbone(broken)


def test_without_a_connection_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(_api, "load_state_dict_from_url", offline)
    with pytest.raises(NotFoundError, match=r"no route to host.*Put mobilenet_v3_large.*\.pth into .*initial_weights"):
        build_backbone(TrainingSettings())


def test_each_architecture_names_the_input_that_its_weights_expect() -> None:
    assert input_spec(TrainingSettings()).mean == (0.485, 0.456, 0.406)
    minimal = input_spec(TrainingSettings(architecture=MINIMALISTIC, initial_weights="random", image_size_px=96))
    assert (minimal.size_px, minimal.mean, minimal.std) == (96, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
