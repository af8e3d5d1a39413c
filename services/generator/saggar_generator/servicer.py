"""The contract's methods: convert, call, convert."""

# ruff: noqa: N802 - the contract's names

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import grpc
from saggar.errors import UnavailableError
from saggar.progress import Work
from saggar.rpc.serving.work import Emit, JobQueue, stream_events
from saggar.store import ObjectStore
from saggar.v1 import generator_pb2, generator_pb2_grpc

from saggar_generator import messages
from saggar_generator.requests import AdapterPreview, GeneratedImage
from saggar_generator.settings import GeneratorSettings

if TYPE_CHECKING:
    from saggar_generator.workshop import Workshop

SERVICE = "saggar.v1.GeneratorService"


class GeneratorServicer(generator_pb2_grpc.GeneratorServiceServicer):
    """One job at a time: it has the device, and the loaded base model, for itself."""

    def __init__(self, store: ObjectStore, settings: GeneratorSettings) -> None:
        self._store, self._settings = store, settings
        self._jobs = JobQueue(settings.queue_limit)
        self._loaded: Workshop | None = None

    def register(self, server: grpc.Server) -> list[str]:
        servicer: Any = self
        add = generator_pb2_grpc.add_GeneratorServiceServicer_to_server
        add(servicer, server)  # type: ignore[no-untyped-call]
        return [SERVICE]

    def warm_up(self) -> None:
        """Loads the libraries, which takes seconds: until then health says that the service does not
        serve.
        """
        from saggar_generator.workshop import Workshop

        self._loaded = Workshop(self._store, self._settings)

    def ResolveBaseModel(
        self, request: generator_pb2.ResolveBaseModelRequest, context: grpc.ServicerContext
    ) -> Iterator[generator_pb2.ResolveBaseModelResponse]:
        workshop = self._workshop()
        base_model = messages.base_model(request.base_model)

        def work(emit: Emit, _cancelled: threading.Event) -> generator_pb2.ResolveBaseModelResult:
            identity = workshop.identify(base_model, emit)
            path = request.control_net_path
            control_net_hash = workshop.identify_control_net(path, base_model) if path else ""
            return generator_pb2.ResolveBaseModelResult(**asdict(identity), control_net_hash=control_net_hash)

        return stream_events(context, generator_pb2.ResolveBaseModelResponse, work)

    def TrainAdapter(
        self, request: generator_pb2.TrainAdapterRequest, context: grpc.ServicerContext
    ) -> Iterator[generator_pb2.TrainAdapterResponse]:
        workshop = self._workshop()
        training = messages.training_request(request)

        def work(emit: Emit, cancelled: threading.Event) -> generator_pb2.TrainAdapterResult:
            def on_preview(preview: AdapterPreview) -> None:
                emit(generator_pb2.TrainAdapterResponse(preview=messages.adapter_preview(preview)))

            return messages.trained_adapter(workshop.train_adapter(training, Work(emit, cancelled), on_preview))

        return stream_events(context, generator_pb2.TrainAdapterResponse, work, self._jobs)

    def ImportAdapter(
        self, request: generator_pb2.ImportAdapterRequest, context: grpc.ServicerContext
    ) -> Iterator[generator_pb2.ImportAdapterResponse]:
        workshop = self._workshop()
        adapter = messages.import_request(request)

        def work(emit: Emit, _cancelled: threading.Event) -> generator_pb2.ImportAdapterResult:
            return messages.imported_adapter(workshop.import_adapter(adapter, emit))

        return stream_events(context, generator_pb2.ImportAdapterResponse, work, self._jobs)

    def Generate(
        self, request: generator_pb2.GenerateRequest, context: grpc.ServicerContext
    ) -> Iterator[generator_pb2.GenerateResponse]:
        workshop = self._workshop()
        images = messages.generation_request(request)

        def work(emit: Emit, cancelled: threading.Event) -> generator_pb2.GenerateResult:
            def on_image(image: GeneratedImage) -> None:
                emit(generator_pb2.GenerateResponse(image=messages.generated_image(image)))

            return messages.generate_result(workshop.generate(images, Work(emit, cancelled), on_image))

        return stream_events(context, generator_pb2.GenerateResponse, work, self._jobs)

    def DescribeGenerator(
        self, _request: generator_pb2.DescribeGeneratorRequest, _context: grpc.ServicerContext
    ) -> generator_pb2.DescribeGeneratorResponse:
        placement = self._loaded.placement if self._loaded else None
        return generator_pb2.DescribeGeneratorResponse(
            device=placement.name if placement else "",
            precision=placement.precision if placement else "",
            memory=placement.memory if placement else "",
            loaded_base_model=self._loaded.loaded_base_model if self._loaded else "",
            jobs_running=self._jobs.running,
            jobs_waiting=self._jobs.waiting,
            queue_limit=self._jobs.limit,
        )

    def _workshop(self) -> Workshop:
        if self._loaded is None:
            raise UnavailableError("the generator is still loading its libraries; try again in a few seconds")
        return self._loaded
