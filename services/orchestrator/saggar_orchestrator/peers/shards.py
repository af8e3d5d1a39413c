"""Images from the generator's replicas: prompts go out in shards, side by side, and the channel spreads them.

An image depends on its own prompt alone, and one that exists is found again. So it does not matter which
replica makes a shard, and a shard that broke off is simply sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from saggar.progress import Progress, Report
from saggar.v1 import generator_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.messages import as_inputs


@dataclass(frozen=True)
class Order:
    """Everything about a set of images but the prompts."""

    base_model: str
    adapters: tuple[generator_pb2.AdapterUse, ...] = ()
    settings: generator_pb2.GenerationSettings = field(default_factory=generator_pb2.GenerationSettings)


def generate_in_shards(
    calls: Calls,
    order: Order,
    prompts: Sequence[generator_pb2.PromptItem],
    *,
    shard_size: int,
    parallel: int,
    report: Report,
) -> dict[str, generator_pb2.GeneratedImage]:
    """The image of every prompt, by its id. `parallel` shards of `shard_size` prompts are under way at once.

    Raises the generator's domain errors, CancelledError when cancelled.
    """
    finished: dict[str, generator_pb2.GeneratedImage] = {}
    seen: set[str] = set()

    def say(stage: str = "", metrics: Mapping[str, float] | None = None) -> None:
        report(Progress("generating", len(seen), len(prompts), "images", dict(metrics or {}), stage))

    def make(shard: Sequence[generator_pb2.PromptItem]) -> None:
        request = generator_pb2.GenerateRequest(
            base_model=order.base_model, adapters=order.adapters, prompts=shard, settings=order.settings
        )
        request.request_id = digest(as_inputs(request))[:32]

        def on_event(event: generator_pb2.GenerateResponse) -> None:
            if event.HasField("image"):
                seen.add(event.image.prompt_id)
                say()
            elif event.HasField("progress"):
                say(event.progress.stage, event.progress.metrics)

        result: generator_pb2.GenerateResult = calls.peers.stream(
            "generator", "Generate", request, on_event, calls.cancellation
        )
        finished.update((image.prompt_id, image) for image in result.images)

    shards = [prompts[start : start + shard_size] for start in range(0, len(prompts), shard_size)]
    with ThreadPoolExecutor(parallel, thread_name_prefix="shard") as pool:
        futures = [pool.submit(make, shard) for shard in shards]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        failed = [future for future in done if future.exception()]
        if failed:
            pool.shutdown(wait=False, cancel_futures=True)
    for future in failed or futures:
        future.result()
    return finished
