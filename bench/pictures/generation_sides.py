"""The two sides that bench/pictures/generation.py compares, for images and for adapter training.

Every maker loads what its side needs, and returns the work of one round. Heavy imports wait for that.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OURS, WHOLE_JOB = "ours", "ours, with filling the caches"
SCHEDULER = {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True}
NEGATIVE = "low quality, blurry, modern, damaged, cracked"
PROMPTS = (
    "Yuan dynasty, Jun kiln produced, Chinese porcelain, vase, with moon white glaze",
    "Song dynasty, Ding kiln produced, Chinese porcelain, bowl, with ivory white glaze",
    "Song dynasty, Long kiln produced, Chinese porcelain, washer, with celadon glaze",
    "Yuan dynasty, Jing kiln produced, Chinese porcelain, jar, with blue and white glaze",
)


Work = Callable[[int], float | dict[str, float]]  # round -> rate, or several by name


def sides(kind: str, name: str) -> "Callable[[Setting], Work]":
    """What makes the work of `kind` (images, training) for side `name`."""
    if kind == "images":
        return _our_images if name == OURS else _plain_images
    return _our_training if name == OURS else _plain_training


@dataclass(frozen=True)
class Setting:
    """What both sides are given."""

    options: argparse.Namespace
    folder: Path
    batch: int  # of the plain loop
    placement: Any
    place: Path  # of the base model
    size: int
    clock: Callable[[], float]

    @staticmethod
    def of(options: argparse.Namespace, folder: Path, name: str) -> "Setting":
        from saggar_generator.base_models.base_model import find
        from saggar_generator.base_models.placement import choose

        folder.mkdir(parents=True)
        place = find(options.base_model)
        unet = json.loads((place / "unet/config.json").read_text("utf-8"))
        factor = 2 ** (len(json.loads((place / "vae/config.json").read_text("utf-8"))["block_out_channels"]) - 1)
        batch = int(name.rsplit(" ", 1)[-1]) if name.startswith("diffusers") else options.training_batch
        return Setting(
            options=options,
            folder=folder,
            batch=batch,
            placement=choose(options.device, options.precision),
            place=place,
            size=options.size or unet["sample_size"] * factor,
            clock=time.process_time if options.clock == "processor" else time.perf_counter,
        )


def _our_images(setting: Setting) -> Work:
    from saggar import progress
    from saggar.job_settings.generation import GenerationSettings
    from saggar.store import DirectoryStore
    from saggar_generator.base_models.base_model import BaseModels
    from saggar_generator.images.generation_job import generate
    from saggar_generator.requests import GenerationRequest, ImageRequest, PromptItem

    options, store = setting.options, DirectoryStore(setting.folder)
    models = BaseModels(setting.placement)
    models.get(options.base_model)
    # The pipeline's own clip_skip does not work with transformers 5: both sides take the last layer.
    sampling = GenerationSettings(steps=options.steps, clip_skip=0, width_px=setting.size, height_px=setting.size)

    def work(number: int) -> float:
        items = [
            PromptItem(str(i), ImageRequest(PROMPTS[i % len(PROMPTS)], NEGATIVE, number * 1000 + i))
            for i in range(options.images)
        ]
        begun = setting.clock()
        generate(store, models, GenerationRequest(options.base_model, items, settings=sampling), progress.Work())
        return options.images / (setting.clock() - begun)

    return work


def _plain_images(setting: Setting) -> Work:
    import torch
    from diffusers import DPMSolverMultistepScheduler

    options, pipeline = setting.options, _pipeline(setting)
    pipeline.scheduler = DPMSolverMultistepScheduler.from_config(pipeline.scheduler.config, **SCHEDULER)

    def work(number: int) -> float:
        begun = setting.clock()
        for start in range(0, options.images, setting.batch):
            places = range(start, min(start + setting.batch, options.images))
            images = pipeline(
                [PROMPTS[i % len(PROMPTS)] for i in places],
                negative_prompt=[NEGATIVE for _ in places],
                num_inference_steps=options.steps,
                guidance_scale=7.0,
                width=setting.size,
                height=setting.size,
                generator=[torch.Generator().manual_seed(number * 1000 + i) for i in places],
            ).images
            for i, image in zip(places, images, strict=True):
                image.save(setting.folder / f"{number}-{i}.png")
        return float(options.images / (setting.clock() - begun))

    return work


def _our_training(setting: Setting) -> Work:
    from saggar import progress
    from saggar.job_settings.adapter import AdapterSettings
    from saggar.stored_datasets import read_manifest
    from saggar_generator.base_models.base_model import BaseModels
    from saggar_generator.settings import ATTENTION
    from saggar_generator.training.examples import prepare, training_rows
    from saggar_generator.training.loop import AdapterTraining

    options = setting.options
    store, manifest = _photographs(setting)
    base = BaseModels(setting.placement).get(options.base_model)
    rows = training_rows(read_manifest(store, manifest))

    def work(number: int) -> dict[str, float]:
        settings = AdapterSettings(
            steps=options.training_steps,
            batch_size=options.training_batch,
            resolution_px=setting.size,
            clip_skip=0,
            seed=number,
            unet_targets=ATTENTION,
        )
        begun = setting.clock()
        examples = prepare(store, base, rows, settings, progress.Work())
        filled = setting.clock()
        with AdapterTraining(base, examples, settings) as training:
            stepping = setting.clock()
            for _ in range(options.training_steps):
                training.advance()
            ended = setting.clock()
        steps = options.training_steps
        return {OURS: steps / (ended - stepping), WHOLE_JOB: steps / (ended - stepping + filled - begun)}

    return work


def _plain_training(setting: Setting) -> Work:
    """After diffusers' examples/text_to_image/train_text_to_image_lora.py, with min-SNR weights as ours."""
    import numpy as np
    import torch
    from diffusers import DDPMScheduler
    from diffusers.training_utils import compute_snr
    from peft import LoraConfig
    from saggar.job_settings.adapter import AdapterSettings
    from saggar.stored_datasets import read_manifest
    from saggar_generator.training.examples import photograph

    options, pipeline = setting.options, _pipeline(setting)
    store, manifest = _photographs(setting)
    rows = list(read_manifest(store, manifest).records())
    device, dtype = setting.placement.device, setting.placement.dtype
    unet, vae, text_encoder, tokenizer = (
        pipeline.unet, pipeline.vae, pipeline.text_encoder, pipeline.tokenizer
    )  # fmt: skip
    for part in (unet, vae, text_encoder):
        part.requires_grad_(requires_grad=False)
    levels = DDPMScheduler.from_config(pipeline.scheduler.config)
    tokens = tokenizer(
        [row.caption for row in rows], padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    targets = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=8, lora_alpha=8, init_lora_weights="gaussian", target_modules=targets))
    weights = [weight for weight in unet.parameters() if weight.requires_grad]
    for weight in weights:
        weight.data = weight.data.float()
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    velocity = levels.config.prediction_type == "v_prediction"

    def picture(row: Any) -> torch.Tensor:
        """The same picture that our caches hold the latents of, read anew."""
        image = photograph(store, row, AdapterSettings(resolution_px=setting.size), 8).convert("RGB")
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1

    def step(chosen: list[int]) -> None:
        pixels = torch.stack([picture(rows[i]) for i in chosen]).to(device, dtype)
        latents = vae.encode(pixels).latent_dist.sample() * vae.config.scaling_factor
        text = text_encoder(tokens[chosen].to(device))[0]
        noise = torch.randn_like(latents)
        times = torch.randint(levels.config.num_train_timesteps, (len(chosen),), device=device)
        noisy = levels.add_noise(latents, noise, times)
        with setting.placement.autocast():
            guess = unet(noisy, times, encoder_hidden_states=text).sample.float()
        target = levels.get_velocity(latents, noise, times) if velocity else noise
        snr = compute_snr(levels, times)
        share = snr.clamp(max=5.0) / (snr + 1 if velocity else snr)
        loss = ((guess - target.float()).square().mean((1, 2, 3)) * share).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad()
        loss.item()

    def work(number: int) -> float:
        random = np.random.default_rng(number)
        begun = setting.clock()
        for _ in range(options.training_steps):
            step(random.choice(len(rows), options.training_batch, replace=False).tolist())
        return float(options.training_steps / (setting.clock() - begun))

    return work


def _photographs(setting: Setting) -> tuple[Any, Any]:
    from adapter_data import choose
    from saggar.store import DirectoryStore

    store = DirectoryStore(setting.folder / "store")
    chosen = choose(store, setting.folder, setting.options.photographs, collection=300, size_px=setting.size)
    return store, chosen.manifest


def _pipeline(setting: Setting) -> Any:
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        setting.place,
        dtype=setting.placement.dtype,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        local_files_only=True,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(setting.placement.device)
