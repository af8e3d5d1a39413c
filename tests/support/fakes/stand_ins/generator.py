"""A generator whose images are noise of their prompt and seed."""

# ruff: noqa: N802 the contract names the methods

from __future__ import annotations

import hashlib
import io
import json

import numpy as np
from PIL import Image
from saggar.errors import CancelledError
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.rpc.serving.work import stream_events
from saggar.store import put_image
from saggar.stored_datasets import read_manifest
from saggar.v1 import generator_pb2, generator_pb2_grpc

from stand_ins.service import FakeService


class FakeGenerator(FakeService, generator_pb2_grpc.GeneratorServiceServicer):
    """Stands in for the generator service."""

    def TrainAdapter(self, request, context):
        self._begin("TrainAdapter")

        def work(emit, cancelled):
            self._wait("TrainAdapter", emit, cancelled)
            splits = set(read_manifest(self.store, ref_from_proto(request.manifest)).frame["split"])
            assert splits == {"train"}, splits
            made_from = {"manifest": request.manifest.sha256, "base": self.base_hash}
            card = made_from | {"curve": None, "previews": []}
            adapter = self._put("adapters", "adapter.json", card)
            return generator_pb2.TrainAdapterResult(
                adapter=ref_to_proto(adapter), weights=ref_to_proto(adapter), final_loss=0.1, steps=10
            )

        yield from stream_events(context, generator_pb2.TrainAdapterResponse, work)

    def ImportAdapter(self, request, context):
        self._begin("ImportAdapter")

        def work(emit, cancelled):
            adapter = self._put("adapters", "adapter.json", {"from": request.path})
            return generator_pb2.ImportAdapterResult(
                adapter=ref_to_proto(adapter), unet_layers=3, warnings=["it does not say what it is for"]
            )

        yield from stream_events(context, generator_pb2.ImportAdapterResponse, work)

    def ResolveBaseModel(self, request, context):
        self._begin("ResolveBaseModel")

        def work(emit, cancelled):
            return generator_pb2.ResolveBaseModelResult(
                content_hash=self.base_hash, control_net_hash=self.control_net_hash if request.control_net_path else ""
            )

        yield from stream_events(context, generator_pb2.ResolveBaseModelResponse, work)

    def DescribeGenerator(self, request, context):
        return generator_pb2.DescribeGeneratorResponse(queue_limit=16)

    def Generate(self, request, context):
        self._begin("Generate")

        def work(emit, cancelled):
            made = []
            self.uses = {use.name: (use.adapter.uri, use.weight) for use in request.adapters}
            self.strengths |= {prompt.prompt_id: prompt.start.strength for prompt in request.prompts}
            self.controls |= {
                one.prompt_id: (request.control_net, one.control_photograph.uri)
                for one in request.prompts
                if one.HasField("control_photograph")
            }
            self.avoided |= {prompt.prompt: prompt.negative_prompt for prompt in request.prompts}
            for prompt in request.prompts:
                self._wait("Generate", emit, cancelled)
                if cancelled.is_set():
                    break
                made.append(self._image(prompt, cancelled, request.adapters, request.fresh))
                emit(generator_pb2.GenerateResponse(image=made[-1]))
            return generator_pb2.GenerateResult(images=made)

        yield from stream_events(context, generator_pb2.GenerateResponse, work)

    def _image(self, prompt, cancelled, adapters, fresh):
        made_from = f"{prompt.prompt}|{prompt.seed}|{[(a.adapter.uri, a.weight) for a in adapters]}"
        index = f"generated/{hashlib.sha256((made_from + fresh).encode()).hexdigest()}.json"
        if self.store.exists(index):
            image = self.store.stat(json.loads(self.store.get(index))["image"])
            return generator_pb2.GeneratedImage(
                prompt_id=prompt.prompt_id, image=ref_to_proto(image), seed=prompt.seed, reused=True
            )
        with self._noted(f"drawn/{hashlib.sha256(made_from.encode()).hexdigest()[:16]}"):
            if cancelled.wait(self.image_seconds):
                raise CancelledError("cancelled by the caller")
            return self._drawn(prompt, made_from, index, adapters)

    def _drawn(self, prompt, made_from, index, adapters):
        seed = int(hashlib.sha256(made_from.encode()).hexdigest()[:12], 16)
        pixels = np.random.default_rng(seed).integers(0, 255, (16, 16, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        image = put_image(self.store, buffer.getvalue(), "png")
        self.store.put(index, json.dumps({"image": image.key}).encode(), "application/json")
        self.generated[prompt.prompt_id] += 1
        if adapters:
            self.adapted[image.key] = tuple((use.adapter.uri.split("/")[-2], round(use.weight, 3)) for use in adapters)
        return generator_pb2.GeneratedImage(prompt_id=prompt.prompt_id, image=ref_to_proto(image), seed=prompt.seed)
