"""A bundle's files, read back and checked against its card."""

from __future__ import annotations

from pydantic import ValidationError

from saggar.bundle.card import BundleCard
from saggar.bundle.golden import Golden
from saggar.bundle.neighbours import Neighbours
from saggar.certainty.novelty import NoveltyModel
from saggar.errors import InvalidInputError
from saggar.store import ObjectRef, ObjectStore


def read_card(store: ObjectStore, ref: ObjectRef) -> BundleCard:
    """Raises as `ObjectStore.read`, and InvalidInputError when the object is not a bundle's card."""
    data = store.read(ref)
    try:
        return BundleCard.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise InvalidInputError(
            f"{ref.key} is not the card of a bundle ({where}: {first['msg']}); name a bundles/<id>/bundle.json"
        ) from None


def fetch_onnx(store: ObjectStore, card: BundleCard, *, reduced: bool = False) -> bytes:
    """The ONNX model, checked against the card; `reduced`: the one in 8 bits.

    Raises InvalidInputError where there is none in 8 bits, and as `ObjectStore.read`.
    """
    if not reduced:
        return store.read(card.onnx)
    if card.reduced_onnx is None:
        refused = card.reduced is not None
        why = "it lost too much accuracy" if refused else "it was trained without `reduced_precision: int8`"
        raise InvalidInputError(
            f"bundle {card.bundle_id} has no network of reduced precision: {why}; use the whole one"
        )
    return store.read(card.reduced_onnx)


def read_novelty(store: ObjectStore, card: BundleCard) -> NoveltyModel | None:
    """The bundle's model of what it has learnt from; None where it has none. Raises as `ObjectStore.read`."""
    if card.novelty_model is None:
        return None
    return NoveltyModel.from_bytes(store.read(card.novelty_model), card.novelty_model.key)


def read_golden(store: ObjectStore, card: BundleCard) -> Golden | None:
    """The bundle's golden sample; None where it has none. Raises as `ObjectStore.read`."""
    return None if card.golden is None else Golden.from_bytes(store.read(card.golden), card.golden.key)


def read_neighbours(store: ObjectStore, card: BundleCard) -> Neighbours | None:
    """The photographs that the bundle learnt from; None where it keeps none. Raises as `ObjectStore.read`."""
    if card.neighbours_file is None:
        return None
    index = store.read(card.neighbours_index) if card.neighbours_index else None
    return Neighbours.from_bytes(store.read(card.neighbours_file), card.neighbours_file.key, index)
