"""The models of the store: which there are, and what this replica does with each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from saggar.bundle import BundleCard, read_card
from saggar.errors import DataCorruptionError, InvalidInputError, NotFoundError
from saggar.store import ObjectRef, ObjectStore

from saggar_classifier.serving.models import ModelSlot, ServedModel
from saggar_classifier.turns.store_turns import StoreTurns

State = Literal["served", "loaded", "stored"]
_ORDER: tuple[State, ...] = ("served", "loaded", "stored")


@dataclass(frozen=True)
class Known:
    """A model; `card` None where it cannot be read, for the reason in `problem`."""

    model_id: str
    bundle: ObjectRef
    state: State
    card: BundleCard | None
    problem: str = ""


class Catalogue:
    """Looks into the store at every call; the cards that it has read are kept, for they never change."""

    def __init__(self, store: ObjectStore, slot: ModelSlot, turns: StoreTurns) -> None:
        """`turns`: for a look into the store by a call that may do without it."""
        self._store = store
        self._turns = turns
        self._slot = slot
        self._cards: dict[ObjectRef, BundleCard] = {}

    def all(self) -> list[Known]:
        """All models, the served one first, then the loaded one, then by id."""
        keys = [key for key in self._store.list("bundles/") if _identity(key)]
        found = {known.model_id: known for known in map(self._known, keys) if known is not None}
        for model in filter(None, (self._slot.previous, self._slot.model)):  # also one whose bundle was deleted
            found[model.model_id] = self.loaded(model)
        return sorted(found.values(), key=lambda each: (_ORDER.index(each.state), each.model_id))

    def one(self, model_id: str) -> tuple[Known, ServedModel | None]:
        """A model, and how it was loaded if it was; without `model_id` the served one.

        Raises WrongStateError where none is served, NotFoundError, BusyError, and as `read_card`.
        """
        served = self._slot.current() if not model_id else self._slot.named(model_id)
        if served is not None:
            return self.loaded(served), served
        with self._turns.turn():
            try:
                bundle = self._store.stat(f"bundles/{model_id}/bundle.json")
            except (InvalidInputError, NotFoundError):
                raise NotFoundError(f"no model '{model_id[:80]}'; ListModels names those there are", model_id) from None
            return Known(model_id, bundle, "stored", self._card(bundle)), None

    def loaded(self, model: ServedModel) -> Known:
        """What is known of a model that was loaded."""
        state: State = "served" if model is self._slot.model else "loaded"
        return Known(model.model_id, model.bundle, state, model.card)

    def _known(self, key: str) -> Known | None:
        try:
            bundle = self._store.stat(key)
        except NotFoundError:
            return None  # deleted since it was listed
        try:
            return Known(_identity(key), bundle, "stored", self._card(bundle))
        except NotFoundError:
            return None
        except (DataCorruptionError, InvalidInputError) as error:
            return Known(_identity(key), bundle, "stored", None, str(error))

    def _card(self, bundle: ObjectRef) -> BundleCard:
        if bundle not in self._cards:
            self._cards[bundle] = read_card(self._store, bundle)
        return self._cards[bundle]


def _identity(key: str) -> str:
    """The model's id, empty for the key of anything but a card."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and parts[2] == "bundle.json" else ""
