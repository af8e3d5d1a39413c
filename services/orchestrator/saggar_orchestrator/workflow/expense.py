"""What an experiment would cost: images, time by what this home has measured, and room on the disk."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from saggar.store import ObjectStore
from saggar.stored_datasets import manifest_key, read_manifest

from saggar_orchestrator.experiment.schema import Experiment
from saggar_orchestrator.workflow.forecast import Foreseen

_TRAINING_SHARE = 0.7  # of the photographs: the split's rule
_BYTES_PER_PIXEL = 1.5  # of PNG files of photographs, measured on nano's and kilnsim's
_CLASSIFIER_MB = 35  # weights and ONNX of a MobileNetV3-Large
_ADAPTER_MB = 10
_NANO_PX, _DIFFUSION_PX = 64, 512
_LIGHT = {
    "split",
    "top_up",
    "review",
    "withhold",
    "augment",
    "select",
    "base",
    "plan",
    "mix",
    "control",
    "give_back",
    "choose",
    "results",
    "report",
}


class Known(Protocol):
    """What was measured before."""

    def finished(self) -> Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """(settings, results) of all finished experiments."""
        ...

    def photographs_of(self, experiment: Experiment) -> int:
        """How many photographs an experiment's data have."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where what is made will lie; None where that is elsewhere."""
        ...


@dataclass(frozen=True)
class Expense:
    """Of the steps that are not done yet. seconds: None where nothing alike was measured."""

    images: int
    seconds: float | None
    unmeasured: tuple[str, ...]  # kinds of steps that take long, of which nothing is known
    megabytes: float
    free_megabytes: float | None  # None: not known, for the store is elsewhere


def estimate(known: Known, experiment: Experiment, steps: Sequence[Foreseen], trainers: int = 1) -> Expense:
    """An estimate from above: trainings are taken to last all their epochs, and only they to run side by side, over so
    many trainers.
    """
    size = _Size.of(experiment, known)
    todo = [step for step in steps if step.state != "reused"]
    images = size.generated if any(step.kind == "generate" for step in todo) else 0
    rates = measured_rates(known)
    seconds, measured, unmeasured = 0.0, False, set()
    for step in todo:
        if step.kind in _LIGHT:
            continue
        rate = rates.get((step.kind, size.flavour(step.kind)))
        if rate is None:
            unmeasured.add(step.kind.replace("_", " "))
        else:
            measured = True
            seconds += rate * size.units(step.kind) / (trainers if step.kind in {"train", "evaluate"} else 1)
    side = _NANO_PX if experiment.base_model == "nano" else _DIFFUSION_PX
    trainings = sum(step.kind == "train" for step in todo)
    megabytes = images * side * side * _BYTES_PER_PIXEL / 1e6 + trainings * _CLASSIFIER_MB
    megabytes += _ADAPTER_MB if any(step.kind == "adapter" for step in todo) else 0
    return Expense(
        images,
        seconds if measured or not unmeasured else None,
        tuple(sorted(unmeasured)),
        megabytes,
        None if known.folder is None else shutil.disk_usage(known.folder).free / 1e6,
    )


def measured_rates(known: Known) -> dict[tuple[str, str], float]:
    """(kind of step, what it was done with) -> seconds a unit, over all finished experiments of the home."""
    took: dict[tuple[str, str], list[float]] = defaultdict(list)
    for settings, results in known.finished():
        size = _Size.of_results(results, settings)
        for step in results["steps"]:
            kind = _kind_of(step["title"])
            if kind is not None and not step["reused"] and step["seconds"] > 0:
                took[kind, size.flavour(kind)].append(step["seconds"] / max(1.0, size.units(kind)))
    return {key: sum(values) / len(values) for key, values in took.items()}


