"""What reads bytes from outside, each with sound examples: a refusal in words, or a result; never another error.

Used by tests/unit/core/test_fuzzed_readers.py (short, and the kept corpus) and bench/services/fuzz.py (hours, led by
coverage).
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError, Message
from hypothesis import strategies as st
from PIL import Image
from saggar.catalogue.mapping import map_rows
from saggar.catalogue.tables import read_catalogue
from saggar.dataset.manifest import Manifest, validate
from saggar.dataset.record import Record
from saggar.decoding import IMPORTED, read_image
from saggar.errors import InvalidInputError, SaggarError
from saggar.files.yamlfile import parse_yaml
from saggar.importing.tables.label_rows import checked_rows
from saggar.importing.tables.label_table import read_label_table
from saggar.importing.tables.labelbee import read_labelbee
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.job_settings.messages import from_message, to_message
from saggar.job_settings.review import ReviewSettings
from saggar.job_settings.screening import ScreenSettings
from saggar.job_settings.training import TrainingSettings
from saggar.rpc.refs import ref_from_proto
from saggar.store import DirectoryStore
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar.v1 import classifier_pb2, common_pb2, generator_pb2, qc_pb2, trainer_pb2
from saggar.webui.prompt_syntax import parse_negative_prompt, parse_prompt
from saggar_classifier import messages as classifier_messages
from saggar_classifier.protocols import tensors
from saggar_classifier.protocols.inference import grpc_service_pb2
from saggar_orchestrator.experiment.file import parse_experiment

SONG_YUAN, VISUAL = load_taxonomy("song-yuan-porcelain"), load_taxonomy("palace-visual")
KEPT = Path(__file__).resolve().parents[2] / "data" / "fuzz"  # KEPT/TARGET/*: what fuzzing found worth keeping
EXPERIMENTS = Path(__file__).resolve().parents[3] / "experiments"

LABELS = "image,dynasty,glaze,type,group\n0.jpg,Song,white,bowl,g\n1.jpg,Yuan,painted,vase,h\n"
CATALOGUE = 'sep=;\nNo;Title;Date\n1;Ding ware bowl, 12th century;Song dynasty\n2;"钧窑 天蓝釉\n碗";元代\n'
CATALOGUE_TEXTS = (
    "Longquan celadon dish, Southern Song to Yuan, 13th century",
    "景德镇窑青白釉刻花碗 宋(公元960-1279年)",
    "Jun ware (attributed), sky-blue glaze with purple splashes; not Guan",
)
PROMPTS = (
    "song dynasty, white glaze, vase <lora:glaze-type:0.4>, \\(bowl\\)",
    "-low quality, \\[cup\\], cracked",  # a negative prompt
)
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

CHANGE = st.tuples(
    st.sampled_from(["set", "insert", "cut", "double", "end"]),
    st.integers(0, 1 << 16),
    st.sampled_from([1, 2, 4, 20, 200]),
    st.binary(min_size=1, max_size=4)
    | st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"[", b'"', b": ", b"\0"]),
)
CHANGES = st.lists(CHANGE, min_size=1, max_size=4)


def changed(data: bytes, changes: list[tuple[str, int, int, bytes]]) -> bytes:
    """`data` with bytes set, put in, cut out, doubled and cut off."""
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


@dataclass(frozen=True)
class Target:
    """`read` gets the bytes, and a file that holds them; it raises SaggarError or gives up what it has read.

    `by_name`: what is refused is a file, so the refusal names it.
    """

    examples: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, Path], object]
    by_name: bool = True

    def tried(self, data: bytes, path: Path) -> bool:
        """Whether `data`, written to `path`, was read; False: refused. Raises whatever else it comes to."""
        path.write_bytes(data)
        try:
            self.read(data, path)
        except SaggarError as error:
            told = str(error)
            told.encode("utf-8")
            assert told.strip()
            assert not self.by_name or path.name in told, told
            return False
        return True


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


_SETTINGS: dict[str, tuple[Any, type[Message]]] = {
    "training": (TrainingSettings, trainer_pb2.TrainingSettings),
    "adapter": (AdapterSettings, generator_pb2.AdapterSettings),
    "generation": (GenerationSettings, generator_pb2.GenerationSettings),
    "screening": (ScreenSettings, qc_pb2.ScreenSettings),
    "review": (ReviewSettings, qc_pb2.ReviewSettings),
}


def requests() -> list[bytes]:
    """A byte that says which message, and the message; see `read_request`."""
    ref = common_pb2.ObjectRef(uri="store:images/aa/a.png", sha256="a" * 64, size_bytes=3, media_type="image/png")
    classify = classifier_pb2.ClassifyRequest(image=b"x", top_k=3, coverage=0.9, least_probability=0.5, neighbours=2)
    tensor = grpc_service_pb2.ModelInferRequest.InferInputTensor(name="encoded", datatype="BYTES", shape=[1])
    encoded = grpc_service_pb2.ModelInferRequest(inputs=[tensor], raw_input_contents=[b"\x01\0\0\0x"])
    pixels = grpc_service_pb2.ModelInferRequest.InferInputTensor(name="images", datatype="FP32", shape=[1, 3, 2, 2])
    prepared = grpc_service_pb2.ModelInferRequest(inputs=[pixels], raw_input_contents=[bytes(48)])
    settings = [to_message(kind(), message) for kind, message in _SETTINGS.values()]
    whole = [*settings, ref, classify, classifier_pb2.ClassifyBatchRequest(requests=[classify]), encoded]
    numbered = [bytes([number]) + message.SerializeToString() for number, message in enumerate(whole)]
    return [*numbered, bytes([len(whole) - 1]) + prepared.SerializeToString()]


def read_request(data: bytes, path: Path) -> None:
    """What a service does with a message before its work begins. Bytes that are no message never come to it."""
    kinds = [message for _, message in _SETTINGS.values()]
    further: list[type[Message]] = [
        common_pb2.ObjectRef,
        classifier_pb2.ClassifyRequest,
        classifier_pb2.ClassifyBatchRequest,
        grpc_service_pb2.ModelInferRequest,
    ]
    every = kinds + further
    number = data[0] % len(every) if data else 0
    try:
        message: Any = every[number].FromString(data[1:])
    except DecodeError:
        return
    if number < len(kinds):
        settings = [kind for kind, _ in _SETTINGS.values()][number]
        again = to_message(from_message(settings, message), kinds[number])
        assert from_message(settings, again) == from_message(settings, message)
    elif isinstance(message, common_pb2.ObjectRef):
        ref_from_proto(message)
    elif isinstance(message, classifier_pb2.ClassifyRequest):
        _asked(message, path)
    elif isinstance(message, classifier_pb2.ClassifyBatchRequest):
        for request in classifier_messages.batch(message):
            _asked(request, path)
    else:
        tensors.question(message, 2)


def _asked(request: classifier_pb2.ClassifyRequest, path: Path) -> None:
    classifier_messages.question(request)
    classifier_messages.photograph(request, _empty_store(path.parent / "store").read)


@cache
def _empty_store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder)


def read_any_manifest(data: bytes, path: Path) -> None:
    found = Manifest.from_parquet(data, path.name)
    try:
        validate(found, SONG_YUAN)
    except InvalidInputError as error:
        raise InvalidInputError(f"{path.name}: {error}") from None
    assert len(list(found.records())) == len(found)


def read_any_labels(_: bytes, path: Path) -> None:
    checked_rows(read_label_table(path, VISUAL.task_names), VISUAL, {})


def read_any_catalogue(_: bytes, path: Path) -> None:
    table = read_catalogue(path)
    assert len(list(map_rows(SONG_YUAN, table.header, table.rows)[1])) == len(table.numbers)


def read_any_text(data: bytes, _: Path) -> None:
    """A museum's sentence, as the only cell of a row."""
    text = data.decode("utf-8", "replace")
    (row,) = map_rows(SONG_YUAN, ["description"], [[text]])[1]
    for task in SONG_YUAN.tasks:
        assert row.labels[task.name] is None or row.labels[task.name] in task.codes


