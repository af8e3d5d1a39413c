"""Photographs cut into reference and held-out, a classifier of the reference, the set with its defects."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.decoding import decode
from saggar.errors import InvalidInputError
from saggar.store import ObjectRef, ObjectStore, put_image
from saggar.taxonomy import Combination, Taxonomy

from planted.defects import COPY_KINDS, LABEL_KINDS, MAKERS, encoded

PARTS = {"reference": range(6), "development": range(6, 8), "report": range(8, 10)}  # tenths of the objects
KINDS = (*MAKERS, *COPY_KINDS, *LABEL_KINDS)
EACH = 10


@dataclass(frozen=True)
class Photograph:
    """One file of a collection, with what is known of it."""

    path: Path
    group: str
    labels: dict[str, str | None]

    @property
    def part(self) -> str:
        tenth = int(hashlib.sha256(self.group.encode()).hexdigest(), 16) % 10
        return next(name for name, tenths in PARTS.items() if tenth in tenths)

    def image(self) -> Image.Image:
        return decode(self.path.read_bytes(), self.path.name)


def read_collection(labels: Path, tasks: Sequence[str]) -> list[Photograph]:
    """A CSV with the columns image, group or object_id, and the tasks."""
    with labels.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        Photograph(
            labels.parent / row["image"],
            row.get("group") or row.get("object_id") or row["image"],
            {task: row.get(task) or None for task in tasks},
        )
        for row in rows
    ]


def with_combinations(taxonomy: Taxonomy, photographs: Sequence[Photograph]) -> Taxonomy:
    """The taxonomy; where it tells nothing, only what stands among the photographs goes together."""
    if taxonomy.combinations:
        return taxonomy
    whole = {tuple(sorted((t, c) for t, c in p.labels.items() if c)) for p in photographs if all(p.labels.values())}
    known = [Combination(labels={t: (c,) for t, c in each}, source=("photographs",)) for each in sorted(whole)]
    first, second = taxonomy.tasks[:2]  # codes of the first task of which no photograph has all labels
    untold = set(first.codes) - {dict(each)[first.name] for each in whole}
    known += [
        Combination(labels={first.name: (code,), second.name: second.codes}, source=("photographs",))
        for code in sorted(untold)
    ]
    sources = dict(taxonomy.sources) | {"photographs": "the photographs of this comparison"}
    return taxonomy.model_copy(update={"combinations": tuple(known), "sources": sources})


def stored(
    store: ObjectStore, data: bytes, labels: dict[str, str | None], source: str, size: tuple[int, int],
    origin: Any = "synthetic", group: str = "",
) -> Record:  # fmt: skip
    """`size`: what the manifest promises."""
    ref = put_image(store, data, "png" if data[:4] == b"\x89PNG" else "jpg")
    return Record(ref.key, group or source, labels, "train", origin, *size, source)


def manifest_of(store: ObjectStore, photographs: Sequence[Photograph], tasks: Sequence[str]) -> Manifest:
    records = []
    for each in photographs:
        data = each.path.read_bytes()
        size = decode(data, each.path.name).size
        records.append(stored(store, data, each.labels, each.path.name, size, "real", each.group))
    return Manifest.from_records(records, tasks)


def planted(
    store: ObjectStore,
    held_out: Sequence[Photograph],
    reference: Sequence[Photograph],
    taxonomy: Taxonomy,
    seed: int,
) -> dict[str, Manifest]:
    """`EACH` images of each kind, a manifest by kind; `source` is the number. Duplicates follow originals."""
    found = {}
    for number, kind in enumerate(KINDS):
        random = np.random.default_rng([seed, number])
        made = list(_of_kind(kind, held_out, reference, taxonomy, random))
        records = [stored(store, data, labels, str(i), size) for i, (data, labels, size) in enumerate(made)]
        found[kind] = Manifest.from_records(records, taxonomy.task_names)
    return found


Made = tuple[bytes, dict[str, str | None], tuple[int, int]]


def _of_kind(
    kind: str,
    held_out: Sequence[Photograph],
    reference: Sequence[Photograph],
    taxonomy: Taxonomy,
    random: np.random.Generator,
) -> Iterator[Made]:
    if kind in LABEL_KINDS:
        yield from _mislabelled(kind, held_out, taxonomy, random)
        return
    chosen = reference if kind in COPY_KINDS and kind != "duplicate in the set" else held_out
    for i in random.permutation(len(chosen))[:EACH]:
        each = chosen[i]
        image = each.image()
        made = MAKERS[kind](image, random) if kind in MAKERS else _copied(kind, image, random)
        if kind == "duplicate in the set":
            yield each.path.read_bytes(), each.labels, image.size
        yield made, each.labels, image.size


def _copied(kind: str, image: Image.Image, random: np.random.Generator) -> bytes:
    match kind:
        case "copied training image":
            return encoded(image)
        case "mirrored copy":
            return encoded(ImageOps.mirror(image))
        case "duplicate in the set":  # of a held-out photograph, which the set has too
            return encoded(image, "JPEG", quality=85)
        case "re-cropped copy":
            left, top, right, bottom = random.uniform(0.01, 0.05, 4)
            part = image.crop((
                round(image.width * left), round(image.height * top),
                round(image.width * (1 - right)), round(image.height * (1 - bottom)),
            ))  # fmt: skip
            if random.random() < 0.5:
                part = ImageOps.mirror(part)
            out = io.BytesIO()
            part.resize(image.size).save(out, "JPEG", quality=70)
            return out.getvalue()
        case _:
            return encoded(_altered(kind, image, random), "JPEG", quality=85)


def _altered(kind: str, image: Image.Image, random: np.random.Generator) -> Image.Image:
    """A copy as the words of `kind` say: mirrored, turned by 3 to 15 degrees, re-cropped, re-coloured."""
    if "mirrored" in kind:
        image = ImageOps.mirror(image)
    if "turned" in kind:
        degrees = random.choice([-1, 1]) * random.uniform(3, 15)
        image = image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=image.getpixel((2, 2)))
    if "re-cropped" in kind:
        left, top, right, bottom = random.uniform(0, 0.05, 4) * [image.width, image.height, image.width, image.height]
        image = image.resize(
            image.size, Image.Resampling.BICUBIC, (left, top, image.width - right, image.height - bottom)
        )
    if "re-coloured" in kind:
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(random.uniform(0.75, 1.25))
    return image


def _mislabelled(
    kind: str, held_out: Sequence[Photograph], taxonomy: Taxonomy, random: np.random.Generator
) -> Iterator[Made]:
    """Sound photographs, told to be something else."""
    task = {"wrong glaze": "glaze", "wrong type": "type"}.get(kind, "")
    known = [p for p in held_out if all(p.labels.get(name) for name in ({task} if task else p.labels))]
    if len(known) < EACH:
        raise InvalidInputError(f"{kind}: only {len(known)} held-out photographs have the labels for it")
    for i in random.permutation(len(known))[:EACH]:
        each = known[i]
        labels = dict(each.labels)
        while taxonomy.plausible(labels) if not task else labels[task] == each.labels[task]:
            name = task or str(random.choice(taxonomy.task_names))
            labels[name] = str(random.choice(taxonomy.task(name).codes))
        image = each.image()
        # the combination is plausible, so that the glaze or the type has to be seen
        if task:
            labels = {name: code if name == task else None for name, code in labels.items()}
        yield encoded(image), labels, image.size


def probe(
    store: ObjectStore,
    photographs: Sequence[Photograph],
    taxonomy: Taxonomy,
    weights: Path | None,
    size_px: int,
) -> ObjectRef:
    """A classifier bundle: the backbone as it is, logistic regression for each task on its features."""
    import torch
    from saggar.bundle import write_bundle
    from saggar.images import preprocess
    from saggar.job_settings.training import TrainingSettings
    from saggar_trainer.export.onnx_export import to_onnx
    from saggar_trainer.model.backbone import build_backbone, input_spec
    from saggar_trainer.model.network import MultiTaskClassifier
    from sklearn.linear_model import LogisticRegression

    torch.manual_seed(0)
    settings = TrainingSettings(
        architecture="mobilenet_v3_large_minimalistic",
        initial_weights="file" if weights else "random",
        initial_weights_path=str(weights or ""),
        image_size_px=size_px,
        projection=False,
    )
    spec = input_spec(settings)
    model = MultiTaskClassifier(
        build_backbone(settings).layers, {t.name: len(t.classes) for t in taxonomy.tasks}, projection=False
    ).eval()
    with torch.inference_mode():
        pixels = [torch.from_numpy(preprocess(p.image(), spec)) for p in photographs]
        if not weights:  # random layers: at least their statistics should be of these pictures
            model.train()
            for start in range(0, len(pixels), 64):
                model(torch.stack(pixels[start : start + 64]))
            model.eval()
        features = torch.cat([model(torch.stack(pixels[i : i + 32]))[1] for i in range(0, len(pixels), 32)]).numpy()
    mean, sd = features.mean(axis=0), features.std(axis=0) + 1e-6
    for task in taxonomy.tasks:
        rows = [i for i, p in enumerate(photographs) if p.labels.get(task.name)]
        codes = np.array([photographs[i].labels[task.name] for i in rows])
        fitted = LogisticRegression(C=0.01, max_iter=2000).fit((features[rows] - mean) / sd, codes)
        head = model.heads[f"task_{task.name}"]
        weight = np.zeros((len(task.classes), features.shape[1]))
        bias = np.full(len(task.classes), -20.0)  # classes without a photograph
        coefficients, intercepts = fitted.coef_, fitted.intercept_
        if len(fitted.classes_) == 2:
            coefficients, intercepts = (
                np.vstack([-coefficients, coefficients]) / 2,
                np.r_[-intercepts, intercepts] / 2,
            )
        for code, row, constant in zip(fitted.classes_, coefficients, intercepts, strict=True):
            weight[task.index(str(code))] = row / sd
            bias[task.index(str(code))] = constant - row @ (mean / sd)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(weight))
            head.bias.copy_(torch.from_numpy(bias))
    return write_bundle(
        store, to_onnx(model, size_px), b"in the ONNX model", taxonomy=taxonomy, input_spec=spec,
        architecture=settings.architecture, initial_weights=settings.initial_weights,
    )[1]  # fmt: skip
