"""Bundles asked about photographs on this machine: probabilities, features, and the training photographs most alike."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from saggar.bundle import BundleCard, BundleModel, Neighbours, read_card, read_neighbours
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError, WrongStateError
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
    """What a bundle says of N photographs. `unread`: by name, why others could not be looked at."""

    card: BundleCard
    images: tuple[str, ...]  # the N names
    probabilities: Mapping[str, npt.NDArray[np.float32]]  # task -> [N, C]
    features: npt.NDArray[np.float32]  # [N, F]
    unread: Mapping[str, str]


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
    *,
    pass_over: bool = False,
) -> Asked:
    """The bundle's answers about images by their names; `picture` gives their bytes, else they are keys of the store.

    Raises as `BundleModel.load` and `decode`. `pass_over`: images that cannot be read or decoded are in `unread`
    instead, and InvalidInputError is raised where no other is left.
    """
    check_installed()
    card = read_card(store, bundle)
    model, spec = BundleModel.load(store, bundle), card.input_spec
    get = picture or store.get

    unread: dict[str, str] = {}

    def read(name: str) -> npt.NDArray[np.float32] | None:
        try:
            return preprocess(decode(get(name), name, enough_px=spec.enough_px), spec)
        except (InvalidInputError, NotFoundError, DataCorruptionError) as error:
            if not pass_over:
                raise
            unread[name] = str(error)
            return None

    features, probabilities = [], defaultdict(list)
    for start in range(0, len(images), _BATCH):
        names = images[start : start + _BATCH]
        pixels = [one for one in in_threads(read, names) if one is not None]
        if pixels:
            said, seen = model.run(np.stack(pixels))
            features.append(seen)
            for task, values in said.items():
                probabilities[task].append(values)
        report("asking the model", start + len(names), len(images))
    unread = {name: unread[name] for name in images if name in unread}  # in their order, whichever was read first
    if not features:
        raise InvalidInputError("none of the photographs can be read:\n" + "\n".join(unread.values()))
    return Asked(
        card,
        tuple(name for name in images if name not in unread),
        {task: np.concatenate(parts) for task, parts in probabilities.items()},
        np.concatenate(features),
        unread,
    )


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
