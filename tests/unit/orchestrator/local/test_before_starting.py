"""What would keep services from starting is said before the first is started: taken ports, bad settings."""

import os
import socket

import pytest
from saggar.errors import UnavailableError, WrongStateError
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
