"""Fetch a museum's photographs and texts into a folder, and go on there after an interruption.

The folder has `images/`, `records.jsonl` (all that is known of each photograph, appended as it comes in) and
`catalogue.csv`, the table that `saggar data map` and `saggar data import --catalogue` read.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from saggar.decoding import FORMATS, read_image
from saggar.errors import InvalidInputError, NotFoundError, UnavailableError, WrongStateError
from saggar.files.tables.csv_text import data_cell
from saggar.files.wholefile import write_whole
from saggar.museums.objects import Found, LeftOut, MuseumObject
from saggar.museums.registry import Museum
from saggar.museums.web import BlocksProgramsError, UnusableAnswerError, Web

_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}
_LONGEST_RUN_OF_FAILURES = 5
_NOT_IN_CATALOGUE = ("museum", "object_id", "image_url")  # the first two come before the others

Progress = Callable[[int, int], object]  # photographs in the folder for this query, limit


@dataclass(frozen=True)
class FetchedRecord:
    """A photograph in the folder: where it came from, under which licence, and what it is."""

    image: str  # path in the folder
    object: MuseumObject
    retrieved: str  # UTC, ISO 8601
    sha256: str
    size_bytes: int
    width_px: int
    height_px: int


@dataclass(frozen=True)
class FetchReport:
    """What one fetch found. `kept` are in the folder now; `new` of them came this time."""

    kept: int
    new: int
    left_out: dict[str, int]  # objects by reason
    failed: tuple[LeftOut, ...]  # objects whose image could not be had
    records: int  # in the folder, of all queries


def fetch(
    museum: Museum,
    web: Web,
    query: str,
    folder: Path,
    *,
    limit: int,
    image_px: int,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    progress: Progress | None = None,
) -> FetchReport:
    """Puts up to `limit` objects that the museum finds for `query` into `folder`.

    What the folder has already is not fetched again; calling it anew after an interruption goes on. Several
    queries and museums may share a folder. Objects whose licence does not allow it are left out and counted.

    Raises NotFoundError when nothing can be used, UnavailableError or BusyError when the museum cannot be
    asked now, MuseumAnswerError when it answers in an unknown way, WrongStateError when another fetch is at
    work in the folder.
    """
    if not query.strip():
        raise InvalidInputError("the query is empty; say what to look for, such as 'celadon bowl'")
    tell = progress or (lambda done, total: None)  # noqa: ARG005
    with _alone(folder):
        records = read_records(folder)
        try:
            report = _fetch(
                museum.search(web, query.strip(), image_px), web, folder, records, limit=limit, now=now, tell=tell
            )
        finally:
            if records:
                write_whole(folder / "catalogue.csv", catalogue_csv(records))
    if not report.kept:
        raise NotFoundError(_nothing(museum, query, report), query)
    return report


def _fetch(
    found: Iterator[Found],
    web: Web,
    folder: Path,
    records: dict[str, FetchedRecord],
    *,
    limit: int,
    now: Callable[[], datetime],
    tell: Progress,
) -> FetchReport:
    left_out: Counter[str] = Counter()
    failed: list[LeftOut] = []
    seen: set[str] = set()
    new = in_a_row = 0
    for each in found:
        if isinstance(each, LeftOut):
            left_out[each.reason] += 1
            continue
        name = _file_stem(each)
        if name in seen:
            continue
        if not _is_here(folder, records.get(name), each):
            try:
                records[name] = _take(each, web, folder, now)
            except (UnusableAnswerError, UnavailableError) as error:
                failed.append(LeftOut(each.object_id, str(error)))
                in_a_row += 1
                if in_a_row == _LONGEST_RUN_OF_FAILURES:
                    blocked = isinstance(error, BlocksProgramsError)
                    remedy = "try another museum" if blocked else "run the same command again later to go on"
                    raise UnavailableError(
                        f"{in_a_row} images in a row could not be fetched, the last because: {error}. What has "
                        f"been fetched is kept; {remedy}"
                    ) from None
                continue
            new += 1
        in_a_row = 0
        seen.add(name)
        tell(len(seen), limit)
        if len(seen) >= limit:
            break
    return FetchReport(len(seen), new, dict(left_out), tuple(failed), len(records))


def _take(found: MuseumObject, web: Web, folder: Path, now: Callable[[], datetime]) -> FetchedRecord:
    """The image on the disk first, then its line in the journal: a line says that all is there."""
    data = web.image(found.image_url)
    try:
        picture = read_image(data, found.image_url, FORMATS, grey_will_do=True)
    except InvalidInputError as error:
        raise UnusableAnswerError(str(error)) from None
    image = f"images/{_file_stem(found)}.{_EXTENSIONS[picture.format]}"
    write_whole(folder / image, data)
    record = FetchedRecord(
        image,
        found,
        now().astimezone(UTC).isoformat(timespec="seconds"),
        hashlib.sha256(data).hexdigest(),
        len(data),
        *picture.image.size,
    )
    with (folder / "records.jsonl").open("ab") as journal:
        journal.write(json.dumps(asdict(record), ensure_ascii=False).encode() + b"\n")
        journal.flush()
        os.fsync(journal.fileno())
    return record


def read_records(folder: Path) -> dict[str, FetchedRecord]:
    """What the journal of `folder` says, by file name; the last line of a photograph counts.

    A line that was cut off by a crash is dropped, and its photograph will be fetched again.
    """
    path = folder / "records.jsonl"
    if not path.exists():
        return {}
    data = path.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        os.truncate(path, len(whole))
    records: dict[str, FetchedRecord] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            values = json.loads(line)
            record = FetchedRecord(**{**values, "object": MuseumObject(**values["object"])})
        except (ValueError, TypeError, KeyError):
            raise InvalidInputError(
                f"{path}, line {number}: is not a record of `saggar data fetch`; remove the line, or fetch into "
                "another folder"
            ) from None
        records[_file_stem(record.object)] = record
    return records


def catalogue_csv(records: dict[str, FetchedRecord]) -> bytes:
    """The table of a folder, in the order of file names: image, the museum's texts, and whose they are.

    What would only puzzle a reader of catalogue text (addresses of images, checksums) is in the journal.
    """
    texts = [each.name for each in fields(MuseumObject) if each.name not in _NOT_IN_CATALOGUE]
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["image", "museum", "museum_id", *texts])
    for _, record in sorted(records.items()):
        found = record.object
        cells = (record.image, found.museum, found.object_id, *(getattr(found, name) for name in texts))
        writer.writerow([data_cell(cell) for cell in cells])
    return out.getvalue().encode("utf-8-sig")


def _is_here(folder: Path, record: FetchedRecord | None, found: MuseumObject) -> bool:
    """Whether this very image has been fetched, and still lies where it was put."""
    if record is None or record.object.image_url != found.image_url:
        return False
    path = folder / record.image
    return path.is_file() and path.stat().st_size == record.size_bytes


def _file_stem(found: MuseumObject) -> str:
    plain = "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in found.object_id)
    return f"{found.museum}-{plain[:80]}"


def _nothing(museum: Museum, query: str, report: FetchReport) -> str:
    reasons = [f"{count:,} left out ({reason})" for reason, count in report.left_out.items()]
    if report.failed:
        reasons.append(f"{len(report.failed):,} without a usable image, the first because: {report.failed[0].reason}")
    why = f": {'; '.join(reasons)}" if reasons else ""
    return f"{museum.name} has nothing for '{query}' that can be used{why}. Try other words"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two fetches into one folder would lose each other's lines of the catalogue."""
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        lock = (folder / ".fetch.lock").open("w")
    except OSError as error:
        raise InvalidInputError(f"{folder}: cannot be written to ({error.strerror}); name another folder") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WrongStateError(
                f"{folder}: another fetch is at work there; wait for it, or name another folder"
            ) from None
        yield
