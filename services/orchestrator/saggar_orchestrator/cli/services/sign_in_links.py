"""Where the pages of a service are, and links that sign in to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from saggar_orchestrator.cli.terminal.output import print_json, say
from saggar_orchestrator.local.home import Home


@dataclass(frozen=True)
class Site:
    """Pages: their name among the addresses, their file of tokens, the service that has them, and what a link gives."""

    name: str
    tokens: Callable[[Home], Path]
    service: str
    about_links: str


def address(home: Home, site: Site) -> str:
    """UnavailableError where it is not known."""
    found = home.address(site.name)
    return found.rstrip("/") if "://" in found else f"http://{found}"


def print_links(home: Home, site: Site, *, as_json: bool) -> None:
    """One for each person. The token is after #, which a browser never sends."""
    from urllib.parse import quote

    import yaml
    from saggar.errors import WrongStateError
    from saggar.files.text_encoding import marked_text

    if home.remote:
        raise WrongStateError(
            f"the tokens are where the {site.service} service runs, in the file that its "
            f"SAGGAR_{site.name.upper()}_TOKENS names: a link is {address(home, site)}/signin#TOKEN"
        )
    file = site.tokens(home)
    tokens = yaml.safe_load(marked_text(file.read_bytes(), str(file))) or {}
    links = {str(name): f"{address(home, site)}/signin#{quote(str(token))}" for name, token in tokens.items()}
    if as_json:
        print_json(links)
        return
    for name, link in links.items():
        print(f"{name}\t{link}")
    say(site.about_links)
