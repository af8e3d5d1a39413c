"""What `--help` says of groups: every command with its whole line, within 80 columns."""

import pytest
from saggar_orchestrator.cli.main import run


@pytest.mark.parametrize("group", ["", "data", "experiment", "generator", "models", "store"])
def test_no_command_is_cut_short_in_its_list(group, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert run([*group.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    listed = shown.partition("Commands:")[2]
    assert listed.strip()
    assert "..." not in listed
    assert max(map(len, shown.splitlines())) <= 80
