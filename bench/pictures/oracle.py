"""An oracle for pictures of 64 pixels: a classifier that has seen as many kilnsim renders as were wanted.

It is trained on renders of both domains, every glaze-type pair alike, rare ones included, so that it has no
opinion of its own about which pairs are likely. `python bench/pictures/oracle.py` trains it, keeps it in --work, and
prints as JSON how often it is right on fresh renders; with --base it looks at a base model's pictures
instead. bench/pictures/adapter.py asks it what pictures show.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from saggar.describing.shares import wilson
from saggar.kilnsim import KILNSIM, RARE_COMBINATIONS, RENDERER, Piece, render
from saggar.kilnsim.pieces import COLLECTION, WORLD
from saggar.prompts import prompt
from saggar.taxonomy import load_taxonomy
from torch import Tensor, nn

SIZE = 64
TASKS = tuple(KILNSIM)
WORK = Path(tempfile.gettempdir()) / "saggar-bench"
TRAINING_SEED, FRESH_SEED = 11, 12
TEST_PICTURES = 4_096  # per domain
PICTURES, EPOCHS = 32_000, 7  # that it learns from, both domains together
BATCH, PEAK_RATE = 64, 4e-3
_FORMAT = 1  # goes up when the network or its training changes
_FIRST_SEED = 1 << 61  # of pieces: beyond those of collections, of balanced sets and of nano's pictures
_CHUNK = 256

Pixels = npt.NDArray[np.uint8]  # [N, 64, 64, 3]
Labels = dict[str, str]


@dataclass(frozen=True)
class Answers:
    """What the oracle makes of N pictures: a code per task, and features [N, F] for distances."""

    codes: dict[str, list[str]]
    features: npt.NDArray[np.float32]

    def right(self, task: str, wanted: Sequence[str]) -> npt.NDArray[np.bool_]:
        """[N]."""
        return np.array([a == b for a, b in zip(self.codes[task], wanted, strict=True)])

    def right_pairs(self, wanted: Sequence[Labels]) -> npt.NDArray[np.bool_]:
        """[N] whether glaze and type are both as wanted."""
        glaze, kind = (self.right(task, [one[task] for one in wanted]) for task in ("glaze", "type"))
        return glaze & kind


class Oracle(nn.Module):
    """Pictures to logits of all tasks."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _convolution(3, 32, 2),
            _Residual(32, 48, 2),
            _Residual(48, 96, 2),
            _Residual(96, 160, 2),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Linear(640, 256),
            nn.ReLU(),
        )
        self.heads = nn.Linear(256, sum(len(codes) for codes in KILNSIM.values()))

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Features [N, 256] and logits [N, C] per task, of images [N, 3, 64, 64] from -1 to 1."""
        features = self.layers(images)
        hidden = nn.functional.dropout(features, 0.3, self.training)
        parts = self.heads(hidden).split([len(codes) for codes in KILNSIM.values()], dim=1)
        return features, dict(zip(TASKS, parts, strict=True))

    @torch.no_grad()
    def answer(self, pictures: Pixels) -> Answers:
        """Its opinion of `pictures`."""
        self.eval()
        codes: dict[str, list[str]] = {task: [] for task in TASKS}
        features = []
        for start in range(0, len(pictures), 256):
            found, logits = self(_tensor(pictures[start : start + 256]))
            features.append(found)
            for task, values in logits.items():
                codes[task] += [KILNSIM[task][place] for place in values.argmax(1).tolist()]
        return Answers(codes, torch.cat(features).numpy())


def main() -> None:
    """Train where needed, and print how often it is right."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="folder that keeps renders and weights")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="renders to learn from, both domains")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--base", type=Path, help="judge this pipeline's pictures instead; nano: the shipped")
    parser.add_argument("--each", type=int, default=6, help="pictures of every glaze-type pair, with --base")
    options = parser.parse_args()
    oracle = open_oracle(options.work, options.pictures, options.epochs)
    if options.base is None:
        print(json.dumps({"bench": "oracle", "pictures": options.pictures} | trust(oracle, options.work)))
    else:
        print(json.dumps({"bench": "oracle", "base": options.base.name} | judge(oracle, options)))


