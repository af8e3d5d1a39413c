"""Does an adapter make the base model draw the glaze-type pairs asked for, as the collection has them?

A kilnsim collection is split; an adapter is trained on photographs of the training split; images of the nine
rare combinations are generated with it and without it, from the same prompts and seeds. The base model has
never seen one of these pairs; the adapter has the few photographs that the training split holds, or none
with --hold-back.

pair accuracy   share of images in which the oracle (bench/pictures/oracle.py) finds both glaze and type as prompted
KID             of the oracle's features, to as many new renders of the same combinations, which neither the
                base model, the adapter nor the oracle has seen; beside it that of one half of such renders
                to another, which is what a perfect generator would have

Everything that takes long is kept in --work: stopped and called again, it goes on. Prints JSON, and writes
a grid (PNG) of renders, images without and images with the adapter.

    python bench/pictures/adapter.py                          nano
    python bench/pictures/adapter.py --base-model FOLDER      another base of 64 pixels
"""

import argparse
import hashlib
import io
import json
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from adapter_data import TAXONOMY, choose
from oracle import (
    EPOCHS,
    PICTURES,
    SIZE,
    WORK,
    Answers,
    Labels,
    Pixels,
    drawn,
    open_oracle,
    rare_pieces,
    say,
    trust,
)
from PIL import Image
from saggar.dataset.synthetic.plan import PlannedImage, planned_image
from saggar.describing.shares import wilson
from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.kilnsim import RARE_COMBINATIONS
from saggar.learnt_words import words_of
from saggar.progress import Progress, Work
from saggar.store import DirectoryStore
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.base_models.placement import choose as choose_placement
from saggar_generator.images.generation_job import generate
from saggar_generator.requests import (
    AdapterUse,
    GeneratedImage,
    GenerationRequest,
    ImageRequest,
    PromptItem,
    TrainingRequest,
)
from saggar_generator.settings import ATTENTION
from saggar_generator.training.adapter_job import train_adapter
from saggar_generator.training.examples import latents_of
from saggar_qc.measures.distances import kernel_distance, kernel_interval

