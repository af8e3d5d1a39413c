"""Opening a review, and what is written when it is over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from saggar.files.yamlfile import parse_yaml
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_qc.extractors.extraction import Extraction
from saggar_qc.review.choosing.controls import disguise
from saggar_qc.review.choosing.nearest import nearest_photographs
from saggar_qc.review.choosing.plan import HeldReview, Question, Review, plan_review
from saggar_qc.review.journal import keep_review, review_key
from saggar_qc.screening.reference import training_photographs


@dataclass(frozen=True)
class Opening:
    """What a review is asked of, and how."""

    manifest: ObjectRef
    photographs: ObjectRef | None  # None: nothing stands beside the images, and there are no controls
    taxonomy: ObjectRef
    title: str
    experiment: str
    settings: HeldReview


def open_review(store: ObjectStore, opening: Opening, extraction: Extraction | None = None) -> Review:
    """The review that equal inputs opened, or a new one.

    `extraction`: by whose features the photographs beside an image are the nearest; None: those that share most
    labels. Raises NotFoundError for a missing object, InvalidInputError for an empty manifest.
    """
    manifest = read_manifest(store, opening.manifest)
    photographs = manifest.take(np.zeros(len(manifest), dtype=np.bool_))
    if opening.photographs is not None:
        photographs = training_photographs(read_manifest(store, opening.photographs))
    taxonomy = parse_yaml(store.read(opening.taxonomy).decode(), Taxonomy, opening.taxonomy.key)
    question = Question(opening.title, manifest, opening.manifest, photographs, taxonomy, opening.experiment)
    beside = extraction is not None and len(photographs) > 0
    review = plan_review(
        question,
        opening.settings,
        nearest_photographs(manifest, photographs, extraction) if beside and extraction else None,
    )
    if not store.exists(review_key(review.review_id)):
        keep_review(store, disguise(store, review))
    return review
