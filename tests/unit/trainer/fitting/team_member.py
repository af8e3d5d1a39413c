"""A training that several processes do together, and what a process of `test_trainer_team` does of it."""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import torch
from saggar.errors import CancelledError
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Work
from saggar_trainer.data.pixels import PixelCache
from saggar_trainer.data.shared_pixels import cache_together
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.drawing import Draws
from saggar_trainer.fitting.loop import Examples, Lessons, Snapshot, Watch, fit
from saggar_trainer.fitting.objective import Objective
from saggar_trainer.group import Distributed, Team
from saggar_trainer.model.backbone import build_backbone, input_spec
from saggar_trainer.model.network import MultiTaskClassifier
from torch import nn

CPU = torch.device("cpu")
ROWS = 14  # in batches of 6: the last has 2, so that one of three processes has none of it
ONE_STEP = TrainingSettings(
    architecture="mobilenet_v3_large_minimalistic",
    initial_weights="random",
    image_size_px=32,
    batch_size=6,
    max_epochs=1,
    steps_per_epoch=1,
    projection=False,
    dropout=0.5,
    label_smoothing=0.1,
    gradient_clip_norm=0.5,
)
EPOCH = ONE_STEP.with_values(steps_per_epoch=0)
MIXED = EPOCH.with_values(
    mixup=0.4, weight_averaging="ema", random_downscale=0.5, max_epochs=3, patience_epochs=1, gradient_clip_norm=0.0
)
SMALL = {
    "one step": ONE_STEP,
    "epochs": EPOCH.with_values(max_epochs=3, weight_averaging="swa"),
    "mixed, averaged": MIXED,
    "frozen": EPOCH.with_values(backbone_learning_rate=0.0),
}
LARGE = {
    "MobileNetV3, one step": ONE_STEP.with_values(projection=True),
    "MobileNetV3, an epoch": EPOCH.with_values(architecture="mobilenet_v3_large", projection=True),
}
VARIANTS = SMALL | LARGE
CONTINUED = "mixed, averaged"


class Drawn(PixelCache):
    """Pictures of several sizes, in memory."""

    def __init__(self, count: int, sides: tuple[int, ...]) -> None:
        rng = np.random.default_rng(count)
        shapes = [(3, sides[row % len(sides)], sides[-1 - row % len(sides)]) for row in range(count)]
        self.images = [torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)) for shape in shapes]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self.images[index]

    def size(self, index: int) -> tuple[int, int]:
        return self.images[index].shape[2], self.images[index].shape[1]


def lessons(settings: TrainingSettings) -> Lessons:
    """Two tasks: of one most labels are unknown or masked, so that a process may have no row that teaches it."""

    def examples(count: int, sides: tuple[int, ...]) -> Examples:
        numbers = torch.arange(count)
        labels = {"type": numbers % 3, "glaze": torch.where(numbers % 3 == 0, numbers % 4, -1)}
        weights = {"type": torch.where(numbers % 5 == 0, 0.1, 1.0), "glaze": (numbers % 2 == 0).float()}
        return Examples(Drawn(count, sides), labels, weights)

    objective = Objective(
        {"type": 1.5, "glaze": 2.0},
        {"type": torch.tensor([1.0, 2.0, 0.5]), "glaze": torch.tensor([1.0, 0.3, 3.0, 1.0])},
        {"type": torch.tensor([0.0, -1.0, -2.0])},
        settings.label_smoothing,
    )
    chances = torch.linspace(1, 2, ROWS, dtype=torch.float64)
    draws = Draws(ROWS, settings.batch_size, chances, steps=settings.steps_per_epoch)
    return Lessons(examples(ROWS, (37, 40, 33)), draws, examples(7, (32,)), objective, input_spec(settings))


class Double(nn.Module):
    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.double()


def network(name: str) -> MultiTaskClassifier:
    """MobileNetV3 computes in float64 here: its first weights, and the six pixels that its last normalisations count,
    make a thousandth of what a float32 cannot tell a tenth of a gradient. The small network is computed in float32.
    """
    settings = VARIANTS[name]
    torch.manual_seed(settings.seed)
    classes = {"type": 3, "glaze": 4}
    if name in LARGE:
        layers = nn.Sequential(Double(), build_backbone(settings).layers)
        return MultiTaskClassifier(layers, classes, settings.dropout, settings.projection).double()
    layers = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, 2, bias=False), nn.BatchNorm2d(8), nn.Hardswish()),
        *(nn.Conv2d(8, 16, 3, 2, bias=False), nn.BatchNorm2d(16, momentum=0.01), nn.ReLU()),
    )
    return MultiTaskClassifier(layers, classes, settings.dropout, settings.projection, features=16)


def trained(
    name: str, team: Team | None = None, watch: Watch | None = None, resume: Snapshot | None = None
) -> Snapshot:
    model, settings = network(name), VARIANTS[name]
    return fit(model, lessons(settings), settings, device=CPU, team=team, watch=watch, resume=resume)


def digest(snapshot: Snapshot) -> str:
    """Of all bits."""
    found = hashlib.sha256(repr(snapshot.history).encode())
    for part in checkpoint.PARTS:
        for name, value in getattr(snapshot, part).items():
            found.update(name.encode() + value.contiguous().numpy().tobytes())
    return found.hexdigest()


def cancelled_by_the_last(team: Team) -> list[str]:
    """The steps that were done, and the error, when the last process is told to stop after the first."""
    work = Work()
    heard = []

    def stop(report) -> None:
        heard.append(f"step {report.step}")
        if team.rank == team.size - 1:
            work.cancelled.set()

    try:
        trained("epochs", team, Watch(work, on_step=stop))
    except CancelledError as error:
        heard.append(str(error))
    return heard


def shared_pixels(team: Team, folder: Path) -> bool:
    """Whether each process has all pictures, having loaded its part."""
    drawn = Drawn(8, (5, 9, 4))
    loaded = []

    def load(index: int):
        loaded.append(index)
        return drawn[index].numpy()

    found = cache_together(load, 8, team=team, folder=folder, name="pictures")
    team.agree(False)
    same = all(torch.equal(found[row], drawn[row]) and found.size(row) == drawn.size(row) for row in range(8))
    return same and len(found) == 8 and loaded == list(range(8))[team.part()] and not list(folder.glob("pictures*"))


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    team = Distributed(CPU)
    told: dict[str, object] = {}
    snapshots = {name: trained(name, team) for name in VARIANTS}
    halfway = checkpoint.from_file(str(folder / "halfway.safetensors"))
    snapshots["continued"] = trained(CONTINUED, team, resume=halfway)
    for name, snapshot in snapshots.items():
        told[name] = digest(snapshot)
        if team.first:
            (folder / f"{name}.safetensors").write_bytes(checkpoint.to_bytes(snapshot))
    told["cancelled"] = cancelled_by_the_last(team)
    told["shared pixels"] = shared_pixels(team, folder)
    told["agreed"] = [team.agree(team.first), team.agree(False)]
    (folder / f"told-{team.rank}.json").write_text(json.dumps(told))
    team.dissolve()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
