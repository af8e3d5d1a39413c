"""`saggar review`: where people judge the generated images."""

from __future__ import annotations

from typing import Annotated

import typer

from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    print_json,
    print_table,
    say,
    settings,
)


def review(
    context: typer.Context,
    identity: Annotated[
        str, typer.Argument(metavar="[ID]", help="Review, or the beginning of its id; without, all of them.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Says where people judge the generated images.

    Also how to sign in, and how far the reviews are.
    """
    from saggar.errors import NotFoundError
    from saggar.rpc.channel import open_channel
    from saggar.v1 import qc_pb2, qc_pb2_grpc

    from saggar_orchestrator.local.supervisor import PAGES

    home = settings(context).home
    store = open_home_store(home)
    found = sorted(key.split("/")[1] for key in store.list("reviews/") if key.endswith("/review.json"))
    chosen = [each for each in found if each.startswith(identity)]
    if identity and not chosen:
        raise NotFoundError(f"there is no review {identity}; `saggar review` lists them", identity)
    url = f"http://{home.address(PAGES)}"
    with open_channel(home.address("qc")) as channel:
        stub = qc_pb2_grpc.QcServiceStub(channel)  # type: ignore[no-untyped-call]
        standings = [stub.DescribeReview(qc_pb2.DescribeReviewRequest(review_id=each), timeout=30) for each in chosen]
    rows = [
        {
            "review": each,
            "state": "finished" if standing.finished else "open",
            "images": standing.items,
            "left": standing.left,
            "conflicts": standing.conflicts,
            "url": f"{url}/reviews/{each}",
        }
        for each, standing in zip(chosen, standings, strict=True)
    ]
    if as_json:
        print_json({"url": url, "tokens_file": str(home.review_tokens()), "reviews": rows})
        return
    names = ("review", "state", "images", "left", "conflicts", "url")
    print_table(names, [tuple(str(row[name]) for name in names) for row in rows])
    if not rows:
        say("no review yet: an experiment whose file has `review: {policy: all}` or `sample` opens one")
    say(f"pages: {url}; sign in with a secret from {home.review_tokens()} (`name: secret` a line)")
