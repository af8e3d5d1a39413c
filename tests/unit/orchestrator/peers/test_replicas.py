"""Which replica a call goes to."""

import socket
import time

import pytest
from saggar_orchestrator.peers import replicas
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.replicas import Replicas


@pytest.fixture
def dns(monkeypatch):
    """What DNS says of any name; a test may change it."""
    known = ["10.0.0.1", "10.0.0.2"]

    def look_up(host, port, **_):
        if not known:
            raise socket.gaierror("no such name")
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known
        ]

    monkeypatch.setattr(replicas.socket, "getaddrinfo", look_up)
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return known


def test_calls_go_where_the_fewest_are():
    two = Replicas("127.0.0.1:1, 127.0.0.1:2")
    with two.least_busy() as first, two.least_busy() as second:
        assert {first, second} == {"127.0.0.1:1", "127.0.0.1:2"}
        with two.least_busy() as third:
            assert third == first  # as busy as the other, and longer ago
    with two.least_busy() as again:
        assert again == second


def test_a_long_call_keeps_others_off_its_replica():
    two = Replicas("127.0.0.1:1,127.0.0.1:2")
    with two.least_busy() as long:
        for _ in range(5):
            with two.least_busy() as short:
                assert short != long


def test_the_replica_that_failed_is_left_out_where_there_is_another():
    two, one = Replicas("127.0.0.1:1,127.0.0.1:2"), Replicas("127.0.0.1:1")
    with two.least_busy(but="127.0.0.1:1") as address:
        assert address == "127.0.0.1:2"
    with one.least_busy(but="127.0.0.1:1") as address:
        assert address == "127.0.0.1:1"


def test_a_name_is_all_its_addresses_and_follows_them(dns, monkeypatch):
    trainers = Replicas("dns:///trainer:50051")
    assert trainers.addresses() == ("10.0.0.1:50051", "10.0.0.2:50051")
    dns.append("10.0.0.3")
    assert len(trainers.addresses()) == 2  # DNS was asked a moment ago
    monkeypatch.setattr(replicas, "_ASKED_AGAIN_S", 0.0)
    assert len(trainers.addresses()) == 3


@pytest.mark.parametrize("target", ["dns:///trainer:50051", "trainer:50051", "dns:trainer:50051"])
@pytest.mark.parametrize("known", [[], ["10.0.0.1"], ["10.0.0.1", "fd00::1"]])
def test_a_name_that_nobody_knows_or_of_one_replica_is_left_to_grpc(dns, target, known):
    dns[:] = known
    assert Replicas(target).addresses() == (target,)


def test_addresses_of_version_6_are_written_with_brackets(dns):
    dns[:] = ["fd00::1", "fd00::2"]
    assert Replicas("trainer:1").addresses() == ("[fd00::1]:1", "[fd00::2]:1")


@pytest.mark.parametrize(
    "target",
    ["127.0.0.1:1", "localhost:1", "[::1]:1", "unix:/run/socket", "dns://10.0.0.9/trainer:1", "ipv4:1.2.3.4:1"],
)
def test_what_is_no_plain_name_is_left_to_grpc(dns, target):
    assert Replicas(target).addresses() == (target,)


def test_behind_a_proxy_or_with_certificates_names_stay_names_and_replicas_count(dns, monkeypatch):
    encrypted = Replicas("dns:///trainer:1", by_name=True)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    monkeypatch.setenv("no_proxy", "trainer")  # its addresses are not excepted
    for trainers in (encrypted, Replicas("dns:///trainer:1")):
        assert trainers.addresses() == ("dns:///trainer:1",)
        assert trainers.count() == 2


def test_a_list_is_here_when_all_of_it_is():
    assert Peers({"trainer": "127.0.0.1:1,localhost:2"}).is_here("trainer")
    assert not Peers({"trainer": "127.0.0.1:1,trainer:2"}).is_here("trainer")
    assert Peers({"trainer": "127.0.0.1:1,localhost:2"}).replicas("trainer") == 2


def test_one_that_failed_is_left_alone_for_a_while_though_it_has_nothing_to_do(monkeypatch):
    two = Replicas("127.0.0.1:1,127.0.0.1:2")
    two.failed("127.0.0.1:1")
    with two.least_busy() as first, two.least_busy() as second:
        assert {first, second} == {"127.0.0.1:2"}
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 60)
    with two.least_busy() as first, two.least_busy() as second:
        assert {first, second} == {"127.0.0.1:1", "127.0.0.1:2"}


def test_where_all_have_failed_they_are_asked_all_the_same():
    two = Replicas("127.0.0.1:1,127.0.0.1:2")
    two.failed("127.0.0.1:1")
    two.failed("127.0.0.1:2")
    with two.least_busy() as first, two.least_busy() as second:
        assert {first, second} == {"127.0.0.1:1", "127.0.0.1:2"}
