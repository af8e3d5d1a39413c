"""What would keep services from starting is said before the first is started: taken ports, bad settings."""

import os
import socket

import pytest
from saggar.errors import InvalidInputError, UnavailableError, WrongStateError
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home
from saggar_orchestrator.local.supervisor import Supervisor, choose_addresses, need_free_ports


def test_free_ports_are_taken():
    need_free_ports(choose_addresses(0))


def test_a_taken_port_is_named_with_its_service():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(WrongStateError, match=rf"^ports {port} \(qc\): address already in use; .*--port-base 0"):
            need_free_ports(choose_addresses(0) | {"qc": f"127.0.0.1:{port}"})


def test_up_starts_nothing_on_taken_ports(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run(["--home", str(tmp_path / "home"), "up", "--port-base", str(port)]) == 2
    told = capsys.readouterr()
    assert f"{port} (orchestrator): address already in use" in told.err
    assert "starting services" not in told.err


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SAGGAR_LOG_LEVEL": "loud"}, "SAGGAR_LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'"),
        ({"SAGGAR_TLS_CERT": "/here.pem"}, "SAGGAR_TLS_CERT and SAGGAR_TLS_KEY go together"),
        ({"SAGGAR_TLS_CERT": "/no.pem", "SAGGAR_TLS_KEY": "/no.key"}, "SAGGAR_TLS_KEY: cannot read /no.key"),
        ({"SAGGAR_DATABASE_URL": "postgres:/u:secret@h/x"}, "SAGGAR_DATABASE_URL: 'postgres:...' is no such address"),
        ({"SAGGAR_QUEUE_LIMIT": "many"}, "SAGGAR_QUEUE_LIMIT: "),  # of some services only
        ({"SAGGAR_API_KEYS": "/no/keys.yaml"}, "SAGGAR_API_KEYS: cannot read /no/keys.yaml: No such file"),
        ({"SAGGAR_API_KEYS": "/"}, "SAGGAR_API_KEYS: cannot read /: Is a directory"),
        ({"SAGGAR_CLASSIFIER_KEY_FILE": "/no.key"}, "SAGGAR_CLASSIFIER_KEY_FILE: cannot read /no.key"),
        ({"SAGGAR_CLASSIFIER_KEY": "secret ключ"}, "SAGGAR_CLASSIFIER_KEY: has a space or a line break at place 7"),
        ({"SAGGAR_DRAIN_SECONDS": "inf"}, "SAGGAR_DRAIN_SECONDS: Input should be less than or equal to 86400"),
        ({"SAGGAR_TLS_CA": __file__}, "SAGGAR_TLS_CA (authorities): "),
        ({"SAGGAR_TLS_CA": "/no.pem"}, "cannot read /no.pem: No such file"),
        ({"SAGGAR_API_KEYS": ""}, "SAGGAR_API_KEYS: is empty"),
        ({"SAGGAR_S3_SECRET_KEY_FILE": "/no.key"}, "SAGGAR_S3_SECRET_KEY_FILE: cannot read /no.key"),
    ],
)
def test_up_starts_nothing_by_bad_settings(tmp_path, capsys, monkeypatch, variables, said):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    assert run(["--home", str(tmp_path / "home"), "up", "--port-base", "0"]) in {1, 2}
    told = capsys.readouterr()
    assert said in told.err
    assert "starting services" not in told.err
    assert "secret" not in told.err
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"keys: [", "expected"),
        (b"keys:\n- name: a\n  sha256: short\n  scopes: [classify]\n", ":3 keys.0.sha256: "),
        (b"[]", "1 problem"),
        (b"", "1 problem"),
        (b"keys: \xff", "not UTF-8 text"),
    ],
)
def test_up_starts_nothing_by_a_file_of_keys_that_is_none(tmp_path, capsys, monkeypatch, content, said):
    path = tmp_path / "keys.yaml"
    path.write_bytes(content)
    monkeypatch.setenv("SAGGAR_API_KEYS", str(path))
    assert run(["--home", str(tmp_path / "home"), "up", "--port-base", "0"]) in {1, 2}
    told = capsys.readouterr().err
    assert "SAGGAR_API_KEYS: " in told
    assert said in told.replace(str(path), "")
    assert "starting services" not in told


def test_up_starts_nothing_by_tokens_that_are_none(tmp_path, capsys):
    home = Home(tmp_path / "home")
    home.review_tokens().write_text("anna: short\n")
    assert run(["--home", str(home.root), "up", "--port-base", "0"]) == 2
    told = capsys.readouterr().err
    assert "tokens of anna are shorter than 12 characters" in told
    assert "starting services" not in told


def test_a_service_that_refuses_its_settings_is_not_started_again(tmp_path, monkeypatch):
    (tmp_path / "refusing.py").write_text(
        "import sys\nprint('SAGGAR_DEVICE: no such device', file=sys.stderr)\nsys.exit(2)"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    supervisor = Supervisor(Home(tmp_path), choose_addresses(0), print, modules={"qc": "refusing"})
    supervisor.start(["qc"])
    try:
        with pytest.raises(
            InvalidInputError, match=r"qc cannot start as it is set up[^|]*\| SAGGAR_DEVICE: no such device"
        ):
            supervisor.run(lambda: False, 0.1)
    finally:
        supervisor.stop()


def test_a_log_s_end_is_of_this_run(tmp_path):
    home = Home(tmp_path)
    home.logs.mkdir(parents=True)
    (home.logs / "qc.log").write_text("what ended an earlier run\n")
    supervisor = Supervisor(home, choose_addresses(0), print, modules={"qc": "no_such_module_of_saggar"})
    supervisor.start(["qc"])
    with pytest.raises(UnavailableError, match="no_such_module_of_saggar") as caught:
        supervisor.wait_ready(["qc"], 60)
    assert "earlier run" not in str(caught.value)
    supervisor.stop()
