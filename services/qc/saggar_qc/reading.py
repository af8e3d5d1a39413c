"""Images of a manifest: read, decoded and measured by a few threads, in order and in constant memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import CancelledError, InvalidInputError
from saggar.images import decode
from saggar.store import ObjectStore

from saggar_qc.features import FeatureExtractor, Prepared
from saggar_qc.picture import Picture, measure

_READERS = 4


@dataclass(frozen=True)
class Examined:
    """One row's image. Where it could not be decoded, `problem` says why and the rest is None."""

    row: int
    record: Record
    problem: str | None
    picture: Picture | None
    prepared: Prepared | None


def examine(
    store: ObjectStore,
    manifest: Manifest,
    extractor: FeatureExtractor,
    sharpness_side_px: int,
    batch_size: int,
    cancelled: threading.Event,
) -> Iterator[list[Examined]]:
    """Batches of `batch_size` rows, in order; at most one batch is read ahead.

    Raises as `ObjectStore.get`, and CancelledError once `cancelled` is set.
    """

    def one(row: int, record: Record) -> Examined:
        if cancelled.is_set():
            raise CancelledError("cancelled by the caller")
        try:
            image = decode(store.get(record.image), record.source or record.image)
        except InvalidInputError as error:
            return Examined(row, record, str(error), None, None)
        return Examined(row, record, None, measure(image, sharpness_side_px), extractor.prepare(image))

    rows = enumerate(manifest.records())
    ahead: deque[Future[Examined]] = deque()
    with ThreadPoolExecutor(_READERS, thread_name_prefix="saggar-qc-read") as pool:
        try:
            ahead.extend(pool.submit(one, *row) for row in islice(rows, batch_size))
            while ahead:
                batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
                ahead.extend(pool.submit(one, *row) for row in islice(rows, batch_size))
                yield [future.result() for future in batch]
        finally:
            for future in ahead:
                future.cancel()
