"""The generator over a real server, with a tiny pipeline of the real classes."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from saggar.errors import (
    BusyError,
    InvalidInputError,
    NotFoundError,
    WrongStateError,
)
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore, ObjectRef
from saggar.v1 import generator_pb2, generator_pb2_grpc
from saggar_generator.servicer import GeneratorServicer
from saggar_generator.settings import GeneratorSettings
from tiny_control import put_pot, save_tiny_control_net
from tiny_pipeline import save_tiny_pipeline, training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Generator:
    """A generator, its store, and the calls that tests make."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = str(save_tiny_pipeline(folder / "base"))
        self.store = DirectoryStore(folder / "store")
        self.settings = GeneratorSettings(threads=1, device="cpu", precision="float32", queue_limit=0)
        self.servicer = GeneratorServicer(self.store, self.settings)
        self.server = start_server(self.servicer.register, self.settings, self.servicer.warm_up)
        self.channel = open_channel(self.server.address)
        self.stub = generator_pb2_grpc.GeneratorServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.server.stop()

    def train(self, **changes: Any) -> list[Any]:
        settings = generator_pb2.AdapterSettings(**{"steps": 3, "rank": 2, "learning_rate": 0.05} | changes)
        return list(
            self.stub.TrainAdapter(
                generator_pb2.TrainAdapterRequest(
                    base_model=self.base,
                    manifest=ref_to_proto(training_manifest(self.store)),
                    settings=settings,
                )
            )
        )

    def request(self, count: int = 3, **changes: Any) -> generator_pb2.GenerateRequest:
        prompts = [
            generator_pb2.PromptItem(prompt_id=f"p{i}", prompt="white bowl", negative_prompt="blurry", seed=i)
            for i in range(count)
        ]
        settings = generator_pb2.GenerationSettings(steps=2)
        values = {"base_model": self.base, "prompts": prompts, "settings": settings} | changes
        return generator_pb2.GenerateRequest(**values)

    def generate(self, count: int = 3, **changes: Any) -> list[Any]:
        return list(self.stub.Generate(self.request(count, **changes)))


def using(adapter: Any, name: str = "glaze", weight: float | None = None) -> generator_pb2.AdapterUse:
    return generator_pb2.AdapterUse(name=name, adapter=adapter, weight=weight)


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generator]:
    made = Generator(tmp_path_factory.mktemp("generator"))
    yield made
    made.close()


def test_an_adapter_is_trained_and_used(generator: Generator) -> None:
    *events, last = generator.train()
    stages = [event.progress.stage for event in events]
    assert stages[0] == "loading base model"
    assert stages[-1] == "training"
    assert (events[-1].progress.done, events[-1].progress.total, events[-1].progress.unit) == (3, 3, "steps")
    assert events[-1].progress.metrics["loss"] > 0
    assert last.result.steps == 3
    plain = generator.generate()[-1].result.images
    adapted = generator.generate(adapters=[using(last.result.adapter)])[-1].result.images
    assert [image.prompt_id for image in adapted] == ["p0", "p1", "p2"]
    assert all(a.image.sha256 != b.image.sha256 for a, b in zip(plain, adapted, strict=True))


def test_every_image_is_streamed_and_then_summed_up(generator: Generator) -> None:
    events = generator.generate(4)
    images = [event.image for event in events if event.WhichOneof("event") == "image"]
    assert sorted(image.prompt_id for image in images) == ["p0", "p1", "p2", "p3"]
    for image in events[-1].result.images:
        data = generator.store.read(ref_from_proto(image.image))
        assert data.startswith(b"\x89PNG")
        assert image.image.media_type == "image/png"
    again = generator.generate(4)[-1].result.images
    assert all(image.reused for image in again)
    assert [i.image for i in again] == [i.image for i in events[-1].result.images]


def test_it_describes_itself(generator: Generator) -> None:
    generator.generate(1)
    described = generator.stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())
    assert described.device == "cpu"
    assert described.loaded_base_model == generator.base
    assert (described.jobs_running, described.jobs_waiting, described.queue_limit) == (0, 0, 0)


def test_a_base_model_is_known_by_its_weights_not_by_its_name(generator: Generator) -> None:
    def resolve(base_model: str) -> str:
        request = generator_pb2.ResolveBaseModelRequest(base_model=base_model)
        return list(generator.stub.ResolveBaseModel(request))[-1].result.content_hash

    card = json.loads(generator.store.read(ref_from_proto(generator.train()[-1].result.adapter)))
    assert resolve(generator.base) == card["base_hash"]
    elsewhere = generator.folder / "elsewhere"
    shutil.copytree(generator.base, elsewhere)
    assert resolve(str(elsewhere)) == card["base_hash"]
    weights = elsewhere / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert resolve(str(elsewhere)) != card["base_hash"]
    with pytest.raises(NotFoundError, match="no such folder"):
        resolve("/nowhere/at/all")