@dataclass(frozen=True)
class _Size:
    """How much work an experiment is."""

    photographs: int
    training_images: float  # of an arm, on average
    epochs: int
    adapter_images: float  # steps x batch
    generated: int
    sampling_steps: int
    architecture: str
    image_size_px: int
    base_model: str

    def units(self, kind: str) -> float:
        """What the time of a step of this kind is proportional to."""
        return {
            "import": self.photographs,
            "train": self.training_images * self.epochs,
            "evaluate": self.photographs,
            "adapter": self.adapter_images,
            "generate": self.generated * self.sampling_steps,
            "screen": self.generated,
        }.get(kind, 1.0)

    def flavour(self, kind: str) -> str:
        """What must be alike for times to compare."""
        if kind in {"train", "evaluate"}:
            return f"{self.architecture} {self.image_size_px}"
        return self.base_model if kind in {"adapter", "generate"} else ""

    @classmethod
    def of(cls, experiment: Experiment, known: Known) -> _Size:
        photographs = known.photographs_of(experiment)
        return cls._from(experiment.model_dump(mode="json"), photographs, None)

    @classmethod
    def of_results(cls, results: Mapping[str, Any], settings: Mapping[str, Any]) -> _Size:
        return cls._from(settings, results["data"]["images"], results)

    @classmethod
    def _from(cls, settings: Mapping[str, Any], photographs: int, results: Mapping[str, Any] | None) -> _Size:
        training, adapter, generation = settings["training"], settings["adapter"], settings["generation"]
        real = photographs * _TRAINING_SHARE
        if results is None:
            images, epochs = real * (2 if settings["augmentation"] else 1), training["max_epochs"] or 50
            generated = _planned(settings, images)
        else:
            runs = [(arm["training_images"], len(run["epochs"])) for arm in results["arms"] for run in arm["runs"]]
            images = sum(n for n, _ in runs) / len(runs)
            epochs = round(sum(n * e for n, e in runs) / sum(n for n, _ in runs))
            generated = (results["synthesis"] or {}).get("generated", 0)
        return cls(
            photographs=photographs,
            training_images=images,
            epochs=epochs,
            adapter_images=float((adapter["steps"] or 1000) * (adapter["batch_size"] or 4)),
            generated=generated,
            sampling_steps=generation["steps"] or 20,
            architecture=training["architecture"] or "mobilenet_v3_large",
            image_size_px=training["image_size_px"] or 224,
            base_model=settings["base_model"],
        )


def photographs_of(store: ObjectStore, experiment: Experiment) -> int:
    """How many photographs an experiment's data have, without reading them; labels' rows of a CSV."""
    data = experiment.data
    if data.kilnsim is not None:
        return data.kilnsim.count
    if data.dataset is not None:
        return len(read_manifest(store, store.stat(manifest_key(data.dataset))))
    return max(0, Path(data.labels or "").read_bytes().count(b"\n") - 1)


def _planned(settings: Mapping[str, Any], training_images: float) -> int:
    """Images of the largest arm, with those to spare: smaller arms take theirs from it."""
    most = 0.0
    plan = settings["plan"]
    targets = float(len(plan["combinations"]) or plan["rarest"])
    pairs = len(plan["pairs"]) + plan["most_confused"]
    for arm in settings["arms"]:
        synthetic = arm.get("synthetic")
        if not synthetic:
            continue
        share, count = synthetic.get("share"), synthetic.get("count")
        if share:
            count = training_images * share / (1 - share)
        elif not count:
            count = (synthetic.get("per_combination") or 0) * targets + (synthetic.get("per_pair") or 0) * pairs
        most = max(most, float(count))
    return round(most * (1 + float(plan["spare_share"])))


def _kind_of(title: str) -> str | None:
    """Of steps that take long, by the titles that reports show."""
    beginnings = {
        "import photographs": "import",
        "train adapter": "adapter",
        "train ": "train",
        "evaluate ": "evaluate",
        "generate images": "generate",
        "screen ": "screen",
    }
    text = title.rpartition(": ")[2] if title.startswith("fold ") else title
    return next((kind for begin, kind in beginnings.items() if text.startswith(begin)), None)
