"""The standard inference protocol: by Triton's own client, unmodified, in a process of its own; and by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from saggar.images import decode, preprocess
from saggar_classifier.protocols.inference import grpc_service_pb2 as pb
from test_classifier import BLUE, RED, SPEC, Classifier, bundle

SERVICE = "inference.GRPCInferenceService"

TRITON = """
import sys, queue, numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

address, first, second, red, blue = sys.argv[1:]
red, blue = (open(path, "rb").read() for path in (red, blue))
client = triton.InferenceServerClient(address)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("active") and client.is_model_ready(first, "1")
assert not client.is_model_ready("none") and not client.is_model_ready(first, "2")
assert client.get_server_metadata().name == "saggar-classifier"
metadata = client.get_model_metadata("active", as_json=True)
assert metadata["name"] == first, metadata
assert [each["name"] for each in metadata["inputs"]] == ["images", "encoded"]
config = client.get_model_config("active").config
assert config.max_batch_size == 64 and config.input[0].data_type == 11 and config.input[1].data_type == 13

def infer(images, model="active", **more):
    tensor = triton.InferInput("encoded", [len(images)], "BYTES")
    tensor.set_data_from_numpy(np.array(images, dtype=object))
    return client.infer(model, [tensor], **more)

answer = infer([red, blue, red], request_id="seven")
assert answer.get_response().id == "seven"
probabilities = answer.as_numpy("probabilities_dynasty")
assert probabilities.shape == (3, 2) and np.allclose(probabilities.sum(axis=1), 1)
codes = [code.decode() for code in answer.as_numpy("codes_dynasty")]
assert codes == ["Song", "Yuan", "Song"], codes
asked = infer([red], outputs=[triton.InferRequestedOutput("codes_kiln")])
assert [each.name for each in asked.get_response().outputs] == ["codes_kiln"]

best = infer([red, blue], outputs=[triton.InferRequestedOutput("probabilities_dynasty", class_count=1),
                                   triton.InferRequestedOutput("probabilities_kiln", class_count=99)])
found = best.as_numpy("probabilities_dynasty")
assert found.shape == (2, 1) and found.dtype == object, found
value, index, code = found[0, 0].decode().split(":")
assert (index, code) == ("0", "Song") and abs(float(value) - probabilities[0, 0]) < 1e-5, found
assert found[1, 0].decode().endswith(":1:Yuan"), found
kilns = [each.decode().split(":") for each in best.as_numpy("probabilities_kiln")[0]]
assert len({index for _, index, _ in kilns}) == len(kilns) > 1
assert [float(value) for value, _, _ in kilns] == sorted((float(value) for value, _, _ in kilns), reverse=True)
usual = infer([red], priority=3, timeout=30_000_000, sequence_id=7, sequence_start=True, sequence_end=True)
assert np.allclose(usual.as_numpy("probabilities_dynasty"), probabilities[:1])
assert infer([red], sequence_id="seven").as_numpy("probabilities_dynasty").shape == (1, 2)
for ask, named in (
    (lambda: infer([red], parameters={"top_k": 3}), "parameters.top_k"),
    (lambda: infer([red], outputs=[triton.InferRequestedOutput("codes_kiln", class_count=2)]), "classification"),
    (lambda: infer([red], outputs=[triton.InferRequestedOutput("probabilities_kiln", class_count=-2)]), "negative"),
):
    try:
        ask()
    except InferenceServerException as error:
        assert error.status().endswith("INVALID_ARGUMENT") and named in error.message(), error
    else:
        raise SystemExit(f"{named} was left aside")
shared = triton.InferRequestedOutput("probabilities_kiln")
shared.set_shared_memory("region", 64)
try:
    infer([red], outputs=[shared])
except InferenceServerException as error:
    assert "shared memory is not supported" in error.message(), error
else:
    raise SystemExit("shared memory was left aside")

pixels = triton.InferInput("images", [2, 3, 32, 32], "FP32")
pixels.set_data_from_numpy(np.stack([np.full((3, 32, 32), v, np.float32) for v in (1, -1)]))
assert client.infer("active", [pixels]).as_numpy("probabilities_dynasty").shape == (2, 2)

for bad in (lambda: infer([b"no picture"]), lambda: infer([red], model="none"), lambda: infer([red], timeout=-1)):
    try:
        bad()
    except InferenceServerException as error:
        assert error.status().endswith(("INVALID_ARGUMENT", "NOT_FOUND")), error
    else:
        raise SystemExit("a bad request was answered")

