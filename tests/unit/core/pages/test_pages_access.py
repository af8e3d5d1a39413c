"""Tokens, the sessions that they open, and how often one may guess."""

import pytest
from saggar.errors import InvalidInputError
from saggar.pages.access import SESSION_S, Guesses, Sessions, TokenFile, read_tokens
from saggar.store import DirectoryStore


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "store")


def test_sessions_end_with_time_and_with_their_token(store):
    clock, tokens = [1000.0], {"ana": "token-of-ana-1"}
    sessions = Sessions(store, lambda: tokens, lambda: clock[0])
    number = sessions.open("ana")
    assert sessions.person_of(number) == "ana"
    tokens["ana"] = "token-of-ana-2"
    assert sessions.person_of(number) is None
    tokens["ana"] = "token-of-ana-1"
    clock[0] += SESSION_S + 1
    assert sessions.person_of(number) is None
    assert sessions.person_of("") is None


def test_a_changed_file_of_tokens_counts_at_once(tmp_path, store):
    path = tmp_path / "tokens.yaml"
    path.write_text("ana: secret-of-ana")
    tokens = TokenFile(path)
    path.write_text("bo: another-secret")
    assert dict(tokens()) == {"bo": "another-secret"}
    path.write_text("bo: short")
    assert dict(tokens()) == {"bo": "another-secret"}  # a slip of the pen locks nobody out


def test_guesses_are_counted_by_address_and_forgotten():
    clock = [0.0]
    guesses = Guesses(lambda: clock[0])
    for _ in range(10):
        guesses.note("2001:db8::1")
    assert guesses.wait_s("2001:db8::ffff") == 60  # one guest has a whole /64
    assert guesses.wait_s("2001:db8:1::1") == 0
    clock[0] = 61
    assert guesses.wait_s("2001:db8::1") == 0


def test_a_session_of_an_earlier_version_is_none(store):
    sessions = Sessions(store, lambda: {"ana": "token-of-ana-1"}, lambda: 0.0)
    number = sessions.open("ana")
    (key,) = store.list("sessions/")
    old = store.get(key).replace(b"person", b"reader")
    store.delete(key)
    store.put(key, old, "application/json")
    assert sessions.person_of(number) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ana: short", "shorter than 12"),
        ("{}", "names nobody"),
        ("ana: secret-secret\nbo: secret-secret", "same token"),
    ],
)
def test_tokens_are_checked(tmp_path, text, problem):
    path = tmp_path / "tokens.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInputError, match=problem):
        read_tokens(path)
