"""Our generation and adapter training beside the plain loops that one would write with diffusers and peft.

images     the service's job (prompts to PNG files in a store) beside `StableDiffusionPipeline` with the same
           prompts, steps, scheduler and number format, its pictures saved as PNG: one at a time, and in
           batches of each of --batches
training   the service's job beside the same loop without its caches, after diffusers' example script: decode
           photographs, encode them and their captions, in every step

The two sides are processes of their own (so each has its own peak memory) that take turns, several rounds.
Prints JSON lines: medians of the rounds, and the median of each round's ratio. On a
busy machine, --clock processor counts the processor's time of each process instead of the wall's: take
--threads 1 with it. --flops counts the UNet's
arithmetic too; --peak-tflops is what the device could do at most.

    python bench/pictures/generation.py
    python bench/pictures/generation.py --base-model FOLDER --size 512 --device cuda --precision bfloat16 --flops
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
from pathlib import Path
from typing import Any

from generation_sides import OURS, Setting, sides


def main() -> None:
    """Both comparisons, or one of them."""
    options = arguments()
    with tempfile.TemporaryDirectory() as folder:
        if options.only != "training":
            contenders = [OURS, *(f"diffusers, batches of {size}" for size in options.batches)]
            print(json.dumps(compare("images", contenders, options, Path(folder))), flush=True)
        if options.only != "images":
            print(json.dumps(compare("training", [OURS, "without caches"], options, Path(folder))))


def arguments() -> argparse.Namespace:
    """What is asked for; nothing here may import torch: a process's peak memory is to be its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", choices=("images", "training"))
    parser.add_argument("--base-model", default="nano", help="nano, or a diffusers folder")
    parser.add_argument("--size", type=int, default=0, help="pixels a side; 0: the base model's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice, for both sides")
    parser.add_argument("--clock", choices=("wall", "processor"), default="wall")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--images", type=int, default=16, help="images a round")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps an image")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 8, 16], help="of the plain loop")
    parser.add_argument("--training-steps", type=int, default=40, help="a round")
    parser.add_argument("--training-batch", type=int, default=4)
    parser.add_argument("--photographs", type=int, default=64, help="that adapters are trained on")
    parser.add_argument("--flops", action="store_true", help="count the UNet's arithmetic for an image")
    parser.add_argument("--peak-tflops", type=float, help="of the device, to state the share reached")
    return parser.parse_args()


def compare(kind: str, contenders: list[str], options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Rounds in turn, the first of which does not count: libraries settle."""
    context = multiprocessing.get_context("spawn")
    sides: dict[str, Any] = {}
    processes = []
    for name in contenders:
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, kind, name, options, folder / f"{kind} {name}"))
        process.start()
        there.close()
        sides[name] = here
        processes.append(process)
    facts = {name: side.recv() for name, side in sides.items()}  # loaded
    rounds: list[dict[str, float]] = []
    for number in range(options.rounds + 1):
        order = contenders if number % 2 else contenders[::-1]
        rounds.append({})
        for name in order:
            rounds[-1] |= _ask(sides[name], number)
    memory = {name: round(_ask(side, None)["MiB"]) for name, side in sides.items()}
    for process in processes:
        process.join()
    counted = rounds[1:]
    rates = {name: statistics.median(one[name] for one in counted) for name in rounds[0]}
    best = max(contenders[1:], key=lambda name: rates[name])
    ratios = [one[OURS] / one[best] for one in counted]
    return {
        "bench": f"generation, {kind}",
        "unit": "images/s" if kind == "images" else "optimiser steps/s",
        "clock": options.clock,
        "rounds": options.rounds,
        "rates": {name: round(rate, 3) for name, rate in rates.items()},
        "best_plain": best,
        "ratio_to_best_median": round(statistics.median(ratios), 3),
        "ratio_range": [round(min(ratios), 3), round(max(ratios), 3)],
        "peak_memory_mib": memory,
        **facts[OURS],
        "settings": _settings(kind, options),
        **(_arithmetic(rates[OURS], options) if kind == "images" and options.flops else {}),
    }


def _settings(kind: str, options: argparse.Namespace) -> dict[str, Any]:
    if kind == "images":
        return {"images_a_round": options.images, "steps": options.steps}
    return {
        "steps_a_round": options.training_steps,
        "batch": options.training_batch,
        "photographs": options.photographs,
    }


def _arithmetic(rate: float, options: argparse.Namespace) -> dict[str, float]:
    """Counted in a process of its own: it needs memory that is neither side's."""
    here, there = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_count, args=(there, options))
    process.start()
    per_image: float = here.recv()
    process.join()
    facts = {"unet_tflop_per_image": round(per_image, 4), "tflops_reached": round(per_image * rate, 4)}
    if options.peak_tflops:
        facts["share_of_peak"] = round(per_image * rate / options.peak_tflops, 4)
    return facts


def _ask(side: Any, question: int | None) -> dict[str, float]:
    side.send(question)
    answer: dict[str, float] = side.recv()
    return answer


def _serve(pipe: Any, kind: str, name: str, options: argparse.Namespace, folder: Path) -> None:
    """One side: answers every round's number with the rates reached in it, and None with its peak memory."""
    import torch

    if options.threads:
        torch.set_num_threads(options.threads)
    work = sides(kind, name)(Setting.of(options, folder, name))
    facts = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    if name == OURS:
        facts |= _described(options)
    pipe.send(facts)
    while (number := pipe.recv()) is not None:
        rates = work(number)
        pipe.send(rates if isinstance(rates, dict) else {name: rates})
    pipe.send({"MiB": _peak_mib()})


def _described(options: argparse.Namespace) -> dict[str, Any]:
    from saggar_generator.base_models.placement import choose

    placement = choose(options.device, options.precision)
    return {
        "base_model": Path(options.base_model).name,
        "device": placement.name,
        "precision": placement.precision,
    }


def _count(pipe: Any, options: argparse.Namespace) -> None:
    """The UNet's floating-point operations for one guided image, in 10^12."""
    import torch
    from saggar_generator.base_models.base_model import BaseModels
    from saggar_generator.base_models.placement import choose
    from torch.utils.flop_counter import FlopCounterMode

    base = BaseModels(choose("cpu", "float32")).get(options.base_model)
    unet = base.pipeline.unet
    side = (options.size or base.size_px) // int(base.pipeline.vae_scale_factor)
    text = torch.zeros(2, 77, unet.config.cross_attention_dim)
    noisy = torch.zeros(2, unet.config.in_channels, side, side)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        unet(noisy, torch.tensor(1), encoder_hidden_states=text)
    pipe.send(counter.get_total_flops() * options.steps / 1e12)


def _peak_mib() -> float:
    """Of the GPU where one is in use, else of this process's memory."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved() / 2**20
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
