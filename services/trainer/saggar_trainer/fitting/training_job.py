"""One training job: from a manifest in the store to a bundle in the store."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from saggar.bundle import write_bundle
from saggar.dataset import leakage
from saggar.dataset.manifest import Manifest, validate
from saggar.errors import InvalidInputError, NotFoundError
from saggar.job_settings.training import TrainingSettings
from saggar.progress import Progress
from saggar.store import ObjectRef, ObjectStore
from saggar.stored_datasets import read_manifest
from saggar.taxonomy import Taxonomy

from saggar_trainer import results
from saggar_trainer.data.reading import read_taxonomy
from saggar_trainer.data.rows import Samples, samples_of
from saggar_trainer.evidence.unseen import WHERE_UNSEEN, UnseenAnswers
from saggar_trainer.export.checking import check_export
from saggar_trainer.export.companions import Exported, companions_of
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.fitting import checkpoint
from saggar_trainer.fitting.bundle_certainty import certainty_of, evidence_of, first_images, look
from saggar_trainer.fitting.completing.discriminating import discriminate
from saggar_trainer.fitting.completing.finishing import Plain, finish
from saggar_trainer.fitting.course import best_epoch
from saggar_trainer.fitting.lessons import Classroom, Workplace
from saggar_trainer.fitting.loop import Examples, Lessons, macro_f1_of
from saggar_trainer.fitting.objective import log_priors, task_weight, taught_rows, taught_tasks
from saggar_trainer.fitting.teaching import checkpoint_key, first_network, fitted
from saggar_trainer.group import Team
from saggar_trainer.listening import EpochScores, TrainingWork
from saggar_trainer.model.backbone import input_spec
from saggar_trainer.model.ensemble import together
from saggar_trainer.model.network import MultiTaskClassifier

__all__ = ["TrainingJob", "TrainingOutcome", "Workplace", "finished_outcome", "outcome_from_json", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingJob:
    """What to train on, how, and what to note in the bundle's card."""

    manifest: ObjectRef
    taxonomy: ObjectRef
    settings: TrainingSettings
    annotations: Mapping[str, str] = field(default_factory=dict)
    fresh: str = ""  # what equal jobs of another token have left is not taken over


@dataclass(frozen=True)
class TrainingOutcome:
    """What a finished job left in the store."""

    bundle: ObjectRef
    history: ObjectRef
    best_epoch: int
    validation_macro_f1: float
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Taught:
    """Networks that have learnt, and what the rest of their job needs."""

    name: str  # of the job, by its inputs
    initial_weights: str
    room: Classroom
    manifest: Manifest
    tasks: tuple[str, ...]
    lessons: Lessons
    warnings: tuple[str, ...]
    networks: Sequence[MultiTaskClassifier]
    histories: Sequence[tuple[EpochScores, ...]]


def train(job: TrainingJob, at: Workplace, work: TrainingWork | None = None) -> TrainingOutcome:
    """Train, or return what an equal job has left, or continue it from its last checkpoint.

    With `at.team` this is its first process: it says and writes what there is to say and to write, and what follows the
    last epoch is its alone.

    Raises InvalidInputError, NotFoundError, WrongStateError (the loss is not finite), CancelledError, and the
    store's errors.
    """
    taught = _teach(job, at, work or TrainingWork())
    return taught if isinstance(taught, TrainingOutcome) else _complete(job, taught)


def train_along(job: TrainingJob, at: Workplace, work: TrainingWork) -> None:
    """Take part in what `train` does, as another process of `at.team`; it is done after the last epoch."""
    _teach(job, at, work)


def finished_outcome(job: TrainingJob, at: Workplace) -> TrainingOutcome | None:
    """What an equal job has left, if it has ended. Raises NotFoundError where its initial weights are missing."""
    return _finished(at.store, results.request_hash("train", _inputs(job, _initial_weights(job.settings), at)))