GRID_ROWS = 2  # of each kind
# Beside the attention projections: feed-forward, entry and exit of each transformer, and convolutions.
EVERYWHERE = (*ATTENTION, "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "conv1", "conv2")


def main() -> None:
    """Train, generate, judge, print."""
    options = arguments()
    torch.set_num_threads(options.threads)
    work: Path = options.work
    store = DirectoryStore(work / "store")
    oracle = open_oracle(work, options.oracle_pictures, options.oracle_epochs)
    chosen = choose(store, work, options.images, collection=options.collection, without_rare=options.hold_back)
    models = BaseModels(choose_placement(options.device, options.precision))
    settings = AdapterSettings(
        rank=options.rank,
        alpha=options.alpha or options.rank,
        steps=options.steps,
        batch_size=options.batch,
        learning_rate=options.learning_rate,
        learning_rate_schedule=options.schedule,
        seed=options.adapter_seed,
        caption_dropout=options.caption_dropout,
        min_snr_gamma=options.min_snr_gamma,
        train_text_encoder=options.text_encoder,
        unet_targets=EVERYWHERE if options.everywhere else ATTENTION,
        learnt_phrases=words_of(TAXONOMY.task(options.learn_words)) if options.learn_words else {},
        word_learning_rate=options.word_learning_rate if options.learn_words else None,
    )
    begun = time.monotonic()
    adapter = train_adapter(
        store,
        models,
        TrainingRequest(options.base_model, chosen.manifest, settings),
        Work(tell),
    )
    training_s = time.monotonic() - begun

    planned = questions(options.per_combination, options.seed)
    wanted = [{task: str(code) for task, code in one.labels.items()} for one in planned]
    sampling = GenerationSettings(
        steps=options.sampler_steps,
        guidance_scale=options.guidance,
        scheduler=options.scheduler,
        clip_skip=options.clip_skip,
        width_px=SIZE,
        height_px=SIZE,
    )
    use = AdapterUse("collection", adapter.adapter, options.weight)
    pictures, seconds = {}, {}
    for name, uses in (("without", []), ("with", [use])):
        begun = time.monotonic()
        pictures[name] = made(store, models, options.base_model, uses, planned, sampling)
        seconds[name] = time.monotonic() - begun

    # Three sets of renders: to compare with, as a perfect generator's, and to pass through the base.
    renders = drawn(rare_pieces(3 * len(planned), options.seed + 1000), work, "rare")
    real, perfect, passed = (renders[part * len(planned) : (part + 1) * len(planned)] for part in range(3))
    reference = oracle.answer(real).features
    results = {}
    for name, images in {
        "without adapter": pictures["without"],
        "with adapter": pictures["with"],
        "renders": perfect,
        "renders through the base's autoencoder": through_autoencoder(models.get(options.base_model), passed),
    }.items():
        results[name] = judged(oracle.answer(images), wanted, reference)
    before, after = results["without adapter"], results["with adapter"]
    digest = hashlib.sha256(json.dumps(vars(options), default=str, sort_keys=True).encode()).hexdigest()
    grid = work / f"adapter-grid-{digest[:8]}.png"
    draw_grid(grid, [real, pictures["without"], pictures["with"]])
    say(f"grid: {grid}")
    print(
        json.dumps(
            {
                "bench": "adapter",
                "base_model": Path(options.base_model).name,
                "base_hash": models.get(options.base_model).content_hash[:12],
                "held_back": options.hold_back,
                "rare_training_photographs": chosen.rare_photographs,
                "images_a_side": len(planned),
                "seed": options.seed,
                "results": results,
                "kid_falls_by": fall(before["kid"], after["kid"]),
                "kid_falls_by_at_least": fall(before["kid_95"][0], after["kid_95"][1]),  # of the intervals
                "oracle_on_new_renders": trust(oracle, work),
                "adapter": {key: value for key, value in settings.model_dump().items() if value not in ("", (), {})},
                "adapter_images": chosen.images,
                "adapter_weight": options.weight,
                "adapter_final_loss": round(adapter.final_loss, 4),
                "generation": sampling.model_dump(),
                "seconds": {
                    "adapter": round(training_s, 1),
                    **{f"images {name} adapter": round(value, 1) for name, value in seconds.items()},
                },
                "machine": machine(),
            }
        )
    )


def arguments() -> argparse.Namespace:
    """Defaults are the best of the settings that docs/results/generator.md tells, tried on other seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--base-model", default="nano", help="nano, or a diffusers folder of 64 pixels")
    parser.add_argument("--work", type=Path, default=WORK, help="folder that keeps what takes long")
    parser.add_argument("--collection", type=int, default=1200, help="objects of the collection")
    parser.add_argument("--images", type=int, default=840, help="photographs that the adapter learns from")
    parser.add_argument("--hold-back", action="store_true", help="none of them of a rare glaze-type pair")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--alpha", type=int, default=0, help="0: equal to the rank")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--schedule", default="cosine", choices=("constant", "linear", "cosine"))
    parser.add_argument("--caption-dropout", type=float, default=0.0)
    parser.add_argument("--min-snr-gamma", type=float, default=5.0)
    either = argparse.BooleanOptionalAction
    parser.add_argument("--everywhere", action=either, default=True, help="adapt all layers")
    parser.add_argument("--text-encoder", action=either, default=True, help="adapt the text encoder too")
    parser.add_argument("--learn-words", default="", metavar="TASK", help="learn new words for its classes too")
    parser.add_argument("--word-learning-rate", type=float, default=5e-4)
    parser.add_argument("--adapter-seed", type=int, default=0)
    parser.add_argument("--weight", type=float, default=1.0, help="of the adapter")
    parser.add_argument("--guidance", type=float, default=7.0)
    parser.add_argument("--sampler-steps", type=int, default=20)
    parser.add_argument("--scheduler", default="dpmpp_2m_karras")
    parser.add_argument("--clip-skip", type=int, default=1)
    parser.add_argument("--per-combination", type=int, default=56, help="images of each of nine")
    parser.add_argument("--seed", type=int, default=0, help="of prompts' noise and of the renders")
    parser.add_argument("--oracle-pictures", type=int, default=PICTURES, help="renders it learns from")
    parser.add_argument("--oracle-epochs", type=int, default=EPOCHS)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def questions(per_combination: int, seed: int) -> list[PlannedImage]:
    """Prompts of the nine rare combinations in turn, as a plan has them."""
    tasks = TAXONOMY.task_names
    return [
        planned_image(TAXONOMY, dict(zip(tasks, combination, strict=True)), index, seed)
        for index in range(per_combination)
        for combination in RARE_COMBINATIONS
    ]


def made(
    store: DirectoryStore,
    models: BaseModels,
    base_model: str,
    uses: Sequence[AdapterUse],
    planned: Sequence[PlannedImage],
    settings: GenerationSettings,
) -> Pixels:
    """The pictures of `planned`, by the service's own job."""
    items = [PromptItem(one.prompt_id, ImageRequest(one.prompt, one.negative_prompt, one.seed)) for one in planned]
    request = GenerationRequest(base_model, items, uses, settings)
    images: list[GeneratedImage] = generate(store, models, request, Work(tell))
    opened = [Image.open(io.BytesIO(store.read(one.image))).convert("RGB") for one in images]
    return np.stack([np.asarray(image) for image in opened])


@torch.no_grad()
def through_autoencoder(base: BaseModel, pictures: Pixels) -> Pixels:
    """`pictures` encoded and decoded: better than that the base model cannot draw."""
    vae = base.pipeline.vae
    parts = []
    for start in range(0, len(pictures), 64):
        images = [Image.fromarray(one) for one in pictures[start : start + 64]]
        latents = latents_of(base, images).to(base.placement.device, base.placement.dtype)
        decoded = vae.decode(latents / vae.config.scaling_factor).sample.float().clamp(-1, 1)
        parts.append(((decoded + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)


def judged(answers: Answers, wanted: Sequence[Labels], reference: np.ndarray) -> dict[str, Any]:
    """Accuracies with 95 % intervals, and the distance to as many renders."""
    pairs = answers.right_pairs(wanted)
    share = wilson(int(pairs.sum()), len(pairs))
    codes = [f"{one['glaze']} {one['type']}" for one in wanted]
    shares = {task: round(float(answers.right(task, [one[task] for one in wanted]).mean()), 3) for task in wanted[0]}
    return {
        "n": len(wanted),
        "pair_accuracy": round(float(pairs.mean()), 3),
        "pair_accuracy_95": [round(share.low, 3), round(share.high, 3)],
        "by_task": shares,
        "by_pair": {
            code: round(float(pairs[[one == code for one in codes]].mean()), 2) for code in dict.fromkeys(codes)
        },
        "kid": round(kernel_distance(reference, answers.features), 5),
        "kid_95": [round(edge, 5) for edge in kernel_interval(reference, answers.features, 500)],
    }


def fall(before: float, after: float) -> float | None:
    """The share by which a distance falls; None where there was none, within what can be measured."""
    return round(1 - after / before, 4) if before > 0 else None


def draw_grid(path: Path, kinds: Sequence[Pixels]) -> None:
    """A column per combination; rows of renders, then of images without, then with the adapter."""
    nine = len(RARE_COMBINATIONS)
    strips = []
    for pictures in kinds:
        rows = pictures[: GRID_ROWS * nine].reshape(GRID_ROWS, nine, SIZE, SIZE, 3)
        strips += [np.concatenate(list(row), axis=1) for row in rows]
        strips.append(np.full((4, nine * SIZE, 3), 255, dtype=np.uint8))
    sheet = Image.fromarray(np.concatenate(strips[:-1], axis=0))
    sheet.resize((sheet.width * 2, sheet.height * 2), Image.Resampling.NEAREST).save(path, optimize=True)


def machine() -> dict[str, Any]:
    """What the numbers depend on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    libraries = {name: version(name) for name in ("torch", "diffusers", "peft")}
    return {"processor": platform.machine(), "gpu": gpu, "threads": torch.get_num_threads(), **libraries}


def tell(progress: Progress) -> None:
    """One line a report."""
    numbers = " ".join(f"{name} {value:.3f}" for name, value in progress.metrics.items())
    say(f"{progress.stage} {progress.done} of {progress.total} {progress.unit} {numbers}")


if __name__ == "__main__":
    main()
