"""A bundle's page for people, as the Hugging Face Hub reads it: YAML front matter, then what the model is, what it
learnt from, how good it is, what it cannot do, and what it costs.

Everything is from the card, so that page and card never disagree. What only people know is marked `not stated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import yaml

from saggar.bundle.card import BundleCard, Measured, TaskScore
from saggar.dataset.record import SPLITS

ValueT = TypeVar("ValueT")

LICENCE = "licence"  # of the annotations: the Hub's short name of the model's licence, e.g. apache-2.0
_FEW = 10  # training photographs of a class, below which its name is written down
_TAGS = ("porcelain", "ceramics", "cultural-heritage", "image-classification", "multi-task", "onnx", "saggar")


def model_card(card: BundleCard, measured: Measured | None = None) -> str:
    """README.md of the bundle."""
    sections = (
        _about(card),
        _use(card),
        _data(card),
        _scores(card),
        _certainty(card),
        _limits(card),
        _cost(card, measured),
    )
    front = yaml.safe_dump(_front_matter(card), sort_keys=False, allow_unicode=True, width=10_000)
    return f"---\n{front}---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def _by_task(card: BundleCard, values: Mapping[str, ValueT]) -> list[tuple[str, ValueT]]:
    """In the taxonomy's order: a card that was read again has its keys in another."""
    return [(task, values[task]) for task in card.taxonomy.task_names if task in values]


def _front_matter(card: BundleCard) -> dict[str, Any]:
    licence = card.annotations.get(LICENCE)
    front: dict[str, Any] = {
        "license": licence or "other",
        "library_name": "onnx",
        "pipeline_tag": "image-classification",
        "tags": [*_TAGS, *(f"task:{task.name}" for task in card.taxonomy.tasks)],
        "metrics": ["f1", "accuracy"],
    }
    if not licence:
        front |= {"license_name": "not-stated", "license_link": "LICENSE"}
    if card.initial_weights.startswith("imagenet"):
        front["datasets"] = ["imagenet-1k"]
    results = [_result(card, task, score) for task, score in _by_task(card, card.validation)]
    return front | {"model-index": [{"name": f"saggar-{card.bundle_id}", "results": results}]} if results else front


def _result(card: BundleCard, task: str, score: TaskScore) -> dict[str, Any]:
    metrics = [("f1", "macro-F1", score.macro_f1), ("accuracy", "top-1", score.top_1)]
    return {
        "task": {"type": "image-classification", "name": task},
        "dataset": {
            "type": str(card.training.get("manifest", "unknown"))[:16] or "unknown",
            "name": f"{card.taxonomy.id}, validation split ({score.objects} objects)",
            "split": "validation",
        },
        "metrics": [
            {
                "type": kind,
                "name": f"{name} (95 % interval {low:.3f} to {high:.3f}, over objects)",
                "value": round(value, 4),
            }
            for kind, name, (value, low, high) in metrics
        ],
    }


def _about(card: BundleCard) -> str:
    tasks = "\n".join(f"| {task.name} | {len(task.classes)} | {_names(task)} |" for task in card.taxonomy.tasks)
    left = f"\n\nNot answered, since they were not taught: {', '.join(card.not_answered)}." if card.not_answered else ""
    noted = "".join(f"\n- {name}: {value}" for name, value in sorted(card.annotations.items()))
    return (
        f"# Saggar classifier {card.bundle_id}\n\n"
        f"Names {', '.join(task.name for task in card.taxonomy.tasks)} of a ceramic object in a photograph "
        f"(taxonomy `{card.taxonomy.id}`: {card.taxonomy.title}). Architecture {card.architecture}; first weights: "
        f"{card.initial_weights}.\n\n| task | classes | which |\n|---|---|---|\n{tasks}{left}"
        + (f"\n\nAnnotations:\n{noted}" if noted else "")
    )


def _names(task: Any) -> str:
    return ", ".join(one.names.en for one in task.classes)


def _use(card: BundleCard) -> str:
    spec = card.input_spec
    return (
        "## Use\n\n"
        "A proposal for a cataloguer, with the probability, the set of classes and the neighbours that belong to it; "
        "never the only ground for an attribution, a price or a decision about a person.\n\n"
        f"Input `images` [N, 3, {spec.size_px}, {spec.size_px}], float32, RGB: resized by "
        f"`{spec.resize}`, scaled to 0..1, minus {list(spec.mean)}, over {list(spec.std)}. JPEGs are decoded to no "
        f"less than {spec.enough_px or 'all'} px on the shorter side. Output `logits_<task>` [N, C]; probabilities are "
        "(n softmax(logits / temperature) + 1 / C) / (n + 1) for the n objects of the calibration.\n\n"
        "```python\n"
        "from saggar.bundle import BundleModel\n"
        "from saggar.images import decode, preprocess\n"
        "from saggar.store import DirectoryStore\n\n"
        'store = DirectoryStore("STORE")\n'
        f'model = BundleModel.load(store, store.stat("bundles/{card.bundle_id}/bundle.json"))\n'
        "spec = model.card.input_spec\n"
        'image = decode(open("photograph.jpg", "rb").read(), "photograph.jpg", enough_px=spec.enough_px)\n'
        "print(model.predict(preprocess(image, spec)[None]))\n"
        "```"
    )