def test_bad_settings_name_their_fields(generator: Generator) -> None:
    with pytest.raises(InvalidInputError) as caught:
        generator.train(rank=0, learning_rate=2.0)
    assert {v.field for v in caught.value.violations} == {"settings.rank", "settings.learning_rate"}
    settings = generator_pb2.GenerationSettings(scheduler="dpm3000")
    with pytest.raises(InvalidInputError, match="Known: dpmpp_2m_karras"):
        generator.generate(settings=settings)
    with pytest.raises(InvalidInputError) as caught:
        generator.generate(settings=generator_pb2.GenerationSettings(steps=0, guidance_scale=float("nan")))
    assert {v.field for v in caught.value.violations} == {"settings.steps", "settings.guidance_scale"}


def test_prompt_ids_must_be_there_and_differ(generator: Generator) -> None:
    twice = [generator_pb2.PromptItem(prompt_id="a", prompt="white bowl")] * 2
    with pytest.raises(InvalidInputError, match="'a' appears twice"):
        generator.generate(prompts=twice)
    with pytest.raises(InvalidInputError, match="prompts: must not be empty"):
        generator.generate(prompts=[])


def test_missing_things_are_not_found(generator: Generator) -> None:
    missing = ref_to_proto(ObjectRef("adapters/none/adapter.json", "0" * 64, 1, "application/json"))
    with pytest.raises(NotFoundError, match="adapters/none"):
        generator.generate(adapters=[using(missing)])
    with pytest.raises(NotFoundError, match="no such folder"):
        generator.generate(base_model=str(generator.folder / "nowhere"))
    with pytest.raises(InvalidInputError, match="base_model"):
        generator.generate(base_model="")


def test_an_adapter_of_another_base_is_a_wrong_state(generator: Generator) -> None:
    adapter = generator.train()[-1].result.adapter
    other = str(save_tiny_pipeline(generator.folder / "other", seed=1))
    with pytest.raises(WrongStateError, match=r"was trained on .*base .* does not fit .*other"):
        generator.generate(adapters=[using(adapter)], base_model=other)


def test_a_full_queue_says_when_to_come_back(generator: Generator) -> None:
    running = generator.stub.TrainAdapter(
        generator_pb2.TrainAdapterRequest(
            base_model=generator.base,
            manifest=ref_to_proto(training_manifest(generator.store)),
            settings=generator_pb2.AdapterSettings(steps=100_000, rank=2),
        )
    )
    next(running)  # it has its turn
    with pytest.raises(BusyError) as caught:
        generator.generate(1)
    assert caught.value.retry_after_s > 0
    running.cancel()
    deadline = time.monotonic() + 60
    describe = generator_pb2.DescribeGeneratorRequest()
    while generator.stub.DescribeGenerator(describe).jobs_running:  # until its step is over
        assert time.monotonic() < deadline, "dropping the stream did not end the work"
        time.sleep(0.02)
    assert generator.generate(1)[-1].HasField("result")


def test_it_does_not_serve_before_its_libraries_are_loaded(generator: Generator) -> None:
    servicer = GeneratorServicer(generator.store, generator.settings)
    health_at_warm_up = []

    def warm_up() -> None:
        with grpc.insecure_channel(address_file.read_text()) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=30)
            health_at_warm_up.append(answer.status)
            call = generator_pb2_grpc.GeneratorServiceStub(channel).Generate(generator.request(1))
            with pytest.raises(grpc.RpcError) as caught:
                next(call)
            assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
        servicer.warm_up()

    address_file = generator.folder / "address"
    settings = generator.settings.model_copy(update={"address_file": address_file})
    server = start_server(servicer.register, settings, warm_up)
    try:
        with open_channel(server.address) as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        server.stop()
    assert health_at_warm_up == [health_pb2.HealthCheckResponse.NOT_SERVING]


def test_a_control_net_is_checked_with_its_base_and_steers_images(generator: Generator, tmp_path: Path) -> None:
    net, other = (str(save_tiny_control_net(tmp_path / n, cross_attention_dim=d)) for n, d in (("net", 16), ("o", 24)))

    def resolve(path: str) -> str:
        request = generator_pb2.ResolveBaseModelRequest(base_model=generator.base, control_net_path=path)
        return str(list(generator.stub.ResolveBaseModel(request))[-1].result.control_net_hash)

    assert resolve("") == ""
    with pytest.raises(WrongStateError, match="for another base model"):
        resolve(other)
    prompts = [generator_pb2.PromptItem(prompt_id=one, prompt="white bowl", seed=3) for one in ("free", "led")]
    prompts[1].control_photograph.CopyFrom(ref_to_proto(put_pot(generator.store, 8)))
    request = generator_pb2.GenerateRequest(
        base_model=generator.base,
        prompts=prompts,
        settings=generator_pb2.GenerationSettings(steps=2, width_px=32, height_px=32),
        control_net=generator_pb2.ControlNet(path=net, condition="outline", end=0.8),
    )
    images = list(generator.stub.Generate(request))[-1].result.images
    assert images[0].image != images[1].image
    control = json.loads(images[1].made_from)["control"]
    assert (control["sha256"], control["condition"], control["end"]) == (resolve(net), "outline", 0.8)
