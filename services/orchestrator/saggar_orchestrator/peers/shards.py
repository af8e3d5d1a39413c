"""Images from the generator's replicas: prompts go out in shards, side by side, and the channel spreads them.

An image depends on its own prompt alone, and one that exists is found again. So it does not matter which
replica makes a shard, and a shard that broke off is simply sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from saggar.v1 import generator_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.requests import as_inputs
from saggar_orchestrator.progress import Cancellation

# Images done, one line on what is happening, current numbers.
OnProgress = Callable[[int, str, Mapping[str, float]], object]


@dataclass(frozen=True)
class Order:
    """Everything about a set of images but the prompts."""

    base_model: str
    adapters: tuple[generator_pb2.AdapterUse, ...] = ()
    settings: generator_pb2.GenerationSettings = field(default_factory=generator_pb2.GenerationSettings)


def generate_in_shards(
    peers: Peers,
    order: Order,
    prompts: Sequence[generator_pb2.PromptItem],
    shard_size: int,
    parallel: int,
    on_progress: OnProgress,
    cancellation: Cancellation,
) -> dict[str, generator_pb2.GeneratedImage]:
    """The image of every prompt, by its id. `parallel` shards of `shard_size` prompts are under way at once.

    Raises the generator's domain errors, CancelledError when cancelled.
    """
    finished: dict[str, generator_pb2.GeneratedImage] = {}
    seen: set[str] = set()

    def make(shard: Sequence[generator_pb2.PromptItem]) -> None:
        request = generator_pb2.GenerateRequest(
            base_model=order.base_model, adapters=order.adapters, prompts=shard, settings=order.settings
        )
        request.request_id = digest(as_inputs(request))[:32]

        def on_event(event: generator_pb2.GenerateResponse) -> None:
            if event.HasField("image"):
                seen.add(event.image.prompt_id)
                on_progress(len(seen), "", {})
            elif event.HasField("progress"):
                on_progress(len(seen), event.progress.stage, dict(event.progress.metrics))

        result: generator_pb2.GenerateResult = peers.stream("generator", "Generate", request, on_event, cancellation)
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
