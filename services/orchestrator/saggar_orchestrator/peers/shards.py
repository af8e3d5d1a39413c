"""Images from the generator's replicas: prompts go out in shards, side by side, and the channel spreads them.

An image depends on its own prompt alone, and one that exists is found again. So it does not matter which
replica makes a shard, and a shard that broke off is simply sent again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from saggar.progress import Progress, Report
from saggar.v1 import generator_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.messages import as_inputs

_Shard = Sequence[generator_pb2.PromptItem]
_MOST_AT_ONCE = 512  # shards; each has a thread that follows it
_REPLICAS_COUNTED_AGAIN_S = 5.0


@dataclass(frozen=True)
class Order:
    """Everything about a set of images but the prompts."""

    base_model: str
    adapters: tuple[generator_pb2.AdapterUse, ...] = ()
    settings: generator_pb2.GenerationSettings = field(default_factory=generator_pb2.GenerationSettings)
    control_net: generator_pb2.ControlNet | None = None


def generate_in_shards(
    calls: Calls,
    order: Order,
    prompts: Sequence[generator_pb2.PromptItem],
    *,
    shard_size: int,
    parallel: int,
    report: Report,
) -> dict[str, generator_pb2.GeneratedImage]:
    """The image of every prompt, by its id. So many shards of `shard_size` prompts are under way at once as there are
    replicas, also those that join meanwhile, and `parallel` at least.

    Raises the generator's domain errors, CancelledError when cancelled.
    """
    finished: dict[str, generator_pb2.GeneratedImage] = {}
    seen: set[str] = set()

    def say(stage: str = "", metrics: Mapping[str, float] | None = None) -> None:
        report(Progress("generating", len(seen), len(prompts), "images", dict(metrics or {}), stage))

    def make(shard: _Shard) -> None:
        request = generator_pb2.GenerateRequest(
            base_model=order.base_model,
            adapters=order.adapters,
            prompts=shard,
            settings=order.settings,
            control_net=order.control_net,
        )
        request.request_id = digest(as_inputs(request))[:32]

        def on_event(event: generator_pb2.GenerateResponse) -> None:
            if event.HasField("image"):
                seen.add(event.image.prompt_id)
                say()
            elif event.HasField("progress"):
                say(event.progress.stage, event.progress.metrics)

        result: generator_pb2.GenerateResult = calls.follow("generator", "Generate", request, on_event)
        finished.update((image.prompt_id, image) for image in result.images)

    shards = [prompts[start : start + shard_size] for start in range(0, len(prompts), shard_size)]
    _side_by_side(make, shards, lambda: max(parallel, calls.peers.replicas("generator")))
    return finished


def _side_by_side(make: Callable[[_Shard], None], shards: Sequence[_Shard], at_once: Callable[[], int]) -> None:
    """Makes all shards; after one that failed begins no other, lets the running ones end, and raises its error."""
    waiting, running = deque(shards), set[Future[None]]()
    failed: list[Future[None]] = []
    with ThreadPoolExecutor(_MOST_AT_ONCE, thread_name_prefix="shard") as pool:  # a thread begins when it is needed
        while running or (waiting and not failed):
            while waiting and not failed and len(running) < min(_MOST_AT_ONCE, at_once()):
                running.add(pool.submit(make, waiting.popleft()))
            done, running = wait(running, timeout=_REPLICAS_COUNTED_AGAIN_S, return_when=FIRST_COMPLETED)
            failed += [future for future in done if future.exception()]
    for future in failed:
        future.result()
