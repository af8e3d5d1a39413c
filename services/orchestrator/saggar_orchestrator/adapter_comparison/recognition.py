"""How often a classifier names the surface and the form that a prompt asked for, the paper's glaze and type (its
Table 6, by eye).

Of photographs, whose labels are known, the same share says how far the classifier is to be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saggar.bundle import BundleCard, read_card
from saggar.dataset.manifest import Manifest
from saggar.describing.fitting import fits
from saggar.describing.shares import Share, wilson
from saggar.errors import NotFoundError
from saggar.files.object_ids import canonical_id
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import manifest_key, read_manifest, write_manifest
from saggar.v1 import trainer_pb2

from saggar_orchestrator.findings.predictions import Predictions, read_predictions
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Cancellation

PHOTOGRAPHS = "photographs"

Shares = Mapping[str, Share]  # by what is named as labelled: a task, or `glaze and type`


@dataclass(frozen=True)
class Judge:
    """A classifier that knows the classes of a data set; `tasks`: the one of the surface and the one of the form."""

    bundle: ObjectRef
    card: BundleCard
    tasks: tuple[str, str]
    learnt_from: Manifest | None  # None where that is not known


@dataclass(frozen=True)
class Recognised:
    """Shares by set of images, or in `missing` why there are none."""

    classifier: str = ""
    asked: tuple[str, ...] = ("surface and form",)
    sets: Mapping[str, Shares] | None = None
    missing: str = ""
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """With `share` null where nothing was counted."""
        return {
            "classifier": self.classifier or None,
            "missing": self.missing or None,
            **{
                _key(name): {_key(asked): _share_to_json(share) for asked, share in shares.items()}
                for name, shares in (self.sets or {}).items()
            },
        }


def find_judge(store: ObjectStore, bundle: ObjectRef | None, photographs: Manifest) -> tuple[Judge | None, str]:
    """The classifier in `bundle`, or None and why it cannot judge images like these photographs.

    Raises as `read_card`.
    """
    if bundle is None:
        return None, "Inception-v3 knows no such classes; name a classifier with --model"
    card = read_card(store, bundle)
    taxonomy = card.taxonomy
    if not fits(photographs, taxonomy):
        return None, f"classifier {card.bundle_id} was trained on other classes (taxonomy {taxonomy.id})"
    surface, form = taxonomy.first_told_by("surface"), taxonomy.first_told_by("form")
    if surface is None or form is None:
        return None, f"taxonomy {taxonomy.id} has no task for the {'form' if surface else 'surface'}"
    return Judge(bundle, card, (surface, form), _learnt_from(store, card)), ""


def asked_of(surface: str, form: str) -> tuple[str, str, str]:
    """What shares are counted of: both tasks, and both at once."""
    return surface, form, f"{surface} and {form}"


def recognise(
    store: ObjectStore,
    peers: Peers,
    judge: Judge,
    sets: Mapping[str, Manifest],
    photographs: Manifest,
    say: Callable[[str, int, int], object],
) -> Recognised:
    """What `judge` makes of `sets`, and of the photographs that it was not trained on.

    Raises the trainer's domain errors.
    """
    fresh, warnings = _new_to(judge, photographs)
    found: dict[str, Shares] = {}
    for name, images in {**sets, PHOTOGRAPHS: fresh}.items():
        if len(images) == 0:
            found[name] = dict.fromkeys(asked_of(*judge.tasks), wilson(0, 0))
            continue
        stage = f"classifying {name if name == PHOTOGRAPHS else f'images {name}'}"
        say(stage, 0, len(images))
        result = peers.stream(
            "trainer",
            "Predict",
            trainer_pb2.PredictRequest(
                bundle=ref_to_proto(judge.bundle), manifest=ref_to_proto(write_manifest(store, images))
            ),
            lambda _: None,
            Cancellation(),
        )
        said = read_predictions(store, ref_from_proto(result.predictions), judge.card.taxonomy)
        found[name] = shares(said, *judge.tasks)
        say(stage, len(images), len(images))
    return Recognised(judge.card.bundle_id, asked_of(*judge.tasks), found, warnings=tuple(warnings))


def shares(said: Predictions, surface: str, form: str) -> Shares:
    """How many of the images with known labels are called what they are: surface, form, and both at once."""
    known = {task: said.true[task] >= 0 for task in (surface, form)}
    right = {task: known[task] & (said.predicted[task] == said.true[task]) for task in (surface, form)}
    counted = (known[surface], known[form], known[surface] & known[form])
    hits = (right[surface], right[form], right[surface] & right[form])
    names = asked_of(surface, form)
    return {asked: wilson(int(hit.sum()), int(n.sum())) for asked, hit, n in zip(names, hits, counted, strict=True)}


def share_words(share: Share) -> str:
    """E.g. `43/50 = 86 % (74 to 93 %)`."""
    if not share.n:
        return "none"
    percent = [f"{100 * value:.0f}" for value in (share.value, share.low, share.high)]
    return "{}/{} = {} % ({} to {} %)".format(share.hits, share.n, *percent)


def _new_to(judge: Judge, photographs: Manifest) -> tuple[Manifest, list[str]]:
    """The photographs of objects that the judge did not learn from, and what to know about them."""
    learnt = judge.learnt_from
    name = f"classifier {judge.card.bundle_id}"
    if learnt is None:
        return photographs, [f"{name} may have been trained on some of the photographs: it is not known which"]
    seen = {*map(canonical_id, learnt.frame["object_id"]), *learnt.frame["image"]}
    known = photographs.frame["object_id"].map(canonical_id).isin(seen) | photographs.frame["image"].isin(seen)
    fresh = photographs.take(~known.to_numpy(dtype=bool))
    warnings = []
    if not len(fresh):
        warnings.append(f"{name} was trained on all these photographs: how far to believe it is not known")
    if made := int((learnt.frame["origin"] == "synthetic").sum()):
        warnings.append(
            f"{name} was trained on {made:,} generated images too, and may be kind to what made them; "
            "--model names another"
        )
    return fresh, warnings


def _learnt_from(store: ObjectStore, card: BundleCard) -> Manifest | None:
    """The rows that a classifier was trained on, or its epoch chosen by."""
    sha256 = card.training.get("manifest")
    if not isinstance(sha256, str):
        return None
    try:
        manifest = read_manifest(store, store.stat(manifest_key(sha256[:16])))
    except NotFoundError:
        return None
    return manifest.select(split=("train", "validation"))


def _share_to_json(share: Share) -> dict[str, Any]:
    return {
        "right": share.hits,
        "n": share.n,
        "share": share.value if share.n else None,
        "low": share.low,
        "high": share.high,
    }


def _key(words: str) -> str:
    return words.replace(" ", "_")
