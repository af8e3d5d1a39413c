"""`saggar generator compare`: how much an adapter changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.generator.options import (
    Adapters,
    BaseModel,
    ClipSkip,
    Guidance,
    Line,
    Scheduler,
    Steps,
    open_peers,
    sampling_settings,
)
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    print_json,
    print_table,
    say,
    settings,
    write_page,
)
from saggar_orchestrator.experiment.base_model_name import with_absolute_path

if TYPE_CHECKING:
    from saggar.store import ObjectRef, ObjectStore

    from saggar_orchestrator.findings.adapter_comparison import Comparison


def compare(
    context: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Data set of photographs, as `saggar data import` prints it.")],
    adapter: Adapters = None,
    base_model: BaseModel = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures to this file.")] = None,
    most: Annotated[int, typer.Option(help="Photographs, and images of each kind, at most.", min=10)] = 200,
    seed: Annotated[int, typer.Option(help="Of the choice of photographs, and of the images.", min=0)] = 0,
    model: Annotated[
        str | None,
        typer.Option(help="Classifier that compares, or beside --inception names classes; default: the best."),
    ] = None,
    inception: Annotated[
        Path | None, typer.Option(help="Compare by Inception-v3, from torch-fidelity's weights in this file.")
    ] = None,
    taxonomy: Annotated[
        str | None, typer.Option(help="Shipped taxonomy or path; default: the smallest that fits.")
    ] = None,
    steps: Steps = None,
    guidance: Guidance = None,
    scheduler: Scheduler = None,
    clip_skip: ClipSkip = None,
    as_json: AsJson = False,
) -> None:
    """Images with the adapter and without, measured against photographs that it was not trained on.

    The paper's Table 6 on your own photographs: FID and KID, with n, interval and extractor, and how often
    the classifier names the glaze and the type that were asked for.
    """
    from saggar.errors import InvalidInputError
    from saggar.prompts import NEGATIVE_PROMPT
    from saggar.rpc.refs import ref_to_proto
    from saggar.v1 import qc_pb2

    from saggar_orchestrator.cli.data.datasets import read_dataset, taxonomy_of
    from saggar_orchestrator.findings import adapter_comparison
    from saggar_orchestrator.peers.adapters import adapter_uses
    from saggar_orchestrator.peers.shards import Order

    if not adapter:
        raise typer.BadParameter("name an --adapter; `saggar generator adapters` lists them")
    store = open_home_store(settings(context).home)
    entries, uses = adapter_uses(store, adapter)
    manifest = read_dataset(store, dataset)
    fitting = taxonomy_of(manifest, taxonomy)
    if fitting is None:
        raise InvalidInputError(f"no shipped taxonomy fits data set {dataset}; name one with --taxonomy")
    classifier = _classifier(store, model) if inception is None or model is not None else None
    extractor = qc_pb2.FeatureExtractor()
    if inception is not None:
        extractor.inception_weights_path = str(inception.resolve())
    elif classifier is not None:
        extractor.bundle.CopyFrom(ref_to_proto(classifier))
    cards = [entry.card for entry in entries]
    unseen = adapter_comparison.unseen_photographs(store, manifest, cards)
    untold = adapter_comparison.of_unknown_training(cards)
    planned, photographs = adapter_comparison.plan_comparison(fitting, unseen, most, seed)
    chosen = sampling_settings(steps, guidance, scheduler, clip_skip, None)
    base = with_absolute_path(base_model or entries[0].base_model, Path())
    order = Order(base, tuple(uses), chosen)
    found = adapter_comparison.compare(
        store, open_peers(context), order, extractor, classifier, planned, photographs, Line().show
    )
    crackled = sum(image.negative_prompt != NEGATIVE_PROMPT for image in planned)
    facts = {
        "base model": base,
        "adapter": ", ".join(adapter),
        "data set": f"{dataset}, {len(photographs)} of {len(unseen)} photographs",
        "new to the adapter": (
            f"unknown: {', '.join(untold)} does not say what it was trained on" if untold else "all of them"
        ),
        "extractor": found.adapter.measures.get("extractor", ""),
        "classifier": found.recognised.classifier or "none",
        "seed": str(seed),
        "negative prompt": f'"{NEGATIVE_PROMPT}", without "cracked" for the {crackled} of {len(planned)} '
        "images whose crackle is a trait",
    }
    if html is not None:
        title = f"With and without adapter {', '.join(adapter)}"
        write_page(html, adapter_comparison.page(found, title, facts, fitting, store.get, all_new=not untold))
    _tell(found, facts, html, as_json=as_json)


def _classifier(store: ObjectStore, model: str | None) -> ObjectRef:
    """The bundle of the model whose id begins so; without one, of the best."""
    from saggar.errors import InvalidInputError

    from saggar_orchestrator.peers.models import known_models

    models = [entry for entry in known_models(store) if model is None or entry.model_id.startswith(model)]
    if not models:
        raise InvalidInputError(
            "no classifier to take features from: run an experiment, or name a file with --inception"
            if model is None
            else f"no model '{model}'; `saggar models list` lists them"
        )
    return models[0].bundle


def _tell(found: Comparison, facts: dict[str, str], html: Path | None, *, as_json: bool) -> None:
    from saggar_orchestrator.findings.adapter_comparison import table

    if as_json:
        print_json({
            **facts,
            **{side.name.replace(" ", "_"): side.measures for side in (found.vanilla, found.adapter)},
            "change": {name: found.change(name) for name in ("fid", "kid")},
            "recognised": found.recognised.to_json(),
            "page": str(html) if html else None,
        })  # fmt: skip
        return
    print_table(*table(found))
    for name, value in facts.items():
        say(f"{name}: {value}")
    for warning in found.warnings:
        say(f"warning: {warning}")
    say(f"page: {html}" if html else "pictures: add --html FILE")