def read_any_export(_: bytes, path: Path) -> None:
    table, _, _ = read_labelbee(path, path.parent, VISUAL.tasks)
    checked_rows(table, VISUAL.narrowed([name for name in VISUAL.task_names if name in table.columns]), {})


def read_any_prompt(data: bytes, _: Path) -> None:
    text = data.decode("utf-8", "replace")
    if text.startswith("-"):
        parse_negative_prompt(text[1:])
    else:
        parse_prompt(text)


def read_any_experiment(data: bytes, path: Path) -> None:
    parse_experiment(data.decode("utf-8", "replace"), path.name, path.parent, (path.parent,))


TARGETS: dict[str, Target] = {
    "image": Target(images, lambda data, path: read_image(data, path.name, IMPORTED)),
    "manifest": Target(lambda: [manifest()], read_any_manifest),
    "taxonomy": Target(
        lambda: [TAXONOMY.encode()],
        lambda data, path: parse_yaml(data.decode("utf-8", "replace"), Taxonomy, path.name),
    ),
    "experiment": Target(
        lambda: [file.read_bytes() for file in sorted(EXPERIMENTS.glob("*.yaml"))], read_any_experiment
    ),
    "labels": Target(
        lambda: [LABELS.encode(), LABELS.encode("utf-16"), LABELS.replace("white", "白釉").encode("gb18030")],
        read_any_labels,
    ),
    "catalogue": Target(
        lambda: [CATALOGUE.encode(), CATALOGUE.encode("gb18030"), CATALOGUE.encode("utf-16-le")], read_any_catalogue
    ),
    "catalogue-text": Target(lambda: [text.encode() for text in CATALOGUE_TEXTS], read_any_text),
    "labelbee": Target(lambda: [export()], read_any_export),
    "prompt": Target(lambda: [text.encode() for text in PROMPTS], read_any_prompt, by_name=False),
    "request": Target(requests, read_request, by_name=False),
}
