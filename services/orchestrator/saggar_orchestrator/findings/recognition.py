"""How often a classifier names the glaze and the type that a prompt asked for (the paper's Table 6, by eye).

Of photographs, whose labels are known, the same share says how far the classifier is to be believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from saggar.bundle import BundleCard, read_card
from saggar.dataset.manifest import Manifest, manifest_key, read_manifest, write_manifest
from saggar.describing.fitting import fits
from saggar.errors import NotFoundError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.shares import Share, wilson
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy
from saggar.v1 import trainer_pb2

from saggar_orchestrator.findings.predictions import Predictions, read_predictions
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.progress import Cancellation

ASKED = ("glaze", "type", "glaze and type")
PHOTOGRAPHS = "photographs"

Shares = Mapping[str, Share]  # by what of ASKED is named as labelled


@dataclass(frozen=True)
class Judge:
    """A classifier that knows the classes of a data set; in `tasks` those of glaze and of type."""

    bundle: ObjectRef
    card: BundleCard
    tasks: tuple[str, str]
    learnt_from: Manifest | None  # None where that is not known


@dataclass(frozen=True)
class Recognised:
    """Shares by set of images, or in `missing` why there are none."""

    classifier: str = ""
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
    glaze, form = _task(taxonomy, "glaze", "glaze"), _task(taxonomy, "form", "type")
    if glaze is None or form is None:
        return None, f"taxonomy {taxonomy.id} has no task for the {'type' if glaze else 'glaze'}"
    return Judge(bundle, card, (glaze, form), _learnt_from(store, card)), ""


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
            found[name] = dict.fromkeys(ASKED, wilson(0, 0))
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
    return Recognised(judge.card.bundle_id, found, warnings=tuple(warnings))


def shares(said: Predictions, glaze: str, form: str) -> Shares:
    """How many of the images with known labels are called what they are: glaze, type, and both at once."""
    known = {task: said.true[task] >= 0 for task in (glaze, form)}
    right = {task: known[task] & (said.predicted[task] == said.true[task]) for task in (glaze, form)}
    counted = (known[glaze], known[form], known[glaze] & known[form])
    hits = (right[glaze], right[form], right[glaze] & right[form])
    return {asked: wilson(int(hit.sum()), int(n.sum())) for asked, hit, n in zip(ASKED, hits, counted, strict=True)}


def told(share: Share) -> str:
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
    seen = {*learnt.frame["object_id"], *learnt.frame["image"]}
    known = photographs.frame["object_id"].isin(seen) | photographs.frame["image"].isin(seen)
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


def _task(taxonomy: Taxonomy, kind: str, name: str) -> str | None:
    """The task of this kind; of this name in taxonomies of before kinds were written down."""
    of_kind = [task.name for task in taxonomy.tasks if task.kind == kind]
    return next(iter(of_kind), name if name in taxonomy.task_names else None)


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
