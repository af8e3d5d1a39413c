"""Croissant 1.1 metadata (https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html) with its files.

`croissant.json` describes `records.parquet`, a row per image with labels, split, origin, licence and the
image's SHA-256, and `images-<data set>.zip`, which is called by its content because mlcroissant keeps what it
unpacks by name. Parquet keeps object ids such as 0012 as they are, which readers of CSV do not.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.export.about import About, licences, remarks, summary
from saggar.export.rows import (
    COLUMNS,
    FILE_NAME,
    SYNTHETIC,
    Row,
    exported,
    label_columns,
    read,
    rows,
    values,
)
from saggar.files.wholefile import write_whole
from saggar.store import ObjectStore, media_type_of

Progress = Callable[[int, int], object]

CONFORMS_TO = "http://mlcommons.org/croissant/1.1"
TABLE, METADATA = "records.parquet", "croissant.json"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest that ZIP knows: equal data sets give equal archives
_CHUNK = 1 << 20
_BATCH = 20_000  # rows of the table in memory
_KINDS = {"width_px": "sc:Integer", "height_px": "sc:Integer", SYNTHETIC: "sc:Boolean"}
_MEANINGS = {
    FILE_NAME: "Name of the image's file. Names of synthetic images begin with 'synthetic-'.",
    "object_id": "Photographs of one object share it; they are never in different splits.",
    "split": "train, validation or test; empty where the data set was not split.",
    "origin": "real: a photograph; synthetic: drawn by a model, no such object exists.",
    "width_px": "Width in pixels.",
    "height_px": "Height in pixels.",
    "source": "Path that the photograph was imported from, or id of the prompt of a synthetic image.",
    "caption": "Caption or prompt.",
    "licence": "Licence of the photograph, as a URI.",
    "credit_line": "How its owner is to be named.",
    "object_url": "The owner's page of the object.",
    SYNTHETIC: "Whether a model has drawn the image.",
    "sha256": "SHA-256 of the image's file.",
}
# The context that the specification recommends, which readers compare with (its appendix 1).
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
} | {
    term: f"cr:{term}"
    for term in (
        *("arrayShape", "citeAs", "column", "containedIn", "equivalentProperty", "extract", "field"),
        *("fileObject", "fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset"),
        *("jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated"),
        *("replace", "samplingRate", "separator", "source", "subField", "transform"),
    )
}


def write_croissant(
    manifest: Manifest, store: ObjectStore, about: About, folder: Path, progress: Progress
) -> tuple[str, ...]:
    """Writes images, table and metadata into `folder`; one image is in memory at a time.

    Returns what is missing before the metadata can be published, in words.
    """
    kept = exported(manifest)
    images = folder / f"images-{about.dataset}.zip"
    with zipfile.ZipFile(images, "w", zipfile.ZIP_STORED) as archive:
        for done, row in enumerate(rows(kept), start=1):
            entry = zipfile.ZipInfo(f"images/{row.file_name}", _EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, read(store, row))
            progress(done, len(kept))
    _write_table(kept, folder / TABLE)
    files = [_file(folder / TABLE, "application/x-parquet"), _file(images, "application/zip")]
    text = json.dumps(metadata(kept, about, files), ensure_ascii=False, indent=2)
    write_whole(folder / METADATA, text.encode() + b"\n")
    return _missing(kept, about)


def metadata(kept: Manifest, about: About, files: list[dict[str, str]]) -> dict[str, Any]:
    """The JSON-LD; `files` are the table and the archive. What nobody has said is left out."""
    suffixes = sorted({image.rsplit(".", 1)[-1] for image in kept.frame["image"].tolist()})
    labels = {column: task for task, column in label_columns(kept.tasks).items()}
    columns = [name for name in _column_names(kept.tasks) if name != FILE_NAME]
    synthetic = ["synthetic data"] if kept.mask(origin="synthetic").any() else []
    known: dict[str, Any] = {
        "license": list(licences(kept, about)),
        "creator": {"@type": "sc:Organization", "name": about.creator} if about.creator else None,
        "url": about.url,
        "citeAs": about.cite_as,
    }
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": about.name,
        "description": " ".join(filter(None, (about.description, summary(kept)))),
        **{name: value for name, value in known.items() if value},
        "datePublished": about.published.isoformat(),
        "version": f"1.0.0+{about.dataset}",
        "keywords": ["ceramics", "porcelain", "image classification", *synthetic],
        "distribution": [
            *files,
            {
                "@type": "cr:FileSet",
                "@id": "images",
                "name": "images",
                "containedIn": {"@id": files[1]["@id"]},
                "encodingFormat": sorted({media_type_of(f"image.{each}", "image/*") for each in suffixes}),
                "includes": [f"images/*.{each}" for each in suffixes],
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "records",
                "name": "records",
                "description": "One record per image.",
                "key": {"@id": f"records/{FILE_NAME}"},
                "field": [
                    _field("image", "The image.", "sc:ImageObject", _from_files("content")),
                    _field(FILE_NAME, _MEANINGS[FILE_NAME], "sc:Text", _from_files("filename"))
                    | {"references": _from_table(FILE_NAME)},
                    *(
                        _label(column, labels[column])
                        if column in labels
                        else _field(column, _MEANINGS[column], _KINDS.get(column, "sc:Text"), _from_table(column))
                        for column in columns
                    ),
                ],
            }
        ],
    }


def _label(column: str, task: str) -> dict[str, Any]:
    return _field(column, f"Label of the task '{task}'; empty: unknown.", ["sc:Text", "cr:Label"], _from_table(column))


def _field(name: str, description: str, kind: str | list[str], source: dict[str, Any]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"records/{name}",
        "name": name,
        "description": description,
        "dataType": kind,
        "source": source,
    }


def _from_files(what: str) -> dict[str, Any]:
    return {"fileSet": {"@id": "images"}, "extract": {"fileProperty": what}}


def _from_table(column: str) -> dict[str, Any]:
    return {"fileObject": {"@id": TABLE}, "extract": {"column": column}}


def _column_names(tasks: tuple[str, ...]) -> list[str]:
    return [FILE_NAME, *label_columns(tasks).values(), *COLUMNS[1:]]


def _write_table(kept: Manifest, path: Path) -> None:
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    kinds = {"sc:Integer": pa.int32(), "sc:Boolean": pa.bool_(), "sc:Text": pa.string()}
    schema = pa.schema([(name, kinds[_KINDS.get(name, "sc:Text")]) for name in _column_names(kept.tasks)])
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(rows(kept)):
            lines = [values(row, kept.tasks) for row in batch]
            writer.write_table(pa.Table.from_pylist(lines, schema))


def _batches(found: Iterable[Row]) -> Iterator[list[Row]]:
    rest = iter(found)
    while batch := list(islice(rest, _BATCH)):
        yield batch


def _file(path: Path, media_type: str) -> dict[str, str]:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return {
        "@type": "cr:FileObject",
        "@id": path.name,
        "name": path.name,
        "contentUrl": path.name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": media_type,
        "sha256": digest.hexdigest(),
    }


def _missing(kept: Manifest, about: About) -> tuple[str, ...]:
    """Croissant requires licence, creator and URL; only people know them."""
    found = [name for name in ("creator", "url") if not getattr(about, name)]
    if not licences(kept, about):
        found.insert(0, "licence")
    remark = f"Croissant requires {', '.join(found)}: to be said before {METADATA} is published"
    return (*((remark,) if found else ()), *remarks(kept, about))
