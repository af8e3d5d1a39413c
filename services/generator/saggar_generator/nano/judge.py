"""How well nano follows its prompts, by a classifier trained on renders of the world domain.

The classifier never sees nano's own training pictures, and its score on held-out renders says how far it
can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from saggar.kilnsim import RARE_COMBINATIONS
from saggar.kilnsim.pieces import DYNASTIES, GLAZES, KILNS, TYPES
from saggar.prompts import prompt
from saggar.taxonomy import load_taxonomy
from torch import Tensor, nn

from saggar_generator.nano import sampling
from saggar_generator.nano.pool import Pool, open_pool

CLASSES = {"type": TYPES, "glaze": GLAZES, "kiln": KILNS, "dynasty": DYNASTIES}
TRAINING_SEED, TEST_SEED = 101, 102  # nano's own pictures have seed 1
TEST_PICTURES = 2_000
EPOCHS, BATCH, PEAK_RATE = 12, 64, 3e-3

Labels = dict[str, str]


@dataclass(frozen=True)
class Setting:
    """A way of asking: guidance, text layer, how many pictures a glaze-type pair, and which pairs."""

    title: str
    repeats: int
    guidance: float = 7.0
    penultimate: bool = True
    rare: bool = False


SETTINGS = (
    Setting("guidance 7 (default), last layer but one", 4),
    Setting("guidance 7, last layer", 2, penultimate=False),
    Setting("guidance 4, last layer but one", 2, guidance=4.0),
    Setting("guidance 2.5, last layer but one", 2, guidance=2.5),
    Setting("guidance 7, last layer but one, rare pairs only", 6, rare=True),
)


def judge(base: Path | None, cache: Path, pictures: int) -> None:
    """Print, as JSON lines, the share of pictures in which the classifier finds what the prompt named."""
    held_out = open_pool(cache, TEST_PICTURES, TEST_SEED)
    model = train(open_pool(cache, pictures, TRAINING_SEED))
    truth = [_labels(held_out, index) for index in range(TEST_PICTURES)]
    _print("held-out renders", hits(model, held_out.images, truth), truth)
    pipeline, taxonomy = sampling.load(base), load_taxonomy("kilnsim")
    for setting in SETTINGS:
        asked = list(_questions(setting))
        images = sampling.draw(
            pipeline,
            [prompt(taxonomy, labels) for labels in asked],
            seed=1000,
            guidance=setting.guidance,
            penultimate=setting.penultimate,
        )
        _print(setting.title, hits(model, images, asked), asked)


def train(pool: Pool) -> nn.Module:
    """A small multi-task convolutional network, uint8 [N, 64, 64, 3] pictures to logits [N, 26]."""
    torch.manual_seed(0)
    model = _network()
    steps = EPOCHS * (len(pool.pieces) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
    targets = torch.tensor(
        [[names.index(getattr(piece, task)) for task, names in CLASSES.items()] for piece in pool.pieces]  # [N, 4]
    )
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(targets)), BATCH):
            if len(rows) < BATCH:
                continue
            shift = tuple(int(v) for v in torch.randint(-4, 5, (2,)))
            images = torch.roll(_tensor(pool.images[rows.numpy()]), shift, (2, 3))
            logits = _by_task(model(images))
            loss = torch.stack(
                [nn.functional.cross_entropy(part, targets[rows, i]) for i, part in enumerate(logits)]
            ).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return model.eval()


@torch.no_grad()
def hits(model: nn.Module, images: np.ndarray, truth: Sequence[Labels]) -> dict[str, np.ndarray]:
    """Per task, bool [N]: whether the classifier names the label that `truth` has."""
    logits = [_by_task(model(_tensor(part))) for part in np.array_split(images, max(1, len(images) // 256))]
    found = {}
    for place, (task, names) in enumerate(CLASSES.items()):
        named = torch.cat([parts[place] for parts in logits]).argmax(1).tolist()
        found[task] = np.array([names[n] == t[task] for n, t in zip(named, truth, strict=True)])
    return found


def _questions(setting: Setting) -> Iterator[Labels]:
    rng = np.random.default_rng(5)
    rare = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
    for glaze in GLAZES:
        for kind in TYPES:
            if ((glaze, kind) in rare) == setting.rare:
                for _ in range(setting.repeats):
                    kiln, dynasty = str(rng.choice(KILNS)), str(rng.choice(DYNASTIES))
                    yield {"dynasty": dynasty, "kiln": kiln, "glaze": glaze, "type": kind}


def _print(title: str, found: dict[str, np.ndarray], truth: Sequence[Labels]) -> None:
    shares = {task: round(float(right.mean()), 3) for task, right in found.items()}
    both = round(float((found["type"] & found["glaze"]).mean()), 3)
    by_class = {
        f"by {task}": {name: _share(found[task], [t[task] == name for t in truth]) for name in CLASSES[task]}
        for task in ("type", "glaze")
    }
    print(json.dumps({"of": title, "n": len(truth), **shares, "type and glaze": both, **by_class}), flush=True)


def _share(right: np.ndarray, chosen: list[bool]) -> float | None:
    return round(float(right[chosen].mean()), 2) if any(chosen) else None


def _labels(pool: Pool, index: int) -> Labels:
    return {task: getattr(pool.pieces[index], task) for task in CLASSES}


def _tensor(images: np.ndarray) -> Tensor:
    """uint8 [N, 64, 64, 3] to float [N, 3, 64, 64] from -1 to 1."""
    return torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _by_task(logits: Tensor) -> tuple[Tensor, ...]:
    return torch.split(logits, [len(names) for names in CLASSES.values()], dim=1)


def _network() -> nn.Module:
    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    return nn.Sequential(
        block(3, 24, 2),
        block(24, 48, 2),
        block(48, 64, 1),
        block(64, 96, 2),
        block(96, 128, 2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(512, sum(len(names) for names in CLASSES.values())),
    )
