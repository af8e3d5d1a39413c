"""A small but whole results.json, made by the project's own arithmetic from invented predictions."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from saggar.certainty.sets import SetRule
from saggar.dataset.balance import imbalance, lorenz
from saggar.taxonomy import load_taxonomy
from saggar_orchestrator.findings.answers import Trained
from saggar_orchestrator.findings.certainty import certainty
from saggar_orchestrator.findings.predictions import Predictions
from saggar_orchestrator.findings.results import find
from saggar_orchestrator.findings.scores import TrainingCounts
from saggar_orchestrator.workflow.steps.gathering.cases import cases

ARMS = ("baseline", "95:5", "90:10")


def invented_runs(seeds=(0, 1, 2), n=240):
    """Arm -> trainings, and the random numbers that go on from there."""
    taxonomy = load_taxonomy("kilnsim")
    rng = np.random.default_rng(5)
    images = tuple(f"images/{i:02x}/{i}.png" for i in range(n))
    true = {t.name: np.minimum(rng.geometric(0.35, n) - 1, len(t.codes) - 1) for t in taxonomy.tasks}
    true["kiln"][:9] = -1

    def predict(hit):
        predicted, probabilities = {}, {}
        for task in taxonomy.tasks:
            classes = len(task.codes)
            right = rng.random(n) < hit
            guess = np.where(right & (true[task.name] >= 0), true[task.name], rng.integers(0, classes, n))
            predicted[task.name] = guess
            probabilities[task.name] = np.eye(classes)[guess] * 0.6 + rng.random((n, classes)) * 0.1
        return Predictions(images, images, true, predicted, probabilities)

    return {
        arm: [Trained(seed, predict(hit)) for seed in seeds] for arm, hit in zip(ARMS, (0.70, 0.72, 0.80), strict=True)
    }, rng


def training_counts(runs):
    """Of invented training photographs: three times the test's."""
    said = runs["baseline"][0].predictions
    taxonomy = load_taxonomy("kilnsim")
    counts = {t.name: [3 * int((said.true[t.name] == c).sum()) for c in range(len(t.codes))] for t in taxonomy.tasks}
    return TrainingCounts(counts, frozenset(said.images[:30]))


def set_rules(shift):
    """Of one training, by task: what a bundle's card says of prediction sets."""
    return {
        task.name: tuple(
            SetRule(
                kind="marginal", coverage=coverage, threshold=threshold + shift, objects=200, coverage_sd=0.03,
                mean_size=1.5,
            )
            for coverage, threshold in ((0.8, -0.5), (0.9, -0.1))
        )
        for task in load_taxonomy("kilnsim").tasks
    }  # fmt: skip


def tail_of(synthetic):
    """Of a training set with so many generated images of the rarest combination."""
    labels = {"dynasty": "Yuan", "kiln": "Jun", "glaze": "MoonW", "type": "Vase"}
    rows = [
        {"labels": labels | {"type": code}, "real": n, "augmented": 8 - n} for n, code in enumerate(("Vase", "Pot"), 1)
    ]
    return {
        "rarest": [row | {"synthetic": synthetic * (place == 0)} for place, row in enumerate(rows)],
        "rare": {
            "at_most": 5, "combinations": 2, "photographs": 3, "before": 16, "synthetic": synthetic,
            "reached": int(synthetic > 0),
        },
    }  # fmt: skip


def gallery(labels):
    return {
        "95:5": {
            "accepted": [{"image": "images/aa/g1.png", "labels": labels}] * 3,
            "rejected": [
                {"image": "images/aa/g2.png", "labels": labels, "reason": "blurred", "detail": "sharpness 12.0 < 51.0"},
                {"image": "images/aa/g3.png", "labels": labels, "reason": "review", "detail": ""},
            ],
        }
    }


