"""docker-compose.yml, Dockerfiles and .dockerignore, checked without an engine: what they name must exist."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
OURS = ("generator", "qc", "trainer", "classifier", "orchestrator")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
JOBS = ("keys", "bucket")  # they end
OVERLAYS = sorted(ROOT.glob("compose.*.yaml"))


def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's stages as (instruction, arguments), comments dropped and continued lines joined."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    found: dict[str, list[tuple[str, str]]] = {}
    stage: list[tuple[str, str]] = []
    for line in filter(str.strip, joined.splitlines()):
        first, rest = line.split(maxsplit=1)
        if first == "FROM":
            stage = found.setdefault(rest.split(" AS ")[1], [])
        stage.append((first.upper(), rest))
    return found


def instructions(name: str) -> list[tuple[str, str]]:
    """Of an image: its own stage, after those that it is built on."""
    own = stages()[name]
    base = own[0][1].split(" AS ")[0]
    return (instructions(base) if base in stages() else []) + own


def arguments(name: str, instruction: str) -> list[str]:
    return [rest for first, rest in instructions(name) if first == instruction]


def own_folders(name: str) -> set[str]:
    """Folders that the image makes for its ordinary user."""
    found: set[str] = set()
    known: dict[str, str] = {}
    user = "root"
    for first, rest in instructions(name):
        if first == "ENV":
            known |= dict(word.split("=", 1) for word in rest.split())
        elif first == "USER":
            user = rest
        elif first == "RUN" and ("install -d -o saggar" in rest or (user == "10001" and "mkdir" in rest)):
            found |= {known.get(word.strip('"').removeprefix("$"), word) for word in rest.split()}
    return found


def variables() -> set[str]:
    """Every ${NAME...} of the compose files."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docker-compose.yml", *OVERLAYS)]
    return {name for text in texts for name in re.findall(r"\$\{([A-Z0-9_]+)", text)}


def test_the_five_services_and_the_store_are_there():
    assert set(SERVICES) == {*OURS, *JOBS, "minio"}


@pytest.mark.parametrize("name", OURS)
def test_every_service_is_built_from_the_repositorys_root(name):
    build = SERVICES[name]["build"]
    assert build["context"] == "."
    assert build["target"] == name
    assert SERVICES[name]["image"] == f"saggar/{name}:0.1.0"


@pytest.mark.parametrize("name", OURS)
def test_build_arguments_are_known_to_the_dockerfile(name):
    declared = set(re.findall(r"^ARG ([A-Z_]+)", DOCKERFILE, flags=re.MULTILINE))
    assert set(SERVICES[name]["build"].get("args", {})) <= declared


@pytest.mark.parametrize("name", OURS)
def test_what_a_dockerfile_copies_exists_and_is_sent_to_the_engine(name):
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored.count("*") == 1
    sent = [line[1:] for line in ignored if line.startswith("!")]
    copied = [line for line in arguments(name, "COPY") + arguments("requirements", "COPY") if "--from" not in line]
    assert copied
    for line in copied:
        sources = [word for word in line.split() if not word.startswith("--")][:-1]
        for source in sources:
            assert (ROOT / source).exists(), f"{name}: COPY {source}"
            assert any(source == top or source.startswith(f"{top}/") for top in sent), f"{name}: COPY {source}"


