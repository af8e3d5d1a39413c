"""Several processes train the network that one trains, of the same batches, views and statistics (over gloo)."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import team_member
import torch
from saggar_orchestrator.local.supervisor import choose_addresses
from saggar_trainer.data.views import Part, ViewSettings, random_views
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.drawing import turns
from saggar_trainer.fitting.loop import Snapshot, Watch
from saggar_trainer.group import Team
from saggar_trainer.model.synchronised import Batch, SharedBatchNorm, SharedDropout, synchronised
from team_member import CONTINUED, VARIANTS, Drawn, network, trained

pytestmark = pytest.mark.timeout(900)  # five processes load torch


@pytest.fixture(scope="module")
def alone() -> dict[str, Snapshot]:
    return {name: trained(name) for name in VARIANTS}


@pytest.fixture(scope="module", params=[2, 3])
def team(request, tmp_path_factory) -> tuple[dict[str, Snapshot], list[dict]]:
    """What a team of two, and of three, trains, and what each process tells."""
    folder = tmp_path_factory.mktemp("team")
    halfway: list[bytes] = []
    trained(CONTINUED, watch=Watch(on_epoch=lambda snapshot: halfway.append(checkpoint.to_bytes(snapshot))))
    (folder / "halfway.safetensors").write_bytes(halfway[0])
    port = choose_addresses(0)["trainer"].rpartition(":")[2]
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(request.param)}
    processes = [
        subprocess.Popen(
            [sys.executable, team_member.__file__, str(folder)],
            env=os.environ | meeting | {"RANK": str(rank), "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
        )
        for rank in range(request.param)
    ]
    try:
        assert [process.wait(800) for process in processes] == [0] * request.param
    finally:
        for process in processes:
            process.kill()
            process.wait()
    told = [json.loads((folder / f"told-{rank}.json").read_text()) for rank in range(request.param)]
    return {name: checkpoint.from_file(str(folder / f"{name}.safetensors")) for name in (*VARIANTS, "continued")}, told


def assert_alike(ours: Snapshot, theirs: Snapshot) -> None:
    for part in ("model", "best_model", "average"):
        one, other = getattr(ours, part), getattr(theirs, part)
        assert one.keys() == other.keys()
        for key, value in other.items():
            torch.testing.assert_close(one[key], value, rtol=1e-5, atol=2e-5, msg=f"{part} {key}")
    for mine, other in zip(ours.history, theirs.history, strict=True):
        assert mine.training_loss == pytest.approx(other.training_loss, rel=1e-5)
        assert mine.training_loss_by_task == pytest.approx(other.training_loss_by_task, rel=1e-5)
        assert mine.validation_loss == pytest.approx(other.validation_loss, rel=1e-5)
        assert mine.validation_macro_f1_by_task == other.validation_macro_f1_by_task
        assert (mine.steps, mine.best) == (other.steps, other.best)


@pytest.mark.parametrize("name", ["one step", "MobileNetV3, one step"])
def test_the_first_step_has_the_gradient_of_one_process(alone, team, name) -> None:
    ours, theirs = team[0][name], alone[name]
    moments = [key for key in theirs.optimizer if key.endswith("exp_avg")]  # a tenth of the clipped gradient
    largest = max(float(theirs.optimizer[key].abs().max()) for key in moments)
    assert largest > 1e-3
    for key in moments:
        torch.testing.assert_close(ours.optimizer[key], theirs.optimizer[key], rtol=0, atol=1e-5 * largest, msg=key)


@pytest.mark.parametrize("name", VARIANTS)
def test_epochs_end_with_the_weights_of_one_process(alone, team, name) -> None:
    assert_alike(team[0][name], alone[name])


def test_a_training_goes_on_with_another_number_of_processes(alone, team) -> None:
    """One process did its first epoch."""
    assert len(alone[CONTINUED].history) > 1
    assert_alike(team[0]["continued"], alone[CONTINUED])


def test_all_processes_come_to_the_same_bits_and_decisions(team) -> None:
    told = team[1]
    assert all(one == told[0] for one in told)
    assert told[0]["agreed"] == [True, False]
    assert told[0]["shared pixels"]


def test_when_one_is_cancelled_all_stop_at_the_same_step(team) -> None:
    *steps, error = team[1][0]["cancelled"]
    assert steps == ["step 1"]
    assert "in epoch 1, step 2, was cancelled" in error


def test_on_gpus_torch_s_own_normalisation_takes_the_place_of_ours() -> None:
    """It has the same names, and so checkpoints that one process goes on from; it cannot run here."""
    model = network("MobileNetV3, an epoch")
    member = Team()
    member.size = 2
    made = {kind: synchronised(model, member, Batch(), torch.device(kind)) for kind in ("cpu", "cuda")}
    plain = sum(isinstance(layer, torch.nn.BatchNorm2d) for layer in model.modules())
    for kind, layer_of in (("cpu", SharedBatchNorm), ("cuda", torch.nn.SyncBatchNorm)):
        layers = list(made[kind].modules())
        assert sum(isinstance(layer, layer_of) for layer in layers) == plain > 40
        assert sum(isinstance(layer, SharedDropout) for layer in layers) == 2
        assert made[kind].state_dict().keys() == model.state_dict().keys()
        assert [name for name, _ in made[kind].named_parameters()] == [name for name, _ in model.named_parameters()]


@pytest.mark.parametrize("downscale", [1.0, 0.5])
def test_a_part_of_a_batch_has_the_views_that_it_has_among_all(downscale) -> None:
    drawn = Drawn(7, (40, 33, 21))
    settings = ViewSettings(24, downscale=downscale)
    whole = random_views(drawn.images, settings, np.random.default_rng(5))
    sizes = np.array([drawn.size(row) for row in range(7)])
    for places in ([0, 3, 6], [5], []):
        part = Part(np.array(places, dtype=np.int64), sizes)
        pictures = [drawn[row] for row in places]
        views = random_views(pictures, settings, np.random.default_rng(5), part=part)
        assert torch.equal(views, whole[places])


def test_the_parts_of_a_team_are_the_batch_and_pairs_are_those_of_one_process() -> None:
    rows = torch.tensor([8, 3, 5, 9, 1])
    (one,) = turns([rows], Team(), 0.4, 7)
    assert one.places().tolist() == [0, 1, 2, 3, 4]
    found = []
    for rank in range(3):
        member = Team()
        member.size, member.rank = 3, rank
        (turn,) = turns([rows], member, 0.4, 7)
        assert (turn.share, turn.partners.tolist()) == (one.share, one.partners.tolist())
        places = turn.places().tolist()
        assert places[: len(turn.own)] == turn.own.tolist()
        assert len(set(places)) == len(places)
        assert set(places) == {*turn.own.tolist(), *turn.partners[turn.own].tolist()}
        found += turn.own.tolist()
    assert sorted(found) == [0, 1, 2, 3, 4]
