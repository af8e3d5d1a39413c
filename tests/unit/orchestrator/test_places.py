"""Files that an experiment names: none outside the roots is opened, and missing weights are found at once."""

from pathlib import Path

import pytest
from saggar.errors import InvalidInputError, NotFoundError
from saggar.settings import read_settings
from saggar_orchestrator.experiment.file import parse_experiment, resolve_paths
from saggar_orchestrator.experiment.places import check_files, check_roots
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.settings import OrchestratorSettings

FILE = """\
name: places
taxonomy: {taxonomy}
data: {{images: {images}, labels: {labels}}}
{more}
arms:
  - name: baseline
  - name: five
    synthetic: {{count: 5}}
"""


def parse(base, roots=(), *, taxonomy="kilnsim", images="photos", labels="labels.csv", more=""):
    text = FILE.format(taxonomy=taxonomy, images=images, labels=labels, more=more)
    return resolve_paths(parse_experiment(text, "file.yaml", base, roots)[0], base)


@pytest.mark.parametrize("labels", ["/etc/passwd", "../../etc/passwd", "link.csv"])
def test_a_path_outside_the_roots_is_refused_and_not_opened(tmp_path, labels):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.csv").symlink_to("/etc/passwd")
    experiment = parse(root, [root], labels=labels)
    with pytest.raises(
        InvalidInputError, match=r"data.labels: .* lies outside the folders .*SAGGAR_DATA_ROOTS"
    ) as caught:
        check_roots(experiment, [root])
    assert "root:x" not in str(caught.value)  # nothing of what is in it
    check_roots(parse(root, [root]), [root])
    check_roots(experiment, [])  # whoever sets no roots has none


def test_a_taxonomy_outside_the_roots_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(InvalidInputError, match=r"file.yaml:2 taxonomy: .*/etc/passwd lies outside"):
        parse(tmp_path, [tmp_path], taxonomy="/etc/passwd")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("training: {initial_weights: file, initial_weights_path: none.safetensors}", "of arm baseline: there is no"),
        ("screening: {inception_weights_path: none.pth}", "screening.inception_weights_path: there is no"),
        ("generation: {control_net: {path: none}}", r"generation\.control_net\.path: there is no .*/none"),
        ("base_model: ./none", "base_model: there is no"),
    ],
)
def test_missing_weights_are_found_before_anything_is_trained(tmp_path, more, says):
    experiment = parse(tmp_path, more=more)
    with pytest.raises(NotFoundError, match=says):
        check_files(experiment, lambda _: True)
    check_files(experiment, lambda _: False)  # of another machine nothing is known


def test_weights_of_an_arm_start_from_the_files_folder(tmp_path):
    more = "compare_with: baseline"
    text = FILE.format(taxonomy="kilnsim", images="a", labels="b", more=more) + (
        "  - name: own\n    training: {initial_weights: file, initial_weights_path: w.safetensors}\n"
    )
    experiment = resolve_paths(parse_experiment(text, "file.yaml", tmp_path)[0], tmp_path)
    own = next(arm for arm in experiment.all_arms if arm.name == "own")
    assert experiment.training_of(own).initial_weights_path == str(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("target", "here"),
    [("127.0.0.1:50054", True), ("[::1]:5", True), ("localhost:1", True), ("dns:///trainer:50054", False), ("", False)],
)
def test_a_target_says_whether_a_service_is_on_this_machine(target, here):
    assert Peers({"trainer": target}).is_here("trainer") is here


def test_roots_are_written_as_in_path(monkeypatch, tmp_path):
    monkeypatch.setenv("SAGGAR_DATA_ROOTS", f"{tmp_path}:/photographs, 2026:")
    assert read_settings(OrchestratorSettings, "", []).data_roots == [tmp_path, Path("/photographs, 2026")]


@pytest.mark.parametrize("text", ["", ":", "photographs", '["/photographs"]'])
def test_roots_that_are_none_are_refused(monkeypatch, text):
    monkeypatch.setenv("SAGGAR_DATA_ROOTS", text)
    with pytest.raises(InvalidInputError, match="SAGGAR_DATA_ROOTS"):
        read_settings(OrchestratorSettings, "", [])
