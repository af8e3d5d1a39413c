"""An adapter's training examples: photographs and captions, as latents and text embeddings made once."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageOps
from saggar.dataset.augment import apply_augmentation
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, InvalidInputError
from saggar.images import decode
from saggar.store import ObjectStore

from saggar_generator.basemodel import BaseModel
from saggar_generator.progress import Progress, Report, stop_if
from saggar_generator.prompt_encoding import encode_all

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest

_BATCH = 8
_SHOWN = 5


@dataclass(frozen=True)
class Examples:
    """`latents` [N, C, h, w], scaled to the UNet's range; `embeddings` [M, T, D], one per different caption;
    `caption_of` [N]: which embedding is whose. All float32 on the CPU.
    """

    latents: torch.Tensor
    embeddings: torch.Tensor
    caption_of: torch.Tensor
    truncated_captions: int

    def __len__(self) -> int:
        return len(self.latents)


def training_rows(manifest: Manifest) -> list[Record]:
    """The manifest's rows. Raises InvalidInputError unless there are some, all of the training split, all
    with captions.
    """
    rows = list(manifest.records())
    if not rows:
        raise _bad("the manifest is empty; select training images first")
    if strays := [
        f"row {i} ({row.image}, {row.split})" for i, row in enumerate(rows) if row.split != "train"
    ]:
        raise _bad(
            f"{len(strays)} rows are not of the training split: {_some(strays)}; an adapter must never see "
            "images that "
            "validation or test are judged by"
        )
    if bare := [f"row {i} ({row.image})" for i, row in enumerate(rows) if not row.caption]:
        raise _bad(f"{len(bare)} rows have no caption: {_some(bare)}; fill the manifest's caption column")
    return rows


def prepare(
    store: ObjectStore,
    base: BaseModel,
    rows: Sequence[Record],
    size_px: int,
    clip_skip: int,
    report: Report,
    cancelled: threading.Event,
) -> Examples:
    """Reads, varies (augmented rows) and encodes all images and captions.

    Raises NotFoundError when an image is missing, InvalidInputError when one cannot be decoded.
    """
    check_size(base, size_px, "settings.resolution_px")
    pipeline = base.pipeline
    captions = [row.caption or "" for row in rows]
    encoded = encode_all(pipeline.tokenizer, pipeline.text_encoder, captions, clip_skip)
    number_of = {text: number for number, text in enumerate(encoded)}
    parts = []
    for start in range(0, len(rows), _BATCH):
        stop_if(cancelled, "adapter training")
        report(Progress("preparing images", start, len(rows), "images"))
        some = rows[start : start + _BATCH]
        parts.append(_latents(pipeline, [_photograph(store, row, size_px) for row in some]))
    return Examples(
        latents=torch.cat(parts),
        embeddings=torch.cat([prompt.embedding.float().cpu() for prompt in encoded.values()]),
        caption_of=torch.tensor([number_of[text] for text in captions]),
        truncated_captions=sum(encoded[text].truncated_tokens > 0 for text in captions),
    )


def check_size(base: BaseModel, size_px: int, field: str) -> None:
    """Raises InvalidInputError unless `size_px` is a multiple of 8 and of the autoencoder's factor."""
    factor = max(8, int(base.pipeline.vae_scale_factor))  # both are powers of two
    if size_px % factor or not factor <= size_px <= 2048:
        text = f"{field} is {size_px}; wanted: a multiple of {factor} from {factor} to 2048"
        raise InvalidInputError(text, (FieldViolation(field, text),))


def _photograph(store: ObjectStore, row: Record, size_px: int) -> Image.Image:
    image = decode(store.get(row.image), row.image)
    if row.augmentation_seed is not None:
        image = apply_augmentation(image, row.augmentation_seed)
    return ImageOps.fit(image, (size_px, size_px), Image.Resampling.LANCZOS)  # shorter side, centre


@torch.no_grad()
def _latents(pipeline: Any, images: Iterable[Image.Image]) -> torch.Tensor:
    """[n, C, h, w] float32 on the CPU: means of the autoencoder's posterior, scaled."""
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])  # [n, H, W, 3]
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1.0
    vae = pipeline.vae
    means = vae.encode(batch.to(vae.device, vae.dtype)).latent_dist.mode()
    latents: torch.Tensor = (means * vae.config.scaling_factor).float().cpu()
    return latents


def _bad(text: str) -> InvalidInputError:
    return InvalidInputError(f"manifest: {text}", (FieldViolation("manifest", text),))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
