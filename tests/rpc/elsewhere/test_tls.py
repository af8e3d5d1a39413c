"""Encrypted calls: who is called shows a certificate, who calls shows one too, and whoever does not is refused."""

import http.server
import os
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
import trustme
from pydantic import ValidationError
from rig import Orchestrator
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError
from saggar.rpc.channel import ClientTls, client_tls, open_channel, wait_ready
from saggar.rpc.serving.server import start_server
from saggar.settings import CallerSettings, ServiceSettings, read_settings
from saggar.v1 import orchestrator_pb2 as pb
from saggar.v1 import orchestrator_pb2_grpc
from saggar_classifier.settings import ClassifierSettings
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

    def issue_until(self, name, begin, end):
        made = self.authority.issue_cert("127.0.0.1", not_before=begin, not_after=end)
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        made.cert_chain_pems[0].write_to_path(certificate)
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


def test_what_fails_names_the_settings_of_both_sides(served, papers, tmp_path):
    stranger = Papers(tmp_path / "others")
    plain = start_server(Orchestrator().register, ServiceSettings())
    certificate, key = papers.issue("named", "generator.test")
    elsewhere = start_server(Orchestrator().register, ServiceSettings(tls_cert=certificate, tls_key=key))
    failures = {
        "set SAGGAR_TLS_CA": (served, None),
        "set SAGGAR_TLS_CLIENT_CERT and SAGGAR_TLS_CLIENT_KEY": (served, ClientTls(papers.ca)),
        "its SAGGAR_TLS_CLIENT_CA must name": (served, ClientTls(papers.ca, *stranger.issue("caller"))),
        "is not by an authority of SAGGAR_TLS_CA": (served, ClientTls(stranger.ca)),
        "is not for the host of this address": (elsewhere.address, ClientTls(papers.ca)),
        "unset SAGGAR_TLS_CA": (plain.address, ClientTls(papers.ca)),
    }
    for said, (address, tls) in failures.items():
        with pytest.raises(UnavailableError) as caught:
            call(address, tls)
        assert said in str(caught.value)
        with pytest.raises(UnavailableError) as waited:
            wait_ready(address, 1.0, tls=tls)
        assert said in str(waited.value)
    plain.stop()
    elsewhere.stop()


def test_what_is_no_service_is_called_so():
    pages = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    pages.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=pages.serve_forever, daemon=True).start()
    closing = socket.create_server(("127.0.0.1", 0))

    def close_each():
        for _ in range(100):
            try:
                closing.accept()[0].close()
            except OSError:
                return

    threading.Thread(target=close_each, daemon=True).start()
    with pytest.raises(UnavailableError, match="does not speak gRPC: correct the address"):
        call(f"127.0.0.1:{pages.server_port}", None)
    with pytest.raises(UnavailableError, match=r"ends the connection at once.*SAGGAR_TLS_CERT.*set SAGGAR_TLS_CA"):
        call(f"127.0.0.1:{closing.getsockname()[1]}", None)
    with pytest.raises(UnavailableError) as refused:
        call("127.0.0.1:1", None)
    assert "TLS" not in str(refused.value)
    pages.shutdown()
    pages.server_close()
    closing.close()


