"""One adapter step and one denoising step of a network as large as Stable Diffusion 1.5, through the service.

UNet, autoencoder and text encoder have SD 1.5's configurations (860 million parameters in the UNet) and
random weights: the pictures are noise, time and memory are real. The base model is written to --work first
(4.3 GB in float32, half in bfloat16), with nano's tokenizer: its prompts are filled up to 77 tokens too.
The service runs in a process of its own, on the CPU unless --device says otherwise; this process talks to it
over gRPC and reads its peak memory. Prints JSON.

    python bench/pictures/sd15_geometry.py --work FOLDER
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from adapter_data import choose
from saggar.rpc.channel import open_channel
from saggar.rpc.refs import ref_to_proto
from saggar.rpc.serving.server import start_server
from saggar.store import DirectoryStore
from saggar.v1 import generator_pb2, generator_pb2_grpc

PROMPT = "Yuan dynasty, Jun kiln produced, Chinese porcelain, vase, with moon white glaze"
NEGATIVE = "low quality, blurry, modern, damaged, cracked"
WORK = Path(tempfile.gettempdir()) / "saggar-bench"


def main() -> None:
    """Build the base model where it is missing, start the service, ask it, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, default=WORK, help="folder that keeps the base model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16", "float16"))
    parser.add_argument("--size", type=int, default=512, help="pixels a side")
    parser.add_argument("--training-steps", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1, help="denoising steps")
    parser.add_argument("--gradient-checkpointing", action="store_true")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)  # the service's own process
    options = parser.parse_args()
    if options.serve:
        serve(options)
        return
    base = options.work / f"sd15-geometry-{options.precision}"
    if not (base / "model_index.json").is_file():
        command = "import sys; from sd15_geometry import build; build(sys.argv[1], sys.argv[2])"
        here = Path(__file__).parent
        subprocess.run(  # noqa: S603 our own function; its memory goes with the process
            [sys.executable, "-c", command, str(base), options.precision], check=True, cwd=here
        )
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        print(json.dumps(measure(options, base, Path(folder))))


def measure(options: argparse.Namespace, base: Path, folder: Path) -> dict[str, Any]:
    """Adapter first, then an image with it."""
    store = DirectoryStore(folder / "store")
    chosen = choose(store, folder, 4, collection=150, size_px=64)  # scaled up by the service
    with service(options, folder) as (stub, process):
        loaded = _peak_mib(process)
        began = time.perf_counter()
        training = _last(
            stub.TrainAdapter(
                generator_pb2.TrainAdapterRequest(
                    base_model=str(base),
                    manifest=ref_to_proto(chosen.manifest),
                    settings=generator_pb2.AdapterSettings(
                        steps=options.training_steps,
                        batch_size=1,
                        resolution_px=options.size,
                        # A one-step adapter whose learning rate is still 0 would change nothing.
                        warm_up_steps=0,
                        gradient_checkpointing=options.gradient_checkpointing,
                    ),
                )
            )
        )
        after_training = _peak_mib(process)
        generating = time.perf_counter()
        images = _last(
            stub.Generate(
                generator_pb2.GenerateRequest(
                    base_model=str(base),
                    adapters=[generator_pb2.AdapterUse(name="one", adapter=training["result"].adapter)],
                    prompts=[
                        generator_pb2.PromptItem(prompt_id="one", prompt=PROMPT, negative_prompt=NEGATIVE, seed=1)
                    ],
                    settings=generator_pb2.GenerationSettings(
                        steps=options.steps,
                        scheduler="ddim",
                        width_px=options.size,
                        height_px=options.size,
                    ),
                )
            )
        )
        ended = time.perf_counter()
        described = stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest())
        peak = _peak_mib(process)
    return {
        "bench": "sd15_geometry",
        "parameters": json.loads((base / "parameters.json").read_text("utf-8")),
        "size_px": options.size,
        "device": described.device,
        "precision": described.precision,
        "gradient_checkpointing": options.gradient_checkpointing,
        "cores": os.cpu_count(),
        "adapter": {
            "steps": options.training_steps,
            "images_encoded": chosen.images,
            "whole_job_s": round(generating - began, 1),
            "optimiser_step_s": round(1 / training["pace"], 1) if training["pace"] else None,
            "final_loss": round(training["result"].final_loss, 4),
            "service_peak_mib": after_training,
        },
        "image": {
            "denoising_steps": options.steps,
            "whole_job_s": round(ended - generating, 1),
            "bytes": images["result"].images[0].image.size_bytes,
        },
        "service_mib_before": loaded,
        "service_peak_mib": peak,
    }


@contextmanager
def service(options: argparse.Namespace, folder: Path) -> Iterator[tuple[Any, int]]:
    """The generator in a process of its own, and its process id."""
    command = [sys.executable, __file__, "--serve", str(folder), "--device", options.device]
    process = subprocess.Popen(  # noqa: S603 our own command
        [*command, "--precision", options.precision], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None  # noqa: S101 asked for above
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit("the generator did not start; its own output above says why")
        with open_channel(address) as channel:
            yield generator_pb2_grpc.GeneratorServiceStub(channel), process.pid
    finally:
        process.communicate()  # closes its standard input, which ends it


def serve(options: argparse.Namespace) -> None:
    """Serve until standard input closes."""
    from saggar_generator.servicer import GeneratorServicer
    from saggar_generator.settings import GeneratorSettings

    folder = options.serve / "store"
    settings = GeneratorSettings(store=str(folder), device=options.device, precision=options.precision)
    servicer = GeneratorServicer(DirectoryStore(folder), settings)
    servicer.warm_up()
    server = start_server(servicer.register)
    print(server.address, flush=True)
    sys.stdin.read()
    server.stop()


def build(folder: str, precision: str) -> None:
    """A pipeline of SD 1.5's configuration with random weights (the libraries' own initialisation)."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from saggar_generator.nano import weights_path
    from transformers import AutoTokenizer, CLIPTextConfig, CLIPTextModel

    torch.manual_seed(0)
    torch.set_default_dtype({"float32": torch.float32, "bfloat16": torch.bfloat16}.get(precision, torch.float16))
    unet = UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8
    )  # the rest of its defaults are SD 1.5's
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )
    text = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        projection_dim=768,
    )
    pipeline = StableDiffusionPipeline(
        unet=unet,
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=AutoTokenizer.from_pretrained(weights_path() / "tokenizer"),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            set_alpha_to_one=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    part = Path(folder).with_suffix(".part")
    pipeline.save_pretrained(part, safe_serialization=True)
    counts = {
        name: sum(weight.numel() for weight in getattr(pipeline, name).parameters())
        for name in ("unet", "vae", "text_encoder")
    }
    (part / "parameters.json").write_text(json.dumps(counts), encoding="utf-8")
    part.replace(folder)


def _last(events: Any) -> dict[str, Any]:
    """The stream's result, and the last pace that it told of."""
    found: dict[str, Any] = {"pace": 0.0}
    try:
        for event in events:
            kind = event.WhichOneof("event")
            if kind == "result":
                found["result"] = event.result
            elif kind == "progress":
                print(f"{event.progress.stage} {event.progress.done}", file=sys.stderr, flush=True)
                found["pace"] = dict(event.progress.metrics).get("steps_per_second", found["pace"])
    except grpc.RpcError as error:
        raise SystemExit(f"the generator failed: {error.details()}") from error
    return found


def _peak_mib(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


if __name__ == "__main__":
    main()
