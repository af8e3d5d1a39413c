"""Classification through the service, beside what the same processors can do at most and a plain gRPC server.

python bench/classifier.py [--seconds 5] [--clients 1 2 8 32]    prints JSON; `make bench` runs it

(a) the limit: decoding and ONNX Runtime in one process, with as many threads as the service has. (e) a plain
synchronous gRPC server: a pool of threads, whole decoding, one session with all processors. Servers and clients are
processes of their own; the clients' own processor time is given beside each rate, for it is taken from the same
processors. The model is untrained: its weights do not change the time that it takes. Photographs are JPEGs of 512 px,
and of 4000 x 3000. `cold_start_s`: from the start of the process to SERVING.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from PIL import Image
from saggar.bundle import BundleModel, write_bundle
from saggar.images import decode, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import Piece, render
from saggar.rpc.channel import open_channel, wait_ready
from saggar.store import DirectoryStore, ObjectRef, ObjectStore
from saggar.taxonomy import load_taxonomy
from saggar.v1 import classifier_pb2, classifier_pb2_grpc
from saggar_classifier.turns.processors import available

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from classifier_process import ClassifierProcess

PHOTOGRAPHS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput and latency of classification.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of every measurement [5]")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 2, 8, 32])
    parser.add_argument("--plain", nargs=2, metavar=("STORE", "KEY"), help=argparse.SUPPRESS)
    parser.add_argument("--ask", nargs=4, metavar=("ADDRESS", "CLIENTS", "SECONDS", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.plain:
        serve_plainly(*given.plain)
    elif given.ask:
        address, clients, seconds, folder = given.ask
        ask(address, int(clients), float(seconds), Path(folder))
    else:
        print(json.dumps(compared(given.seconds, given.clients), indent=1))


def compared(seconds: float, clients: list[int]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = DirectoryStore(folder / "store")
        bundle = untrained_bundle(store)
        kinds = {"512": [photograph(seed) for seed in range(PHOTOGRAPHS)], "4000x3000": [large_photograph(0)] * 3}
        for kind, photographs in kinds.items():
            (folder / kind).mkdir()
            for number, data in enumerate(photographs):
                (folder / kind / f"{number}.jpg").write_bytes(data)
        result: dict[str, Any] = {"bench": "classifier", "threads": available()}
        model = BundleModel.load(store, bundle, threads=1)
        result["limit_per_second"] = {kind: round(limit(model, data, seconds), 1) for kind, data in kinds.items()}
        with ClassifierProcess(store.root, folder, model=bundle.key, threads=available(), log_level="error") as served:
            begun = time.perf_counter()
            address = served.address()
            wait_ready(address, 60, service="")
            result["cold_start_s"] = round(time.perf_counter() - begun, 2)
            result["service"] = asked(address, clients, seconds, folder, kinds)
        command = [sys.executable, __file__, "--plain", str(store.root), bundle.key]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as plain:  # noqa: S603 this file
            address = plain.stdout.readline().strip() if plain.stdout else ""
            result["plain_server"] = asked(address, clients, seconds, folder, kinds)
            plain.kill()
    for kind, most in result["limit_per_second"].items():
        for of in result["service"][kind].values():
            of["of_limit"] = round(of["per_second"] / most, 2)
    return result


def limit(model: BundleModel, photographs: list[bytes], seconds: float) -> float:
    """Photographs per second, decoded and classified by as many threads as there are processors."""
    over = time.perf_counter() + seconds

    def work(number: int) -> int:
        done = 0
        while time.perf_counter() < over:
            data = photographs[(number + done) % len(photographs)]
            image = decode(data, "photograph", enough_px=model.card.input_spec.enough_px)
            model.predict(preprocess(image, model.card.input_spec)[np.newaxis])
            done += 1
        return done

    with ThreadPoolExecutor(available()) as pool:
        return sum(pool.map(work, range(available()))) / seconds


def asked(address: str, clients: list[int], seconds: float, folder: Path, kinds: dict[str, Any]) -> dict[str, Any]:
    """By kind of photograph and number of clients, what a process of clients measured."""

    def measured(kind: str, count: int) -> dict[str, float]:
        command = [sys.executable, __file__, "--ask", address, str(count), str(seconds), str(folder / kind)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)  # noqa: S603 this file
        found: dict[str, float] = json.loads(ended.stdout)
        return found

    return {kind: {str(count): measured(kind, count) for count in clients} for kind in kinds}


def ask(address: str, clients: int, seconds: float, folder: Path) -> None:
    """Prints what `clients` threads measure that ask one photograph after another."""
    photographs = [path.read_bytes() for path in sorted(folder.iterdir())]
    waits: list[float] = []
    with open_channel(address) as channel:
        stub: Any = classifier_pb2_grpc.ClassifierServiceStub(channel)

        def call(data: bytes) -> None:
            stub.Classify(classifier_pb2.ClassifyRequest(image=data))

        call(photographs[0])
        over, used = time.perf_counter() + seconds, time.process_time()

        def work(number: int) -> None:
            while (begun := time.perf_counter()) < over:
                call(photographs[(number + len(waits)) % len(photographs)])
                waits.append(time.perf_counter() - begun)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used = time.process_time() - used
    found = {
        "per_second": round(len(waits) / seconds, 1),
        "p50_ms": round(1e3 * float(np.quantile(waits, 0.5)), 1),
        "p99_ms": round(1e3 * float(np.quantile(waits, 0.99)), 1),
        "clients_processors": round(used / seconds, 2),
    }
    print(json.dumps(found))


def serve_plainly(store: str, key: str) -> None:
    """What somebody writes in an afternoon: prints its address, and serves until it is killed."""
    at = DirectoryStore(Path(store))
    model = BundleModel.load(at, at.stat(key))

    class Plain(classifier_pb2_grpc.ClassifierServiceServicer):
        def Classify(self, request: Any, _context: Any) -> Any:  # noqa: N802 as in the contract
            image = preprocess(decode(request.image, "photograph"), model.card.input_spec)
            found = model.predict(image[np.newaxis])
            return classifier_pb2.ClassifyResponse(
                predictions=[
                    classifier_pb2.TaskPrediction(
                        task=task,
                        classes=[
                            classifier_pb2.ClassProbability(code=str(index), probability=values[0][index])
                            for index in np.argsort(-values[0])[:5]
                        ],
                    )
                    for task, values in found.items()
                ]
            )

    server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.max_receive_message_length", 20 << 20)])
    classifier_pb2_grpc.add_ClassifierServiceServicer_to_server(Plain(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


def untrained_bundle(store: ObjectStore, seed: int = 0) -> ObjectRef:
    """A MobileNetV3-Large of the paper's size with random weights."""
    import torch
    from saggar_trainer.export.onnx_export import to_onnx
    from saggar_trainer.model.backbone import build_backbone, input_spec
    from saggar_trainer.model.network import MultiTaskClassifier

    torch.manual_seed(seed)
    taxonomy = load_taxonomy("song-yuan-porcelain")
    settings = TrainingSettings(initial_weights="random")
    classes = {task.name: len(task.classes) for task in taxonomy.tasks}
    model = MultiTaskClassifier(build_backbone(settings).layers, classes)
    spec = input_spec(settings)
    return write_bundle(
        store,
        to_onnx(model, spec.size_px),
        b"",
        taxonomy=taxonomy,
        input_spec=spec,
        architecture="mobilenet_v3_large",
        initial_weights="random",
    )[1]


def photograph(seed: int) -> bytes:
    """A JPEG of 512 pixels a side."""
    piece = Piece(dynasty="Song", kiln="Long", glaze="Celadon", type="Bowl", seed=seed, domain="collection")
    buffer = io.BytesIO()
    Image.fromarray(render(piece, 512)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def large_photograph(seed: int) -> bytes:
    """A JPEG of 4000 x 3000 pixels."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(photograph(seed))).resize((4000, 3000)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