@pytest.mark.parametrize("name", OURS)
def test_images_install_every_library_that_their_dist_names(name):
    command = [sys.executable, ROOT / "deploy" / "images" / "requirements.py", "core", f"services/{name}"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    own = tomllib.loads((ROOT / "services" / name / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {line for line in own["dependencies"] if not line.startswith("saggar-")} <= set(printed)
    assert not [line for line in printed if line.startswith("saggar")]
    assert ("torch" in "".join(printed)) == (name in {"generator", "qc", "trainer"})


@pytest.mark.parametrize("name", OURS)
def test_images_run_the_service_as_an_ordinary_user_with_pinned_libraries(name):
    assert arguments(name, "FROM")[0] == "${PYTHON_IMAGE} AS python"
    assert arguments(name, "USER") == ["10001"]  # a number, so that a cluster sees that it is not root
    as_user = instructions(name)[instructions(name).index(("USER", "10001")) :]
    assert not any(first == "COPY" or "pip install" in rest for first, rest in as_user)  # code stays root's
    for run in arguments(name, "RUN"):
        assert "pip install" not in run or "--constraint constraints.txt" in run or "--no-deps" in run
    assert arguments(name, "ENTRYPOINT") == [f'["python", "-m", "saggar_{name}"]']
    assert (ROOT / "services" / name / f"saggar_{name}" / "__main__.py").is_file()


@pytest.mark.parametrize("name", OURS)
def test_the_port_is_the_one_that_the_image_exposes(name):
    assert SERVICES[name]["environment"]["SAGGAR_LISTEN"] == "0.0.0.0:50051"
    assert arguments(name, "EXPOSE")[0].split()[0] == "50051"


@pytest.mark.parametrize("name", OURS)
def test_named_volumes_are_mounted_where_the_ordinary_user_may_write(name):
    """A volume takes its owner from the image's folder; where the image has none, only root can write."""
    for volume in SERVICES[name].get("volumes", []):
        source, target = re.sub(r"\$\{[^}]*\}", "./bind", volume).split(":")[:2]
        if source.startswith("keys-"):
            assert volume.endswith(":ro")
            continue
        if source.startswith((".", "/")):
            assert volume.endswith(":ro")
            continue
        assert source in COMPOSE["volumes"]
        assert target in own_folders(name), f"{name}: no `install -d -o saggar {target}`"


def test_every_volume_is_used():
    mounted = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert set(COMPOSE["volumes"]) <= mounted


def test_whatever_keeps_running_has_a_health_check_and_comes_back():
    for name, service in SERVICES.items():
        if name in JOBS:
            continue
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name


@pytest.mark.parametrize("name", OURS)
def test_health_checks_in_our_images_ask_the_service_and_its_store(name):
    live = ["--live"] if name == "classifier" else []  # without a model it is well, and does not serve
    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "python", "-m", "saggar.rpc.health", *live]


def test_the_store_comes_up_in_order():
    done, healthy = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    assert SERVICES["minio"]["depends_on"] == {"keys": done}
    assert SERVICES["bucket"]["depends_on"] == {"minio": healthy}
    for name in OURS:
        assert SERVICES[name]["depends_on"]["bucket"] == done
    assert set(SERVICES["orchestrator"]["depends_on"]) == {"bucket", *OURS} - {"orchestrator"}


def mounted_keys(service: dict[str, Any]) -> set[str]:
    return {volume.split(":")[0] for volume in service.get("volumes", []) if volume.startswith(("keys-", "tls-"))}


def test_each_service_sees_its_own_key_alone_and_none_the_roots():
    for name in OURS:
        assert mounted_keys(SERVICES[name]) == {f"keys-{name}"}
    assert mounted_keys(SERVICES["minio"]) == {"keys-root"}
    tls = yaml.safe_load((ROOT / "compose.tls.yaml").read_text(encoding="utf-8"))["services"]
    for name in OURS:
        assert mounted_keys(tls[name]) == {f"tls-{name}"}


@pytest.mark.parametrize("name", [*OURS, *JOBS])
def test_nobody_gains_rights_and_nobody_writes_to_the_root(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert (service.get("user") == "0") == (name in JOBS)  # jobs write files of other users


@pytest.mark.parametrize("name", [*OURS, "minio"])
def test_whatever_keeps_running_has_limits(name):
    assert set(SERVICES[name]["deploy"]["resources"]["limits"]) == {"memory", "pids"}


def test_the_folder_of_photographs_is_there_so_that_it_does_not_become_roots():
    assert "${SAGGAR_DATA:-./data}:/data:ro" in SERVICES["orchestrator"]["volumes"]
    tracked = subprocess.run(["git", "ls-files", "data"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout.split() == ["data/README.md"]


def test_the_generator_can_be_scaled():
    generator = SERVICES["generator"]
    assert "ports" not in generator
    assert "container_name" not in generator
    assert SERVICES["orchestrator"]["environment"]["SAGGAR_GENERATOR"] == "dns:///generator:50051"


def test_only_orchestrator_classifier_and_pages_are_published_and_only_to_this_machine():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"orchestrator", "classifier", "qc"}
    for ports in published.values():
        assert all(port.startswith("127.0.0.1:") for port in ports)
    listening = SERVICES["qc"]["environment"]["SAGGAR_REVIEW_LISTEN"].rpartition(":")[2]
    assert all(port.endswith(f":{listening}") for port in published["qc"])


def test_the_drain_fits_into_the_grace_period():
    for name in OURS:
        grace = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        assert grace > int(SERVICES[name]["environment"]["SAGGAR_DRAIN_SECONDS"])


def settings_of(name: str) -> set[str]:
    from importlib import import_module

    from saggar.settings import ServiceSettings

    module = import_module(f"saggar_{name}.settings")
    kinds = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, ServiceSettings)]
    return {f"SAGGAR_{field.upper()}" for kind in kinds for field in kind.model_fields}


@pytest.mark.parametrize("name", OURS)
def test_services_get_settings_that_exist(name):
    known = settings_of(name) | ({"SAGGAR_ORCHESTRATOR"} if name == "orchestrator" else set())  # of the command line
    for file in (ROOT / "docker-compose.yml", *OVERLAYS):
        service = yaml.safe_load(file.read_text(encoding="utf-8"))["services"].get(name, {})
        given = {each for each in service.get("environment", {}) if each.startswith("SAGGAR_")}
        assert given <= known, file.name


def test_the_command_line_in_the_orchestrators_container_starts_no_second_one():
    assert "SAGGAR_ORCHESTRATOR=127.0.0.1:50051" in " ".join(arguments("orchestrator", "ENV"))
    assert SERVICES["orchestrator"]["environment"]["SAGGAR_ORCHESTRATOR"] == "127.0.0.1:50051"


def test_secrets_are_files_that_the_first_start_makes():
    secret = re.compile(r"KEY|SECRET|PASSWORD|ROOT_USER|TOKEN")
    for file in (ROOT / "docker-compose.yml", *OVERLAYS):
        for name, service in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].items():
            for variable, value in service.get("environment", {}).items():
                if secret.search(variable):
                    assert value.startswith(("/keys/", "/tls/")), f"{file.name}: {name}: {variable}"


def test_the_example_of_settings_names_every_variable_and_holds_no_secret():
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    offered = dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", text, flags=re.MULTILINE))
    assert set(offered) == variables()
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("file", [ROOT / "docker-compose.yml", *OVERLAYS], ids=lambda file: file.name)
def test_the_schema_of_compose_takes_every_file(file):
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_foreign_images_are_pinned():
    for file in (ROOT / "docker-compose.yml", *OVERLAYS):
        for name, service in yaml.safe_load(file.read_text(encoding="utf-8"))["services"].items():
            image = service.get("image", "saggar/")
            assert image.startswith("saggar/") or re.search(r":(RELEASE\.\d{4}-|v?\d+\.\d+)", image), f"{name}: {image}"


@pytest.mark.parametrize("overlay", [None, *OVERLAYS], ids=lambda file: file.name if file else "alone")
def test_docker_compose_accepts_the_files(overlay):
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    files = [ROOT / "docker-compose.yml", *([overlay] if overlay else [])]
    command = [docker, "compose", "--project-directory", ROOT, *(word for file in files for word in ("--file", file))]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAGGAR_")}
    done = subprocess.run(
        [*command, "--env-file", os.devnull, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert set(SERVICES) <= set(json.loads(done.stdout)["services"])


def test_serving_needs_no_library_of_data_sets():
    command = [sys.executable, ROOT / "deploy" / "images" / "requirements.py"]
    names = {"pandas", "pyarrow", "scipy", "scikit-image", "matplotlib", "torch"}

    def required(*folders):
        printed = subprocess.run([*command, *folders], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return {re.split(r"[<>=\[ ]", line)[0] for line in printed.splitlines()}

    assert not required("core", "services/classifier") & names
    assert required("core[data]") - required("core") == {"pandas", "pyarrow"}
    assert required("core", "services/orchestrator") >= {"pandas", "pyarrow"}
    assert stages()["classifier"][0] == ("FROM", "libraries AS classifier")
    assert not any("data.txt" in rest or "torch" in rest for _, rest in instructions("classifier"))


def test_decoded_images_lie_on_a_disk_and_not_in_memory() -> None:
    trainer = SERVICES["trainer"]
    scratch = trainer["environment"]["SAGGAR_SCRATCH"]
    mounted = [volume.split(":")[1] for volume in trainer["volumes"]]
    assert any(scratch.startswith(f"{target}/") for target in mounted)
    assert not any(scratch.startswith(path) for path in trainer["tmpfs"])
