"""`saggar review`: where people judge images, how they sign in, and a review of any folder."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.services.sign_in_links import Site, address, print_links
from saggar_orchestrator.cli.terminal.grouping import grouped
from saggar_orchestrator.cli.terminal.identities import chosen, ids_in
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    plural,
    print_json,
    print_table,
    say,
    settings,
)
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest
    from saggar.store import ObjectRef, ObjectStore
    from saggar.taxonomy import Taxonomy

_NEW = "new"
_SITE = Site(
    "review",
    Home.review_tokens,
    "qc",
    "whoever has a link can judge as that person; take the line out of the file to end it",
)


@dataclass(frozen=True, kw_only=True)
class NewReview:
    """What `saggar review new FOLDER` asks about."""

    taxonomy: Annotated[str, typer.Option(help="With new: shipped taxonomy or path of a YAML file.")] = (
        "song-yuan-porcelain"
    )
    labels: Annotated[
        Path | None, typer.Option(help="With new: CSV of what each image claims to be; without, no claims.")
    ] = None
    photographs: Annotated[
        str, typer.Option(help="With new: data set whose photographs stand beside the images and serve as controls.")
    ] = ""
    title: Annotated[str, typer.Option(help="With new: heading of the review; else the folder's name.")] = ""
    sample: Annotated[int, typer.Option(min=0, help="With new: look at so many images only; 0: all.")] = 0
    double_share: Annotated[
        float, typer.Option(min=0, max=1, help="With new: share of the images that two people judge.")
    ] = 0.0


@grouped
def review(
    context: typer.Context,
    identity: Annotated[
        str, typer.Argument(metavar="ID|new", help="Review, or the beginning of its id; `new` opens one of FOLDER.")
    ] = "",
    folder: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="With new: folder of images.")] = None,
    *,
    new: NewReview,
    link: Annotated[bool, typer.Option("--link", help="Print a link that signs in, for each reviewer.")] = False,
    as_json: AsJson = False,
) -> None:
    """Says where the review page is, how to sign in, and how far the reviews are.

    `saggar review new FOLDER` opens a review of the images of a folder, outside any experiment.
    """
    home = settings(context).home
    if link:
        print_links(home, _SITE, as_json=as_json)
        return
    if identity == _NEW:
        if folder is None:
            raise typer.BadParameter("name the folder: saggar review new FOLDER")
        identity = _open(home, folder, new)
        say(f"review {identity} is open")
    elif folder is not None:
        raise typer.BadParameter(f"'{folder}' goes with `new` only: saggar review new {folder}")
    _show(home, identity, as_json=as_json)


def _show(home: Home, identity: str, *, as_json: bool) -> None:
    found = ids_in(open_home_store(home).list("reviews/"), "review.json")
    if identity:
        found = [chosen(found, identity, "review", "`saggar review` shows all")]
    url = address(home, _SITE)
    rows = [_row(each, standing, url) for each, standing in _standings(home, found)]
    if as_json:
        tokens = None if home.remote else str(home.review_tokens())
        print_json({"url": url, "tokens_file": tokens, "reviews": rows})
        return
    names = ("review", "experiment", "state", "images", "left", "conflicts", "url")
    print_table(names, [tuple(str(row[name]) for name in names) for row in rows])
    for row in rows:
        for concern in row["concerns"]:
            say(f"check the verdicts of {concern} in review {row['review']}")
        if row["left_for_another"]:
            _ask_for_another(home, row)
    if not rows:
        say("no review yet: an experiment whose file has `review: {policy: all}` or `sample` opens one")
    if home.remote:
        say(f"pages: {url}")
    else:
        say(f"pages: {url}; `saggar review --link` prints sign-in links, from the tokens in {home.review_tokens()}")


def _standings(home: Home, reviews: list[str]) -> list[tuple[str, Any]]:
    from saggar.v1 import qc_pb2, qc_pb2_grpc

    from saggar_orchestrator.cli.services.client import channel_to

    with channel_to(home, "qc") as channel:
        stub = qc_pb2_grpc.QcServiceStub(channel)  # type: ignore[no-untyped-call]
        return [
            (each, stub.DescribeReview(qc_pb2.DescribeReviewRequest(review_id=each), timeout=30)) for each in reviews
        ]


def _row(identity: str, standing: Any, url: str) -> dict[str, Any]:
    return {
        "review": identity,
        "title": standing.title,
        "experiment": standing.experiment,
        "state": "closed" if standing.closed else "finished" if standing.finished else "open",
        "images": standing.items,
        "left": standing.left,
        "conflicts": standing.conflicts,
        "concerns": [
            f"{each.reviewer} ({each.concern}{'; left out' if each.left_out else ''})"
            for each in standing.reviewers
            if each.concern
        ],
        "left_for_another": standing.left if any(who.verdicts == standing.items for who in standing.reviewers) else 0,
        "url": f"{url}/reviews/{identity}",
    }


def _ask_for_another(home: Home, row: dict[str, Any]) -> None:
    """Whoever has judged every image is not their own second."""
    how = "" if home.remote else f": add a line `name: token` to {home.review_tokens()}, then `saggar review --link`"
    say(f"review {row['review']}: a second person has to judge {plural(row['left_for_another'], 'image')}{how}")


def _open(home: Home, folder: Path, new: NewReview) -> str:
    """The id of a review of the images in `folder`."""
    from saggar.rpc.refs import ref_to_proto
    from saggar.stored_datasets import write_manifest
    from saggar.taxonomy import load_taxonomy
    from saggar.v1 import qc_pb2, qc_pb2_grpc

    from saggar_orchestrator.cli.services.client import channel_to

    store, taxonomy = open_home_store(home), load_taxonomy(new.taxonomy)
    manifest = write_manifest(store, _images(store, folder, taxonomy, new.labels))
    request = qc_pb2.OpenReviewRequest(
        manifest=ref_to_proto(manifest),
        taxonomy=ref_to_proto(_stored(store, taxonomy)),
        title=new.title or folder.resolve().name,
        settings=qc_pb2.ReviewSettings(double_share=new.double_share),
    )
    if new.sample:
        request.settings.policy, request.settings.sample_size = "sample", new.sample
    if new.photographs:
        from saggar.stored_datasets import manifest_key

        from saggar_orchestrator.cli.terminal.datasets import find_dataset

        found = store.stat(manifest_key(find_dataset(store, new.photographs)))
        request.photographs.CopyFrom(ref_to_proto(found))
    with channel_to(home, "qc") as channel:
        stub = qc_pb2_grpc.QcServiceStub(channel)  # type: ignore[no-untyped-call]
        return str(stub.OpenReview(request, timeout=600).review_id)


def _images(store: ObjectStore, folder: Path, taxonomy: Taxonomy, labels: Path | None) -> Manifest:
    from saggar.dataset.manifest import Manifest
    from saggar.dataset.record import Record
    from saggar.errors import NotFoundError
    from saggar.importing.intake import import_csv
    from saggar.importing.photographs.files import inspect
    from saggar.importing.photographs.listing import image_files
    from saggar.store import put_image

    if not folder.is_dir():
        raise NotFoundError(f"{folder}: no such folder; name a folder of images", str(folder))
    if labels is not None:
        return import_csv(folder, labels, taxonomy, store).manifest.with_columns(origin="synthetic")
    names = [str(path) for path in image_files(folder).images]
    if not names:
        raise NotFoundError(f"{folder}: no images found; JPEG, PNG, WebP and TIFF are read", str(folder))
    records = []
    for name in names:
        found = inspect(folder / name, name, lambda data, extension: put_image(store, data, extension).key)
        size = found.width_px, found.height_px
        unknown = dict.fromkeys(taxonomy.task_names)
        records.append(Record(found.key, name, unknown, None, "synthetic", *size, source=name))
    return Manifest.from_records(records, taxonomy.task_names)


def _stored(store: ObjectStore, taxonomy: Taxonomy) -> ObjectRef:
    text = taxonomy.model_dump_json(by_alias=True, exclude_none=True)
    key = f"taxonomies/{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    return store.put(key, text.encode(), "application/yaml")