results = queue.Queue()
client.start_stream(lambda result, error: results.put((result, error)))
for number, image in enumerate([red, b"no picture", blue]):
    tensor = triton.InferInput("encoded", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([image], dtype=object))
    client.async_stream_infer("active", [tensor], request_id=str(number))
answers = [results.get(timeout=30) for _ in range(3)]
tensor = triton.InferInput("encoded", [1], "BYTES")
tensor.set_data_from_numpy(np.array([red], dtype=object))
client.async_stream_infer("active", [tensor], enable_empty_final_response=True)
last = results.get(timeout=30)[0].get_response()
assert last.parameters["triton_final_response"].bool_param and last.outputs, last
client.stop_stream()
assert [error is not None for _, error in answers] == [False, True, False], answers
assert answers[2][0].get_response().id == "2"

statistics = client.get_inference_statistics("active").model_stats[0]
assert statistics.inference_count >= 8 and statistics.inference_stats.fail.count >= 2
index = {each.name: each.state for each in client.get_model_repository_index().models}
assert index == {first: "READY", second: "UNAVAILABLE"}, index
client.load_model(second)
assert client.get_model_metadata("active").name == second and client.is_model_ready(first)
client.unload_model(first)
assert not client.is_model_ready(first)
client.unload_model("active")
assert not client.is_server_ready() and client.is_server_live()
client.load_model(first)
assert client.is_server_ready()
for call in (client.get_system_shared_memory_status, client.get_cuda_shared_memory_status, client.get_trace_settings,
             client.get_log_settings):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == "StatusCode.UNIMPLEMENTED" and "not" in error.message(), error
    else:
        raise SystemExit(f"{call} was answered")
