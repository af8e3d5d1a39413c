"""Settings, prompts and secrets as Windows saves them: with a byte order mark, or in UTF-16."""

from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from saggar.errors import InvalidInputError
from saggar.files.text_encoding import marked_text
from saggar.files.yamlfile import parse_yaml, read_yaml
from saggar.settings import read_secret
from saggar.taxonomy import Taxonomy, load_taxonomy

MARKED = ("utf-8", "utf-8-sig", "utf-16", "utf-32")


class Small(BaseModel):
    name: str = ""
    count: int = 0


@pytest.mark.parametrize("encoding", MARKED)
@pytest.mark.parametrize("text", ["name: 定窑\ncount: 3\n", "{name: 定窑, count: 3}", '{"name": "定窑", "count": 3}'])
def test_yaml_and_json_are_read_as_windows_saves_them(tmp_path: Path, encoding: str, text: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert read_yaml(path, Small) == Small(name="定窑", count=3)


@pytest.mark.parametrize("mark", ["\ufeff", "\ufeff\ufeff"])
def test_a_mark_before_a_text_is_no_part_of_it(mark: str) -> None:
    assert parse_yaml(f"{mark}name: x\n", Small, "f.yaml").name == "x"
    with pytest.raises(InvalidInputError, match=r"f\.yaml:2 nane: unknown key 'nane'") as caught:
        parse_yaml(f"{mark}count: 1\nnane: x\n", Taxonomy, "f.yaml")
    assert "\ufeff" not in str(caught.value)


def test_a_mark_in_the_middle_is_refused_by_its_line() -> None:
    with pytest.raises(InvalidInputError, match=r"f\.yaml:2: .*U\+FEFF, which no YAML holds; remove it"):
        parse_yaml("count: 1\n\ufeffname: x\n", Small, "f.yaml")


@pytest.mark.parametrize("encoding", MARKED)
def test_a_taxonomy_saved_by_windows_is_read(tmp_path: Path, encoding: str) -> None:
    known = load_taxonomy("palace-visual")
    path = tmp_path / "own.yaml"
    path.write_bytes(known.model_dump_json(by_alias=True, exclude_none=True).encode(encoding))
    assert load_taxonomy(path) == known


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("name: 定窑\n".encode("gbk"), r"f\.yaml:1: not UTF-8 text \(.*\); save it as UTF-8"),
        (b"count: 1\r\nname: \xff\r\n", r"f\.yaml:2: not UTF-8 text \(.*\); save it as UTF-8"),
        (b"\xef\xbb\xbfcount: 1\nname: \xff\n", r"f\.yaml:2: not UTF-8 text"),
        ("name: x".encode("utf-16") + b"\n", r"f\.yaml: starts as UTF-16 and is broken \(truncated data\); save it"),
    ],
)
def test_what_is_neither_is_told(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidInputError, match=told):
        read_yaml(path, Small)


@pytest.mark.parametrize("encoding", MARKED)
def test_a_secret_has_no_mark(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "key"
    path.write_bytes("s3cret\r\n".encode(encoding))
    assert read_secret(SecretStr(""), path, "s3_secret_key") == "s3cret"
    assert marked_text(path.read_bytes(), "key") == "s3cret\r\n"
