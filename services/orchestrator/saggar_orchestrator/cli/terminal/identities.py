"""Ids that may be abbreviated, and lists of them for shells that complete."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from saggar_orchestrator.local.home import DEFAULT_HOME, Home


def choose(known: Iterable[str], beginning: str) -> str | None:
    """The one of `known` that is, or alone begins with, `beginning`. InvalidInputError when several do."""
    from saggar.errors import InvalidInputError

    ids = list(known)
    if beginning in ids:
        return beginning
    matches = [identity for identity in ids if beginning and identity.startswith(beginning)]
    if len(matches) > 1:
        raise InvalidInputError(f"'{beginning}' begins several ids: {', '.join(sorted(matches))}; give more of it")
    return matches[0] if matches else None


def chosen(known: Iterable[str], beginning: str, noun: str, remedy: str) -> str:
    """As `choose`; raises NotFoundError, with the remedy and what there is, for none."""
    from saggar.errors import NotFoundError

    ids = sorted(known)
    identity = choose(ids, beginning)
    if identity is None:
        listed = f"; there are: {', '.join(ids[:_LISTED])}{' ...' if len(ids) > _LISTED else ''}" if ids else ""
        raise NotFoundError(f"no {noun} '{beginning}'{listed}; {remedy}", beginning)
    return identity


def ids_in(keys: Iterable[str], ending: str) -> list[str]:
    """`datasets/<id>/<ending>` -> `<id>`, of the keys that end so."""
    return sorted(key.split("/")[1] for key in keys if key.endswith(f"/{ending}") and key.count("/") == 2)


def complete_experiment(ctx: Any, incomplete: str) -> list[str]:
    """For the shell: experiments of the home."""
    return _begun(ctx, "experiments", "specification.json", incomplete)


def complete_dataset(ctx: Any, incomplete: str) -> list[str]:
    """For the shell: data sets of the home."""
    return _begun(ctx, "datasets", "manifest.parquet", incomplete)


def complete_model(ctx: Any, incomplete: str) -> list[str]:
    """For the shell: classifiers of the home."""
    return _begun(ctx, "bundles", "bundle.json", incomplete)


def _begun(ctx: Any, prefix: str, ending: str, incomplete: str) -> list[str]:
    """By the store's folder alone: a shell that waits for a key must not wait for a bucket, or for a server."""
    home = Home(Path(ctx.find_root().params.get("home") or DEFAULT_HOME))
    folder = home.root / "store" / prefix
    if ctx.find_root().params.get("server") or not folder.is_dir():
        return []
    return sorted(
        each.name for each in folder.iterdir() if each.name.startswith(incomplete) and (each / ending).exists()
    )


_LISTED = 12  # ids in an error
