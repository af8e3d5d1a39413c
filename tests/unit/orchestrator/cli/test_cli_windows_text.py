"""Files that people write for the command line, as Windows saves them: with a byte order mark, or in UTF-16."""

from __future__ import annotations

from pathlib import Path

import pytest
from saggar.errors import InvalidInputError, NotFoundError
from saggar_orchestrator.cli.experiments.running import read_file
from saggar_orchestrator.cli.generator.picture_files import read_prompts
from saggar_orchestrator.cli.services.api_key import read_key
from saggar_orchestrator.experiment.file import parse_experiment
from saggar_orchestrator.experiment.shipped import shipped_text

MARKED = ("utf-8", "utf-8-sig", "utf-16", "utf-32")


@pytest.mark.parametrize("encoding", MARKED)
def test_an_experiment(tmp_path: Path, encoding: str) -> None:
    text = shipped_text("quickstart")
    path = tmp_path / "experiment.yaml"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read_file(path) == text
    assert parse_experiment(read_file(path), str(path), tmp_path) == parse_experiment(text, str(path), tmp_path)


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_an_experiment_that_another_client_sends_with_a_mark(tmp_path: Path, mark: str) -> None:
    text = shipped_text("quickstart")
    assert parse_experiment(f"{mark}{text}", "e.yaml", tmp_path) == parse_experiment(text, "e.yaml", tmp_path)
    broken = text.replace("\ntaxonomy: kilnsim", "\ntaxonomy: nowhere")
    line = broken[: broken.index("taxonomy: nowhere")].count("\n") + 1
    with pytest.raises(NotFoundError, match=f"e.yaml:{line} taxonomy: no taxonomy 'nowhere'"):
        parse_experiment(f"{mark}{broken}", "e.yaml", tmp_path)


def test_an_experiment_in_another_encoding_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "experiment.yaml"
    path.write_bytes("name: x\nquestion: 定窑\n".encode("gbk"))
    with pytest.raises(InvalidInputError, match=r"experiment\.yaml:2: not UTF-8 text \(.*\); save it as UTF-8"):
        read_file(path)


@pytest.mark.parametrize("encoding", MARKED)
def test_prompts(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("# bowls\r\na bowl\r\n\r\n定窑 bowl\r\n".encode(encoding))
    assert read_prompts(path) == ["a bowl", "定窑 bowl"]
    path.write_bytes(b"a bowl\n\xff\n")
    with pytest.raises(InvalidInputError, match=r"prompts\.txt:2: not UTF-8 text"):
        read_prompts(path)


@pytest.mark.parametrize("encoding", MARKED)
def test_a_key(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "key"
    path.write_bytes("sgr_1234\r\n".encode(encoding))
    assert read_key(path) == "sgr_1234"
    path.write_bytes("sgr_é\r\n".encode(encoding))
    with pytest.raises(InvalidInputError, match="must hold one line, the API key, and nothing else"):
        read_key(path)
