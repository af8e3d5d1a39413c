"""Make an API key: `python -m saggar_classifier.access NAME [--administer]` prints it, and its entry for the file."""

from __future__ import annotations

import argparse
import sys

from saggar_classifier.access.keyring import Key, Scope, new_key


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m saggar_classifier.access", description="Make an API key.")
    parser.add_argument("name", help="of the caller, for the log")
    parser.add_argument("--administer", action="store_true", help="the caller may activate, load and unload models")
    parser.add_argument("--requests-per-minute", type=int, default=6000, help="how often it may call [6000]")
    given = parser.parse_args()
    secret, sha256 = new_key()
    scopes: list[Scope] = ["classify", "administer"] if given.administer else ["classify"]
    try:
        Key(
            name=given.name,
            sha256=sha256,
            scopes=frozenset(scopes),
            requests_per_minute=given.requests_per_minute,
        )
    except ValueError as error:
        print(f"not a key: {error}", file=sys.stderr)
        return 2
    print(f"the key, which is shown once: {secret}", file=sys.stderr)
    print(f'  - name: {given.name}\n    sha256: "{sha256}"\n    scopes: [{", ".join(scopes)}]')
    print(f"    requests_per_minute: {given.requests_per_minute}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
