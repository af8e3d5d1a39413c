"""Makes keys at the first start: files, in a folder for each service. What is there is kept.

    python keys.py FOLDER                    makes
        FOLDER/{root,generator,qc,trainer,classifier,orchestrator}/{access-key,secret-key}
        FOLDER/qc/review-tokens.yaml         with a token for the reviewer `curator`
        FOLDER/postgres/password             and FOLDER/orchestrator/pgpass, where FOLDER/postgres is
    python keys.py FOLDER --reviewer NAME    adds a reviewer; prints the token

A service gets its own folder alone, so no service ever sees another's key, or the store's root key.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import sys
from pathlib import Path

SERVICES = ("generator", "qc", "trainer", "classifier", "orchestrator")
OWNERS = {"root": 0, "postgres": 999}  # users of the images; ours have 10001
_OURS = 10001
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reviewer", metavar="NAME")
    given = parser.parse_args()
    make(given.folder)
    if given.reviewer:
        print(add_reviewer(given.folder, given.reviewer))
    return 0


def make(folder: Path) -> None:
    """Makes what is missing."""
    for owner in ("root", *SERVICES):
        _keep(folder, owner, "access-key", f"saggar-{owner}")
        _keep(folder, owner, "secret-key", secrets.token_urlsafe(30))
    _keep(folder, "qc", "review-tokens.yaml", f"curator: {secrets.token_urlsafe(18)}\n")
    if (folder / "postgres").is_dir():
        _keep(folder, "postgres", "password", secrets.token_urlsafe(30))
        password = (folder / "postgres" / "password").read_text(encoding="ascii")
        _keep(folder, "orchestrator", "pgpass", f"postgres:5432:*:saggar:{password}\n")


def add_reviewer(folder: Path, name: str) -> str:
    """The token of a new reviewer, which is in the file from now on."""
    if not _NAME.fullmatch(name):
        raise SystemExit(f"'{name}' is no reviewer's name: use letters, digits, - and _, 64 at most")
    known = (folder / "qc" / "review-tokens.yaml").read_text(encoding="ascii")
    if re.search(f"^{name}:", known, flags=re.MULTILINE):
        raise SystemExit(f"{name} is a reviewer already; take the line out of the file for a new token")
    token = secrets.token_urlsafe(18)
    _write(folder, "qc", "review-tokens.yaml", f"{known}{name}: {token}\n")
    return token


def _keep(folder: Path, owner: str, name: str, text: str) -> None:
    """Never a second time: the store knows the first one."""
    if not (folder / owner / name).exists():
        _write(folder, owner, name, text)


def _write(folder: Path, owner: str, name: str, text: str) -> None:
    """Whole or not at all, for its owner alone."""
    place = folder / owner
    place.mkdir(parents=True, exist_ok=True)
    new = place / f".{name}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w", encoding="ascii") as file:
        file.write(text)
    if os.getuid() == 0:
        user = OWNERS.get(owner, _OURS)
        os.chown(new, user, user)
        os.chown(place, user, user)
    place.chmod(0o700)
    new.replace(place / name)


if __name__ == "__main__":
    sys.exit(main())
