"""`saggar status`: where the pages are, and links that sign in."""

import json
import stat

import pytest
import yaml
from saggar_orchestrator.cli.main import run
from saggar_orchestrator.local.home import Home


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv("SAGGAR_ORCHESTRATOR", raising=False)
    return Home(tmp_path / "home")


def saggar(home, *arguments):
    return run(["--home", str(home.root), *arguments])


def test_it_says_where_the_pages_are_and_how_to_sign_in(home, capsys):
    with home.claim():
        home.publish({"status": "127.0.0.1:7107"})
        assert saggar(home, "status") == 0
        printed = capsys.readouterr()
        assert printed.out.strip() == "http://127.0.0.1:7107"
        assert "status --link" in printed.err
        assert saggar(home, "status", "--link", "--json") == 0
        links = json.loads(capsys.readouterr().out)
    tokens = yaml.safe_load(home.status_tokens().read_text())
    assert links == {"researcher": f"http://127.0.0.1:7107/signin#{tokens['researcher']}"}
    assert stat.S_IMODE(home.status_tokens().stat().st_mode) == 0o600
    assert set(tokens.values()).isdisjoint(yaml.safe_load(home.review_tokens().read_text()).values())


def test_without_services_it_says_how_to_start_them(home, capsys):
    assert saggar(home, "status") == 1
    assert "up` in another terminal" in capsys.readouterr().err


def test_elsewhere_the_address_is_told_and_the_tokens_stay_there(home, capsys, monkeypatch):
    monkeypatch.setenv("SAGGAR_STATUS_URL", "https://saggar.museum.example/")
    assert run(["--home", str(home.root), "--server", "127.0.0.1:1", "status"]) == 0
    assert capsys.readouterr().out.strip() == "https://saggar.museum.example"
    assert run(["--home", str(home.root), "--server", "127.0.0.1:1", "status", "--link"]) == 2
    assert "SAGGAR_STATUS_TOKENS" in capsys.readouterr().err
    monkeypatch.delenv("SAGGAR_STATUS_URL")
    assert run(["--home", str(home.root), "--server", "127.0.0.1:1", "status"]) == 1
    assert "SAGGAR_STATUS_URL" in capsys.readouterr().err