def judge(oracle: Oracle, options: argparse.Namespace) -> dict[str, Any]:
    """How often a base model's pictures of every glaze-type pair, rare ones apart, are taken for what was
    asked for: product defaults, kilns and dynasties in turn, no adapter.
    """
    from saggar_generator.nano.sampling import draw, load

    pipeline = load(None if str(options.base) == "nano" else options.base)
    rare = {(glaze, kind) for _, _, glaze, kind in RARE_COMBINATIONS}
    pairs = [(g, t) for g in KILNSIM["glaze"] for t in KILNSIM["type"] if (g, t) not in rare] * options.each
    wanted = [
        {
            "dynasty": KILNSIM["dynasty"][number % 2],
            "kiln": KILNSIM["kiln"][number * 3 % len(KILNSIM["kiln"])],
            "glaze": glaze,
            "type": kind,
        }
        for number, (glaze, kind) in enumerate(pairs)
    ]
    taxonomy = load_taxonomy("kilnsim")
    answers = oracle.answer(draw(pipeline, [prompt(taxonomy, one) for one in wanted]))
    both = answers.right_pairs(wanted)
    share = wilson(int(both.sum()), len(both))
    told: dict[str, Any] = {"n": len(wanted), "pairs": round(float(both.mean()), 3)}
    told["pairs_95"] = [round(share.low, 3), round(share.high, 3)]
    for task in TASKS:
        right = answers.right(task, [one[task] for one in wanted])
        told[task] = round(float(right.mean()), 3)
        if task in {"glaze", "type"}:
            told[f"by_{task}"] = {
                code: round(float(right[[one[task] == code for one in wanted]].mean()), 2) for code in KILNSIM[task]
            }
    return told


