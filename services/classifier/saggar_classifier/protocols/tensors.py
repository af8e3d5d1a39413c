"""Tensors of the standard inference protocol to and from photographs and probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from saggar.errors import FieldViolation, InvalidInputError
from saggar.taxonomy import Taxonomy

from saggar_classifier.protocols.inference import grpc_service_pb2 as pb
from saggar_classifier.serving import photographs
from saggar_classifier.serving.desk import Photograph

Float32 = npt.NDArray[np.float32]

IMAGES, ENCODED = "images", "encoded"  # the two inputs, of which a request has one
LARGEST_BATCH = 64
EMPTY_FINAL = "triton_enable_empty_final_response"
# Parameters of others that clients send, and that change nothing here: requests are answered each by itself, in turn,
# in binary. Where a client asks for something by a parameter that is none of ours, it would take the answer for that.
_OF_REQUESTS = frozenset(
    {
        "timeout",
        "priority",
        "sequence_id",
        "sequence_start",
        "sequence_end",
        "binary_data_output",
        "content_type",
        "headers",
        EMPTY_FINAL,
    }
)
_OF_INPUTS = frozenset({"content_type", "binary_data", "binary_data_size"})
_CLASSIFICATION = "classification"  # Triton's: the best so many classes, each as a text value:index:label
_OF_OUTPUTS = frozenset({_CLASSIFICATION, "content_type", "binary_data"})
_PREFIX = 4  # bytes of an element's length, little-endian


def inputs(size_px: int) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, type and shape of what a model takes: pixels that were prepared, or encoded photographs."""
    return [(IMAGES, "FP32", (-1, 3, size_px, size_px)), (ENCODED, "BYTES", (-1,))]


def outputs(taxonomy: Taxonomy) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, type and shape of what a model gives: for each task probabilities, and the code of the most probable."""
    found: list[tuple[str, str, tuple[int, ...]]] = []
    for task in taxonomy.tasks:
        found += [(f"probabilities_{task.name}", "FP32", (-1, len(task.codes))), (f"codes_{task.name}", "BYTES", (-1,))]
    return found


def need_known_parameters(request: pb.ModelInferRequest) -> None:
    """Raises InvalidInputError for a parameter of the request, its inputs or its outputs that asks for what is not done
    here.
    """
    _need_known("parameters", request.parameters, _OF_REQUESTS)
    for tensor in request.inputs:
        _need_known(f"inputs.{tensor.name[:80]}.parameters", tensor.parameters, _OF_INPUTS)
    for output in request.outputs:
        _need_known(f"outputs.{output.name[:80]}.parameters", output.parameters, _OF_OUTPUTS)


def question(request: pb.ModelInferRequest, size_px: int) -> Float32 | list[Photograph]:
    """The request's one input, [N, 3, S, S] or N photographs. Raises InvalidInputError, naming the field."""
    if len(request.inputs) != 1 or request.inputs[0].name not in {IMAGES, ENCODED}:
        given = ", ".join(each.name for each in request.inputs) or "none"
        raise _bad("inputs", f"give {IMAGES} (FP32) or {ENCODED} (BYTES), and no other; is {given}")
    tensor = request.inputs[0]
    datatype, shape = next((kind, shape) for name, kind, shape in inputs(size_px) if name == tensor.name)
    given_shape = tuple(tensor.shape)
    if tensor.datatype != datatype:
        raise _bad(f"inputs.{tensor.name}.datatype", f"must be {datatype}, is '{tensor.datatype[:20]}'")
    if len(given_shape) != len(shape) or given_shape[1:] != shape[1:] or not 1 <= given_shape[0] <= LARGEST_BATCH:
        wanted = ", ".join(map(str, (f"1 to {LARGEST_BATCH}", *shape[1:])))
        raise _bad(f"inputs.{tensor.name}.shape", f"must be [{wanted}], is {list(given_shape)[:8]}")
    if request.raw_input_contents and tensor.HasField("contents"):
        raise _bad("raw_input_contents", "contents are given too; give one of both")
    if request.raw_input_contents and len(request.raw_input_contents) != 1:
        raise _bad("raw_input_contents", f"has {len(request.raw_input_contents)} for one input")
    if tensor.name == IMAGES:
        return _pixels(request, given_shape)
    data = _elements(request.raw_input_contents[0]) if request.raw_input_contents else tensor.contents.bytes_contents
    found = list(data)
    if len(found) != given_shape[0]:
        raise _bad(f"inputs.{ENCODED}", f"has {len(found)} photographs, and its shape says {given_shape[0]}")
    return [Photograph(len(each), partial(photographs.from_bytes, each)) for each in found]


