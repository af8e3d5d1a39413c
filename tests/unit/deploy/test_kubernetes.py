"""deploy/kubernetes without a cluster: against the schemas of the API, and the settings that services have."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
SERVICES = ("generator", "qc", "trainer", "classifier", "orchestrator")
VERSION = "1.33"
OURS = sorted((FOLDER / "base").glob("*.yaml"))


def documents(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def deployment(name: str) -> dict[str, Any]:
    return next(one for one in documents(FOLDER / "base" / f"{name}.yaml") if one["kind"] == "Deployment")


@pytest.mark.parametrize("path", [path for path in OURS if path.stem != "kustomization"], ids=lambda path: path.stem)
def test_the_api_takes_every_object(path):
    for document in documents(path):
        kubernetes_validate.validate(document, VERSION, strict=True)


def test_kustomize_finds_every_file():
    listed = set(documents(FOLDER / "base" / "kustomization.yaml")[0]["resources"])
    assert listed == {path.name for path in OURS} - {"kustomization.yaml"}


@pytest.mark.parametrize("overlay", ["cpu", "gpu", "keda"])
def test_overlays_build_and_gpus_go_to_generator_and_trainer(overlay):
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(
        [kubectl, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, check=True
    ).stdout
    found = [one for one in yaml.safe_load_all(built) if one["kind"] == "Deployment"]
    assert {one["metadata"]["name"] for one in found} == set(SERVICES)
    for one in found:
        (container,) = one["spec"]["template"]["spec"]["containers"]
        wants = one["metadata"]["name"] in {"generator", "trainer"} and overlay != "cpu"
        assert ("nvidia.com/gpu" in container["resources"]["limits"]) == wants
        assert one["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "saggar"


@pytest.mark.parametrize("name", SERVICES)
def test_pods_run_as_an_ordinary_user_on_a_root_that_nobody_writes(name):
    pod = deployment(name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["image"] == f"saggar/{name}:0.1.0"
    settings = documents(FOLDER / "base" / "settings.yaml")[0]["data"]
    assert pod["terminationGracePeriodSeconds"] > int(settings["SAGGAR_DRAIN_SECONDS"])


def test_variables_are_settings_that_a_service_has():
    from saggar_classifier.settings import ClassifierSettings
    from saggar_generator.settings import GeneratorSettings
    from saggar_orchestrator.settings import OrchestratorSettings
    from saggar_qc.settings import QcSettings
    from saggar_trainer.settings import TrainerSettings

    kinds = (ClassifierSettings, GeneratorSettings, OrchestratorSettings, QcSettings, TrainerSettings)
    known = {f"SAGGAR_{name.upper()}" for kind in kinds for name in kind.model_fields}
    given = set(documents(FOLDER / "base" / "settings.yaml")[0]["data"])
    for name in SERVICES:
        given |= {one["name"] for one in deployment(name)["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert given <= known


def test_the_workers_can_be_scaled_behind_one_name():
    settings = documents(FOLDER / "base" / "settings.yaml")[0]["data"]
    for name in SERVICES:
        service = next(one for one in documents(FOLDER / "base" / f"{name}.yaml") if one["kind"] == "Service")
        assert service["spec"]["clusterIP"] == "None"
        if name != "orchestrator":
            assert settings[f"SAGGAR_{name.upper()}"] == f"dns:///{name}:50051"
