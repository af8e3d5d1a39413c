"""What the files of an adapter trained here say about themselves, in safetensors metadata: text only.

Three vocabularies: our own (`saggar.*`), the `modelspec.*` of model libraries, and kohya's `ss_*`, which
other programs show. Times, paths, and what else decides nothing or differs from machine to machine stay out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from saggar.job_settings.adapter import AdapterSettings

from saggar_generator.adapters.file_metadata import BASE_HASH, KOHYA_BASE_HASH, LEARNT_WORDS, LICENCE
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.identity import SD2_WIDTH
from saggar_generator.base_models.prompt_encoding import layers_to_skip
from saggar_generator.training import optimizing


@dataclass(frozen=True)
class Material:
    """What an adapter was trained on."""

    dataset_id: str
    images: int
    caption_sample: str
    words: Mapping[str, str]  # phrases of learnt words


def of_training(
    adapter_id: str,
    base: BaseModel,
    settings: AdapterSettings,
    deciding: Mapping[str, Any],
    material: Material,
) -> dict[str, str]:
    """Of an adapter trained here; `deciding` are the settings that decide its weights."""
    cross_attention = int(base.pipeline.unet.config.cross_attention_dim)
    skipped = layers_to_skip(base.pipeline.text_encoder, settings.clip_skip)
    version_2 = cross_attention == SD2_WIDTH
    velocity = base.prediction_type == "v_prediction"
    return {
        "saggar.adapter_id": adapter_id,
        BASE_HASH: base.content_hash,
        "saggar.dataset_id": material.dataset_id,
        "saggar.caption_template": settings.caption_template,
        "saggar.caption_sample": material.caption_sample,
        "saggar.settings": json.dumps(deciding, sort_keys=True),
        **({LEARNT_WORDS: json.dumps(dict(material.words))} if material.words else {}),
        LICENCE: settings.licence,
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"stable-diffusion-v{'2' if version_2 else '1'}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": f"saggar-{adapter_id}",
        "modelspec.license": settings.licence,
        "modelspec.resolution": f"{settings.resolution_px}x{settings.resolution_px}",
        "modelspec.prediction_type": "v" if velocity else "epsilon",
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(settings.rank),
        "ss_network_alpha": str(settings.alpha),
        "ss_output_name": f"saggar-{adapter_id}",
        "ss_v2": str(version_2),
        **({KOHYA_BASE_HASH: base.content_hash} if base.is_single_file else {}),
        "ss_num_train_images": str(material.images),
        "ss_resolution": f"({settings.resolution_px}, {settings.resolution_px})",
        **({"ss_enable_bucket": "True"} if settings.framing == "buckets" else {}),
        "ss_clip_skip": str(skipped + 1),  # the web UIs' count
        "ss_max_train_steps": str(settings.steps),
        "ss_steps": str(settings.steps),
        "ss_batch_size_per_device": str(settings.batch_size),
        "ss_gradient_accumulation_steps": str(settings.gradient_accumulation_steps),
        "ss_optimizer": settings.optimizer,
        "ss_learning_rate": str(settings.learning_rate),
        "ss_unet_lr": str(settings.learning_rate),
        "ss_text_encoder_lr": (str(optimizing.text_encoder_rate(settings)) if settings.train_text_encoder else "None"),
        "ss_lr_scheduler": settings.learning_rate_schedule,
        "ss_lr_warmup_steps": str(settings.rising_steps),
        "ss_min_snr_gamma": str(settings.min_snr_gamma or None),
        "ss_noise_offset": str(settings.noise_offset or None),
        "ss_caption_dropout_rate": str(settings.caption_dropout),
        **({"ss_prior_loss_weight": str(settings.prior_weight)} if settings.prior_weight else {}),
        "ss_max_grad_norm": "1.0",
        "ss_seed": str(settings.seed),
    }


def of_word(metadata: Mapping[str, str]) -> dict[str, str]:
    """Of a learnt word's file, by that of the adapter that it belongs to."""
    architecture = metadata["modelspec.architecture"].replace("/lora", "/textual-inversion")
    shared = {key: value for key, value in metadata.items() if not key.startswith("ss_")}
    return shared | {"modelspec.architecture": architecture}
