"""The page of a bundle, as the Hugging Face Hub reads it."""

from typing import Any

import pytest
from saggar.bundle import BundleCard, Companions, Cost, DataNote, Measured, ReducedNote, TaskScore, write_bundle
from saggar.bundle.card import README
from saggar.bundle.model_card import model_card
from saggar.bundle.reading import read_card
from saggar.images import InputSpec
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

hub = pytest.importorskip("huggingface_hub")

TAXONOMY = load_taxonomy("kilnsim").narrowed(("glaze", "type"))
REDUCED = ReducedNote(
    scheme="INT8 QDQ U8S8",
    kept_float=("heads",),
    calibration_photographs=100,
    validation_photographs=50,
    macro_f1={"glaze": (0.8, 0.79)},
    mean_drop=0.01,
    mean_drop_interval=(-0.01, 0.03),
    validation_objects=50,
    allowed_drop=0.02,
    same_answers=0.97,
    golden_difference=0.2,
    kept=False,
)

MEASURED = Measured(processor="a processor", open_ms=40, image_ms=3.2)


def written(store: DirectoryStore, **changes: Any) -> tuple[BundleCard, str]:
    codes = TAXONOMY.task("glaze").codes
    companions = Companions(
        reduced=REDUCED,
        data=DataNote(
            rows={"train": {"real": 40, "synthetic": 9}, "validation": {"real": 10}},
            objects={"train": 30, "validation": 8},
            classes={"glaze": {code: number for number, code in enumerate(codes)}},
            licences={"https://creativecommons.org/publicdomain/zero/1.0/": 30, "": 10},
        ),
        validation={"glaze": TaskScore(objects=8, macro_f1=(0.8, 0.6, 0.9), top_1=(0.85, 0.7, 0.95))},
        cost=Cost(parameters=3_000_000, multiply_adds=219_000_000),
        measured=MEASURED,
    )
    about: dict[str, Any] = {
        "taxonomy": TAXONOMY,
        "input_spec": InputSpec(224),
        "architecture": "mobilenet_v3_large",
        "initial_weights": "imagenet (torchvision IMAGENET1K_V2)",
        "warnings": ("kiln: no training image teaches it",),
        "training": {"manifest": "ab" * 32},
        "companions": companions,
    }
    bundle_id, ref = write_bundle(store, b"onnx", b"weights", **about | changes)
    return read_card(store, ref), store.get(f"bundles/{bundle_id}/{README}").decode()


def test_the_hub_reads_licence_tags_and_scores(tmp_path: Any) -> None:
    card, text = written(DirectoryStore(tmp_path), annotations={"licence": "cc-by-4.0", "arm": "95:5"})
    found = hub.ModelCard(text)
    assert found.data.license == "cc-by-4.0"
    assert found.data.pipeline_tag == "image-classification"
    assert {"porcelain", "task:glaze", "task:type"} <= set(found.data.tags)
    assert found.data.datasets == ["imagenet-1k"]
    assert found.data.metrics == ["f1", "accuracy"]
    assert found.data.model_name == f"saggar-{card.bundle_id}"
    by_metric = {result.metric_type: result for result in found.data.eval_results}
    assert by_metric["f1"].metric_value == 0.8
    assert by_metric["f1"].task_type == "image-classification"
    assert "0.600 to 0.900" in by_metric["f1"].metric_name
    assert by_metric["accuracy"].dataset_split == "validation"
    assert hub.ModelCard(str(found)).data.to_dict() == found.data.to_dict()


def test_people_read_data_limits_certainty_size_and_cost(tmp_path: Any) -> None:
    card, text = written(DirectoryStore(tmp_path))
    for expected in (
        "| train | 30 | 40 real, 9 synthetic |",
        "- 30 photographs: https://creativecommons.org/publicdomain/zero/1.0/",
        "- 10 photographs: licence not stated in the catalogue",
        "The model's own licence is not stated",
        "| glaze | 8 | 0.800 (0.600 to 0.900) | 0.850 (0.700 to 0.950) |",
        "- kiln: no training image teaches it",
        f"few real training photographs of {TAXONOMY.task('glaze').codes[1]} 1",
        f"no real training photograph of {TAXONOMY.task('glaze').codes[0]}",
        "3.00 million parameters, 219 million multiply-adds",
        "opens in 40 ms, 3.2 ms a prepared photograph, one thread, a processor",
        "not kept: macro-F1 on validation glaze 0.800 to 0.790",
        "no less than 448 px",
    ):
        assert expected in text
    assert text == model_card(card, MEASURED)
    assert hub.ModelCard(text).data.license == "other"


def test_what_was_measured_is_on_the_page_alone(tmp_path: Any) -> None:
    """Or equal trainings would not give equal cards, and what is made of these would be made again."""
    first, text = written(DirectoryStore(tmp_path / "first"))
    slower = Companions(measured=Measured(processor="another", open_ms=400, image_ms=32))
    plain, _ = written(DirectoryStore(tmp_path / "plain"), companions=Companions())
    again, slow_text = written(DirectoryStore(tmp_path / "again"), companions=slower)
    assert plain == again != first
    assert "32.0 ms a prepared photograph, one thread, another" in slow_text
    assert "not stated" in model_card(plain).lower()
    assert text != model_card(plain)
