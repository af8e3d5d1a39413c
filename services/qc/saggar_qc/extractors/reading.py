"""Images of a manifest, in order and in constant memory: a few threads read, decode and measure ahead, and
write down features, while the network works.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.errors import CancelledError, InvalidInputError
from saggar.images import decode
from saggar.store import ObjectStore, sha256_of_key

from saggar_qc.extractors.extraction import Extraction, Pending, Row, View
from saggar_qc.picture.picture import Picture, measure

_READERS = 4
_WITH_ALPHA = {"RGBA", "LA", "PA", "La", "RGBa"}


@dataclass(frozen=True)
class Examined:
    """One row's image. Where it could not be decoded, `problem` says why and there is nothing else."""

    row: int
    record: Record
    problem: str | None = None
    picture: Picture | None = None
    views: tuple[Row, ...] = ()  # features and probabilities, in the order of the views asked for


@dataclass(frozen=True)
class _Read:
    row: int
    record: Record
    problem: str | None = None
    picture: Picture | None = None
    pending: tuple[Pending, ...] = ()


def examine(
    manifest: Manifest,
    extraction: Extraction,
    views: Sequence[View],
    cancelled: threading.Event,
    side_px: int | None = None,
) -> Iterator[list[Examined]]:
    """Batches of `extraction.batch_size` rows, in order; at most two batches are read ahead.

    `side_px`: the scale at which pictures are measured; None: only features are computed. Raises as
    `ObjectStore.get`, and CancelledError once `cancelled` is set.
    """
    batch_size = extraction.batch_size

    def read(row: int, record: Record) -> _Read:
        if cancelled.is_set():
            raise CancelledError("cancelled by the caller")
        file = _File(extraction.store, record)
        try:
            picture = None if side_px is None else measure(file.image, side_px, opaque=file.opaque)
            pending = tuple(extraction.begin(file.sha256, lambda: file.image, view) for view in views)
        except InvalidInputError as error:
            return _Read(row, record, str(error))
        return _Read(row, record, None, picture, pending)

    with ThreadPoolExecutor(_READERS, thread_name_prefix="saggar-qc-read") as pool:
        writing: deque[Future[None]] = deque()
        for batch in _batches(pool, read, manifest, batch_size):
            computed = extraction.compute([each for item in batch for each in item.pending])
            writing.extend(pool.submit(extraction.remember, *item) for item in computed.items())
            while len(writing) > 4 * batch_size:
                writing.popleft().result()
            yield [
                Examined(
                    item.row,
                    item.record,
                    item.problem,
                    item.picture,
                    tuple(computed[p.key] if p.row is None else p.row for p in item.pending),
                )
                for item in batch
            ]
        for written in writing:
            written.result()


class _File:
    """An image's bytes and pixels, read when they are needed."""

    def __init__(self, store: ObjectStore, record: Record) -> None:
        self._store = store
        self._record = record

    @cached_property
    def data(self) -> bytes:
        return self._store.get(self._record.image)

    @cached_property
    def image(self) -> Image.Image:
        return decode(self.data, self._record.source or self._record.image)

    @property
    def sha256(self) -> str:
        return sha256_of_key(self._record.image) or hashlib.sha256(self.data).hexdigest()

    @property
    def opaque(self) -> bool:
        """Whether no pixel is transparent."""
        with Image.open(io.BytesIO(self.data)) as raw:
            if raw.mode not in _WITH_ALPHA and "transparency" not in raw.info:
                return True
            return raw.convert("RGBA").getchannel("A").getextrema()[0] == 255


def _batches(
    pool: ThreadPoolExecutor, read: Callable[[int, Record], _Read], manifest: Manifest, batch_size: int
) -> Iterator[list[_Read]]:
    rows = enumerate(manifest.records())
    ahead: deque[Future[_Read]] = deque()
    try:
        ahead.extend(pool.submit(read, *row) for row in islice(rows, 2 * batch_size))
        while ahead:
            batch = [ahead.popleft() for _ in range(min(batch_size, len(ahead)))]
            found = [future.result() for future in batch]
            ahead.extend(pool.submit(read, *row) for row in islice(rows, batch_size))
            yield found
    finally:
        for future in ahead:
            future.cancel()
