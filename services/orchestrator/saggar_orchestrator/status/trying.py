"""One photograph, what the serving model says of it, and where that comes from. The photograph is not kept."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, Response
from PIL import Image
from saggar.decoding import decode
from saggar.errors import InvalidInputError, SaggarError
from saggar.pages.site import in_thread, language_of
from saggar.pages.words import WORDS as SHARED
from saggar.pages.words import task_name
from saggar.v1 import classifier_pb2
from starlette.datastructures import UploadFile

from saggar_orchestrator.explanations.explaining import ExplainedClass, explain_photograph
from saggar_orchestrator.status.site import Actor, Reader, Site
from saggar_orchestrator.status.words import WORDS

LARGEST_PHOTOGRAPH = 16 * 2**20  # bytes, as the classifier has it
LARGEST_UPLOAD = LARGEST_PHOTOGRAPH + 64 * 1024  # with what a form adds
_DEADLINE_S = 60.0
_TOP, _NEIGHBOURS = 4, 6
_SHOWN_PX, _SMALL_PX = 448, 256
_explaining = threading.Semaphore(1)  # loads a network


@dataclass(frozen=True)
class Said:
    """What the model says of one task. `name` is empty where it abstains; `others` are name and percent."""

    task: str
    name: str
    percent: str
    others: tuple[tuple[str, str], ...]
    abstention: str
    chosen: tuple[str, ...]  # the prediction set
    coverage: str
    calibrated: bool


@dataclass(frozen=True)
class Nearest:
    """A training photograph that is like it."""

    image: str  # key
    caption: str
    distance: str
    credit: str


@dataclass(frozen=True)
class Tile:
    """A picture in the page itself, and what it shows."""

    data: str
    caption: str


@dataclass(frozen=True)
class Tried:
    """All of it."""

    model: str
    photograph: str  # in the page itself
    said: tuple[Said, ...]
    together: str  # the likeliest combination, where the likeliest classes do not go together
    strange: bool
    nearest: tuple[Nearest, ...]
    tiles: tuple[Tile, ...]
    unexplained: str  # why there are no tiles
    notes: tuple[str, ...]


def add_trying(app: FastAPI, site: Site) -> None:
    """Routes of the page, and of training photographs as small pictures."""

    @app.get("/try")
    def ask(request: Request, _reader: Reader) -> HTMLResponse:
        return site.show("try.html", request, tried=None, problem="")

    @app.post("/try")
    async def answer(request: Request, _actor: Actor) -> Response:
        async with request.form(max_files=1, max_fields=4) as form:  # its files are gone at the end
            sent = form.get("photograph")
            data = await sent.read() if isinstance(sent, UploadFile) else b""
            name = sent.filename or "" if isinstance(sent, UploadFile) else ""
        return await in_thread(_answer, site, request, data, name)

    @app.get("/pictures/{key:path}")
    def picture(key: str, _actor: Actor) -> Response:
        image = decode(site.store.get(f"images/{key}"), key, enough_px=_SMALL_PX)
        headers = {"Cache-Control": "private, max-age=31536000, immutable"}
        return Response(_jpeg(image, _SMALL_PX), media_type="image/jpeg", headers=headers)


def _answer(site: Site, request: Request, data: bytes, name: str) -> HTMLResponse:
    language = language_of(request)
    if not data:
        return site.show("try.html", request, 400, tried=None, problem=site.look.words[language]["no_file"])
    try:
        tried = try_photograph(site, data, name or "the photograph", language)
    except InvalidInputError as error:
        return site.show("try.html", request, 400, tried=None, problem=str(error))
    except SaggarError as error:
        return site.show("try.html", request, 503, tried=None, problem=str(error))
    return site.show("try.html", request, tried=tried, problem="")


def try_photograph(site: Site, data: bytes, name: str, language: str) -> Tried:
    """Raises InvalidInputError for what is no photograph, and the classifier's errors."""
    if len(data) > LARGEST_PHOTOGRAPH:
        raise InvalidInputError(f"{name}: {len(data):,} bytes; a photograph may have {LARGEST_PHOTOGRAPH:,} at most")
    photograph = decode(data, name, enough_px=_SHOWN_PX)
    request = classifier_pb2.ClassifyRequest(image=data, top_k=_TOP, neighbours=_NEIGHBOURS)
    found = site.peers.call("classifier", "Classify", request, _DEADLINE_S)
    names = _names(site, found, language)
    tiles, unexplained = _tiles(site, found.model_id, data, name, names, language)
    return Tried(
        model=found.model_id,
        photograph=_inline(photograph),
        said=tuple(
            _said(prediction, names, language, strange=found.not_porcelain.not_porcelain)
            for prediction in found.predictions
        ),
        together=_together(found, names, language),
        strange=found.not_porcelain.not_porcelain,
        nearest=tuple(_nearest(neighbour, names, language) for neighbour in found.neighbours),
        tiles=tiles,
        unexplained=unexplained,
        notes=tuple(found.notes),
    )


