"""Readers of files from anywhere, given damaged ones: a refusal in words, or a result; never another error.

The corpus is made here. `hypothesis` decides where bytes are changed, doubled, cut out and cut off.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import examples
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.tables import read_catalogue
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.record import Record
from saggar.decoding import IMPORTED, read_image
from saggar.errors import SaggarError
from saggar.files.yamlfile import parse_yaml
from saggar.importing.tables.label_rows import checked_rows
from saggar.importing.tables.label_table import read_label_table
from saggar.importing.tables.labelbee import read_labelbee
from saggar.taxonomy import Taxonomy, load_taxonomy

SONG_YUAN, VISUAL = load_taxonomy("song-yuan-porcelain"), load_taxonomy("palace-visual")
LABELS = "image,dynasty,glaze,type,group\n0.jpg,Song,white,bowl,g\n1.jpg,Yuan,painted,vase,h\n"
CATALOGUE = 'sep=;\nNo;Title;Date\n1;Ding ware bowl, 12th century;Song dynasty\n2;"钧窑 天蓝釉\n碗";元代\n'
TAXONOMY = """\
id: tiny
title: Two glazes
caption: ["{glaze} glaze"]
prompt: ["{glaze} glaze with {glaze:description}"]
sources: {k: A book}
tasks:
  - name: glaze
    kind: glaze
    classes:
      - {code: A, names: {en: a}, phrase: aa, description: first, years: [960, 1279], yields_to: [B]}
      - {code: B, names: {en: b}, phrase: bb, description: second, source: [k]}
  - name: type
    kind: form
    classes:
      - {code: C, names: {en: c}, phrase: cc}
      - {code: D, names: {en: d}, phrase: dd}
combinations: [{labels: {glaze: [A], type: [C]}, source: [k]}]
"""


def images() -> list[bytes]:
    values = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    picture = Image.fromarray(values).resize((64, 48))
    grey = np.asarray(picture.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds: list[tuple[Image.Image, str, dict[str, Any]]] = [
        (picture, "JPEG", {"exif": exif}),
        (picture, "JPEG", {"progressive": True}),
        (picture, "PNG", {}),
        (Image.fromarray(grey.astype(np.uint16) * 16), "PNG", {}),
        (Image.fromarray(grey.astype(np.uint16) * 16), "TIFF", {}),
        (Image.fromarray(grey.astype(np.float32) / 255), "TIFF", {}),
        (picture.resize((16, 12)), "TIFF", {"save_all": True, "append_images": [picture.copy()]}),
        (picture, "MPO", {"save_all": True, "append_images": [picture.copy()]}),
        (picture, "WEBP", {}),
        (picture, "GIF", {}),
    ]
    files = []
    for image, kind, options in kinds:
        out = io.BytesIO()
        image.copy().save(out, kind, **options)  # saving as JPEG leaves its settings behind
        files.append(out.getvalue())
    return files


def manifest() -> bytes:
    labels = {"dynasty": "Song", "kiln": None, "glaze": "White", "type": "Bowl"}
    return Manifest.from_records(
        [Record(f"{n}.jpg", str(n), labels) for n in range(3)], SONG_YUAN.task_names
    ).to_parquet()


def export() -> bytes:
    old = {
        "step_1": {"toolName": "tagTool", "result": [{"result": {"glaze": "white", "type": ["bowl"]}}]},
        "valid": True,
    }
    new = {"annotations": [{"toolName": "tagTool", "result": [{"value": {"glaze": ["white"]}}]}]}
    return json.dumps(
        [{"fileName": "a.jpg", "url": "file:///x/a.jpg", "result": json.dumps(old)}, {"result": new}]
    ).encode()


CORPUS = {
    "image": images(),
    "manifest": [manifest()],
    "taxonomy": [TAXONOMY.encode()],
    "labels": [LABELS.encode(), LABELS.encode("utf-16"), LABELS.replace("white", "白釉").encode("gb18030")],
    "catalogue": [CATALOGUE.encode(), CATALOGUE.encode("gb18030"), CATALOGUE.encode("utf-16-le")],
    "labelbee": [export()],
}

CHANGE = st.tuples(
    st.sampled_from(["set", "insert", "cut", "double", "end"]),
    st.integers(0, 1 << 16),
    st.sampled_from([1, 2, 4, 20, 200]),
    st.binary(min_size=1, max_size=4)
    | st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"[", b'"', b": ", b"\0"]),
)


def changed(data: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    for kind, place, length, new in changes:
        at = place % (len(data) + 1)
        if kind == "set":
            data = data[:at] + new + data[at + len(new) :]
        elif kind == "insert":
            data = data[:at] + new + data[at:]
        elif kind == "cut":
            data = data[:at] + data[at + length :]
        elif kind == "double":
            data = data[:at] + data[at : at + length] + data[at:]
        else:
            data = data[:at]
    return data


def read_any_manifest(data: bytes, path: Path) -> None:
    found = Manifest.from_parquet(data, path.name)
    validate(found, SONG_YUAN)
    assert len(list(found.records())) == len(found)


def read_any_labels(_: bytes, path: Path) -> None:
    checked_rows(read_label_table(path, VISUAL.task_names), VISUAL, {})


def read_any_catalogue(_: bytes, path: Path) -> None:
    table = read_catalogue(path)
    assert len(list(map_rows(SONG_YUAN, table.header, table.rows)[1])) == len(table.numbers)


def read_any_export(_: bytes, path: Path) -> None:
    table, _, _ = read_labelbee(path, path.parent, VISUAL.tasks)
    checked_rows(table, VISUAL.narrowed([name for name in VISUAL.task_names if name in table.columns]), {})


READERS: dict[str, Callable[[bytes, Path], object]] = {
    "image": lambda data, path: read_image(data, path.name, IMPORTED),
    "manifest": read_any_manifest,
    "taxonomy": lambda data, path: parse_yaml(data.decode("utf-8", "replace"), Taxonomy, path.name),
    "labels": read_any_labels,
    "catalogue": read_any_catalogue,
    "labelbee": read_any_export,
}


@pytest.mark.parametrize("reader", READERS)
@examples(40, one_fixture_for_all=True)
@given(number=st.integers(0, 99), changes=st.lists(CHANGE, min_size=1, max_size=4))
def test_damaged_files_are_read_or_refused(
    reader: str, number: int, changes: list[tuple[str, int, int, bytes]], tmp_path: Path
) -> None:
    files = CORPUS[reader]
    data = changed(files[number % len(files)], changes)
    path = tmp_path / "damaged"
    path.write_bytes(data)
    told = path.name
    try:
        READERS[reader](data, path)
    except SaggarError as error:
        told = str(error)
    assert path.name in told  # whatever is refused is named
    told.encode("utf-8")


@pytest.mark.parametrize("reader", READERS)
def test_the_corpus_itself_can_be_read(reader: str, tmp_path: Path) -> None:
    for data in CORPUS[reader]:
        path = tmp_path / "whole"
        path.write_bytes(data)
        READERS[reader](data, path)
