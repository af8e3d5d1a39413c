"""Training settings: defaults of the paper, and every bad field named."""

import pytest
from saggar.errors import InvalidInputError
from saggar.job_settings.training import TrainingSettings
from saggar.taxonomy import load_taxonomy


def test_defaults_are_the_papers() -> None:
    settings = TrainingSettings()
    assert (settings.image_size_px, settings.batch_size, settings.max_epochs) == (224, 64, 50)
    assert (settings.backbone_learning_rate, settings.head_learning_rate) == (1e-4, 1e-3)
    assert settings.initial_weights == "imagenet"


def test_all_bad_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidInputError, match=r"batch_size.*dropout") as caught:
        TrainingSettings.checked({"batch_size": 1, "dropout": 1.0, "max_epochs": 0, "head_learning_rate": float("nan")})
    fields = {violation.field for violation in caught.value.violations}
    expected = {"batch_size", "dropout", "max_epochs", "head_learning_rate"}
    assert fields == {f"settings.{name}" for name in expected}


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"architecture": "resnet50"}, "architecture"),
        ({"image_size_px": 16}, "image_size_px"),
        ({"initial_weights": "file"}, "initial_weights_path"),
        ({"architecture": "mobilenet_v3_large_minimalistic"}, "initial_weights"),
        ({"synthetic_task_weights": {"glaze": 1.5}}, "synthetic_task_weights.glaze"),
        ({"task_weights": {"glaze": -1.0}}, "task_weights.glaze"),
        ({"class_weight_beta": 1.0}, "class_weight_beta"),
        ({"seed": -1}, "seed"),
        ({"head_shrinkage": 0.0}, "head_shrinkage"),
        ({"ensemble": 3}, "ensemble"),
        ({"ensemble": 3, "projection": False, "backbone_learning_rate": 0.0}, "ensemble"),
        ({"validation_teaches_heads": True}, "validation_teaches_heads"),
        ({"validation_teaches_heads": True, "head_fit": "discriminant"}, "validation_teaches_heads"),
    ],
)
def test_a_bad_field_is_refused(settings: dict, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        TrainingSettings.checked(settings)
    assert [violation.field for violation in caught.value.violations] == [f"settings.{field}"]


def test_tasks_must_be_the_taxonomys() -> None:
    taxonomy = load_taxonomy("kilnsim")
    TrainingSettings(sampler_task="glaze", task_weights={"type": 0}).check_tasks(taxonomy)
    with pytest.raises(InvalidInputError, match="known: dynasty, kiln, glaze, type"):
        TrainingSettings(sampler_task="colour").check_tasks(taxonomy)
    with pytest.raises(InvalidInputError, match="at least one task"):
        TrainingSettings(task_weights=dict.fromkeys(taxonomy.task_names, 0.0)).check_tasks(taxonomy)