def _names(site: Site, found: classifier_pb2.ClassifyResponse, language: str) -> dict[tuple[str, str], str]:
    """By task and code, tasks in their order; of all classes, where the classifier describes its model."""
    names = {
        (prediction.task, each.code): _name(each, language)
        for prediction in found.predictions
        for each in prediction.classes
    }
    try:
        request = classifier_pb2.DescribeModelRequest(model_id=found.model_id)
        described = site.peers.call("classifier", "DescribeModel", request, _DEADLINE_S)
    except SaggarError:  # what was answered has its names
        return names
    return names | {(task.task, each.code): _name(each, language) for task in described.tasks for each in task.classes}


def _said(
    prediction: classifier_pb2.TaskPrediction, names: Mapping[tuple[str, str], str], language: str, *, strange: bool
) -> Said:
    """A set's promise is for photographs like those of the calibration: a `strange` one has none."""
    best, *others = prediction.classes
    of_set = next((each for each in prediction.prediction_sets if each.kind == "marginal" and not strange), None)
    abstains = prediction.HasField("abstention")
    shown = [best, *others] if abstains else others
    return Said(
        task=task_name(prediction.task, language),
        name="" if abstains else names[prediction.task, best.code],
        percent="" if abstains else _percent(best.probability),
        others=tuple((names[prediction.task, each.code], _percent(each.probability)) for each in shown[:3]),
        abstention=_why(prediction.abstention, language) if abstains else "",
        chosen=() if of_set is None else tuple(names.get((prediction.task, code), code) for code in of_set.codes),
        coverage="" if of_set is None else f"{100 * of_set.coverage:g}",
        calibrated=prediction.calibrated,
    )


def _why(abstention: classifier_pb2.Abstention, language: str) -> str:
    """Of a photograph that is unlike all others the page says so once, for all tasks."""
    if abstention.reason == classifier_pb2.ABSTENTION_REASON_UNLIKE_TRAINING:
        return ""
    if abstention.reason == classifier_pb2.ABSTENTION_REASON_IMPROBABLE:
        return WORDS[language]["improbable"].format(_percent(abstention.value), _percent(abstention.threshold))
    return abstention.explanation


def _together(found: classifier_pb2.ClassifyResponse, names: Mapping[tuple[str, str], str], language: str) -> str:
    if not found.HasField("combination") or found.combination.best_classes_agree:
        return ""
    return _labels(found.combination.labels, names, language)


def _labels(labels: Mapping[str, str], names: Mapping[tuple[str, str], str], language: str) -> str:
    order = list(dict.fromkeys(task for task, _ in names))
    tasks = sorted(labels, key=lambda task: order.index(task) if task in order else len(order))
    parts = [names.get((task, labels[task]), labels[task]) for task in tasks]
    return SHARED[language]["between"].join(parts)


def _nearest(neighbour: classifier_pb2.Neighbour, names: Mapping[tuple[str, str], str], language: str) -> Nearest:
    credit = ", ".join(filter(None, (neighbour.source, neighbour.credit_line, neighbour.licence)))
    caption = _labels(neighbour.labels, names, language)
    return Nearest(neighbour.image.removeprefix("images/"), caption, f"{neighbour.distance:.2f}", credit)


def _tiles(
    site: Site, model: str, data: bytes, name: str, names: Mapping[tuple[str, str], str], language: str
) -> tuple[tuple[Tile, ...], str]:
    """Heat over the photograph for the likeliest class of every task; else why there is none."""
    from saggar_orchestrator.explanations.drawing import overlay  # takes matplotlib along

    try:
        with _explaining:
            found = explain_photograph(site.store, model, data, name, 1)
    except SaggarError as error:
        return (), str(error)
    tiles = [
        Tile(
            _inline(overlay(found.photograph, classes[0].heat)),
            _caption(task, classes[0], names, language),
        )
        for task, classes in found.classes.items()
    ]
    return tuple(tiles), ""


def _caption(task: str, found: ExplainedClass, names: Mapping[tuple[str, str], str], language: str) -> str:
    name = names.get((task, found.code), found.name)
    colon = SHARED[language]["colon"]
    return f"{task_name(task, language)}{colon}{name} {_percent(found.probability)} %"


def _name(found: classifier_pb2.ClassProbability | classifier_pb2.ClassDescription, language: str) -> str:
    chinese: Sequence[str] = (found.name_zh_hans, found.name_zh_hant) if language == "zh" else ()
    return next(filter(None, (*chinese, found.name)), found.code)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}" if 0.01 <= share <= 0.995 else f"{100 * share:.1f}"


def _inline(image: Image.Image) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(_jpeg(image, _SHOWN_PX)).decode()}"


def _jpeg(image: Image.Image, side: int) -> bytes:
    small = image.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=88)
    return out.getvalue()
