"""How long the orchestrator keeps asking a service that fails."""

import pytest
from saggar.errors import UnavailableError
from saggar.v1 import common_pb2, generator_pb2
from saggar_orchestrator.peers import peers
from saggar_orchestrator.progress import Cancellation

RESULT = generator_pb2.GenerateResponse(result=generator_pb2.GenerateResult())


def progress(done, stage="generating"):
    return generator_pb2.GenerateResponse(progress=common_pb2.Progress(stage=stage, done=done, total=9))


@pytest.fixture
def ask(monkeypatch):
    """Asks a peer whose attempts send these events, each attempt's last being an error or the result."""
    monkeypatch.setattr(peers, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(peers, "_LONGEST_WAIT_S", 0.01)

    def asked(attempts, patience_s):
        count = 0

        def stream(*_, **__):
            nonlocal count
            count += 1
            for event in attempts(count):
                if isinstance(event, Exception):
                    raise event
                yield event

        monkeypatch.setattr(peers, "call_stream", stream)
        found = peers.Peers({"generator": "localhost:1"}, patience_s).stream(
            "generator", "Generate", generator_pb2.GenerateRequest(), lambda _: None, Cancellation()
        )
        return found, count

    return asked


def test_a_peer_that_fails_at_the_same_place_is_given_up(ask):
    """It lives, and tells what is wrong: a hub that cannot be reached, say."""
    trouble = UnavailableError("the hub cannot be reached; set base_model to nano")
    with pytest.raises(UnavailableError, match=r"gave up \d+ times at the same place: the hub .* to nano"):
        ask(lambda _: [progress(0, "loading base model"), trouble], 0.1)


def test_a_peer_that_gets_further_is_asked_again(ask):
    def attempts(number):
        seen = [progress(done) for done in range(number + 1)]
        return [*seen, RESULT if number == 9 else UnavailableError("killed")]

    assert ask(attempts, 0.0)[1] == 9


def test_a_peer_has_three_attempts_however_long_they_take(ask):
    def attempts(number):
        return [progress(0), RESULT if number == 3 else UnavailableError("killed")]

    assert ask(attempts, 0.0)[1] == 3


def test_a_peer_that_is_silent_is_given_up(ask):
    with pytest.raises(UnavailableError, match=r"could not be reached for 0\.05 s \(connection refused\)"):
        ask(lambda _: [UnavailableError("connection refused")], 0.05)
