"""kill -9 of the generator in the middle of its work, a restart, and the same request again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from generator_process import generator_process
from saggar.errors import SaggarError
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.store import DirectoryStore
from saggar.v1 import generator_pb2, generator_pb2_grpc
from tiny_pipeline import save_tiny_pipeline, training_manifest

COUNT = 24


@contextmanager
def generator(store: Path, folder: Path) -> Iterator[tuple[Any, Callable[[], None]]]:
    """A generator of its own process: its stub, and what kills it."""
    with generator_process(store, folder) as (address, kill), open_channel(address, attempts=1) as channel:
        yield generator_pb2_grpc.GeneratorServiceStub(channel), kill


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(save_tiny_pipeline(tmp_path / "base"))


def generate_request(base: str) -> generator_pb2.GenerateRequest:
    prompts = [generator_pb2.PromptItem(prompt_id=f"p{i}", prompt="white bowl", seed=i) for i in range(COUNT)]
    settings = generator_pb2.GenerationSettings(steps=8, batch_size=2)
    return generator_pb2.GenerateRequest(base_model=base, prompts=prompts, settings=settings)


def until_killed(events: Iterator[Any], kill: Callable[[], None], counts: Callable[[Any], bool], after: int) -> None:
    """Kills the peer at event number `after` of those that count, and sees the stream break."""
    seen = 0

    def go_on() -> None:
        nonlocal seen
        for event in events:
            seen += counts(event)
            if seen == after:
                kill()

    with pytest.raises(SaggarError):
        go_on()
    assert seen >= after


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_image_exists_exactly_once_and_training_goes_on(base: str, tmp_path: Path) -> None:
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    request = generate_request(base)
    manifest = ref_to_proto(training_manifest(DirectoryStore(broken)))
    assert ref_to_proto(training_manifest(DirectoryStore(whole))) == manifest
    training = generator_pb2.TrainAdapterRequest(
        base_model=base,
        manifest=manifest,
        settings=generator_pb2.AdapterSettings(steps=100, rank=2, learning_rate=1e-2, checkpoint_every_steps=1),
    )

    with generator(broken, tmp_path) as (stub, kill):
        until_killed(stub.Generate(request), kill, lambda event: event.HasField("image"), after=5)
    store = DirectoryStore(broken)
    kept = list(store.list("generated/"))
    assert 5 <= len(kept) < COUNT, "the kill came too late to test anything"

    with generator(broken, tmp_path) as (stub, kill):
        *_, last = stub.Generate(request)
        until_killed(stub.TrainAdapter(training), kill, lambda event: event.progress.stage == "training", after=1)
    images = last.result.images
    assert [image.prompt_id for image in images] == [f"p{i}" for i in range(COUNT)]
    assert sum(image.reused for image in images) == len(kept)
    assert len({image.image.uri for image in images}) == COUNT
    assert len(list(store.list("images/"))) == COUNT + 6  # and the training photographs
    assert len(list(store.list("generated/"))) == COUNT
    assert list(store.list("adapters/")) == []
    assert len(list(store.list("checkpoints/"))) == 1

    with generator(broken, tmp_path) as (stub, _):
        *_, resumed = stub.TrainAdapter(training)
    with generator(whole, tmp_path) as (stub, _):
        *_, uninterrupted = stub.TrainAdapter(training)
        *_, unbroken = stub.Generate(request)
    assert resumed.result == uninterrupted.result
    assert [image.image for image in unbroken.result.images] == [image.image for image in images]