print("done")
"""


@pytest.fixture
def classifier(tmp_path: Path) -> Iterator[Classifier]:
    made = Classifier(tmp_path / "store")
    yield made
    made.stop()


@pytest.fixture
def infer(classifier: Classifier) -> Iterator[Any]:
    """ModelInfer of a classifier with a model."""
    classifier.activate(classifier.start(), bundle(classifier.store))
    with grpc.insecure_channel(classifier.address(0)) as channel:
        yield channel.unary_unary(
            f"/{SERVICE}/ModelInfer", pb.ModelInferRequest.SerializeToString, pb.ModelInferResponse.FromString
        )


def test_tritons_client_makes_every_call(classifier: Classifier, tmp_path: Path) -> None:
    pytest.importorskip("tritonclient.grpc")
    stub = classifier.start()
    second = bundle(classifier.store, answer=1).key.split("/")[1]
    first = classifier.activate(stub, bundle(classifier.store))
    for name, data in (("red.png", RED), ("blue.png", BLUE)):
        (tmp_path / name).write_bytes(data)
    arguments = [classifier.address(0), first, second, str(tmp_path / "red.png"), str(tmp_path / "blue.png")]
    ended = subprocess.run(
        [sys.executable, "-c", TRITON, *arguments], capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "done"


def encoded(*images: bytes, **fields: Any) -> pb.ModelInferRequest:
    raw = b"".join(len(each).to_bytes(4, "little") + each for each in images)
    tensor = pb.ModelInferRequest.InferInputTensor(name="encoded", datatype="BYTES", shape=[len(images)])
    return pb.ModelInferRequest(**{"model_name": "active", "inputs": [tensor], "raw_input_contents": [raw]} | fields)


def pixels(values: np.ndarray, **fields: Any) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name="images", datatype="FP32", shape=values.shape)
    return pb.ModelInferRequest(
        **{"model_name": "active", "inputs": [tensor], "raw_input_contents": [values.astype("<f4").tobytes()]} | fields
    )


def test_photographs_and_their_pixels_give_the_same(infer: Any) -> None:
    prepared = np.stack([preprocess(decode(image, "x"), SPEC) for image in (RED, BLUE)])
    assert infer(encoded(RED, BLUE)).raw_output_contents == infer(pixels(prepared)).raw_output_contents


def test_contents_may_be_in_the_tensor(infer: Any) -> None:
    request = encoded(RED)
    by_raw = infer(request)
    del request.raw_input_contents[:]
    request.inputs[0].contents.bytes_contents.append(RED)
    assert infer(request).raw_output_contents == by_raw.raw_output_contents


def asked_output(name: str, **parameters: Any) -> pb.ModelInferRequest.InferRequestedOutputTensor:
    return pb.ModelInferRequest.InferRequestedOutputTensor(name=name, parameters=parameters)


ZEROS = np.zeros((1, 3, 32, 32), np.float32)


@pytest.mark.parametrize(
    ("request_", "match"),
    [
        (pb.ModelInferRequest(model_name="active"), "inputs: give images"),
        (encoded(RED, inputs=[]), "inputs: give images"),
        (encoded(), r"shape: must be \[1 to 64\]"),
        (encoded(*[RED] * 65), r"shape: must be \[1 to 64\]"),
        (encoded(RED, raw_input_contents=[b"\xff\xff\xff\xff"]), "goes beyond the end"),
        (encoded(RED, raw_input_contents=[b""]), "has 0 photographs"),
        (encoded(RED, raw_input_contents=[b"", b""]), "has 2 for one input"),
        (encoded(RED, raw_input_contents=[]), "has 0 photographs"),
        (encoded(b""), "the image is empty"),
        (pixels(ZEROS * np.nan), "not finite"),
        (pixels(ZEROS, raw_input_contents=[b"\0" * 8]), "has 8 bytes"),
        (pixels(np.zeros((1, 3, 33, 33), np.float32)), r"must be \[1 to 64, 3, 32, 32\]"),
        (pixels(ZEROS, outputs=[pb.ModelInferRequest.InferRequestedOutputTensor(name="logits")]), "'logits' is none"),
        (pixels(ZEROS, parameters={"top_k": pb.InferParameter(int64_param=3)}), r"parameters\.top_k: is not known"),
        (
            pixels(ZEROS, outputs=[asked_output("probabilities_kiln", threshold=pb.InferParameter(int64_param=1))]),
            r"outputs\.probabilities_kiln\.parameters\.threshold: is not known",
        ),
        (
            pixels(ZEROS, outputs=[asked_output("codes_kiln", classification=pb.InferParameter(int64_param=1))]),
            r"outputs\.codes_kiln\.parameters\.classification: is for probabilities",
        ),
        (
            pixels(
                ZEROS, outputs=[asked_output("probabilities_kiln", classification=pb.InferParameter(int64_param=0))]
            ),
            r"outputs\.probabilities_kiln\.parameters\.classification: must be at least 1",
        ),
        (
            pixels(ZEROS, outputs=[asked_output("codes_kiln", classification=pb.InferParameter(string_param="x"))]),
            r"outputs\.codes_kiln\.parameters\.classification: must be a whole number",
        ),
        (
            pixels(ZEROS, parameters={"timeout": pb.InferParameter(string_param="soon")}),
            "must be a whole number",
        ),
    ],
)
def test_what_is_wrong_with_a_request_is_named(infer: Any, request_: pb.ModelInferRequest, match: str) -> None:
    with pytest.raises(grpc.RpcError, match=match) as caught:
        infer(request_, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_parameters_that_clients_send_anyway_change_nothing(infer: Any) -> None:
    request = encoded(RED)
    before = infer(request).raw_output_contents
    request.parameters["binary_data_output"].bool_param = True
    request.parameters["content_type"].string_param = "np"
    request.inputs[0].parameters["content_type"].string_param = "np"
    assert infer(request).raw_output_contents == before


def test_both_kinds_of_contents_are_refused(infer: Any) -> None:
    request = encoded(RED)
    request.inputs[0].contents.bytes_contents.append(RED)
    with pytest.raises(grpc.RpcError, match="give one of both"):
        infer(request, timeout=30)


def test_without_a_model_nothing_is_ready(classifier: Classifier) -> None:
    classifier.start()
    with grpc.insecure_channel(classifier.address(0)) as channel:
        ready = channel.unary_unary(
            f"/{SERVICE}/ServerReady", pb.ServerReadyRequest.SerializeToString, pb.ServerReadyResponse.FromString
        )
        assert not ready(pb.ServerReadyRequest()).ready
        assert not healthy_name(channel)


def healthy_name(channel: grpc.Channel) -> bool:
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service=SERVICE))
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def test_reflection_describes_both_protocols(classifier: Classifier) -> None:
    classifier.start()
    with grpc.insecure_channel(classifier.address(0)) as channel:
        found = ProtoReflectionDescriptorDatabase(channel)
        assert {SERVICE, "saggar.v1.ClassifierService"} <= set(found.get_services())
        described = found.FindFileContainingSymbol(f"{SERVICE}")
        assert "ModelInfer" in [method.name for method in described.service[0].method]
        ours = found.FindFileContainingSymbol("saggar.v1.ClassifierService")
        assert "ClassifyStream" in [method.name for method in ours.service[0].method]
