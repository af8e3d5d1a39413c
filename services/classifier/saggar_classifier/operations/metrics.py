"""Metrics for Prometheus, over HTTP on a port of their own."""

from __future__ import annotations

from collections.abc import Iterator
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from saggar.bundle import BundleCard
from saggar.errors import BusyError, CancelledError, InvalidInputError, WrongStateError

from saggar_classifier.operations.drift import LATEST, Drift
from saggar_classifier.serving.desk import Desk
from saggar_classifier.serving.models import ModelSlot
from saggar_classifier.serving.observer import Remark

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_STAGES = ("queue", "decode", "network", "answer")
_OF_LATEST = f"of the latest {LATEST:,} answers"


class Metrics:
    """Counts what the desk tells. Safe to use from many threads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Histogram(
            "saggar_call_seconds",
            "Time of a call, by method and status code; count is the number of calls.",
            ("method", "code"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        stages = Histogram(
            "saggar_stage_seconds",
            "Time of one photograph in a stage: waiting for its turn, decoding, the network, the answer.",
            ("stage",),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self._stages = [stages.labels(stage) for stage in _STAGES]
        self._photographs = Counter(
            "saggar_photographs", "Photographs that were answered, by model.", ("model",), registry=self.registry
        )
        self._failed = Counter(
            "saggar_photographs_failed",
            "Photographs without an answer: queue full, caller gone, bad input, no model, or a fault.",
            ("reason",),
            registry=self.registry,
        )
        for reason in ("queue_full", "caller_gone", "bad_input", "no_model", "fault"):
            self._failed.labels(reason)
        self._drift = Drift()
        self._server: WSGIServer | None = None

    def watch(self, slot: ModelSlot, desk: Desk) -> None:
        """From now on also says what `slot` serves, and who waits at `desk`."""
        waiting = Gauge("saggar_queue_waiting", "Photographs that wait for their turn.", registry=self.registry)
        waiting.set_function(lambda: desk.waiting)
        threads = Gauge("saggar_threads", "Photographs that are classified at once.", registry=self.registry)
        threads.set(desk.count)
        ready = Gauge("saggar_ready", "1 where there is a model that works, else 0.", registry=self.registry)
        ready.set_function(lambda: float(slot.readiness.ready))
        self.registry.register(_OfModel(slot, self._drift))

    def answered(self, remark: Remark) -> None:
        timing = remark.timing
        spent = (timing.queue_s, timing.decode_s, timing.network_s, timing.answer_s)
        for stage, seconds in zip(self._stages, spent, strict=True):
            stage.observe(seconds)
        self._photographs.labels(remark.model_id).inc()
        self._drift.note(remark)

    def failed(self, error: BaseException) -> None:
        self._failed.labels(_reason(error)).inc()

    def serve(self, address: str) -> int:
        """Answers `GET /metrics` at host:port, by a thread of its own; the port. WrongStateError where it is taken."""
        host, _, port = address.rpartition(":")
        try:
            self._server, _ = start_http_server(int(port), host.strip("[]"), self.registry)
        except OSError as error:
            raise WrongStateError(
                f"cannot listen on {address} for metrics ({error.strerror or error}); set SAGGAR_METRICS_LISTEN to "
                "another host:port"
            ) from None
        return int(self._server.server_port)

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def training_shares(card: BundleCard) -> dict[str, dict[str, float]]:
    """Task -> code -> share among the training photographs, as far as the bundle's rules of sets say it."""
    found = {}
    for task in card.taxonomy.tasks:
        rules = card.prediction_sets.get(task.name, ())
        prevalence = next((rule.prevalence for rule in rules if len(rule.prevalence) == len(task.codes)), None)
        if prevalence:
            found[task.name] = dict(zip(task.codes, prevalence, strict=True))
    return found


class _OfModel(Collector):
    """What is served, and whether its latest answers are like its training, computed when it is asked for."""

    def __init__(self, slot: ModelSlot, drift: Drift) -> None:
        self._slot = slot
        self._drift = drift

    def collect(self) -> Iterator[Metric]:
        model = self._slot.model
        if model is None:
            return
        about = {
            "model": model.model_id,
            "provider": model.network.provider,
            "precision": model.precision,
            "preprocessing": model.speaker.preprocessing_sha256,
        }
        yield InfoMetricFamily("saggar_model", "The model that is served.", value=about)
        training = training_shares(model.card)
        share = GaugeMetricFamily(
            "saggar_training_class_share", "Share of a class among the training photographs.", labels=("task", "class")
        )
        for task, known in training.items():
            for code, value in known.items():
                share.add_metric((task, code), value)
        yield share
        shares = self._drift.shares(model.model_id)
        if shares is None:
            return
        yield GaugeMetricFamily("saggar_latest_answers", "Answers that the shares below are of.", shares.answers)
        if shares.not_porcelain is not None:
            text = f"Share {_OF_LATEST} that are unlike the training photographs."
            yield GaugeMetricFamily("saggar_latest_not_porcelain_share", text, shares.not_porcelain)
        doubtful = GaugeMetricFamily(
            "saggar_latest_abstained_share", f"Share {_OF_LATEST} without an answer for the task.", labels=("task",)
        )
        classes = GaugeMetricFamily(
            "saggar_latest_class_share", f"Share of a class {_OF_LATEST}.", labels=("task", "class")
        )
        distance = GaugeMetricFamily(
            "saggar_latest_class_distance",
            "Total variation between the latest answers' classes and the training's: 0 alike, 1 disjoint.",
            labels=("task",),
        )
        for task, codes in shares.classes.items():
            doubtful.add_metric((task,), shares.abstained[task])
            for code, value in codes.items():
                classes.add_metric((task, code), value)
            if task in training:
                distance.add_metric((task,), shares.distance(task, training[task]))
        yield from (doubtful, classes, distance)


def _reason(error: BaseException) -> str:
    if isinstance(error, BusyError):
        return "queue_full"
    if isinstance(error, CancelledError):
        return "caller_gone"
    if isinstance(error, InvalidInputError):
        return "bad_input"
    return "no_model" if isinstance(error, WrongStateError) else "fault"
