"""Hand-made photographs of vessels, some with planted faults, and a tiny classifier of their colours."""

import io
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFilter
from saggar.bundle import write_bundle
from saggar.dataset.record import Record
from saggar.images import InputSpec
from saggar.store import DirectoryStore, ObjectRef, put_image
from saggar.taxonomy import Taxonomy

SIZE = 16
GLAZES = Taxonomy.model_validate(
    {
        "id": "glazes",
        "title": "Two glazes",
        "caption": ["{glaze} glaze"],
        "prompt": ["{glaze} glaze"],
        "tasks": [
            {
                "name": "glaze",
                "kind": "glaze",
                "classes": [{"code": c, "names": {"en": c}, "phrase": c} for c in ("red", "blue")],
            }
        ],
    }
)
COLOURS = {"red": (190, 60, 50), "blue": (50, 70, 190)}


def vessel(seed: int, glaze: str) -> Image.Image:
    """A coloured ellipse on a shaded, grainy, lighter ground; place, size and shade vary with the seed."""
    random = np.random.default_rng(seed)
    shade = np.linspace(*random.uniform(150, 230, 2), 64)[:, None] + np.linspace(*random.uniform(-50, 50, 2), 64)
    grain = random.normal(0, 4, (64, 64))
    image = Image.fromarray((shade + grain).clip(0, 255).astype(np.uint8)).convert("RGB")
    left, top = random.integers(2, 24, 2)
    width, height = random.integers(20, 38, 2)
    colour = tuple(int(c + random.integers(-25, 25)) for c in COLOURS[glaze])
    ImageDraw.Draw(image).ellipse((left, top, left + width, top + height), fill=colour)
    return image


def encoded(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def network() -> bytes:
    """Features: the image averaged over 4 x 4 fields, 48 values. Red is probable where red outweighs blue."""
    weights = np.zeros((48, 2), dtype=np.float32)
    weights[:16, 0] = weights[32:, 1] = 2.0
    weights[:16, 1] = weights[32:, 0] = -2.0
    nodes = [
        helper.make_node("AveragePool", ["images"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("MatMul", ["features", "weights"], ["logits_glaze"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
        [
            helper.make_tensor_value_info("logits_glaze", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 48]),
        ],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def record(store: DirectoryStore, name: str, data: bytes, glaze: str | None, **fields: Any) -> Record:
    """Of an image of 64 x 64 pixels, unless `fields` says otherwise."""
    key = put_image(store, data, "png").key
    about: dict[str, Any] = {"width_px": 64, "height_px": 64, "source": name} | fields
    return Record(key, name, {"glaze": glaze}, **about)


def vessels(store: DirectoryStore, count: int, first_seed: int = 0) -> list[Record]:
    """Generated images without fault."""
    glazes = [("red", "blue")[i % 2] for i in range(count)]
    return [
        record(
            store,
            f"prompt-{i}",
            encoded(vessel(first_seed + i, glaze)),
            glaze,
            origin="synthetic",
            split="train",
        )
        for i, glaze in enumerate(glazes)
    ]


def planted(store: DirectoryStore) -> dict[str, tuple[Record, str]]:
    """Faulty images by name, each with the reason that it must be rejected for."""
    good = encoded(vessel(500, "red"))
    halves = np.zeros((64, 64, 3), dtype=np.uint8)
    halves[:, 32:] = 255
    small = vessel(501, "red").resize((64, 20))
    blurred = vessel(502, "red").filter(ImageFilter.GaussianBlur(12))
    brighter = Image.fromarray(np.asarray(vessel(0, "red")) // 2 + 100)  # of prompt-0
    found = {
        "truncated": (good[: len(good) // 2], "red", "undecodable"),
        "not-an-image": (b"hello", "red", "undecodable"),
        "empty": (b"", "red", "undecodable"),
        "small": (encoded(small), "red", "too_small"),
        "blank": (encoded(Image.new("RGB", (64, 64), (120, 120, 120))), "red", "flat"),
        "two-values": (encoded(Image.fromarray(halves)), "red", "low_entropy"),
        "blurred": (encoded(blurred), "red", "blurred"),
        "again": (encoded(vessel(3, "blue")), "blue", "duplicate"),  # prompt-3
        "brighter": (encoded(brighter), "red", "near_duplicate"),
        "copied": (encoded(vessel(1004, "red")), "red", "training_copy"),  # photo-4.jpg
        "wrong-glaze": (encoded(vessel(503, "blue")), "red", "improbable_class"),
    }
    return {
        name: (record(store, name, data, glaze, origin="synthetic", split="train"), reason)
        for name, (data, glaze, reason) in found.items()
    }


def write_tiny_bundle(store: DirectoryStore) -> ObjectRef:
    return write_bundle(
        store,
        network(),
        b"weights",
        taxonomy=GLAZES,
        input_spec=InputSpec(SIZE, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        architecture="tiny",
        initial_weights="hand-made",
    )[1]
