"""Many generators, one orchestrator: `python bench/services/replicas.py [--replicas 64] [--shards 1000] [--kill 8]`.

The replicas are stand-ins in a process of their own: real gRPC servers, each with its own port, that say after
`--image-seconds` that an image is made, and make none. What is measured is the orchestrator's side: the function that
cuts prompts into shards and spreads them. `--kill N` stops N replicas when a third of the images are there. Prints
JSON: images a second, the orchestrator's processor time per image and its peak memory, how many shards each replica
had, and how many images are lost or doubled (each prompt has to have its own). Exits with 1 where any is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import resource
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import Connection

import grpc
from saggar.progress import Progress
from saggar.rpc.serving.server import RunningServer, start_server
from saggar.rpc.serving.work import stream_events
from saggar.settings import ServiceSettings
from saggar.v1 import common_pb2, generator_pb2, generator_pb2_grpc
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.peers import Peers
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.progress import Cancellation


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=64)
    parser.add_argument("--shards", type=int, default=1000)
    parser.add_argument("--shard-size", type=int, default=16)
    parser.add_argument("--parallel", type=int, help="shards under way at once; default: one for each replica")
    parser.add_argument("--image-seconds", type=float, default=0.1)
    parser.add_argument("--kill", type=int, default=0)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")  # a fork after gRPC has begun hangs
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, options.replicas, options.image_seconds), daemon=True)
    process.start()
    addresses: list[str] = ours.recv()
    try:
        report = _measured(options, addresses, ours)
    finally:
        process.terminate()
        process.join()
    print(json.dumps(report, indent=1))
    return int(bool(report["lost"] or report["doubled"]))


def _measured(options: argparse.Namespace, addresses: Sequence[str], replicas: Connection) -> dict[str, object]:
    count = options.shards * options.shard_size
    prompts = [generator_pb2.PromptItem(prompt_id=f"p{n}", prompt="white bowl", seed=n) for n in range(count)]
    parallel = options.parallel or options.replicas
    killed = threading.Event()

    def report(progress: Progress) -> None:
        if options.kill and progress.done > count / 3 and not killed.is_set():
            killed.set()
            replicas.send(options.kill)

    peers = Peers({"generator": ",".join(addresses)}, patience_s=300)
    began, processor = time.monotonic(), time.process_time()
    try:
        calls = Calls(peers, Cancellation())
        images = generate_in_shards(
            calls, Order("none"), prompts, shard_size=options.shard_size, parallel=parallel, report=report
        )
    finally:
        peers.close()
    seconds, processor = time.monotonic() - began, time.process_time() - processor
    replicas.send(None)
    shards: list[int] = replicas.recv()
    keys = Counter(image.image.sha256 for image in images.values())
    return {
        "replicas": options.replicas,
        "killed": options.kill,
        "shards": options.shards,
        "images": len(images),
        "lost": count - len(images),
        "doubled": len(images) - len(keys),
        "seconds": round(seconds, 1),
        "images_per_second": round(count / seconds),
        "seconds_if_nothing_else_took_time": round(count * options.image_seconds / min(parallel, options.replicas), 1),
        "orchestrator_processor_ms_per_image": round(1000 * processor / count, 3),
        "orchestrator_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "shards_per_replica": {"least": min(shards), "most": max(shards), "sum": sum(shards)},
    }


class _Replica(generator_pb2_grpc.GeneratorServiceServicer):
    def __init__(self, image_seconds: float) -> None:
        self.image_seconds, self.shards = image_seconds, 0

    def Generate(self, request, context):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, N802 as generated
        self.shards += 1

        def work(emit, cancelled):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            made = []
            for prompt in request.prompts:
                if cancelled.wait(self.image_seconds):
                    break
                digest = hashlib.sha256(f"{prompt.prompt} {prompt.seed}".encode()).hexdigest()
                image = common_pb2.ObjectRef(uri=f"images/{digest[:2]}/{digest}.png", sha256=digest, size_bytes=1)
                made.append(generator_pb2.GeneratedImage(prompt_id=prompt.prompt_id, image=image, seed=prompt.seed))
                emit(generator_pb2.GenerateResponse(image=made[-1]))
            return generator_pb2.GenerateResult(images=made)

        yield from stream_events(context, generator_pb2.GenerateResponse, work)

    def register(self, server: grpc.Server) -> Sequence[str]:
        generator_pb2_grpc.add_GeneratorServiceServicer_to_server(self, server)
        return ("saggar.v1.GeneratorService",)


def _serve(pipe: Connection, count: int, image_seconds: float) -> None:
    """Replicas, until the parent has had their numbers of shards; stops as many as it is sent."""
    replicas = [_Replica(image_seconds) for _ in range(count)]
    settings = ServiceSettings(listen="127.0.0.1:0")
    servers: list[RunningServer] = [start_server(replica.register, settings) for replica in replicas]
    pipe.send([server.address for server in servers])
    while (kill := pipe.recv()) is not None:
        for server in servers[:kill]:
            threading.Thread(target=server.stop, daemon=True).start()
    pipe.send([replica.shards for replica in replicas])


if __name__ == "__main__":
    sys.exit(main())
