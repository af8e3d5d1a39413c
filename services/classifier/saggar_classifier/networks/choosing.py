"""Opens a bundle's network by the provider that was asked for, or by the processor where that one's answers differ."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import Any

from saggar.bundle import BundleCard, BundleModel, fetch_onnx, read_golden
from saggar.errors import DataCorruptionError, InvalidInputError, SaggarError, WrongStateError
from saggar.store import ObjectStore

from saggar_classifier.networks.batching import BatchingSession
from saggar_classifier.networks.gate import check_answers, check_time
from saggar_classifier.settings import Precision, Provider

log = logging.getLogger(__name__)

_CUDA = ("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})  # without a search at each new size of run
_RUNTIME = {  # of ONNX Runtime; after the first come those that take what it cannot
    "cuda": (_CUDA, "CPUExecutionProvider"),
    "tensorrt": ("TensorrtExecutionProvider", _CUDA, "CPUExecutionProvider"),
}
_FIRST = {"cuda": "CUDAExecutionProvider", "tensorrt": "TensorrtExecutionProvider"}
_HELP = {
    "cuda": "install onnxruntime-gpu in place of onnxruntime, on a machine with an NVIDIA GPU",
    "tensorrt": "install onnxruntime-gpu in place of onnxruntime, and TensorRT, on a machine with an NVIDIA GPU",
    "openvino": "install saggar-classifier[openvino]",
}


@dataclass(frozen=True)
class Wish:
    """What the operator asks for. `threads`: photographs that are classified at once."""

    provider: Provider = "auto"
    precision: Precision = "float32"
    threads: int = 1


@dataclass(frozen=True)
class OpenedNetwork:
    """A network that answers, and how; `compromise` says why it is not what was asked for, empty where it is."""

    model: BundleModel
    precision: str
    compromise: str = ""


def check_wish(wish: Wish) -> None:
    """WrongStateError where what was asked for is not installed."""
    if wish.provider == "openvino":
        try:
            import openvino  # type: ignore[import-untyped]  # noqa: F401
        except ImportError as error:
            raise _missing(wish.provider, str(error)) from None
    elif wish.provider in _FIRST and _FIRST[wish.provider] not in _available():
        raise _missing(wish.provider, f"ONNX Runtime has {', '.join(_available())}")


def at_once(provider: Provider, processors: int) -> int:
    """How many photographs to work on at once: on a GPU twice the processors, so that while some are decoded others
    wait for a run together.
    """
    return 2 * processors if _chosen(provider) in _FIRST else processors


def open_network(store: ObjectStore, card: BundleCard, limit_s: float, wish: Wish) -> OpenedNetwork:
    """The network of `card` as `wish` says, once it answers as the processor does at full precision; else that one.

    Raises as `BundleModel` and `check_golden`, DataCorruptionError where it takes longer than `limit_s` seconds, and
    the store's errors.
    """
    plain, golden = BundleModel(card, fetch_onnx(store, card), 1), read_golden(store, card)
    check_time(plain, limit_s)
    if golden is not None:
        plain.check_golden(golden)
    provider = _chosen(wish.provider)
    if provider == "cpu" and wish.precision == "float32":
        return OpenedNetwork(plain, "float32")
    try:
        found = _opened(store, card, provider, wish)
        check_time(found.model, limit_s)
        check_answers(found.model, plain, golden)
    except (DataCorruptionError, InvalidInputError) as error:
        text = f"{provider} at {wish.precision} precision is not used for model {card.bundle_id}: {error}"
        log.warning("%s; the processor at float32 is", text)
        return OpenedNetwork(plain, "float32", text)
    return found


def _opened(store: ObjectStore, card: BundleCard, provider: str, wish: Wish) -> OpenedNetwork:
    if provider == "openvino":
        from saggar_classifier.networks.openvino_session import OpenVinoSession

        precision = "bf16" if wish.precision == "reduced" else "f32"
        make = partial(OpenVinoSession, precision=precision, streams=wish.threads)
        onnx = fetch_onnx(store, card)
        return OpenedNetwork(BundleModel(card, onnx, session=_tried(make, onnx)), _NAMES[precision])
    reduced = wish.precision == "reduced"
    onnx = fetch_onnx(store, card, reduced=reduced)
    session = None if provider == "cpu" else _tried(partial(_on_gpu, provider=provider), onnx)
    precision_name = card.reduced.scheme if reduced and card.reduced else "float32"
    return OpenedNetwork(BundleModel(card, onnx, 1, reduced=reduced, session=session), precision_name)


_NAMES = {"bf16": "bfloat16", "f32": "float32"}


def _on_gpu(onnx: bytes, provider: str) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(onnx, providers=list(_RUNTIME[provider]))
    if session.get_providers()[0] != _FIRST[provider]:
        raise WrongStateError(f"ONNX Runtime took {session.get_providers()[0]} in place of {_FIRST[provider]}")
    return BatchingSession(session)


def _tried(make: Any, onnx: bytes) -> Any:
    """DataCorruptionError where the provider cannot open the network, whatever it raises."""
    try:
        return make(onnx)
    except Exception as error:  # neither ONNX Runtime's nor OpenVINO's errors have a common class
        raise DataCorruptionError(f"it cannot open the network ({str(error)[:300]})") from error


def _chosen(provider: Provider) -> str:
    if provider != "auto":
        return provider
    return "cuda" if _FIRST["cuda"] in _available() else "cpu"


def _available() -> list[str]:
    import onnxruntime

    return list(onnxruntime.get_available_providers())


def _missing(provider: str, why: str) -> SaggarError:
    return WrongStateError(f"SAGGAR_PROVIDER={provider}: it is not installed ({why}); {_HELP[provider]}, or take cpu")
