"""Two hundred wrong files and command lines: each error names the place and the remedy, and none is called a bug."""

import re

import pytest
import yaml
from saggar_orchestrator.cli.main import COMMANDS, run
from saggar_orchestrator.experiment.shipped import shipped_text

TEXT = shipped_text("quickstart")
LINES = TEXT.splitlines()
KEYED = re.compile(r"^( *)(- )?([a-z_]+)( *:)")


def keyed_lines():
    return [(number, KEYED.match(line)) for number, line in enumerate(LINES) if KEYED.match(line)]


def replaced(number, line):
    return "\n".join([*LINES[:number], line, *LINES[number + 1 :]]) + "\n"


def misspelt(number, match):
    key = match[3]
    wrong = key[:1] + key[2:] if len(key) > 3 else key + "x"
    return replaced(number, LINES[number].replace(key, wrong, 1)), number + 1, wrong


def of_another_type(number, match):
    head = LINES[number][: match.end()]
    return replaced(number, f"{head} [[{{odd: true}}]]"), number + 1, match[3]


def out_of_bounds(number, match):
    head = LINES[number][: match.end()]
    return replaced(number, f"{head} -77"), number + 1, match[3]


def nothing_at_all(number, match):
    head = LINES[number][: match.end()]
    return replaced(number, f"{head} ''"), number + 1, match[3]


def twice(number, match):
    del match
    return "\n".join([*LINES[: number + 1], LINES[number], *LINES[number + 1 :]]) + "\n", number + 2, ""


def broken_off(number, match):
    del match
    return "\n".join([*LINES[:number], LINES[number].rstrip() + ' "']) + "\n", None, ""


KINDS = (misspelt, of_another_type, out_of_bounds, nothing_at_all, twice, broken_off)
WHOLE = [number for number, match in keyed_lines() if LINES[number].rstrip().endswith(":")]


def cases():
    for kind in KINDS:
        for number, match in keyed_lines():
            text, line, key = kind(number, match)
            try:
                same = yaml.safe_load(text) == yaml.safe_load(TEXT)
            except yaml.YAMLError:
                same = False
            if not same:
                yield pytest.param(text, line, key, id=f"{kind.__name__}-{number + 1}-{match[3]}")


FILES = list(cases())


def test_there_are_enough():
    assert len(FILES) + len(ARGUMENTS) >= 200


@pytest.mark.parametrize(("text", "line", "key"), FILES)
def test_a_wrong_file_is_explained(tmp_path, capsys, text, line, key):
    file = tmp_path / "file.yaml"
    file.write_text(text, encoding="utf-8")
    code = run(["--home", str(tmp_path / "home"), "experiment", "plan", str(file)])
    out, err = capsys.readouterr()
    if code == 0:  # some keys take anything: a title, or an empty list's place
        assert key in {"title", "name", "sampler_task", "base_model", "comment", ""}, (key, out)
        return
    assert code == 2, err
    assert out == ""
    assert "Traceback" not in err
    assert "bug" not in err
    assert re.search(rf"{re.escape(str(file))}(:\d+| line \d+)?", err), err
    if line is not None and key:
        assert re.search(rf":({line}|{line - 1}|{line + 1})\b", err) or key in err, err


def wrong_command_lines():
    for name in COMMANDS:
        yield [name, "--no-such-option"]
    yield from (
        ["experiment", "run"], ["experiment", "run", "a", "b"], ["experiment", "show"], ["experiment", "show", "x"],
        ["experiment", "watch", "x"], ["experiment", "cancel", "x"], ["experiment", "resume", "x"],
        ["experiment", "diff", "x"], ["experiment", "diff", "x", "y"], ["experiment", "delete", "x", "--yes"],
        ["experiment", "plan", "nowhere.yaml"], ["experiment", "init", "--from", "other"], ["experiment", "frob"],
        ["data", "import"], ["data", "import", "nowhere"], ["data", "import", "x", "--labels", "a", "--layout", "b"],
        ["data", "describe"], ["data", "describe", "x"], ["data", "split", "x", "--seed", "-1"],
        ["data", "split", "x", "--seed", "many"], ["data", "map", "nowhere.csv"], ["data", "export", "x"],
        ["data", "export", "x", "--format", "zip", "--output", "y"], ["data", "fetch"], ["data", "fetch", "louvre"],
        ["data", "fetch", "met", "--query", "x", "--limit", "0"], ["data", "advise", "x", "--disagreement", "2"],
        ["models", "activate"], ["models", "activate", "x"], ["models", "list", "extra"], ["classify"],
        ["classify", "x", "--top", "0"], ["classify", "."], ["report"], ["report", "x"],
        ["report", "x", "--language", "fr"], ["generator", "generate"], ["generator", "import", "nowhere.bin"],
        ["generator", "generate", "a", "--out", "o", "--size", "big"], ["up", "--port-base", "70000"],
        ["generator", "generate", "a", "--out", "o", "--strength", "0.5"], ["review", "x"],
    )  # fmt: skip


ARGUMENTS = list(wrong_command_lines())


@pytest.mark.parametrize("arguments", ARGUMENTS, ids=" ".join)
def test_a_wrong_command_line_is_explained(tmp_path, capsys, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    code = run(["--home", str(tmp_path / "home"), *arguments])
    out, err = capsys.readouterr()
    assert code in {1, 2}, (out, err)
    assert out == ""
    assert err.strip()
    assert "Traceback" not in err
    assert "bug" not in err