def _data(card: BundleCard) -> str:
    data = card.data
    if data is None:
        return "## Training data\n\nNot stated."
    splits = "\n".join(
        f"| {split} | {data.objects.get(split, 0):,} | {', '.join(f'{n:,} {o}' for o, n in sorted(origins.items()))} |"
        for split, origins in sorted(data.rows.items(), key=lambda item: SPLITS.index(item[0]))
    )
    licences = "\n".join(
        f"- {number:,} photographs: {licence or 'licence not stated in the catalogue'}"
        for licence, number in sorted(data.licences.items(), key=lambda item: (-item[1], item[0]))
    )
    manifest = card.training.get("manifest")
    return (
        f"## Training data\n\nManifest `{manifest or 'not stated'}`.\n\n"
        f"| split | objects | images by origin |\n|---|---|---|\n{splits}\n\n"
        f"Licences of the real training photographs:\n\n{licences or '- there are none'}\n\n"
        "The model's own licence is "
        + (f"{card.annotations[LICENCE]}." if LICENCE in card.annotations else "not stated: ask who published it.")
    )


def _scores(card: BundleCard) -> str:
    if not card.validation:
        return ""
    rows = "\n".join(
        f"| {task} | {score.objects:,} | {_interval(score.macro_f1)} | {_interval(score.top_1)} |"
        for task, score in _by_task(card, card.validation)
    )
    return (
        "## Scores\n\nOn the validation split, which has also chosen the epoch, so they are a little hopeful; scores "
        "on the test split are in the experiment's report. In brackets 95 % intervals of a bootstrap over objects.\n\n"
        f"| task | objects | macro-F1 | top-1 |\n|---|---|---|---|\n{rows}"
    )


def _interval(values: tuple[float, float, float]) -> str:
    value, low, high = values
    return f"{value:.3f} ({low:.3f} to {high:.3f})"


def _certainty(card: BundleCard) -> str:
    lines = [
        f"- {task}: temperature {found.temperature:.3g}, calibration error {found.expected_error:.3f} (before "
        f"{found.expected_error_before:.3f}), Brier {found.brier:.3f}, on {found.objects:,} objects"
        for task, found in _by_task(card, card.calibration)
    ]
    if card.novelty:
        lines.append(
            f"- a photograph whose novelty is above {card.novelty.threshold:.3g} is called unlike the training "
            f"photographs; so are {card.novelty.false_alarms:.0%} of objects like the {card.novelty.objects:,} of "
            "validation"
        )
    if card.neighbours:
        lines.append(
            f"- the {card.neighbours.photographs:,} real training photographs ({card.neighbours.objects:,} objects) "
            "can be searched for the nearest to a new one: `neighbours.npz` holds their features, object ids, labels "
            "and credit lines"
        )
    return "## Certainty\n\n" + "\n".join(lines) if lines else ""


def _limits(card: BundleCard) -> str:
    lines = [f"- {warning}" for warning in card.warnings]
    for task, counts in _by_task(card, card.data.classes) if card.data else ():
        codes = [code for code in card.codes()[task] if code in counts]
        rare = [f"{code} {counts[code]}" for code in codes if 0 < counts[code] < _FEW]
        if rare:
            lines.append(f"- {task}: few real training photographs of {', '.join(rare)}")
        none = [code for code in codes if counts[code] == 0]
        if none:
            lines.append(f"- {task}: no real training photograph of {', '.join(none)}")
    lines.append("- imitations, revivals and later wares of a style look like the style; the model sees pictures only")
    lines.append("- photographs of another museum differ in light and ground; scores there are not known")
    return "## Limits\n\n" + "\n".join(lines)


def _cost(card: BundleCard, measured: Measured | None) -> str:
    lines = []
    if card.cost:
        lines.append(
            f"- {card.cost.parameters / 1e6:.2f} million parameters, {card.cost.multiply_adds / 1e6:.0f} million "
            "multiply-adds a photograph"
        )
    files = ", ".join(f"{name} {size / 2**20:.2f} MiB" for name, size in card.file_sizes().items())
    lines.append(f"- files: {files}")
    if now := measured:
        lines.append(
            f"- opens in {now.open_ms:.0f} ms, {now.image_ms:.1f} ms a prepared photograph, one thread, {now.processor}"
        )
        if now.reduced_image_ms is not None and now.reduced_open_ms is not None:
            lines.append(f"- in 8 bits: opens in {now.reduced_open_ms:.0f} ms, {now.reduced_image_ms:.1f} ms")
    if card.reduced:
        note = card.reduced
        low, high = note.mean_drop_interval
        fate = "kept as `model.int8.onnx`" if note.kept else "not kept"
        scores = ", ".join(f"{task} {old:.3f} to {new:.3f}" for task, (old, new) in _by_task(card, note.macro_f1))
        lines.append(
            f"- in 8 bits ({note.scheme}; in 32 bits: {', '.join(note.kept_float) or 'nothing'}), {fate}: macro-F1 on "
            f"validation {scores}; {note.same_answers:.1%} of the answers are the same; fell by "
            f"{note.mean_drop:.4f} (95 % interval {low:.4f} to {high:.4f}, {note.validation_objects:,} objects), and "
            f"the interval has to end below {note.allowed_drop:.3f}"
        )
    return "## Size and cost\n\n" + "\n".join(lines)
