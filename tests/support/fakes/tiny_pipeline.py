"""A Stable Diffusion pipeline of the real classes, with random weights: 16 x 16 px, made in an instant."""

# ruff: noqa: S106 - tokens are no passwords

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from saggar.dataset.manifest import Manifest
from saggar.dataset.record import Record
from saggar.store import ObjectRef, ObjectStore, put_image
from saggar.stored_datasets import write_manifest

WORDS = (
    *("song", "yuan", "dynasty", "ding", "jun", "kiln", "produced", "chinese", "porcelain", "bowl", "vase"),
    *("cup", "celadon", "white", "glaze", "with", "low", "quality", "blurry", "modern", "damaged", "cracked"),
    *("thick", "opaque", "moon", ",", "."),
)
SIZE_PX = 16


def save_tiny_pipeline(folder: Path, *, seed: int = 0, prediction_type: str = "epsilon") -> Path:
    """Writes the pipeline to `folder`, as `save_pretrained` does; equal seeds give equal weights."""
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizer()
        unet = UNet2DConditionModel(
            sample_size=SIZE_PX // 4,
            in_channels=4,
            out_channels=4,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            block_out_channels=(16, 16),
            layers_per_block=1,
            attention_head_dim=2,
            cross_attention_dim=16,
            norm_num_groups=4,
        )
        vae = AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 3,
            up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(8, 8, 8),
            latent_channels=4,
            norm_num_groups=4,
            sample_size=SIZE_PX,
        )
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=3,
                num_attention_heads=2,
                max_position_embeddings=77,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
        prediction_type=prediction_type,
    )
    pipeline: Any = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def tiny_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<start>", "<end>", "<unknown>"]
    ids = {word: number for number, word in enumerate([*special, *dict.fromkeys(WORDS)])}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 1), ("<end>", 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        bos_token="<start>",
        eos_token="<end>",
        unk_token="<unknown>",
        model_max_length=77,
    )


def training_manifest(store: ObjectStore, count: int = 6, split: str = "train") -> ObjectRef:
    """A manifest of `count` smooth random pictures with captions; the last one is an augmented row."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (3, 3, 3), dtype=np.uint8))
        image = coarse.resize((20, 18), Image.Resampling.BILINEAR)
        out = io.BytesIO()
        image.save(out, "PNG")
        ref = put_image(store, out.getvalue(), "png")
        augmented = number == count - 1
        records.append(
            Record(
                image=ref.key,
                object_id=f"o{number}",
                labels={"type": "bowl"},
                split=split,
                origin="augmented" if augmented else "real",
                width_px=20,
                height_px=18,
                source=f"{number}.png",
                caption=("song dynasty , white bowl", "yuan dynasty , celadon vase")[number % 2],
                augmentation_seed=5 if augmented else None,
            )
        )
    return write_manifest(store, Manifest.from_records(records, ("type",)))
