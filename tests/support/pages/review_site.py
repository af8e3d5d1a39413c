"""A review with pictures, and its pages on a real port, for tests."""

import io

import numpy as np
from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.store import put_image
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy
from saggar_qc.review.choosing.controls import disguise
from saggar_qc.review.choosing.plan import HeldReview, Question, plan_review
from saggar_qc.review.journal import keep_review

TOKENS = {"ana": "secret-of-ana", "bo": "secret-of-bo-"}


def pictures(store, count, origin, seed):
    """`count` noisy pictures in the store, as a manifest."""
    rng = np.random.default_rng(seed)
    records = []
    for i in range(count):
        buffer = io.BytesIO()
        colour = rng.integers(40, 220, 3)
        pixels = np.clip(colour + rng.integers(-20, 20, (48, 48, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(buffer, "PNG")
        image = put_image(store, buffer.getvalue(), "png")
        labels = {"dynasty": "Song", "kiln": "Ding", "glaze": ("White", "Celadon")[i % 2], "type": "Bowl"}
        records.append(Record(image.key, f"{origin}{i}", labels, "train", origin, 48, 48, f"{origin}-{i}"))
    return Manifest.from_records(records, ("dynasty", "kiln", "glaze", "type"))


def open_review(store, count=6, **changes):
    """The review that was kept in `store`."""
    settings = HeldReview(**{"double_share": 0.0, "controls": 0} | changes)
    manifest = pictures(store, count, "synthetic", 1)
    photographs = pictures(store, 12, "real", 2)
    stored = write_manifest(store, manifest)
    question = Question("Small", manifest, stored, photographs, load_taxonomy("kilnsim"), "paper")
    review = disguise(store, plan_review(question, settings))
    keep_review(store, review)
    return review
