"""Adapters over a real server: previews in the stream, others' files, what the service says of itself."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore
from saggar.v1 import generator_pb2, generator_pb2_grpc
from saggar_generator.servicer import GeneratorServicer
from saggar_generator.settings import GeneratorSettings
from tiny_pipeline import save_tiny_pipeline, training_manifest

# diffusers' schedulers make numpy arrays of tensors in a way that numpy 2 is to give up.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


class Generator:
    """A generator and its store."""

    def __init__(self, folder: Path) -> None:
        self.base = str(save_tiny_pipeline(folder / "base"))
        self.store = DirectoryStore(folder / "store")
        settings = GeneratorSettings(threads=1, device="cpu", precision="float32", memory="sliced")
        servicer = GeneratorServicer(self.store, settings)
        self.server = start_server(servicer.register, settings, servicer.warm_up)
        self.channel = open_channel(self.server.address)
        self.stub: Any = generator_pb2_grpc.GeneratorServiceStub(self.channel)

    def close(self) -> None:
        self.channel.close()
        self.server.stop()

    def train(self, **settings: Any) -> list[Any]:
        values = {"steps": 4, "rank": 2, "learning_rate": 0.05, "batch_size": 2} | settings
        request = generator_pb2.TrainAdapterRequest(
            base_model=self.base,
            manifest=ref_to_proto(training_manifest(self.store)),
            settings=generator_pb2.AdapterSettings(**values),
        )
        return list(self.stub.TrainAdapter(request))

    def import_adapter(self, **source: Any) -> Any:
        request = generator_pb2.ImportAdapterRequest(base_model=self.base, **source)
        return list(self.stub.ImportAdapter(request))[-1].result


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Generator]:
    made = Generator(tmp_path_factory.mktemp("generator"))
    yield made
    made.close()


def test_words_are_learnt_and_used(generator: Generator) -> None:
    """Prompts say the phrase, `saggar generator generate` and experiments alike; the service puts the word there."""
    words = {"<type-bowl>": "bowl", "<type-vase>": "vase", "<type-cup>": "cup"}
    result = generator.train(learnt_phrases=words, vectors_per_word=2)[-1].result
    request = generator_pb2.GenerateRequest(
        base_model=generator.base,
        adapters=[generator_pb2.AdapterUse(name="forms", adapter=result.adapter)],
        prompts=[
            generator_pb2.PromptItem(prompt_id="a", prompt="white bowl", seed=1),
            generator_pb2.PromptItem(prompt_id="b", prompt="white cup <lora:forms:0.8>", seed=1),
        ],
        settings=generator_pb2.GenerationSettings(steps=2),
    )
    bowl, cup = (json.loads(image.made_from) for image in list(generator.stub.Generate(request))[-1].result.images)
    assert (bowl["prompt"], bowl["prompt_with_words"]) == ("white bowl", "white <type-bowl>")
    assert "prompt_with_words" not in cup  # no photograph of one, so no word
    request.prompts[1].prompt = "white <type-cup>"
    with pytest.raises(InvalidInputError) as caught:
        list(generator.stub.Generate(request))
    assert [one.field for one in caught.value.violations] == ["prompts[1].prompt"]
    with pytest.raises(InvalidInputError, match=r"settings\.learnt_phrases"):
        generator.train(learnt_phrases={"<type-jar>": "jar"})


def test_previews_are_streamed_and_kept(generator: Generator) -> None:
    *events, last = generator.train(
        preview_every_steps=2, preview_prompts=["white bowl", "celadon vase"], validation_share=0.3
    )
    previews = [event.preview for event in events if event.HasField("preview")]
    assert [(one.step, one.prompt) for one in previews] == [
        (step, prompt) for step in (2, 4) for prompt in ("white bowl", "celadon vase")
    ]
    assert all(generator.store.read(ref_from_proto(one.image)).startswith(b"\x89PNG") for one in previews)
    measured = [event.progress.metrics["validation_loss"] for event in events if event.progress.metrics]
    assert measured[-1] == last.result.validation_loss > 0
    assert generator.store.exists(ref_from_proto(last.result.curve).key)


def test_adapters_that_were_kept_are_used_like_any_other(generator: Generator) -> None:
    result = generator.train(seed=2, keep_every_steps=2, learning_rate_schedule="cosine")[-1].result
    assert [one.step for one in result.kept] == [2]
    images = []
    for adapter in (result.adapter, result.kept[0].adapter):
        request = generator_pb2.GenerateRequest(
            base_model=generator.base,
            adapters=[generator_pb2.AdapterUse(name="glaze", adapter=adapter, weight=1)],
            prompts=[generator_pb2.PromptItem(prompt_id="a", prompt="white bowl", seed=1)],
            settings=generator_pb2.GenerationSettings(steps=3),
        )
        images.append(list(generator.stub.Generate(request))[-1].result.images[0])
    assert images[0].image.sha256 != images[1].image.sha256
    hashes = [json.loads(one.made_from)["adapters"][0]["sha256"] for one in images]
    assert hashes == [result.weights.sha256, result.kept[0].weights.sha256]


def test_without_held_out_photographs_there_is_no_validation_loss(generator: Generator) -> None:
    assert not generator.train(seed=1)[-1].result.HasField("validation_loss")


def test_our_own_kohya_file_can_be_imported_again(generator: Generator) -> None:
    trained = generator.train(train_text_encoder=True)[-1].result
    imported = generator.import_adapter(object=trained.kohya_weights)
    assert list(imported.warnings) == []
    assert (imported.unet_layers, imported.text_encoder_layers) == (2 * 4 * 4, 3 * 4)
    kept = [safetensors.torch.load(generator.store.read(ref_from_proto(one.weights))) for one in (trained, imported)]
    assert kept[0].keys() == kept[1].keys()
    assert all(torch.equal(kept[0][key], kept[1][key]) for key in kept[0])


def test_files_that_do_not_fit_are_told_apart(generator: Generator, tmp_path: Path) -> None:
    path = tmp_path / "adapter.safetensors"
    safetensors.torch.save_file({"lora_unet_nowhere.lora_up.weight": torch.ones(1)}, path)
    with pytest.raises(WrongStateError, match="lora_unet_nowhere"):
        generator.import_adapter(path=str(path))
    with pytest.raises(NotFoundError, match="no such file"):
        generator.import_adapter(path=str(tmp_path / "none.safetensors"))
    with pytest.raises(InvalidInputError, match="path: must not be empty"):
        generator.import_adapter()


def test_it_says_how_it_runs(generator: Generator) -> None:
    described = generator.stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())
    assert (described.device, described.precision, described.memory) == ("cpu", "float32", "sliced")
