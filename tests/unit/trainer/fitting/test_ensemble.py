"""Several networks as one: its logits are the mean of theirs, in torch and in ONNX."""

import numpy as np
import torch
from saggar.bundle.model import MAPS
from saggar.job_settings.training import LARGEST_SEED, TrainingSettings
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.export.sessions import logits_of, opened
from saggar_trainer.model.backbone import build_backbone
from saggar_trainer.model.ensemble import member_seed, together
from saggar_trainer.model.network import MultiTaskClassifier

TASKS = {"type": 3, "glaze": 7}
SETTINGS = TrainingSettings(architecture="mobilenet_v3_large_minimalistic", initial_weights="random", projection=False)


def network(seed: int) -> MultiTaskClassifier:
    torch.manual_seed(seed)
    made = MultiTaskClassifier(build_backbone(SETTINGS).layers, TASKS, projection=False)
    with torch.no_grad():  # batch statistics of noise, so that features are not all alike
        for _ in range(3):
            made(torch.randn(8, 3, 64, 64))
        for task in TASKS:
            made.head(task).bias.normal_()
    return made.eval()


def test_logits_are_the_mean_of_the_members() -> None:
    members = [network(seed) for seed in range(3)]
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        apart = [member(images) for member in members]
        logits, _ = together(members).eval()(images)
    onnx = logits_of(opened(to_onnx(together(members), 64)), list(TASKS), images.numpy())
    for task in TASKS:
        expected = torch.stack([one[task] for one, _ in apart]).mean(0)
        assert float(expected.abs().max()) > 0.1
        np.testing.assert_allclose(logits[task], expected, atol=1e-4)
        np.testing.assert_allclose(onnx[task], expected, atol=1e-4)


def test_novelty_and_neighbours_see_the_first_network_alone() -> None:
    members = [network(seed) for seed in range(3)]
    images = torch.randn(4, 3, 64, 64)
    with torch.no_grad():
        first, second = (member(images)[1] for member in members[:2])
        features = together(members).eval()(images)[1]
    session = opened(to_onnx(together(members), 64))
    exported, maps = session.run(["features", MAPS], {"images": images.numpy()})
    assert float((first - second).abs().max()) > 1e-3
    np.testing.assert_allclose(features, first, atol=1e-5)
    np.testing.assert_allclose(exported, first, atol=1e-4)
    np.testing.assert_allclose(exported, maps.mean(axis=(2, 3))[:, : first.shape[1]], atol=1e-5)
    assert maps.shape[1] == 3 * first.shape[1]


def test_one_network_is_itself() -> None:
    alone = network(0)
    assert together([alone]) is alone


def test_runs_share_no_member() -> None:
    """Otherwise ensembles of neighbouring seeds would seem to agree, and their spread be too small."""
    seeds = [member_seed(seed, member) for seed in (0, 1, 2, LARGEST_SEED) for member in range(8)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed <= LARGEST_SEED for seed in seeds)
    assert member_seed(7, 0) == 7
