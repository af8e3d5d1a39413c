"""How much of an extractor's bare speed is left when features are extracted from images in a store: read,
decoded, prepared, and written to the cache. Prints JSON lines.

    python bench/pictures/extraction.py --images 400 --rounds 3                              # a MobileNetV3-Large
    python bench/pictures/extraction.py --images 64 --rounds 3 --extractor inception-v3-compat

The network alone and the whole way take turns, so that both see the same machine. Weights are random, which
does not change the time.
"""

import argparse
import io
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import torch
from PIL import Image
from saggar.bundle import write_bundle
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.decoding import decode
from saggar.images import InputSpec
from saggar.job_settings.training import TrainingSettings
from saggar.kilnsim import render, sample_collection
from saggar.store import DirectoryStore, ObjectRef
from saggar.store.images import put_image
from saggar.taxonomy import load_taxonomy
from saggar_qc.extractors.choice import BundleChoice, Choice, InceptionChoice, identity, open_extractor
from saggar_qc.extractors.extraction import Extraction
from saggar_qc.extractors.reading import examine
from saggar_trainer.export.onnx_export import to_onnx
from saggar_trainer.model.backbone import build_backbone
from saggar_trainer.model.network import MultiTaskClassifier
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3


def bundle(store: DirectoryStore, size_px: int) -> ObjectRef:
    taxonomy = load_taxonomy("kilnsim")
    torch.manual_seed(0)
    layers = build_backbone(TrainingSettings(initial_weights="random")).layers
    model = MultiTaskClassifier(layers, {task.name: len(task.classes) for task in taxonomy.tasks})
    return write_bundle(
        store, to_onnx(model, size_px), b"", taxonomy=taxonomy, input_spec=InputSpec(size_px),
        architecture="mobilenet_v3_large", initial_weights="random",
    )[1]  # fmt: skip


class Unloaded(FeatureExtractorInceptionV3):
    """torch-fidelity's network as it is built, before any weights are read."""

    def load_state_dict(self, *_: object, **__: object) -> None:
        return None


def inception(path: Path) -> InceptionChoice:
    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    network = Unloaded("random", ["2048"], feature_extractor_weights_path=nothing)
    torch.save(network.state_dict(), path)
    return InceptionChoice(path)


def pictures(store: DirectoryStore, count: int, side_px: int) -> Manifest:
    records = []
    for number, piece in enumerate(sample_collection(count, 7)):
        out = io.BytesIO()
        Image.fromarray(render(piece, side_px, 0)).save(out, "PNG")
        key = put_image(store, out.getvalue(), "png").key
        records.append(Record(key, f"o{number}", {}))
    return Manifest.from_records(records, load_taxonomy("kilnsim").task_names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--extractor", choices=("backbone", "inception-v3-compat"), default="backbone")
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--side", type=int, default=256, help="of the images in the store, in pixels")
    parser.add_argument("--size", type=int, default=224, help="that the backbone takes, in pixels")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0, help="of the network; 0: one per core")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = DirectoryStore(Path(folder))
        choice: Choice = (
            BundleChoice(bundle(store, given.size))
            if given.extractor == "backbone"
            else inception(Path(folder) / "inception.pth")
        )
        extractor = open_extractor(choice, store, given.threads)
        manifest = pictures(store, given.images, given.side)
        prepared = [extractor.prepare(decode(store.get(row.image), row.image)) for row in manifest.records()]
        batches = [prepared[start : start + given.batch] for start in range(0, len(prepared), given.batch)]
        extractor.analyse(batches[0])

        def bare() -> None:
            for batch in batches:
                extractor.analyse(batch)

        def whole(name: str) -> None:
            extraction = Extraction(store, extractor, name, given.batch)
            for _ in examine(manifest, extraction, ("upright",), threading.Event()):
                pass

        ratios = []
        for number in range(given.rounds):
            name = f"{identity(choice)} {number}"  # a cache of its own
            seconds = [timed(bare), timed(lambda: whole(name)), timed(lambda: whole(name))]  # noqa: B023 now
            speeds = [round(given.images / each, 1) for each in seconds]
            ratios.append(seconds[0] / seconds[1])
            print(json.dumps({
                "bench": "extraction", "extractor": given.extractor, "round": number, "images": given.images,
                "bare_images_per_s": speeds[0], "whole_images_per_s": speeds[1],
                "cached_images_per_s": speeds[2], "ratio": round(ratios[-1], 3),
            }), flush=True)  # fmt: skip
        summary = {"extractor": given.extractor, "median_ratio": round(statistics.median(ratios), 3)}
        print(json.dumps({"bench": "extraction"} | summary))


def timed(work) -> float:  # noqa: ANN001 a call without arguments
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
