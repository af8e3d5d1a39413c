import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from saggar.errors import InvalidInputError
from saggar.rpc.logs import configure_logs
from saggar.settings import ServiceSettings, read_settings
from saggar.store import DirectoryStore


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