def open_oracle(work: Path, pictures: int = PICTURES, epochs: int = EPOCHS) -> Oracle:
    """The oracle kept in `work`, trained first where it is not there."""
    torch.manual_seed(0)
    oracle = Oracle()
    path = work / f"oracle-{_FORMAT}-{RENDERER}-{pictures}-{epochs}.safetensors"
    if not path.exists():
        pieces = [p for d in (COLLECTION, WORLD) for p in evenly(pictures // 2, TRAINING_SEED, d)]
        _train(oracle, pieces, drawn(pieces, work, f"oracle-{pictures}"), epochs)
        save_file(oracle.state_dict(), path)
    oracle.load_state_dict(load_file(path))
    return oracle.eval()


def trust(oracle: Oracle, work: Path) -> dict[str, Any]:
    """How often it is right on fresh renders, by domain, and on those of the rare combinations."""
    found: dict[str, Any] = {}
    for domain in (COLLECTION, WORLD):
        pieces = evenly(TEST_PICTURES, FRESH_SEED, domain)
        found[domain] = _scores(oracle, drawn(pieces, work, f"fresh-{domain}"), pieces)
    rare = rare_pieces(TEST_PICTURES, FRESH_SEED)
    found["collection, rare combinations"] = _scores(oracle, drawn(rare, work, "fresh-rare"), rare)
    return found


def evenly(count: int, seed: int, domain: str) -> list[Piece]:
    """Pieces of all glaze-type pairs in turn, with kilns and dynasties at random."""
    random = np.random.default_rng([seed, domain == WORLD])
    pairs = [(glaze, kind) for glaze in KILNSIM["glaze"] for kind in KILNSIM["type"]]
    pieces = []
    for number in range(count):
        kiln, dynasty = (str(random.choice(KILNSIM[task])) for task in ("kiln", "dynasty"))
        seed_of_piece = _FIRST_SEED + seed * 10_000_019 + number
        pieces.append(Piece(dynasty, kiln, *pairs[number % len(pairs)], seed_of_piece, domain))
    return pieces


def rare_pieces(count: int, seed: int) -> list[Piece]:
    """Collection pieces of the nine rare combinations in turn, which no collection and no training has."""
    start = _FIRST_SEED + (1 << 60) + seed * 10_000_019
    nine = len(RARE_COMBINATIONS)
    return [Piece(*RARE_COMBINATIONS[n % nine], start + n, COLLECTION) for n in range(count)]


def drawn(pieces: Sequence[Piece], work: Path, name: str) -> Pixels:
    """The pictures of `pieces`, kept in `work` under `name`."""
    path = work / f"{name}-{RENDERER}-{len(pieces)}-{pieces[0].seed}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        say(f"drawing {len(pieces)} pictures ({name})")
        chunks = [pieces[start : start + _CHUNK] for start in range(0, len(pieces), _CHUNK)]
        with ProcessPoolExecutor(os.cpu_count()) as processes:
            pictures = np.concatenate(list(processes.map(_draw, chunks)))
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, pictures)
        part.replace(path)
    pixels: Pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    return pixels


def labels_of(piece: Piece) -> Labels:
    """Codes by task."""
    return {task: getattr(piece, task) for task in TASKS}


def say(text: str) -> None:
    """To standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def _train(oracle: Oracle, pieces: Sequence[Piece], pictures: Pixels, epochs: int) -> None:
    """Cross-entropy on all tasks. Pictures are shifted, mirrored, softened and made noisy: what a generator
    has blurred a little is still what it is.
    """
    labels = torch.tensor([[KILNSIM[t].index(getattr(piece, t)) for t in TASKS] for piece in pieces])
    rows_per_epoch = len(pieces) // BATCH
    optimizer = torch.optim.AdamW(oracle.parameters(), weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=epochs * rows_per_epoch)
    oracle.train().to(memory_format=torch.channels_last)
    begun = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for rows in torch.randperm(len(pieces))[: rows_per_epoch * BATCH].split(BATCH):
            images = _varied(_tensor(pictures[rows.numpy()])).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                _, logits = oracle(images)
            truth = labels[rows]
            losses = [
                nn.functional.cross_entropy(logits[task].float(), truth[:, place], label_smoothing=0.05)
                for place, task in enumerate(TASKS)
            ]
            loss = torch.stack(losses).sum()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        say(f"oracle: epoch {epoch + 1}, loss {total / rows_per_epoch:.3f}, {time.monotonic() - begun:.0f} s")
    oracle.eval().to(memory_format=torch.contiguous_format)


def _varied(images: Tensor) -> Tensor:
    shift = tuple(int(v) for v in torch.randint(-3, 4, (2,)))
    images = torch.roll(images, shift, (2, 3))
    flipped = torch.rand(len(images), 1, 1, 1) < 0.5
    images = torch.where(flipped, images.flip(3), images)
    share = torch.rand(len(images), 1, 1, 1).square()  # some stay sharp
    soft = nn.functional.avg_pool2d(nn.functional.pad(images, (1, 1, 1, 1), "reflect"), 3, 1)
    noise = 0.04 * torch.rand(len(images), 1, 1, 1)
    return images.lerp(soft, share) + noise * torch.randn_like(images)


def _scores(oracle: Oracle, pictures: Pixels, pieces: Sequence[Piece]) -> dict[str, Any]:
    answers, wanted = oracle.answer(pictures), [labels_of(piece) for piece in pieces]
    shares = {task: float(answers.right(task, [one[task] for one in wanted]).mean()) for task in TASKS}
    shares["glaze and type"] = float(answers.right_pairs(wanted).mean())
    return {"n": len(pieces)} | {name: round(share, 4) for name, share in shares.items()}


def _draw(pieces: Sequence[Piece]) -> Pixels:
    return np.stack([render(piece, SIZE) for piece in pieces])


def _tensor(pictures: Pixels) -> Tensor:
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1


def _convolution(inputs: int, outputs: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.skip = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.relu(self.second(self.first(images)) + self.skip(images))


if __name__ == "__main__":
    main()
