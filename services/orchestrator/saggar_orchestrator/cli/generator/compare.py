"""`saggar generator compare`: how much an adapter changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.generator.options import Models, Sampling, open_peers
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    print_json,
    print_table,
    say,
    settings,
    write_page,
)
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from saggar.store import ObjectRef, ObjectStore
    from saggar.v1 import qc_pb2

    from saggar_orchestrator.adapter_comparison.comparing import Comparison


class ResizeMode(StrEnum):
    """How images are brought to the size that Inception-v3 takes."""

    fidelity = "fidelity"
    clean = "clean"


@dataclass(frozen=True, kw_only=True)
class Judges:
    """What measures the images, and what names the classes in them."""

    model: Annotated[
        str | None,
        typer.Option(help="Classifier that compares, or beside --inception names classes; default: the best."),
    ] = None
    inception: Annotated[
        Path | None, typer.Option(help="Compare by Inception-v3, from torch-fidelity's weights in this file.")
    ] = None
    resize: Annotated[
        ResizeMode | None,
        typer.Option(
            help="How images are brought to Inception-v3's size: as torch-fidelity does, without antialiasing "
            "(default), or clean, as clean-fid does. Values of the two do not compare."
        ),
    ] = None

    def classifier(self, store: ObjectStore) -> ObjectRef | None:
        """None where only Inception-v3 measures."""
        if self.resize is not None and self.inception is None:
            raise typer.BadParameter("--resize goes with --inception; a classifier's backbone has its own preparation")
        return _classifier(store, self.model) if self.inception is None or self.model is not None else None

    def extractor(self, classifier: ObjectRef | None) -> qc_pb2.FeatureExtractor:
        from saggar.rpc.refs import ref_to_proto
        from saggar.v1 import qc_pb2

        from saggar_orchestrator.peers.messages import resize_mode

        extractor = qc_pb2.FeatureExtractor(resize=resize_mode(self.resize or ResizeMode.fidelity))
        if self.inception is not None:
            extractor.inception_weights_path = str(self.inception.resolve())
        elif classifier is not None:
            extractor.bundle.CopyFrom(ref_to_proto(classifier))
        return extractor


def compare(
    context: typer.Context,
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Data set of photographs, as `saggar data list` shows it.")
    ],
    *,
    models: Models,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures to this file.")] = None,
    most: Annotated[int, typer.Option(help="Photographs, and images of each kind, at most.", min=10)] = 200,
    seed: Annotated[int, typer.Option(help="Of the choice of photographs, and of the images.", min=0)] = 0,
    judges: Judges,
    taxonomy: Annotated[
        str | None, typer.Option(help="Shipped taxonomy or path; default: the smallest that fits.")
    ] = None,
    sampling: Sampling,
    as_json: AsJson = False,
) -> None:
    """Measures images with an adapter and without.

    Against photographs that it was not trained on, as in the paper's Table 6: FID and KID, with n, interval and
    extractor, and how often the classifier names the surface and the form that were asked for.
    """
    from saggar.errors import InvalidInputError
    from saggar.prompts import NEGATIVE_PROMPT

    from saggar_orchestrator.adapter_comparison import comparing, page
    from saggar_orchestrator.cli.terminal.datasets import read_dataset, taxonomy_of
    from saggar_orchestrator.peers.adapters import adapter_uses
    from saggar_orchestrator.peers.shards import Order

    if not models.adapter:
        raise typer.BadParameter("name an --adapter; `saggar generator adapters` lists them")
    store = open_home_store(settings(context).home)
    entries, uses = adapter_uses(store, models.adapter)
    dataset, manifest = read_dataset(store, dataset)
    fitting = taxonomy_of(manifest, taxonomy)
    if fitting is None:
        raise InvalidInputError(f"no shipped taxonomy fits data set {dataset}; name one with --taxonomy")
    classifier = judges.classifier(store)
    extractor = judges.extractor(classifier)
    cards = [entry.card for entry in entries]
    unseen = comparing.unseen_photographs(store, manifest, cards)
    undeclared = comparing.of_unknown_training(cards)
    planned, photographs = comparing.plan_comparison(fitting, unseen, most, seed)
    order = Order(models.base(entries), tuple(uses), sampling.to_message())
    bench = comparing.Bench(store, open_peers(context), extractor, planned, photographs, ProgressLine().show)
    found = comparing.compare(bench, order, classifier)
    crackled = sum(image.negative_prompt != NEGATIVE_PROMPT for image in planned)
    adapters = ", ".join(models.adapter)
    facts = {
        "base model": order.base_model,
        "adapter": adapters,
        "data set": f"{dataset}, {len(photographs)} of {len(unseen)} photographs",
        "new to the adapter": (
            f"unknown: {', '.join(undeclared)} does not say what it was trained on" if undeclared else "all of them"
        ),
        "extractor": found.adapter.measures.get("extractor", ""),
        "resize mode": comparing.resize_words(found.adapter.measures),
        "classifier": found.recognised.classifier or "none",
        "seed": str(seed),
        "negative prompt": f'"{NEGATIVE_PROMPT}", without "cracked" for the {crackled} of {len(planned)} '
        "images whose crackle is a trait",
    }
    if html is not None:
        title = f"With and without adapter {adapters}"
        text = page.render(found, title, facts, taxonomy=fitting, picture=store.get, all_new=not undeclared)
        write_page(html, text)
    _show(found, facts, html, as_json=as_json)


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


def _show(found: Comparison, facts: dict[str, str], html: Path | None, *, as_json: bool) -> None:
    from saggar_orchestrator.adapter_comparison.comparing import table

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
