"""`saggar status`: where the status pages are, and how to sign in."""

from __future__ import annotations

from typing import Annotated

import typer

from saggar_orchestrator.cli.services.sign_in_links import Site, address, print_links
from saggar_orchestrator.cli.terminal.output import AsJson, print_json, say, settings
from saggar_orchestrator.local.home import Home

_SITE = Site(
    "status",
    Home.status_tokens,
    "orchestrator",
    "whoever has a link can start, stop and activate; take the line out of the file to end it",
)


def status(
    context: typer.Context,
    *,
    link: Annotated[bool, typer.Option("--link", help="Print a link that signs in, for each person.")] = False,
    as_json: AsJson = False,
) -> None:
    """Says where the pages are on which experiments, models and reviews are seen and started.

    `saggar up` serves them. Whoever reaches them may look; who signs in may act.
    """
    home = settings(context).home
    if link:
        print_links(home, _SITE, as_json=as_json)
        return
    url = address(home, _SITE)
    if as_json:
        print_json({"url": url, "tokens_file": None if home.remote else str(home.status_tokens())})
        return
    print(url)
    if not home.remote:
        say(f"`saggar status --link` prints sign-in links, from the tokens in {home.status_tokens()}")
