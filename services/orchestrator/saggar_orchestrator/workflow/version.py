"""What tells one version of the orchestrator's program from another."""

from __future__ import annotations

import hashlib
from pathlib import Path

# What decides which steps an attempt takes, in which order, and how their results are kept.
_ROOMS = ("experiment", "findings", "pages", "peers", "workflow")


def code_digest(package: Path) -> str:
    """Hash of the source of all rooms of `package` that a workflow's body runs through. An attempt is replayed by equal
    code alone: another may take other steps, or the same in another order.
    """
    total = hashlib.sha256()
    for room in _ROOMS:
        for path in sorted((package / room).rglob("*.py")):
            total.update(path.relative_to(package).as_posix().encode() + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:12]