def answer(
    request: pb.ModelInferRequest, taxonomy: Taxonomy, probabilities: dict[str, Float32]
) -> tuple[list[pb.ModelInferResponse.InferOutputTensor], list[bytes]]:
    """The outputs that were asked for (all, where none was), and their bytes. Raises InvalidInputError."""
    known = {name: kind for name, kind, _ in outputs(taxonomy)}
    asked = {each.name: _classes_of(each) for each in request.outputs} or dict.fromkeys(known, 0)
    if unknown := [name for name in asked if name not in known]:
        raise _bad("outputs", f"'{unknown[0][:80]}' is none of {', '.join(known)}")
    tensors, contents = [], []
    for name in (each.name for each in request.outputs) if request.outputs else known:
        kind, values = known[name], probabilities[name.split("_", 1)[1]]
        codes = taxonomy.task(name.split("_", 1)[1]).codes
        shape: Sequence[int]
        if kind == "BYTES":
            if asked[name]:
                raise _bad(f"outputs.{name}.parameters.{_CLASSIFICATION}", "is for probabilities_..., not for codes")
            shape, data = values.shape[:1], b"".join(_element(codes[i].encode()) for i in values.argmax(axis=1))
        elif asked[name]:
            kind, count = "BYTES", min(asked[name], len(codes))
            shape, data = (len(values), count), b"".join(_element(each) for each in _best(values, codes, count))
        else:
            shape, data = values.shape, values.astype("<f4").tobytes()
        tensors.append(pb.ModelInferResponse.InferOutputTensor(name=name, datatype=kind, shape=shape))
        contents.append(data)
    return tensors, contents


def _classes_of(output: pb.ModelInferRequest.InferRequestedOutputTensor) -> int:
    """How many classes are asked for, 0 for all as numbers."""
    try:
        count = parameter(output, _CLASSIFICATION)
    except InvalidInputError as error:
        raise _bad(f"outputs.{output.name[:80]}.{error.violations[0].field}", error.violations[0].description) from None
    if count == 0:
        raise _bad(f"outputs.{output.name[:80]}.parameters.{_CLASSIFICATION}", "must be at least 1, is 0")
    return count or 0


def _best(values: Float32, codes: Sequence[str], count: int) -> Iterator[bytes]:
    for row in values:
        for index in np.argsort(-row, kind="stable")[:count]:
            yield f"{row[index]:f}:{index}:{codes[index]}".encode()


def _need_known(field: str, given: Iterable[str], known: frozenset[str]) -> None:
    unknown = sorted(set(given) - known)
    if not unknown:
        return
    if unknown[0].startswith("shared_memory_"):
        raise _bad(f"{field}.{unknown[0]}", "shared memory is not supported; send tensors in the request")
    raise _bad(f"{field}.{unknown[0][:80]}", f"is not known here; known are {', '.join(sorted(known))}")


def _pixels(request: pb.ModelInferRequest, shape: Sequence[int]) -> Float32:
    if request.raw_input_contents:
        raw = request.raw_input_contents[0]
        if len(raw) != 4 * math.prod(shape):
            raise _bad("raw_input_contents", f"has {len(raw)} bytes; {list(shape)} of FP32 are {4 * math.prod(shape)}")
        values = np.frombuffer(raw, "<f4")
    else:
        values = np.fromiter(request.inputs[0].contents.fp32_contents, np.float32)
        if values.size != math.prod(shape):
            raise _bad(f"inputs.{IMAGES}", f"has {values.size} numbers; {list(shape)} are {math.prod(shape)}")
    if not np.isfinite(values).all():
        raise _bad(f"inputs.{IMAGES}", "has numbers that are not finite")
    return values.reshape(shape).astype(np.float32)


def _elements(data: bytes) -> Iterator[bytes]:
    """Elements of BYTES, each behind its length."""
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + _PREFIX], "little")
        at += _PREFIX
        if at + size > len(data):
            raise _bad("raw_input_contents", f"an element of {size} bytes goes beyond the end")
        yield data[at : at + size]
        at += size


def _element(data: bytes) -> bytes:
    return len(data).to_bytes(_PREFIX, "little") + data


def _bad(field: str, description: str) -> InvalidInputError:
    return InvalidInputError(f"{field}: {description}", (FieldViolation(field, description),))


def parameter(request: Any, name: str) -> int | None:
    """A whole number among the request's parameters."""
    if name not in request.parameters:
        return None
    given = request.parameters[name]
    kind = given.WhichOneof("parameter_choice")
    if kind not in {"int64_param", "uint64_param"}:
        raise _bad(f"parameters.{name}", "must be a whole number")
    value = int(getattr(given, kind))
    if value < 0:
        raise _bad(f"parameters.{name}", f"must not be negative, is {value}")
    return value
