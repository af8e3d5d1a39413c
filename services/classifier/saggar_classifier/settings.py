"""The classifier's settings, beside those that every service has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from saggar.settings import Address, Guard, ServiceSettings

Provider = Literal["auto", "cpu", "cuda", "tensorrt", "openvino"]
Precision = Literal["float32", "reduced"]


class ClassifierSettings(ServiceSettings):
    """What the classifier needs to run."""

    model: str = Field(
        "",
        description="bundle to serve, e.g. bundles/0123456789abcdef/bundle.json; "
        "unset: the one that was activated last",
    )
    threads: int = Field(
        0,
        ge=0,
        le=256,
        description="photographs classified at once, a thread each; 0: as many as processors may be used",
    )
    api_keys: Guard = Field(
        None, description="file of API keys (YAML); set: callers must show one. Read again when it changes"
    )
    watch_seconds: float = Field(
        2.0, ge=0.1, le=3600, description="how often the store is asked which model was activated last, in seconds"
    )
    activation_seconds: float = Field(
        60.0,
        gt=0,
        le=3600,
        description="how long a model may take for the built-in image, in seconds",
    )
    provider: Provider = Field(
        "auto",
        description="what runs the network: cpu, cuda, tensorrt, openvino; auto: a GPU where there is one, else cpu. "
        "One whose answers differ from the processor's is not used",
    )
    precision: Precision = Field(
        "float32", description="float32, or reduced: the bundle's network in 8 bits; with openvino: bfloat16"
    )
    metrics_listen: Address | None = Field(
        None, description="host:port of metrics for Prometheus (GET /metrics, plain HTTP, no key); unset: none"
    )
    traces: bool = Field(
        False,
        description="send traces by OpenTelemetry to OTEL_EXPORTER_OTLP_ENDPOINT; needs saggar-classifier[traces]",
    )
