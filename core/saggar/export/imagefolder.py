"""Hugging Face's image folder: a folder per split, with `metadata.jsonl` beside the images.

https://huggingface.co/docs/datasets/image_dataset#imagefolder. Every text column has text in every row (''
for unknown): the reader refuses folders whose columns differ in type.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from saggar.dataset.manifest import Manifest
from saggar.errors import InvalidInputError
from saggar.export.about import SPDX, About, licences, remarks, summary
from saggar.export.rows import exported, read, rows, values
from saggar.files.wholefile import write_whole
from saggar.store import ObjectStore

Progress = Callable[[int, int], object]

_NO_SPLIT = "images"  # of a data set that was not split


def write_imagefolder(
    manifest: Manifest, store: ObjectStore, about: About, folder: Path, progress: Progress
) -> tuple[str, ...]:
    """Writes the images of `manifest` into `folder`, which is there and empty, one at a time.

    Returns what should be mended before it is passed on. Raises InvalidInputError when some rows have a split
    and others have none.
    """
    kept = exported(manifest)
    without = int(kept.frame["split"].isna().sum())
    if without and without < len(kept):
        raise InvalidInputError(
            f"{without:,} of {len(kept):,} images have no split; `saggar data split` gives one to all"
        )
    with ExitStack() as stack:
        tables: dict[str, BinaryIO] = {}
        for done, row in enumerate(rows(kept), start=1):
            place = row.record.split or _NO_SPLIT
            if place not in tables:
                (folder / place).mkdir()
                tables[place] = stack.enter_context((folder / place / "metadata.jsonl").open("wb"))
            (folder / place / row.file_name).write_bytes(read(store, row))
            line = json.dumps(values(row, kept.tasks), ensure_ascii=False)
            tables[place].write(line.encode() + b"\n")
            progress(done, len(kept))
    write_whole(folder / "README.md", "\n".join(_card(kept, about)).encode())
    return remarks(kept, about)


def _card(kept: Manifest, about: About) -> Iterator[str]:
    """The page that the hub shows, headed by what it reads."""
    known, missing = licences(kept, about), remarks(kept, about)
    named = {"CC0-1.0": "cc0-1.0", "CC-BY-4.0": "cc-by-4.0", "CC-BY-SA-4.0": "cc-by-sa-4.0"}
    whole = named.get(SPDX.get(known[0], ""), "other") if len(known) == 1 else "other"
    synthetic = bool(kept.mask(origin="synthetic").any())
    yield "---"
    yield f"pretty_name: {json.dumps(about.name, ensure_ascii=False)}"
    yield f"license: {'other' if missing else whole}"
    yield "task_categories: [image-classification]"
    yield f"tags: [porcelain, ceramics{', synthetic' if synthetic else ''}]"
    yield "---"
    yield f"\n# {about.name}\n"
    if about.description:
        yield f"{about.description}\n"
    yield f"{summary(kept)}\n"
    yield 'Load it with `datasets.load_dataset("imagefolder", data_dir="...")`.\n'
    yield "## Licences\n"
    for uri in known:
        yield f"- {SPDX.get(uri, 'see')}: {uri}"
    yield from (f"- {remark}" for remark in missing)
    yield "\nThe columns `licence`, `credit_line` and `object_url` say it per image."
    if about.cite_as:
        yield f"\n## Citation\n\n```\n{about.cite_as}\n```"
    yield f"\nExported by Saggar from data set {about.dataset}.\n"
