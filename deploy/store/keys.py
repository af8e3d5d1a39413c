"""Makes keys at the first start: files, in a folder for each service. What is there is kept.

    python keys.py FOLDER                    makes
        FOLDER/{root,generator,qc,trainer,classifier,orchestrator}/{access-key,secret-key}
        FOLDER/qc/review-tokens.yaml         with a token for the reviewer `curator`
        FOLDER/orchestrator/status-tokens.yaml  with one for the status pages, for `researcher`
        FOLDER/postgres/password             and FOLDER/orchestrator/pgpass, where FOLDER/postgres is
        FOLDER/classifier/api-keys.yaml      callers of the classifier, by the hashes of their keys
        FOLDER/orchestrator/classifier-key   the first of them; the classifier asks for keys with compose.keys.yaml
    python keys.py FOLDER --reviewer NAME    adds a reviewer; prints the token
    python keys.py FOLDER --caller NAME      adds a caller of the classifier; prints the key
    python keys.py FOLDER --researcher NAME  adds somebody who may start experiments and activate; prints the token

A service gets its own folder alone, so no service ever sees another's key, or the store's root key.
"""

from __future__ import annotations

import argparse
import hashlib
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
    parser.add_argument("--caller", metavar="NAME")
    parser.add_argument("--researcher", metavar="NAME")
    given = parser.parse_args()
    make(given.folder)
    if given.reviewer:
        print(add_person(given.folder, "qc", "review", given.reviewer, "reviewer"))
    if given.caller:
        print(add_caller(given.folder, given.caller))
    if given.researcher:
        print(add_person(given.folder, "orchestrator", "status", given.researcher, "researcher"))
    return 0


def make(folder: Path) -> None:
    """Makes what is missing."""
    for owner in ("root", *SERVICES):
        _keep(folder, owner, "access-key", f"saggar-{owner}")
        _keep(folder, owner, "secret-key", secrets.token_urlsafe(30))
    _keep(folder, "qc", "review-tokens.yaml", f"curator: {secrets.token_urlsafe(18)}\n")
    _keep(folder, "orchestrator", "status-tokens.yaml", f"researcher: {secrets.token_urlsafe(18)}\n")
    _keep(folder, "orchestrator", "classifier-key", secrets.token_urlsafe(32))
    orchestrators = (folder / "orchestrator" / "classifier-key").read_text(encoding="ascii")
    _keep(
        folder, "classifier", "api-keys.yaml", "keys:\n" + _entry("orchestrator", orchestrators, "classify, administer")
    )
    if (folder / "postgres").is_dir():
        _keep(folder, "postgres", "password", secrets.token_urlsafe(30))
        password = (folder / "postgres" / "password").read_text(encoding="ascii")
        _keep(folder, "orchestrator", "pgpass", f"postgres:5432:*:saggar:{password}\n")


def add_person(folder: Path, owner: str, pages: str, name: str, kind: str) -> str:
    """The token of another person for the `review` or `status` pages, which is in their file from now on."""
    known = (folder / owner / f"{pages}-tokens.yaml").read_text(encoding="ascii")
    _check_new(name, kind, re.search(f"^{re.escape(name)}:", known, flags=re.MULTILINE) is not None)
    token = secrets.token_urlsafe(18)
    _write(folder, owner, f"{pages}-tokens.yaml", f"{known}{name}: {token}\n")
    return token


def add_caller(folder: Path, name: str) -> str:
    """The key of a new caller of the classifier, who may do nothing else; it is read within seconds."""
    known = (folder / "classifier" / "api-keys.yaml").read_text(encoding="ascii")
    _check_new(name, "caller", re.search(f"^- name: {re.escape(name)}$", known, flags=re.MULTILINE) is not None)
    key = secrets.token_urlsafe(32)
    _write(folder, "classifier", "api-keys.yaml", known + _entry(name, key, "classify"))
    return key


def _check_new(name: str, kind: str, known: bool) -> None:
    if not _NAME.fullmatch(name):
        raise SystemExit(f"'{name}' is no {kind}'s name: use letters, digits, - and _, 64 at most")
    if known:
        raise SystemExit(f"{name} is a {kind} already; take the entry out of the file for a new one")


def _entry(name: str, key: str, scopes: str) -> str:
    return f'- name: {name}\n  sha256: "{hashlib.sha256(key.encode()).hexdigest()}"\n  scopes: [{scopes}]\n'


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
