"""Temperatures, prediction sets and novelty on pictures that nothing was fitted to.

    python bench/classifiers/certainty.py --weights FILE.safetensors [--photographs FOLDER]

Heads are fitted to frozen features of kilnsim's pictures as `retrain_heads` fits them. On `--calibration` further
pieces, the trainer's functions fit temperature, sets and novelty; on `--test` fresh ones it is measured: coverage of
the sets, calibration error. Novelty is measured on them against far pictures (scikit-image's and scikit-learn's
samples, whole and in nine overlapping crops) and near ones (a kiln that the fitting never saw; `--photographs`: a
folder of real porcelain, near to kilnsim's, on which the same is done with half of the photographs as its own). AUROC
for Mahalanobis++ in relative form, which the bundle has, the plain distance to the nearest class, the fifth nearest
neighbour, and the heads' energy. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image
from saggar.bundle import softmax
from saggar.certainty.calibration import expected_error, reliability
from saggar.certainty.novelty import NoveltyModel, to_unit_length
from saggar.certainty.sets import prediction_set
from saggar.decoding import decode
from saggar.images import InputSpec, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import Piece, classes_of, render, sample_balanced
from saggar.taxonomy import load_taxonomy
from saggar_trainer.evidence.calibrating import calibrate, fit_novelty, novelty_rule, prevalence_of, set_rules
from saggar_trainer.fitting.completing.heads import Taught, fitted_heads
from saggar_trainer.model.backbone import build_backbone, input_spec
from sklearn.datasets import load_sample_images
from sklearn.metrics import roc_auc_score

TASKS = ("dynasty", "kiln", "glaze", "type")
PENALTY = 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--taxonomy", default="kilnsim")
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--training", type=int, default=1200)
    parser.add_argument("--calibration", type=int, default=900)
    parser.add_argument("--test", type=int, default=900)
    parser.add_argument("--held-out-kiln", default="")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    network = Network(options.weights, options.size)
    taxonomy = load_taxonomy(options.taxonomy)
    pieces = sample_balanced(options.training + options.calibration + options.test, 11, classes_of(taxonomy))
    kiln = options.held_out_kiln or taxonomy.task("kiln").codes[-1]
    known = [piece for piece in pieces if piece.kiln != kiln]
    near = network.features([drawn(piece, options.size) for piece in pieces if piece.kiln == kiln])
    features = network.features([drawn(piece, options.size) for piece in known])
    labels = {t: np.array([taxonomy.task(t).index(getattr(piece, t)) for piece in known]) for t in TASKS}
    first, second = options.training, options.training + options.calibration
    parts = (slice(0, first), slice(first, second), slice(second, None))
    result: dict[str, Any] = {"bench": "certainty", "size": options.size, "held_out_kiln": kiln}
    result["objects"] = [len(features[part]) for part in parts]
    far = network.features(far_pictures())
    result["tasks"], logits = {}, {}
    for task in TASKS:
        result["tasks"][task], logits[task] = certainty(
            features, labels[task], parts, len(taxonomy.task(task).classes), far, near
        )
    model = fit_novelty(features[parts[0]], {task: values[parts[0]] for task, values in labels.items()})
    others = {"far": far, "held-out kiln": near}
    if options.photographs:
        files = sorted(options.photographs.rglob("*.jpg"))[:400]
        own = network.features([decode(file.read_bytes(), file.name) for file in files])
        others["photographs"] = own
        half = len(own) // 2
        on_photographs = fit_novelty(own[:half], {"none": np.full(half, -1)})
        scores = on_photographs.scores(own[half:]), on_photographs.scores(far)
        result["photographs_against_far"] = {"n": half, "auroc": auroc(*scores)}
    result["novelty"] = novelty(model, features, parts, others, logits)
    print(json.dumps(result))


class Network:
    """The first weights' pooled features."""

    def __init__(self, weights: str, size: int) -> None:
        settings = TrainingSettings(
            architecture="mobilenet_v3_large_minimalistic",
            initial_weights="file",
            initial_weights_path=weights,
            image_size_px=size,
            framing="pad",
        )
        self._layers = build_backbone(settings).layers.eval()
        self.spec: InputSpec = input_spec(settings)

    @torch.no_grad()
    def features(self, pictures: list[Image.Image]) -> np.ndarray:
        parts = []
        for start in range(0, len(pictures), 32):
            images = np.stack([preprocess(picture, self.spec) for picture in pictures[start : start + 32]])
            parts.append(self._layers(torch.from_numpy(images)).mean(dim=(2, 3)).numpy())
        return np.concatenate(parts)


def drawn(piece: Piece, size: int) -> Image.Image:
    return Image.fromarray(render(piece, size))


