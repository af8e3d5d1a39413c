"""Images that were replaced under their keys reach no training, no screening and no adapter."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import DataCorruptionError
from saggar.images import InputSpec
from saggar.store import DirectoryStore, put_image


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


class NoFeatures:
    """An extraction that is asked for none."""

    batch_size = 1

    def __init__(self, store: DirectoryStore) -> None:
        self.store = store

    def compute(self, _pending: object) -> dict[str, object]:
        return {}


def trainer(store: DirectoryStore, record: Record) -> None:
    pytest.importorskip("torch")
    from saggar_trainer.data.reading import read_photograph

    read_photograph(store, record.image, InputSpec(32))


def generator(store: DirectoryStore, record: Record) -> None:
    pytest.importorskip("torch")
    from saggar.job_settings.adapter import AdapterSettings
    from saggar_generator.training.examples import photograph

    photograph(store, record, AdapterSettings(), 8)


def screening(store: DirectoryStore, record: Record) -> None:
    from saggar_qc.extractors.reading import examine

    manifest = Manifest.from_records([record], ("glaze",))
    list(examine(manifest, NoFeatures(store), (), threading.Event(), side_px=32))


READERS: list[Callable[[DirectoryStore, Record], None]] = [trainer, generator, screening]


@pytest.mark.parametrize("reader", READERS, ids=["trainer", "generator", "qc"])
def test_a_replaced_image_stops_its_reader(tmp_path: Path, reader: Callable[..., None]) -> None:
    store = DirectoryStore(tmp_path)
    ref = put_image(store, png("red"), "png")
    record = Record(image=ref.key, object_id="o1", labels={"glaze": None}, source="a.png")
    reader(store, record)
    (store.root / ref.key).write_bytes(png("blue"))
    with pytest.raises(DataCorruptionError, match=f"{ref.key} does not match its checksum"):
        reader(store, record)
