"""Ports that something else listens on are named before a service is started."""

import socket

import pytest
from saggar.errors import WrongStateError
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.supervisor import choose_addresses, need_free_ports


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