def results(seeds=(0, 1, 2), n=240):
    taxonomy = load_taxonomy("kilnsim")
    runs, rng = invented_runs(seeds, n)
    images = runs["baseline"][0].predictions.images
    findings = find(taxonomy, runs, "baseline", training_counts(runs))
    arms = []
    for number, arm in enumerate(ARMS):
        counts = [3 + 40 * number, 5 + 40 * number, 8, 20, 40, 100, 240, 300]
        values = {
            "name": arm,
            "training": {"sampler_task": "", "retrain_heads": "real"} if number == 1 else {},
            "training_images": sum(counts),
            "by_origin": {"augmented": 180, "real": 536} | ({"synthetic": 40 * number} if number else {}),
            "share_asked": [None, 0.05, 0.10][number],
            "count_asked": None,
            "share_reached": [0.0, 0.049, 0.093][number],
            "imbalance": imbalance(counts),
            "lorenz": lorenz(counts).tolist(),
            "tail": tail_of(20 * number),
            "certainty": certainty(taxonomy, runs[arm], [set_rules(0.01 * place) for place in range(len(seeds))]),
            "novelty": [{"threshold": 50.0, "false_alarms": 0.05, "objects": 210}] * len(seeds),
            "given_back": None,
            "worth": None,
            "screening": None
            if not number
            else {
                "accepted_count": 38 * number,
                "rejected_count": 2 * number,
                "wanted": 40 * number,
                "planned": 38 * number,
                "rounds": [{"asked": 2 * number, "accepted": 38 * number}] if number == 2 else [],
                "rejected_by_reason": {"duplicate": number, "blurred": number},
                "found_by_reason": {"duplicate": number, "blurred": number + 1},
                "measures": {
                    "extractor": "backbone:0123456789abcdef",
                    "first_count": 38 * number,
                    "second_count": 536,
                    "feature_dimensions": 960,
                    "fid": 61.234,
                    "kid": 0.0312,
                    "kid_low": 0.02,
                    "kid_high": 0.045,
                    "preparation": "32 px, stretched",
                    "resize": "bundle",
                    "libraries": "onnxruntime 1.2.3",
                    "fid_infinity": None,
                    "precision": 0.81,
                    "recall": 0.32,
                    "density": 0.77,
                    "coverage": 0.44,
                    "warnings": ["fewer than 2,048 images a side: FID is biased upwards"],
                },
                "other_measures": [],
                "combinations": [
                    {
                        "combination": "Yuan, Jun, MoonW, Vase",
                        "first_count": 12,
                        "second_count": 1,
                        **dict.fromkeys(("fid", "kid", "kid_low", "kid_high")),
                        **dict.fromkeys(("precision", "recall", "density", "coverage")),
                    }
                ],
                "texture": {
                    "bands_cycles_per_pixel": [0.0625, 0.5],
                    "by_glaze": {
                        "MoonW": {
                            "synthetic_count": 20,
                            "real_count": 31,
                            "by_band": [0.9, 0.6],
                            "fine": 0.61,
                            "fine_low": 0.5,
                            "fine_high": 0.74,
                        }
                    },
                },
                "embedding": embedding(rng) if number == 2 else None,
            },
            **findings.arms[arm],
            "runs": [
                {
                    "seed": seed,
                    "model_id": f"{number}{seed}abcdef01234567",
                    "bundle": {
                        "key": f"bundles/{number}{seed}abcdef01234567/bundle.json",
                        "sha256": "0" * 64,
                        "size_bytes": 1,
                        "media_type": "application/json",
                    },
                    "best_epoch": 9,
                    "validation_macro_f1": 0.6 + 0.03 * number,
                    "test_mean_macro_f1": findings.arms[arm]["mean_macro_f1"]["runs"][i],
                    "test_interval": [0.5, 0.75],
                    "warnings": [],
                    "epochs": [
                        {
                            "epoch": e,
                            "training_loss": 6 / e + 0.1 * number,
                            "validation_loss": 5 / e,
                            "validation_macro_f1": (0.6 + 0.03 * number) * (1 - 1 / (e + 1)),
                            "validation_macro_f1_by_task": {t.name: 0.7 * (1 - 1 / (e + 1)) for t in taxonomy.tasks},
                        }
                        for e in range(1, 13)
                    ],
                }
                for i, seed in enumerate(seeds)
            ],
        }
        arms.append(values)
    labels = {"dynasty": "Yuan", "kiln": "Jun", "glaze": "MoonW", "type": "Vase"}
    other = labels | {"type": "Pot"}
    return {
        "schema": 3,
        "experiment": {
            "id": "example-0123456789ab",
            "name": "example",
            "title": "Example <with> odd & signs",
            "created_at": "2026-01-02T03:04:05Z",
            "specification": "name: example\narms: [{name: baseline}]\n",
        },
        "versions": {"saggar-core": "0.1.0"},
        "machine": "Linux",
        "taxonomy": {
            "id": taxonomy.id,
            "title": taxonomy.title,
            "tasks": [
                {"name": t.name, "codes": list(t.codes), "names": [c.names.en for c in t.classes]}
                for t in taxonomy.tasks
            ],
        },
        "data": {
            "source": {"kind": "kilnsim"},
            "where": {},
            "images": 1000,
            "objects": 950,
            "split_seed": 0,
            "splits": {"train": 536, "validation": 224, "test": n},
            "split_objects": {"train": 500, "validation": 210, "test": n},
            "class_counts": {},
            "combinations": 40,
            "warnings": [],
        },
        "settings": {
            "seeds": list(seeds),
            "base_model": "nano",
            "architecture": "mobilenet_v3_large",
            "initial_weights": "random",
        },
        "baseline": "baseline",
        "evidence": findings.evidence,
        "arms": arms,
        "reviews": [],
        "synthesis": {
            "adapter": {},
            "base_hash": "abc" + "0" * 61,
            "adapter_images": 120,
            "adapter_steps": 200,
            "adapter_final_loss": 0.123,
            "adapter_course": {
                "training": [[step, 0.2 - step / 2000] for step in (50, 100, 150, 200)],
                "validation": [[0, 0.21], [100, 0.16], [200, 0.15]],
                "previews": [
                    {"step": step, "prompt": prompt, "image": "images/aa/g1.png"}
                    for step in range(10, 201, 10)
                    for prompt in ("a moon white vase", "a celadon <cup>")
                ],
            },
            "generated": 92,
            "distinct": 92,
            "truncated_prompts": 0,
            "combinations": [labels],
            "pairs": [[labels, other]],
            "example_prompt": "Yuan dynasty, Jun kiln produced",
            "example_negative_prompt": "low quality",
            "cracked": {"images": 12, "of": 96, "wares": ["Ge", "Guan"], "left_out": True},
        },
        "winner": {
            "arm": "90:10",
            "mean_validation_macro_f1": 0.66,
            "seed": 1,
            "model_id": "21abcdef01234567",
            "bundle": {},
            "validation_macro_f1": 0.66,
            "fold": 0,
        },
        "cases": cases(taxonomy, runs["90:10"][min(1, len(seeds) - 1)], "21abcdef01234567"),
        "advice": {
            "images": 50,
            "training_images": 536,
            "tasks": [
                {
                    "task": task,
                    "nature": nature,
                    "verdict": verdict,
                    "reason": "because",
                    "few": 5,
                    "classes": 8,
                    "test_objects": n,
                    "smallest_difference": 0.05,
                    "seen": [{"task": task, "macro_f1": -0.0259, "accuracy": -0.0175}],
                }
                for task, nature, verdict in (
                    ("dynasty", "context", "not needed"),
                    ("kiln", "context", "try"),
                    ("glaze", "surface", "leave out"),
                    ("type", "form", "generate"),
                )
            ],
        },
        "pictures": {
            "gallery": gallery(labels),
            "held_out": {"image": images[0], "labels": labels},
            "grid": [
                {"labels": labels, "real": [], "generated": ["images/aa/g1.png"] * 3},
                {"labels": other, "real": ["images/aa/r1.png"] * 2, "generated": ["images/aa/g1.png"] * 3},
            ],
        },
        "steps": [{"title": "import photographs", "step_id": "0123456789abcdef", "seconds": 1.25, "reused": False}],
        "warnings": ["random initial weights: accuracy suffers"],
    }


def embedding(rng):
    """Two combinations, the generated images of one of them aside."""
    names = ("Yuan, Jun, MoonW, Vase", "Song, Ru, SkyB, Bowl")
    return {
        "points": [
            {
                "x": float(rng.normal(20 * c + 9 * (made and c), 3)),
                "y": float(rng.normal(0, 3)),
                "combination": c,
                "synthetic": made,
            }
            for c in range(2)
            for made in (False, True)
            for _ in range(12)
        ],
        "clusters": [
            {
                "combination": name,
                "real_count": 12,
                "synthetic_count": 12,
                "within_real": 4.0,
                "within_synthetic": 3.1,
                "across": 4.4 + 5 * c,
                "to_nearest_other": 20.5,
            }
            for c, name in enumerate(names)
        ],
        "perplexity": 15.7,
        "silhouette_combinations": 0.61,
        "silhouette_origin": 0.08,
    }


def picture(key):
    """A picture for any key."""
    shade = sum(key.encode()) % 200
    buffer = io.BytesIO()
    Image.new("RGB", (96, 96), (shade, 120, 200 - shade)).save(buffer, "PNG")
    return buffer.getvalue()
