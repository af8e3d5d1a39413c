"""What `--help` says of groups: every command with its whole line, within 80 columns."""

import re

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


def usages(capsys, *path):
    """The usage lines of a command and of all below it."""
    assert run([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    yield " ".join(shown.partition("\n\n")[0].removeprefix("Usage: ").split())
    for line in shown.partition("Commands:")[2].splitlines():
        if found := re.match(r"  (\S+)", line):
            yield from usages(capsys, *path, found.group(1))


def test_what_a_command_takes_is_called_in_capitals_everywhere(capsys):
    every = list(usages(capsys))
    assert len(every) > 40
    for usage in every:
        taken = usage.partition("[OPTIONS]")[2]
        for word in taken.split("|new")[0].split():
            assert re.fullmatch(r"[\[{]?[A-Z]+(\|[A-Z]+)?[\]}]?(\.\.\.)?", word), usage
        assert taken.count("...") <= 1, usage
