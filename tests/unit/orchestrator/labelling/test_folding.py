"""Files that train folds of one arm: valid as they are, and as plain as what they come from allows."""

import pytest
from judged_collection import TAXONOMY, judged_collection
from saggar.errors import InvalidInputError
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.shipped import shipped_text
from saggar_orchestrator.experiment.writing.folding import folds_of_dataset, folds_of_experiment


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    return judged_collection(folder / "home", folder)


def test_a_data_set_gets_one_arm_and_its_folds(judged, tmp_path):
    text = folds_of_dataset(judged.dataset, judged.manifest, TAXONOMY, 4)
    experiment, taxonomy = parse_experiment(text, "folds.yaml", tmp_path)
    assert taxonomy.id == "kilnsim"
    assert (experiment.data.dataset, experiment.data.folds) == (judged.dataset, 4)
    assert [arm.name for arm in experiment.all_arms] == ["baseline"]
    assert experiment.training.head_fit == "discriminant"  # so few photographs


def test_tasks_of_one_class_are_left_out(judged, tmp_path):
    one = judged.manifest.with_columns(label_dynasty="Song")
    experiment, _ = parse_experiment(folds_of_dataset(judged.dataset, one, TAXONOMY, 2), "folds.yaml", tmp_path)
    assert experiment.tasks == ("kiln", "glaze", "type")
    bare = one.with_columns(label_kiln="Jun", label_glaze="Celadon", label_type="Bowl")
    with pytest.raises(InvalidInputError, match="nothing can be learnt"):
        folds_of_dataset(judged.dataset, bare, TAXONOMY, 2)


@pytest.mark.parametrize("name", ["quickstart", "selective", "composites", "paper"])
def test_an_experiment_lends_its_baseline(name, tmp_path):
    whole, _ = parse_experiment(shipped_text(name), name, tmp_path)
    experiment, _ = parse_experiment(folds_of_experiment(whole, 3), "folds.yaml", tmp_path)
    assert experiment.data.folds == 3
    assert experiment.training == whole.training
    assert experiment.augmentation == whole.augmentation
    assert [arm.name for arm in experiment.all_arms] == [whole.baseline.name]
    assert experiment.training_of(experiment.baseline) == whole.training_of(whole.baseline)