def _teach(job: TrainingJob, at: Workplace, work: TrainingWork) -> _Taught | TrainingOutcome:
    """The part of a job that a team does together."""
    settings = job.settings
    initial_weights = _initial_weights(settings)
    name = results.request_hash("train", _inputs(job, initial_weights, at))
    finished = _finished(at.store, name)
    if at.team.agree(finished is not None) and (finished := finished or _finished(at.store, name)):
        return finished
    room, manifest, tasks = _read(job, at, work)
    torch.set_num_threads(max(1, at.threads // at.team.size))
    networks = [first_network(room, tasks, member) for member in range(settings.ensemble)]
    warnings = (*networks[0][1], *notes_on_teaching(room.training, room.taxonomy, settings))
    if at.team.first:
        for warning in warnings:
            log.warning("%s", warning)
    lessons = room.lessons()
    histories = [fitted(network, room, lessons, name, member) for member, (network, _) in enumerate(networks)]
    at.team.dissolve()
    room = replace(room, at=replace(at, team=Team()))
    return _Taught(
        name, initial_weights, room, manifest, tasks, lessons, warnings, [network for network, _ in networks], histories
    )


def _complete(job: TrainingJob, taught: _Taught) -> TrainingOutcome:
    """Everything that follows the last epoch."""
    settings, room, lessons, histories = job.settings, taught.room, taught.lessons, taught.histories
    taxonomy, spec, at, work = room.taxonomy, room.spec, room.at, room.work
    manifest, tasks, warnings, initial_weights = taught.manifest, taught.tasks, taught.warnings, taught.initial_weights
    torch.set_num_threads(at.threads)
    photographs, everything = (room.plain_training(real_only=real_only) for real_only in (True, False))
    heads = everything if settings.retrain_heads == "all" else photographs
    plain = Plain(statistics=photographs if settings.batch_norm == "real" else everything, heads=heads)
    best = best_epoch(histories[0])
    model = together(taught.networks)
    priors = log_priors(room.training, taxonomy, settings)
    finished_by = finish(model, lessons, plain, settings, priors=priors, device=at.device, work=work)
    unseen = _discriminants(model, room, lessons, heads)
    chosen = finished_by.chosen | _kept(unseen, room) | _of_members(histories)
    macro_f1 = dict(best.validation_macro_f1_by_task)
    if chosen or unseen:
        macro_f1 = _validated(model, room, lessons, unseen)
    mean = sum(macro_f1.values()) / len(macro_f1)

    model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    seen = look(model, room, lessons, photographs)
    certainty = certainty_of(seen, room, finished_by.chosen.get("logit_adjustment_tau", {}), unseen)
    work.report(Progress("exporting"))
    onnx = to_onnx(model, spec.size_px)
    golden = check_export(onnx, model, first_images(lessons))
    exported = Exported(model, onnx, golden, taxonomy.narrowed(tasks), settings)
    companions = companions_of(exported, evidence_of(seen, room, lessons, photographs, manifest), work)
    shown = _without_path(settings).model_dump(mode="json")
    _, bundle = write_bundle(
        at.store,
        onnx,
        checkpoint.weights_to_bytes(model.state_dict()),
        taxonomy=exported.taxonomy,
        not_answered=tuple(task for task in taxonomy.task_names if task not in tasks),
        input_spec=spec,
        architecture=settings.architecture,
        initial_weights=initial_weights,
        warnings=warnings,
        training=shown | {"manifest": job.manifest.sha256, "precision": at.precision},
        metrics={
            "best_epoch": best.epoch,
            "validation_macro_f1": mean,
            "validation_macro_f1_by_task": macro_f1,
            **chosen,
        },
        annotations=job.annotations,
        certainty=certainty,
        companions=companions,
    )
    history = {
        "settings": shown,
        "initial_weights": initial_weights,
        "warnings": list(warnings),
        "counts": _counts(manifest),
        "best_epoch": best.epoch,
        "steps": sum(scores.steps for history in histories for scores in history),
        "finishing": chosen,
        "epochs": [asdict(scores) for scores in histories[0]],
        "epochs_of_other_members": [[asdict(scores) for scores in history] for history in histories[1:]],
    }
    outcome = TrainingOutcome(
        bundle=bundle,
        history=results.put_json(at.store, "histories", history),
        best_epoch=best.epoch,
        validation_macro_f1=mean,
        warnings=warnings,
    )
    kept = results.keep(at.store, taught.name, asdict(outcome))
    for member in range(settings.ensemble):
        at.store.delete(checkpoint_key(taught.name, member))
    return outcome_from_json(kept)


def _of_members(histories: Sequence[Sequence[EpochScores]]) -> dict[str, Any]:
    """What each network of an ensemble came to, for the card."""
    if len(histories) == 1:
        return {}
    best = [best_epoch(history) for history in histories]
    return {"members": [{"best_epoch": one.epoch, "validation_macro_f1": one.validation_macro_f1} for one in best]}


def _discriminants(
    model: MultiTaskClassifier, room: Classroom, lessons: Lessons, heads: Callable[[], Examples]
) -> UnseenAnswers | None:
    """The heads fitted anew, and what heads that have not seen a photograph say of it; None where this is off."""
    if room.settings.retrain_heads == "none" or room.settings.head_fit == "logistic":
        return None
    room.work.report(Progress("fitting discriminants"))
    return discriminate(model, room, lessons, heads(), room.at.device)


def _validated(
    model: MultiTaskClassifier, room: Classroom, lessons: Lessons, unseen: UnseenAnswers | None
) -> dict[str, float]:
    """Macro-F1 of the validation split by task, once heads or statistics have changed."""
    if unseen is not None:
        return unseen.first(len(room.validation)).macro_f1()
    return macro_f1_of(model, lessons, room.settings, room.at.device)


def _kept(unseen: UnseenAnswers | None, room: Classroom) -> dict[str, Any]:
    """Where the answers to validation photographs lie that have taught the heads, for the card."""
    if unseen is None or not room.settings.validation_teaches_heads:
        return {}
    return {WHERE_UNSEEN: unseen.first(len(room.validation)).keep(room.at.store).to_json()}


def _read(job: TrainingJob, at: Workplace, work: TrainingWork) -> tuple[Classroom, Manifest, tuple[str, ...]]:
    """The rows with all that belongs to them, the manifest, and the tasks that are taught. Raises InvalidInputError."""
    settings = job.settings
    work.report(Progress("reading the data set"))
    taxonomy = read_taxonomy(at.store, job.taxonomy)
    settings.check_tasks(taxonomy)
    manifest = read_manifest(at.store, job.manifest)
    validate(manifest, taxonomy)
    leakage.check(manifest)
    training = samples_of(manifest.select(split="train"), taxonomy)
    validation = samples_of(manifest.select(split="validation"), taxonomy)
    _check_rows(training, validation, job.manifest.key)
    tasks = taught_tasks(training, taxonomy, settings)
    if not tasks:
        reasons = "; ".join(notes_on_teaching(training, taxonomy, settings))
        raise InvalidInputError(
            f"{job.manifest.key}: no task can be taught ({reasons}); label training images, or give a "
            "task with labels a weight above 0"
        )
    return Classroom(training, validation, taxonomy, settings, input_spec(settings), at, work), manifest, tasks


def notes_on_teaching(training: Samples, taxonomy: Taxonomy, settings: TrainingSettings) -> tuple[str, ...]:
    """A sentence per task that is not taught, or has classes without a taught row, or one class only."""
    found = []
    for task in taxonomy.tasks:
        if task_weight(taxonomy, task.name, settings) == 0:
            found.append(f"{task.name}: its weight is 0, so it is not taught, scored or served")
            continue
        taught = training.labels[task.name][taught_rows(training, task.name, settings) > 0]
        present = {int(index) for index in taught}
        missing = [code for index, code in enumerate(task.codes) if index not in present]
        if not present:
            found.append(f"{task.name}: no training image teaches it, so it is not scored or served")
        elif len(present) == 1 and len(task.codes) > 1:
            (only,) = (task.codes[index] for index in present)
            found.append(f"{task.name}: all training images are {only}, so that is all the model can answer")
        elif missing:
            found.append(f"{task.name}: no training image of {', '.join(missing)}; the model cannot know them")
    return tuple(found)


def _inputs(job: TrainingJob, initial_weights: str, at: Workplace) -> dict[str, Any]:
    return {
        "manifest": job.manifest.sha256,
        "taxonomy": job.taxonomy.sha256,
        "settings": _without_path(job.settings).model_dump(mode="json"),
        "initial_weights": initial_weights,
        "annotations": dict(job.annotations),
        "torch": torch.__version__,  # another version rounds otherwise
        **({"fresh": job.fresh} if job.fresh else {}),
        "precision": at.precision,
    }


def _initial_weights(settings: TrainingSettings) -> str:
    """What the first weights are, a file by its content; raises NotFoundError when it is missing."""
    if settings.initial_weights == "imagenet":
        return "imagenet (torchvision IMAGENET1K_V2)"
    if settings.initial_weights == "random":
        return "random"
    path = Path(settings.initial_weights_path)
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise NotFoundError(
            f"initial weights {path}: {error.strerror or error} on the trainer's machine; check initial_weights_path",
            str(path),
        ) from None
    return f"file {path.name} (sha256 {digest})"


def _without_path(settings: TrainingSettings) -> TrainingSettings:
    """Where the weights lie on this machine is nobody else's business and changes no result."""
    return settings.with_values(initial_weights_path=Path(settings.initial_weights_path).name)


def _finished(store: ObjectStore, name: str) -> TrainingOutcome | None:
    found = results.find(store, name)
    if found is None:
        return None
    outcome = outcome_from_json(found)
    return outcome if store.exists(outcome.bundle.key) and store.exists(outcome.history.key) else None


def outcome_from_json(kept: Mapping[str, Any]) -> TrainingOutcome:
    """The outcome of which `kept` is `asdict`, from JSON."""
    return TrainingOutcome(
        bundle=ObjectRef.from_json(kept["bundle"]),
        history=ObjectRef.from_json(kept["history"]),
        best_epoch=kept["best_epoch"],
        validation_macro_f1=kept["validation_macro_f1"],
        warnings=tuple(kept["warnings"]),
    )


def _check_rows(training: Samples, validation: Samples, source: str) -> None:
    for split, samples, least in (("train", training, 2), ("validation", validation, 1)):
        if len(samples) < least:
            raise InvalidInputError(
                f"{source} has {len(samples)} rows in split {split}; at least {least} are needed: split the data "
                "set first"
            )


def _counts(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Rows by split and origin."""
    frame = manifest.frame[manifest.frame["split"].notna()]
    counts: dict[str, dict[str, int]] = {}
    for (split, origin), rows in frame.groupby(["split", "origin"], sort=True):
        counts.setdefault(str(split), {})[str(origin)] = len(rows)
    return counts
