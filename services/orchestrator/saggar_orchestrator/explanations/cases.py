"""What speaks for the answers that a report shows, as small pictures: Grad-CAM over several photographs at once."""

from __future__ import annotations

import dataclasses
import importlib.util
import io
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from saggar.bundle import BundleModel, read_card
from saggar.bundle.explaining import Explainer, read_heads
from saggar.errors import SaggarError
from saggar.images import decode, preprocess
from saggar.store import ObjectStore

from saggar_orchestrator.explanations.drawing import overlay
from saggar_orchestrator.explanations.explaining import NEEDED

SIDE_PX = 160
log = logging.getLogger(__name__)


def explain_cases(store: ObjectStore, cases: Mapping[str, Any]) -> dict[tuple[str, str, str], bytes]:
    """`cases`: of results.json. A JPEG by (image, task, code), of the answer and, where it is wrong, of the truth.

    Empty where libraries are missing or the model cannot be opened: a report goes without, and the log says why.
    """
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        log.info("no explanations in the report: %s is not installed", " and ".join(missing))
        return {}
    try:
        return _explained(store, cases)
    except SaggarError as error:
        log.warning("no explanations in the report: %s", error)
        return {}


def _explained(store: ObjectStore, cases: Mapping[str, Any]) -> dict[tuple[str, str, str], bytes]:
    reference = store.stat(f"bundles/{cases['model_id']}/bundle.json")
    card = read_card(store, reference)
    explainer = Explainer(BundleModel.load(store, reference, threads=1), read_heads(store, card))
    shown = dataclasses.replace(card.input_spec, size_px=SIDE_PX, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    found = {}
    for task, of_task in cases["tasks"].items():
        codes = card.taxonomy.task(task).codes if of_task else ()
        for one in of_task:
            photograph = decode(store.get(one["image"]), one["image"], enough_px=card.input_spec.enough_px)
            look = explainer.look(preprocess(photograph, card.input_spec)[None])
            pixels = (preprocess(photograph, shown) * 255).round().astype(np.uint8).transpose(1, 2, 0)
            for code in dict.fromkeys((one["predicted"], one["true"])):
                heat = look.heat(task, codes.index(code))[0]
                found[one["image"], task, code] = _jpeg(overlay(Image.fromarray(pixels), heat))
    return found


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
