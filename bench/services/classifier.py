"""Classification through the service, beside what the same processors can do at most and beside other servers, as JSON.

python bench/services/classifier.py [--seconds 4] [--clients 1 8 32 128] [--only PART ...] [--other NAME=PYTHON ...]

Parts: `limit` (a), decoding and ONNX Runtime in one process, with as many threads of one-thread sessions as there are
processors, and beside it one session of all threads; `openvino` (a'), the same with OpenVINO; `service`; `plain` (e),
a synchronous gRPC server that somebody writes in an afternoon; and for each `--other`, in the environment of the
PYTHON that is named, mlserver (b; 1.7.1 starts with uvloop below 0.22 only), litserve (c), bentoml (d): the network,
the decoding and the number of workers are the same for all of them (`serving`). Servers and clients are processes of
their own; the clients' own processor time is said, and taken off in `of_limit_apart`: what the server reaches of the
limit on the processors that clients leave it. `cpu_ms` is what one photograph costs the server's processes, and
`of_limit_by_cpu` compares it with what it costs the limit: it holds on a machine that is shared with other work as
well, where what is reached in a second says little. Then arrivals at 80 % of what the server answered at most, in the
open. The model is untrained: its weights do not change the time that it takes. Photographs are JPEGs of 512 px, and
of 4000 x 3000. `cold_start_s`: to SERVING.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from saggar.bundle import BundleModel, fetch_onnx, read_card, write_bundle
from saggar.images import decode, preprocess
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import Piece, render
from saggar.rpc.channel import wait_ready
from saggar.store import DirectoryStore, ObjectRef, ObjectStore
from saggar.taxonomy import load_taxonomy
from saggar_classifier.turns.processors import available

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "support" / "fakes"))

from classifier_process import ClassifierProcess  # noqa: E402 as above
from serving import servers  # noqa: E402 as above

PHOTOGRAPHS = 20
OF_CAPACITY = 0.8  # what the open loop asks for
PARTS = ("limit", "openvino", "service", "plain")


@dataclass(frozen=True)
class Given:
    """How to measure: seconds of each, numbers of clients, and the photographs by kind, as files in `folder`."""

    seconds: float
    clients: tuple[int, ...]
    folder: Path
    kinds: dict[str, list[bytes]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Throughput and latency of classification.")
    parser.add_argument("--seconds", type=float, default=4.0, help="of every measurement [4]")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS), help="parts to measure [all]")
    parser.add_argument("--other", nargs="*", default=[], metavar="NAME=PYTHON", help=f"{', '.join(servers.OTHERS)}")
    asked_for = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        kinds = {"512": [photograph(seed) for seed in range(PHOTOGRAPHS)], "4000x3000": [large_photograph(0)] * 3}
        given = Given(asked_for.seconds, tuple(asked_for.clients), Path(name), kinds)
        for kind, photographs in kinds.items():
            (given.folder / kind).mkdir()
            for number, data in enumerate(photographs):
                (given.folder / kind / f"{number}.jpg").write_bytes(data)
        others = {name: Path(python) for name, _, python in (each.partition("=") for each in asked_for.other)}
        print(json.dumps(compared(given, asked_for.only, others), indent=1))


def compared(given: Given, parts: list[str], others: dict[str, Path]) -> dict[str, Any]:
    store = DirectoryStore(given.folder / "store")
    bundle = untrained_bundle(store)
    card = read_card(store, bundle)
    result: dict[str, Any] = {"bench": "classifier", "processors": available(), "seconds": given.seconds}
    one_thread, together = BundleModel.load(store, bundle, threads=1), BundleModel.load(store, bundle)
    if "limit" in parts:
        result["limit_per_second"] = limits(one_thread, given)
        result["one_session_of_all_threads_per_second"] = limits(together, given)
    if "openvino" in parts:
        result["openvino_per_second"] = {
            precision: limits(_by_openvino(store, bundle, precision), given) for precision in ("f32", "bf16")
        }
    if "service" in parts:
        with ClassifierProcess(
            store.root, given.folder, model=bundle.key, threads=available(), log_level="error"
        ) as served:
            begun = time.perf_counter()
            address = served.address()
            wait_ready(address, 60, service="")
            result["cold_start_s"] = round(time.perf_counter() - begun, 2)
            result["service"] = measured("saggar", address, served.process.pid, given, one_thread)
    if "plain" in parts:
        with servers.plain(store.root, bundle.key) as started:
            result["plain"] = measured(started.protocol, started.address, started.process.pid, given, one_thread)
    network = given.folder / "network.onnx"
    network.write_bytes(fetch_onnx(store, card))
    for name, python in others.items():
        folder = given.folder / name
        folder.mkdir()
        with servers.other(name, python, network, folder, available()) as started:
            result[name] = measured(started.protocol, started.address, started.process.pid, given, one_thread)
    return result


def limits(model: BundleModel, given: Given) -> dict[str, dict[str, float]]:
    return {kind: limit(model, data, given.seconds) for kind, data in given.kinds.items()}


def limit(model: BundleModel, photographs: list[bytes], seconds: float) -> dict[str, float]:
    """Photographs per second, decoded and classified by as many threads as there are processors; and what one costs."""
    spec = model.card.input_spec
    model.predict(np.zeros((1, 3, spec.size_px, spec.size_px), np.float32))
    used, over = time.process_time(), time.perf_counter() + seconds

    def work(number: int) -> int:
        done = 0
        while time.perf_counter() < over:
            data = photographs[(number + done) % len(photographs)]
            image = decode(data, "photograph", enough_px=spec.enough_px)
            model.predict(preprocess(image, spec)[np.newaxis])
            done += 1
        return done

    with ThreadPoolExecutor(available()) as pool:
        done = sum(pool.map(work, range(available())))
    return {"per_second": round(done / seconds, 1), "cpu_ms": round(1e3 * (time.process_time() - used) / done, 2)}


def measured(protocol: str, address: str, process: int, given: Given, model: BundleModel) -> dict[str, Any]:
    """By kind of photograph and number of clients, and at OF_CAPACITY in the open, what a process of clients saw.

    The limit is measured again before and after each server, and the mean taken: the machine is not the same for long.
    """
    before = limits(model, given)
    result: dict[str, Any] = {}
    for position, kind in enumerate(given.kinds):

        def ask(clients: int, *rate: float, kind: str = kind) -> dict[str, float]:
            command = [sys.executable, HERE / "serving" / "clients.py", protocol, address, clients]
            arguments = [*command, given.seconds, given.folder / kind, *rate]
            used = servers.processor_seconds(process)
            ended = subprocess.run([str(each) for each in arguments], stdout=subprocess.PIPE, check=True)  # noqa: S603 ours
            found: dict[str, float] = json.loads(ended.stdout)
            used = servers.processor_seconds(process) - used
            return found | {"cpu_ms": round(1e3 * used / found.pop("calls"), 2)}

        if position == 0:
            ask(1)  # workers that start late would count as the first photographs' cost
        found = {str(count): ask(count) for count in given.clients}
        capacity = max(1.0, *(each["per_second"] for each in found.values()))
        result[kind] = found | {"open_loop": ask(0, OF_CAPACITY * capacity)}
    after = limits(model, given)
    for kind in given.kinds:
        most, least = (sum(each[kind][name] for each in (before, after)) / 2 for name in ("per_second", "cpu_ms"))
        for each in (result[kind][str(count)] for count in given.clients):
            each["of_limit"] = round(each["per_second"] / most, 2)
            left = 1 - min(each["clients_processors"], available() - 0.1) / available()
            each["of_limit_apart"] = round(each["per_second"] / (most * left), 2)
            each["of_limit_by_cpu"] = round(least / each["cpu_ms"], 2)
    return {"limit_before_and_after": {kind: [before[kind], after[kind]] for kind in given.kinds}, **result}


def _by_openvino(store: ObjectStore, bundle: ObjectRef, precision: str) -> BundleModel:
    from saggar_classifier.networks.openvino_session import OpenVinoSession

    card = read_card(store, bundle)
    onnx = fetch_onnx(store, card)
    return BundleModel(card, onnx, session=OpenVinoSession(onnx, precision, available()))


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
