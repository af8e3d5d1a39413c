"""One photograph gives equal logits in training and in serving, whatever its kind of file and its framing."""

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from saggar.bundle import BundleModel, write_bundle
from saggar.images import RESIZE, Framing, InputSpec, preprocess
from saggar.store import DirectoryStore, put_image
from saggar.taxonomy import Taxonomy
from saggar_classifier.serving import photographs
from saggar_trainer.data.pixels import evaluation_pixels, normalise
from saggar_trainer.data.reading import read_photograph
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.model.backbone import minimalistic
from saggar_trainer.model.network import MultiTaskClassifier

SIZE = 64
TOLERANCE = 1e-4  # of a logit; the largest difference measured is 1.7e-5, of logits up to 3
TAXONOMY = Taxonomy.model_validate(
    {
        "id": "forms",
        "title": "Forms",
        "caption": ["{type}"],
        "prompt": ["{type}"],
        "tasks": [
            {"name": "type", "classes": [{"code": c, "names": {"en": c}, "phrase": c} for c in ("A", "B", "C")]},
        ],
    }
)


def picture(width: int, height: int) -> Image.Image:
    """Coarse and fine structure in all colours."""
    rng = np.random.default_rng(width * height)
    whole = np.zeros((height, width, 3))
    for cells, strength in ((3, 1.0), (11, 0.8), (47, 0.6)):
        coarse = Image.fromarray(rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        whole += strength * np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    return Image.fromarray((whole / 2.4).clip(0, 255).astype(np.uint8))


def deep(width: int, height: int) -> Image.Image:
    grey = np.asarray(picture(width, height).convert("L"), np.uint16)
    return Image.fromarray(grey * 257)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def turned(width: int, height: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # Orientation: turn by 90 degrees
    return saved(picture(width, height), "JPEG", exif=exif)


KINDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "odd": ("png", lambda: saved(picture(301, 217), "PNG")),
    "portrait": ("jpg", lambda: saved(picture(300, 411), "JPEG")),
    "smaller than the input": ("png", lambda: saved(picture(41, 30), "PNG")),
    "a strip": ("png", lambda: saved(picture(1501, 20), "PNG")),
    "palette": ("png", lambda: saved(picture(200, 150).quantize(64), "PNG")),
    "transparent": ("png", lambda: saved(picture(200, 150).convert("RGBA"), "PNG")),
    "grey": ("jpg", lambda: saved(picture(640, 480).convert("L"), "JPEG")),
    "CMYK": ("jpg", lambda: saved(picture(640, 480).convert("CMYK"), "JPEG")),
    "turned by EXIF": ("jpg", lambda: turned(640, 427)),
    "16 bits": ("png", lambda: saved(deep(200, 150), "PNG")),
    "WebP": ("webp", lambda: saved(picture(333, 250), "WEBP")),
    "TIFF": ("tif", lambda: saved(picture(333, 250), "TIFF")),
    "12 Mpx": ("jpg", lambda: saved(picture(4000, 3000), "JPEG", quality=90)),
}


@pytest.fixture(scope="module")
def network() -> tuple[MultiTaskClassifier, bytes]:
    """One that tells pictures from one another, as a trained one does."""
    torch.manual_seed(0)
    model = MultiTaskClassifier(minimalistic().features, {"type": 3}, projection=False)
    images = np.stack([preprocess(picture(90 + i, 80), InputSpec(SIZE)) for i in range(16)])
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the mean of what it sees
    model.train()
    with torch.no_grad():
        model(torch.from_numpy(images))
    model.eval()
    return model, to_onnx(model, SIZE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[DirectoryStore, dict[str, tuple[str, bytes]]]:
    store = DirectoryStore(tmp_path_factory.mktemp("store"))
    made = {kind: (ending, make()) for kind, (ending, make) in KINDS.items()}
    return store, {kind: (put_image(store, data, ending).key, data) for kind, (ending, data) in made.items()}


def served(onnx: bytes, spec: InputSpec, store: DirectoryStore) -> BundleModel:
    about = {"taxonomy": TAXONOMY, "architecture": "minimalistic", "initial_weights": "random"}
    _, ref = write_bundle(store, onnx, b"weights", input_spec=spec, **about)
    return BundleModel.load(store, ref, threads=1)


@pytest.mark.parametrize("framing", ["crop", "pad", "stretch"])
@pytest.mark.parametrize("kind", KINDS)
def test_trainer_and_classifier_agree(kind: str, framing: Framing, network, files) -> None:  # type: ignore[no-untyped-def]
    (model, onnx), (store, by_kind) = network, files
    key, data = by_kind[kind]
    spec = InputSpec(SIZE, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25), RESIZE[framing])

    pixels = evaluation_pixels(read_photograph(store, key, spec), spec)
    with torch.no_grad():
        trained = model(normalise(torch.from_numpy(pixels)[None], spec))[0]["type"].numpy()

    bundle = served(onnx, spec, store)
    card_spec = bundle.card.input_spec
    image = preprocess(photographs.from_bytes(data, card_spec.enough_px), card_spec)
    np.testing.assert_allclose(bundle.logits(image[None])[0]["type"], trained, rtol=0, atol=TOLERANCE)


def test_a_margin_that_is_not_shared_would_be_seen(network, files) -> None:  # type: ignore[no-untyped-def]
    """So that the test above can fail: whole pixels instead of a draft's move logits."""
    (_, onnx), (store, by_kind) = network, files
    spec = InputSpec(SIZE)
    bundle = served(onnx, spec, store)
    data = by_kind["12 Mpx"][1]
    draft, whole = (
        bundle.logits(preprocess(photographs.from_bytes(data, each.enough_px), each)[None])[0]["type"]
        for each in (spec, dataclasses.replace(spec, jpeg_margin=0))
    )
    assert np.abs(draft - whole).max() > 10 * TOLERANCE


def test_the_margin_is_part_of_the_specification() -> None:
    spec = InputSpec(224, jpeg_margin=0)
    assert InputSpec.from_dict(spec.to_dict()) == spec
    assert spec.enough_px is None
    before = {name: value for name, value in spec.to_dict().items() if name != "jpeg_margin"}
    assert InputSpec.from_dict(before).enough_px == 448  # what served them already
