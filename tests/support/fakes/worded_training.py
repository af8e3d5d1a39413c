"""What tests of learnt words share: drawn photographs with captions, and a training of nano that learns words."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.job_settings.adapter import AdapterSettings
from saggar.kilnsim import render, sample_balanced
from saggar.learnt_words import words_of
from saggar.prompts import caption
from saggar.store import ObjectRef, ObjectStore, put_image
from saggar.stored_datasets import write_manifest
from saggar.taxonomy import load_taxonomy

TAXONOMY = load_taxonomy("kilnsim")
GLAZES = ("Celadon", "IvoryW")  # of the photographs
PHRASES = words_of(TAXONOMY.task("glaze"))
PROMPT = "Song dynasty, Longquan kiln produced, Chinese porcelain, bowl, celadon glaze with soft grey-green colour"


def settings(**changes: Any) -> AdapterSettings:
    """A short training of nano with words for all glazes."""
    values: dict[str, Any] = {
        "rank": 2,
        "steps": 8,
        "batch_size": 4,
        "learning_rate": 1e-3,
        "word_learning_rate": 1e-2,
        "learnt_phrases": PHRASES,
        "seed": 1,
    }
    return AdapterSettings.checked(values | changes)


def photographs(store: ObjectStore, count: int = 8) -> ObjectRef:
    """A manifest of drawn pieces with glazes of `GLAZES`, in turn."""
    pieces = {code: [one for one in sample_balanced(400, 3) if one.glaze == code] for code in GLAZES}
    records = []
    for number in range(count):
        piece = pieces[GLAZES[number % len(GLAZES)]][number // len(GLAZES)]
        labels = {task: str(getattr(piece, task)) for task in TAXONOMY.task_names}
        out = io.BytesIO()
        Image.fromarray(render(piece, 64)).save(out, "PNG")
        records.append(
            Record(
                image=put_image(store, out.getvalue(), "png").key,
                object_id=f"o{number}",
                labels=labels,
                split="train",
                origin="real",
                width_px=64,
                height_px=64,
                source=f"{number}.png",
                caption=caption(TAXONOMY, labels),
            )
        )
    return write_manifest(store, Manifest.from_records(records, TAXONOMY.task_names))