def far_pictures() -> list[Image.Image]:
    """Photographs of anything but ceramics, textures, microscopy, text: whole, and in overlapping crops."""
    folder = Path(skimage.data.__file__).parent
    arrays = [np.asarray(image) for image in load_sample_images().images]
    files = [file for file in sorted(folder.iterdir()) if file.suffix in {".png", ".jpg"} and "cup" not in file.stem]
    arrays += [np.asarray(Image.open(file).convert("RGB")) for file in files if file.stem != "coffee"]
    found = []
    for array in arrays:
        image = Image.fromarray(array)
        found.append(image)
        wide, high = image.width // 2, image.height // 2
        for row in range(3):
            for column in range(3):
                left, top = column * wide // 2, row * high // 2
                found.append(image.crop((left, top, left + wide, top + high)))
    return found


def certainty(
    features: np.ndarray, truth: np.ndarray, parts: tuple[slice, ...], classes: int, far: np.ndarray, near: np.ndarray
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is promised and what is kept, of one task; and the logits of test, far and near pictures."""
    fitted, calibration, test = parts
    taught = Taught(torch.from_numpy(truth[fitted]), torch.ones(fitted.stop), classes)
    (heads,) = fitted_heads(torch.from_numpy(features[fitted]), {"task": taught}, [PENALTY])

    def logits(values: np.ndarray) -> np.ndarray:
        return heads["task"].logits(torch.from_numpy(values)).numpy()

    names = [str(number) for number in range(len(truth))]
    found = calibrate(logits(features[calibration]), truth[calibration], names[calibration])
    assert found is not None  # noqa: S101 kilnsim knows all labels
    calibrated = found.probabilities(logits(features[calibration]))
    prevalence = prevalence_of(np.bincount(truth[fitted], minlength=classes).astype(float))
    alike = [1 / classes] * classes  # what heads that are fitted anew take the prevalence to be
    rules = set_rules(calibrated, truth[calibration], names[calibration], prevalence, alike)
    fresh, true = found.probabilities(logits(features[test])), truth[test]
    before = softmax(logits(features[test]))
    sets = {}
    for rule in rules:
        members = [prediction_set(probabilities, rule) for probabilities in fresh]
        kept = float(np.mean([int(label) in chosen for label, chosen in zip(true, members, strict=True)]))
        size = float(np.mean([len(chosen) for chosen in members]))
        sets[f"{rule.kind} {rule.coverage:g}"] = {"coverage": round(kept, 3), "size": round(size, 2)}
    ones = np.ones(len(true))
    measured = {
        "accuracy": round(float((fresh.argmax(1) == true).mean()), 3),
        "temperature": round(found.temperature, 3),
        "ece": round(expected_error(reliability(fresh, true, ones)), 4),
        "ece_uncalibrated": round(expected_error(reliability(before, true, ones)), 4),
        "sets": sets,
    }
    return measured, {"test": logits(features[test]), "far": logits(far), "near": logits(near)}


def novelty(
    model: NoveltyModel,
    features: np.ndarray,
    parts: tuple[slice, ...],
    others: dict[str, np.ndarray],
    logits: dict[str, dict[str, np.ndarray]],
) -> dict[str, Any]:
    """AUROC of four scores against each of `others`, and the share of alarms at the bundle's threshold."""
    fitted, calibration, test = (features[part] for part in parts)
    rule = novelty_rule(model, calibration, [str(number) for number in range(len(calibration))])
    result: dict[str, Any] = {"alarms_on_test": round(float((model.scores(test) > rule.threshold).mean()), 3)}

    plain = fit_novelty(fitted, {}).scores  # without classes: the distance to the overall mean

    def neighbour(values: np.ndarray) -> np.ndarray:
        distance = 2 - 2 * to_unit_length(values) @ to_unit_length(fitted).T
        return np.sort(distance, axis=1)[:, 4]

    for name, values in others.items():
        found = {
            "n": len(values),
            "relative_mahalanobis": auroc(model.scores(test), model.scores(values)),
            "mahalanobis": auroc(plain(test), plain(values)),
            "knn_5": auroc(neighbour(test), neighbour(values)),
            "alarms": round(float((model.scores(values) > rule.threshold).mean()), 3),
        }
        which = {"far": "far", "held-out kiln": "near"}.get(name)
        if which:
            energy = {part: -sum(_log_sum(of[part]) for of in logits.values()) for part in ("test", which)}
            found["energy"] = auroc(energy["test"], energy[which])
        result[name] = found
    return result


def auroc(own: np.ndarray, other: np.ndarray) -> float:
    truth = np.concatenate([np.zeros(len(own)), np.ones(len(other))])
    return round(float(roc_auc_score(truth, np.concatenate([own, other]))), 4)


def _log_sum(values: np.ndarray) -> np.ndarray:
    top = values.max(axis=1)
    return np.asarray(top + np.log(np.exp(values - top[:, None]).sum(axis=1)))


if __name__ == "__main__":
    main()
