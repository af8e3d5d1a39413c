import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import ValidationError
from saggar.errors import InvalidInputError
from saggar.rpc.logs import configure_logs
from saggar.settings import ServiceSettings, read_settings, write_address
from saggar.store import DirectoryStore
from saggar_classifier.settings import ClassifierSettings
from saggar_generator.settings import GeneratorSettings
from saggar_orchestrator.settings import CommandSettings, OrchestratorSettings
from saggar_qc.settings import QcSettings
from saggar_trainer.settings import TrainerSettings


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ServiceSettings.model_fields:
        monkeypatch.delenv(f"SAGGAR_{name.upper()}", raising=False)


def test_defaults_need_no_environment() -> None:
    settings = read_settings(ServiceSettings, "A service.", [])
    assert (settings.listen, settings.drain_seconds, settings.tls_cert) == ("127.0.0.1:0", 20.0, None)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SAGGAR_LISTEN", "[::]:50051")
    monkeypatch.setenv("SAGGAR_STORE", tmp_path.as_uri())
    monkeypatch.setenv("SAGGAR_S3_SECRET_KEY", "quiet")
    settings = read_settings(ServiceSettings, "A service.", [])
    assert settings.listen == "[::]:50051"
    store = settings.open_store()
    assert isinstance(store, DirectoryStore)
    assert store.root == tmp_path
    assert "quiet" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LISTEN", "50051", "not host:port"),
        ("LISTEN", "host:99999", "not host:port"),
        ("DRAIN_SECONDS", "soon", "number"),
        ("DRAIN_SECONDS", "inf", "less than or equal to 86400"),
        ("DRAIN_SECONDS", "1e12", "less than or equal to 86400"),
        ("DRAIN_SECONDS", "nan", "less than or equal to 86400"),
        ("DRAIN_SECONDS", "-inf", "greater than or equal to 0"),
        ("LOG_LEVEL", "loud", "debug"),
        ("TLS_CERT", "cert.pem", "SAGGAR_TLS_CERT and SAGGAR_TLS_KEY go together"),
        ("TLS_CLIENT_CA", "ca.pem", "needs SAGGAR_TLS_CERT"),
    ],
)
def test_a_bad_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str) -> None:
    monkeypatch.setenv(f"SAGGAR_{name}", value)
    with pytest.raises(InvalidInputError, match=told) as caught:
        read_settings(ServiceSettings, "A service.", [])
    if not name.startswith("TLS"):
        assert caught.value.violations[0].field == f"SAGGAR_{name}"


KINDS = (
    ServiceSettings,
    ClassifierSettings,
    GeneratorSettings,
    OrchestratorSettings,
    QcSettings,
    TrainerSettings,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_has_both_bounds(kind: type[ServiceSettings]) -> None:
    numbers = {name: field for name, field in kind.model_fields.items() if field.annotation in (int, float)}
    assert numbers
    for name, field in numbers.items():
        kinds = {type(each) for each in field.metadata}
        assert kinds & {Le, Lt}, f"{name} has no upper bound"
        assert kinds & {Ge, Gt}, f"{name} has no lower bound"
        for value in ("inf", "-inf", "nan", "1e300"):
            with pytest.raises(ValidationError, match=name):
                kind(**{name: value})


KEYED = (OrchestratorSettings, CommandSettings)


@pytest.mark.parametrize("kind", KEYED)
@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("ключ", "not printable ASCII at place 1"),
        ("quiet-key\n", "a space or a line break at place 10"),
        ("quiet key", "a space or a line break at place 6"),
        ("quiet\x00key", "not printable ASCII at place 6"),
        ("quiet" * 1000, "longer than any key"),
    ],
)
def test_a_key_that_no_call_can_carry_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: type[OrchestratorSettings], key: str, said: str
) -> None:
    file = tmp_path / "key"
    file.write_text(f"x{key}x")
    settings = kind(classifier_key_file=file)
    with pytest.raises(InvalidInputError, match="SAGGAR_CLASSIFIER_KEY_FILE: the key in") as caught:
        settings.keys()
    assert "quiet" not in str(caught.value).replace(str(tmp_path), "")
    if "\x00" in key:  # no environment has it
        return
    monkeypatch.setenv("SAGGAR_CLASSIFIER_KEY", key)
    with pytest.raises(InvalidInputError, match=f"SAGGAR_CLASSIFIER_KEY: .*{said}") as refused:
        read_settings(kind, "", [])
    assert "quiet" not in str(refused.value)


@pytest.mark.parametrize("kind", KEYED)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_key_file_is_read_as_editors_save_it(tmp_path: Path, kind: type[OrchestratorSettings], encoding: str) -> None:
    file = tmp_path / "key.txt"
    file.write_bytes("sgr_1234\r\n".encode(encoding))
    assert kind(classifier_key_file=file).keys() == {"classifier": "sgr_1234"}
    file.write_bytes("\r\n".encode(encoding))
    with pytest.raises(InvalidInputError, match=r"SAGGAR_CLASSIFIER_KEY_FILE: the key in .* is empty"):
        kind(classifier_key_file=file).keys()


def test_an_address_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    write_address(tmp_path / "new" / "address", "127.0.0.1:1", "address_file")
    assert (tmp_path / "new" / "address").read_text() == "127.0.0.1:1"
    with pytest.raises(InvalidInputError, match=r"^SAGGAR_ADDRESS_FILE: .*new: is a folder; name a file in it"):
        write_address(tmp_path / "new", "127.0.0.1:1", "address_file")
    with pytest.raises(InvalidInputError, match=r"^SAGGAR_STATUS_ADDRESS_FILE: .*address/deeper: cannot be written"):
        write_address(tmp_path / "new" / "address" / "deeper", "127.0.0.1:1", "status_address_file")
    with pytest.raises(InvalidInputError, match=r"^SAGGAR_ADDRESS_FILE: .*cannot be written"):
        write_address(Path("/proc/no/such/file"), "127.0.0.1:1", "address_file")
    assert [each.name for each in tmp_path.iterdir()] == ["new"]


def test_help_lists_every_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        read_settings(ServiceSettings, "Serves one trained bundle.", ["--help"])
    assert caught.value.code == 0
    told = capsys.readouterr().out
    assert "Serves one trained bundle." in told
    for name in ServiceSettings.model_fields:
        assert f"SAGGAR_{name.upper()}" in told


@pytest.fixture
def logs() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level


@pytest.mark.usefixtures("logs")
def test_logs_are_json_lines_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", as_json=True)
    log = logging.getLogger("saggar.test")
    log.debug("too little")
    log.info("青瓷 %d", 7)
    try:
        raise ValueError("inside")  # noqa: TRY301
    except ValueError:
        log.exception("failed")
    out, error = capsys.readouterr()
    lines = [json.loads(line) for line in error.splitlines()]
    assert out == ""
    assert [(line["level"], line["logger"], line["message"]) for line in lines] == [
        ("info", "saggar.test", "青瓷 7"),
        ("error", "saggar.test", "failed"),
    ]
    assert "ValueError: inside" in lines[1]["error"]
    assert lines[0]["time"].endswith("+00:00")


@pytest.mark.usefixtures("logs")
def test_logs_are_plain_lines_by_default(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning")
    logging.getLogger("saggar.test").warning("look")
    assert capsys.readouterr().err.endswith("WARNING saggar.test: look\n")


def test_the_server_and_the_bundle_import_no_heavy_library() -> None:
    heavy = "{'torch', 'onnxruntime', 'pandas', 'minio'}"
    code = f"import saggar.rpc.serving.server, saggar.bundle, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
