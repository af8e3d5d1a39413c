"""Random numbers by name: what is drawn depends on a seed, a name and a number, never on what was drawn
before.
"""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, name: str, number: int) -> torch.Generator:
    """The random numbers of, say, one step or one epoch; the same on every machine."""
    digest = hashlib.sha256(f"{seed} {name} {number}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
