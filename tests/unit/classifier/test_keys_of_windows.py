"""Files of API keys as Windows saves them: with a byte order mark, or in UTF-16."""

from __future__ import annotations

from pathlib import Path

import pytest
from saggar.errors import NotFoundError
from saggar_classifier.access.keyring import Keyring, hash_of


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_keys_are_read_as_windows_saves_them(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "keys.yaml"
    text = f"keys:\r\n- name: reader\r\n  sha256: {hash_of('a-key')}\r\n  scopes: [classify]\r\n"
    path.write_bytes(text.encode(encoding))
    assert getattr(Keyring(path).find("a-key"), "name", "") == "reader"


def test_a_broken_file_of_keys_is_told(tmp_path: Path) -> None:
    path = tmp_path / "keys.yaml"
    path.write_bytes(b"keys:\n- \xff\n")
    with pytest.raises(NotFoundError, match=r"SAGGAR_API_KEYS: .*keys\.yaml:2: not UTF-8 text .*; save it as UTF-8"):
        Keyring(path)