def test_a_callers_files_that_do_not_serve_are_refused_before_any_call(papers, tmp_path):
    certificate, key = papers.issue("caller3")
    odd = tmp_path / "odd.pem"
    odd.write_text("name,kiln\n")
    yesterday, tomorrow = (datetime.now(UTC) + timedelta(days=days) for days in (-1, 1))
    over = papers.issue_until("over", yesterday - timedelta(days=9), yesterday)
    early = papers.issue_until("early", tomorrow, tomorrow + timedelta(days=9))
    refused = {
        "SAGGAR_TLS_CA.*odd.pem has no certificates in PEM": (odd,),
        "SAGGAR_TLS_CLIENT_CERT.*not a certificate chain and its private key": (papers.ca, odd, key),
        "SAGGAR_TLS_CLIENT_KEY.*not a certificate chain and its private key": (papers.ca, certificate, odd),
        "the key .*other2.key does not belong to": (papers.ca, certificate, papers.issue("other2")[1]),
        f"SAGGAR_TLS_CLIENT_CERT.*over.pem ran out on {yesterday:%Y-%m-%d}": (papers.ca, *over),
        f"SAGGAR_TLS_CLIENT_CERT.*early.pem is valid from {tomorrow:%Y-%m-%d}": (papers.ca, *early),
        "SAGGAR_TLS_CA.*over.pem ran out on": (over[0],),
    }
    for said, files in refused.items():
        with pytest.raises(InvalidInputError, match=said):
            open_channel("127.0.0.1:1", tls=ClientTls(*files))
        settings = CallerSettings(**dict(zip(("tls_ca", "tls_client_cert", "tls_client_key"), files, strict=False)))
        with pytest.raises(InvalidInputError, match=said):
            client_tls(settings)
    with pytest.raises(InvalidInputError, match=r"SAGGAR_TLS_CERT: .*over\.pem ran out"):
        start_server(Orchestrator().register, ServiceSettings(tls_cert=over[0], tls_key=over[1]))


def test_one_valid_authority_of_several_is_enough(served, papers, tmp_path):
    long_ago = datetime(1999, 5, 1, tzinfo=UTC)
    old = papers.issue_until("old", long_ago - timedelta(days=9), long_ago)[0]
    several = tmp_path / "several.pem"
    several.write_bytes(old.read_bytes() + papers.ca.read_bytes())
    assert call(served, ClientTls(several, *papers.issue("caller4"))).experiments == []


def test_files_are_paths_or_their_text(served, papers):
    certificate, key = papers.issue("text")
    assert call(served, ClientTls(str(papers.ca), str(certificate), str(key))).experiments == []
    with pytest.raises(InvalidInputError, match="authorities: give the path of a file"):
        ClientTls(papers.ca.read_bytes())
    with pytest.raises(InvalidInputError, match="certificate and key go together"):
        ClientTls(papers.ca, certificate)


@pytest.mark.slow
def test_the_command_line_says_it_without_a_word_of_grpcs_own(served, papers, tmp_path):
    stranger = Papers(tmp_path / "others")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SAGGAR_", "GRPC_V"))} | {
        "SAGGAR_HOME": str(tmp_path / "home"),
        "SAGGAR_TLS_CA": str(stranger.ca),
    }
    program = "from saggar_orchestrator.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--server", served, "experiment", "list"]
    done = subprocess.run(command, env=environment, timeout=90, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "is not by an authority of SAGGAR_TLS_CA" in done.stderr
    assert "ssl_transport_security" not in done.stderr
    odd = tmp_path / "odd.pem"
    odd.write_text("name,kiln\n")
    environment["SAGGAR_TLS_CA"] = str(odd)
    done = subprocess.run(command, env=environment, timeout=90, check=False, capture_output=True, text=True)
    assert (done.returncode, "odd.pem has no certificates in PEM" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("name", ["TLS_CA", "TLS_CLIENT_CERT", "TLS_CERT", "ADDRESS_FILE", "S3_SECRET_KEY_FILE"])
def test_a_file_set_to_nothing_is_not_set(monkeypatch, name):
    monkeypatch.setenv(f"SAGGAR_{name}", "")
    assert getattr(ServiceSettings(), name.lower()) is None


@pytest.mark.parametrize(("kind", "name"), [(ServiceSettings, "TLS_CLIENT_CA"), (ClassifierSettings, "API_KEYS")])
def test_what_keeps_callers_out_is_not_left_out_by_mistake(monkeypatch, kind, name):
    monkeypatch.setenv(f"SAGGAR_{name}", " ")
    with pytest.raises(InvalidInputError, match=f"SAGGAR_{name}: is empty.*unset the variable"):
        read_settings(kind, "", [])
