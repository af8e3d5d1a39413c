"""Bundles asked about photographs on this machine: probabilities, features, and the training photographs most alike."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.bundle import BundleCard, BundleModel, Neighbours, read_card, read_neighbours
from saggar.errors import WrongStateError
from saggar.files.parallel import in_threads
from saggar.images import decode, preprocess
from saggar.proposals.doubts.table import Doubt, Piece
from saggar.store import ObjectRef, ObjectStore

_BATCH = 32
_NEAREST = 4

Report = Callable[[str, int, int], object]  # stage, done, total
Nearest = Mapping[tuple[str, str], tuple[Piece, ...]]  # by image and task


@dataclass(frozen=True)
class Asked:
    """What a bundle says of N photographs."""

    card: BundleCard
    probabilities: Mapping[str, npt.NDArray[np.float32]]  # task -> [N, C]
    features: npt.NDArray[np.float32]  # [N, F]


def check_installed() -> None:
    """Raises WrongStateError, with the remedy, where ONNX Runtime is not there."""
    if importlib.util.find_spec("onnxruntime") is None:
        raise WrongStateError(
            "asking a model on this machine needs onnxruntime: pip install 'saggar-orchestrator[labelling]'"
        )


def ask(
    bundle: ObjectRef,
    store: ObjectStore,
    images: Sequence[str],
    report: Report,
    picture: Callable[[str], bytes] | None = None,
) -> Asked:
    """The bundle's answers about images by their names; `picture` gives their bytes, else they are keys of the store.

    Raises as `BundleModel.load` and `decode`.
    """
    check_installed()
    card = read_card(store, bundle)
    model, spec = BundleModel.load(store, bundle), card.input_spec
    get = picture or store.get

    def read(name: str) -> npt.NDArray[np.float32]:
        return preprocess(decode(get(name), name, enough_px=spec.enough_px), spec)

    features, probabilities = [], defaultdict(list)
    for start in range(0, len(images), _BATCH):
        names = images[start : start + _BATCH]
        said, seen = model.run(np.stack(list(in_threads(read, names))))
        features.append(seen)
        for task, values in said.items():
            probabilities[task].append(values)
        report("asking the model", start + len(names), len(images))
    return Asked(card, {task: np.concatenate(parts) for task, parts in probabilities.items()}, np.concatenate(features))


def nearest_pieces(
    store: ObjectStore, doubts: Sequence[Doubt], models: Mapping[str, ObjectRef], report: Report
) -> Nearest:
    """Of doubted photographs, what the model that has not seen each finds most like it; `models`: by image."""
    by_model: dict[ObjectRef, list[str]] = defaultdict(list)
    for image in dict.fromkeys(doubt.image for doubt in doubts):
        if image in models:
            by_model[models[image]].append(image)
    total, done = sum(map(len, by_model.values())), 0
    found: dict[tuple[str, str], tuple[Piece, ...]] = {}
    for bundle, images in by_model.items():
        asked = ask(bundle, store, images, lambda *_: None)
        done += len(images)
        report("looking for nearest pieces", done, total)
        neighbours = read_neighbours(store, asked.card)
        if neighbours is not None:
            found |= _nearest(asked, images, neighbours)
    return found


def _nearest(asked: Asked, images: Sequence[str], neighbours: Neighbours) -> Nearest:
    codes = {task.name: task.codes for task in asked.card.taxonomy.tasks}
    rows = neighbours.nearest(asked.features, codes, _NEAREST)
    return {
        (image, task): tuple(Piece(one.image, one.source, one.labels.get(task) or "", one.similarity) for one in found)
        for image, found in zip(images, rows, strict=True)
        for task in codes
    }
