"""Encrypted calls: who is called shows a certificate, who calls shows one too, and whoever does not is refused."""

import os
import subprocess
import sys

import pytest
import trustme
from pydantic import ValidationError
from rig import Orchestrator
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError
from saggar.rpc.channel import ClientTls, client_tls, open_channel, wait_ready
from saggar.rpc.serving.server import start_server
from saggar.settings import CallerSettings, ServiceSettings
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.settings import OrchestratorSettings


class Papers:
    """An authority, and certificates with their keys as files."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.authority = trustme.CA()
        self.ca = folder / "ca.pem"
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, name, *hosts):
        made = self.authority.issue_cert(*hosts or ("127.0.0.1", "localhost"))
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key


@pytest.fixture(scope="module")
def papers(tmp_path_factory):
    return Papers(tmp_path_factory.mktemp("tls") / "papers")


@pytest.fixture
def served(papers):
    """The address of a server that asks callers for a certificate."""
    certificate, key = papers.issue("server")
    settings = ServiceSettings(tls_cert=certificate, tls_key=key, tls_client_ca=papers.ca)
    server = start_server(Orchestrator().register, settings)
    yield server.address
    server.stop()


def call(address, tls):
    with open_channel(address, tls=tls, attempts=1) as channel:
        stub = orchestrator_pb2_grpc.OrchestratorServiceStub(channel)
        return stub.ListExperiments(pb.ListExperimentsRequest(), timeout=60)


def test_a_caller_with_a_certificate_is_served(served, papers):
    assert call(served, ClientTls(papers.ca, *papers.issue("caller", "caller.test"))).experiments == []


@pytest.mark.parametrize("kind", ["plain", "no certificate", "another authority's", "does not know the server's"])
def test_all_others_are_refused(served, papers, tmp_path, kind):
    stranger = Papers(tmp_path / "others")
    tls = {
        "plain": None,
        "no certificate": ClientTls(papers.ca),
        "another authority's": ClientTls(papers.ca, *stranger.issue("caller")),
        "does not know the server's": ClientTls(stranger.ca, *papers.issue("caller2")),
    }[kind]
    with pytest.raises(UnavailableError):
        call(served, tls)


def test_a_certificate_of_another_host_is_refused(papers):
    certificate, key = papers.issue("elsewhere", "generator.test")
    server = start_server(Orchestrator().register, ServiceSettings(tls_cert=certificate, tls_key=key))
    try:
        with pytest.raises(UnavailableError):
            call(server.address, ClientTls(papers.ca))
    finally:
        server.stop()


def test_settings_name_the_files(served, papers):
    certificate, key = papers.issue("settings")
    settings = CallerSettings(tls_ca=papers.ca, tls_client_cert=certificate, tls_client_key=key)
    assert call(served, client_tls(settings)).experiments == []
    assert client_tls(CallerSettings()) is None


def test_a_service_shows_its_own_certificate_to_its_peers(served, papers):
    certificate, key = papers.issue("orchestrator")
    settings = OrchestratorSettings(tls_cert=certificate, tls_key=key, tls_client_ca=papers.ca, tls_ca=papers.ca)
    peers = Peers({"generator": served}, 1.0, settings.keys(), client_tls(settings))
    with pytest.raises(Exception, match=r"(?i)unimplemented|method not found"):  # it was heard, and has no such method
        peers.call("generator", "DescribeGenerator", pb.ListExperimentsRequest(), 5.0)
    peers.close()
    bare = Peers({"generator": served}, 1.0)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        bare.call("generator", "DescribeGenerator", pb.ListExperimentsRequest(), 5.0)
    bare.close()


def test_files_that_are_not_there_are_named_with_their_variable(served, papers, tmp_path):
    with pytest.raises(NotFoundError, match=r"none\.pem: No such file.*SAGGAR_TLS_CA"):
        call(served, ClientTls(tmp_path / "none.pem"))
    with pytest.raises(ValidationError, match="SAGGAR_TLS_CLIENT_KEY go together"):
        CallerSettings(tls_ca=papers.ca, tls_client_cert=papers.ca)
    with pytest.raises(ValidationError, match="needs SAGGAR_TLS_CA"):
        CallerSettings(tls_client_cert=papers.ca, tls_client_key=papers.ca)


def test_health_checks_go_the_same_way(served, papers):
    certificate, key = papers.issue("health")
    wait_ready(served, 5, tls=ClientTls(papers.ca, certificate, key))
    environment = os.environ | {
        "SAGGAR_LISTEN": f"0.0.0.0:{served.rpartition(':')[2]}",
        "SAGGAR_TLS_CERT": str(certificate),
        "SAGGAR_TLS_KEY": str(key),
        "SAGGAR_TLS_CLIENT_CA": str(papers.ca),
        "SAGGAR_TLS_CA": str(papers.ca),
    }
    command = [sys.executable, "-m", "saggar.rpc.health"]
    assert subprocess.run(command, env=environment, timeout=60, check=False).returncode == 0
    environment.pop("SAGGAR_TLS_CA")
    assert subprocess.run(command, env=environment, timeout=60, check=False, capture_output=True).returncode == 1


def test_the_command_line_calls_with_certificates(served, papers, tmp_path):
    certificate, key = papers.issue("curator")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAGGAR_")} | {
        "SAGGAR_HOME": str(tmp_path / "home"),
        "SAGGAR_ORCHESTRATOR": served,
        "SAGGAR_TLS_CA": str(papers.ca),
    }
    program = "from saggar_orchestrator.cli.main import main; main()"
    doctor = [sys.executable, "-c", program, "doctor"]
    with_one = environment | {"SAGGAR_TLS_CLIENT_CERT": str(certificate), "SAGGAR_TLS_CLIENT_KEY": str(key)}
    done = subprocess.run(doctor, env=with_one, timeout=90, check=False, capture_output=True, text=True)
    assert f"orchestrator at {served}" in done.stdout
    assert "serving" in done.stdout
    without = subprocess.run(doctor, env=environment, timeout=90, check=False, capture_output=True, text=True)
    assert without.returncode == 1
    assert "was not ready" in without.stdout


@pytest.mark.parametrize("kind", ["no PEM", "another's key", "no authorities"])
def test_files_that_do_not_serve_are_named_and_no_port_is_blamed(papers, tmp_path, kind):
    certificate, key = papers.issue("good")
    odd = tmp_path / "odd.pem"
    odd.write_text("name,kiln\n")
    settings = {
        "no PEM": ServiceSettings(tls_cert=odd, tls_key=odd),
        "another's key": ServiceSettings(tls_cert=certificate, tls_key=papers.issue("other")[1]),
        "no authorities": ServiceSettings(tls_cert=certificate, tls_key=key, tls_client_ca=odd),
    }[kind]
    variable = "SAGGAR_TLS_CLIENT_CA" if kind == "no authorities" else "SAGGAR_TLS_CERT and SAGGAR_TLS_KEY"
    with pytest.raises(InvalidInputError, match=rf"^{variable}: ") as caught:
        start_server(Orchestrator().register, settings)
    assert "port is taken" not in str(caught.value)
