"""An adapter's training examples: photographs and captions, as latents and text embeddings made once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from PIL import Image
from saggar.dataset.adapter_rows.gentle import vary_gently
from saggar.dataset.record import Record
from saggar.errors import FieldViolation, InvalidInputError
from saggar.images import decode
from saggar.job_settings.adapter import AdapterSettings
from saggar.learnt_words import Vocabulary, with_words
from saggar.progress import Progress, Work
from saggar.store import ObjectStore

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.prompt_encoding import (
    embed,
    encode_all,
    layers_to_skip,
    tokenize,
    truncated_tokens,
)
from saggar_generator.images.photographs.framing import framed, square
from saggar_generator.training.buckets.sizes import bucket_sizes, nearest_bucket

if TYPE_CHECKING:
    from saggar.dataset.manifest import Manifest

_BATCH = 8
_SHOWN = 5


@dataclass(frozen=True, eq=False)
class Examples:
    """`latents`: N of [C, h, w], scaled to the UNet's range, float32 on the CPU, of several sizes where there are
    buckets; `caption_of` [N]: the number of each one's caption, from 1, in `text`.
    """

    latents: Sequence[torch.Tensor]
    caption_of: torch.Tensor
    text: Text
    truncated_captions: int = 0

    def __len__(self) -> int:
        return len(self.caption_of)

    def clean(self, rows: torch.Tensor) -> torch.Tensor:
        """[B, C, h, w] those of `rows` [B], which have one size; in the autoencoder's memory layout, on which the
        UNet's rounding depends.
        """
        chosen = [self.latents[row] for row in rows.tolist()]
        layout = torch.channels_last if chosen[0].stride(0) == 1 else torch.contiguous_format
        return torch.stack(chosen).contiguous(memory_format=layout)

    def take(self, rows: Sequence[int]) -> Examples:
        """Some of them."""
        chosen = torch.tensor(rows, dtype=torch.long)
        return replace(self, latents=[self.latents[row] for row in rows], caption_of=self.caption_of[chosen])

    @cached_property
    def by_size(self) -> Mapping[tuple[int, int], torch.Tensor]:
        """The numbers of the examples of each height and width of latents, in order."""
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for number, one in enumerate(self.latents):
            found[int(one.shape[1]), int(one.shape[2])].append(number)
        return {size: torch.tensor(found[size]) for size in sorted(found)}


class Text(Protocol):
    """The different captions; number 0 is the empty one."""

    def embeddings(self, numbers: torch.Tensor) -> torch.Tensor:
        """[B, T, D] those of captions `numbers` [B]."""
        ...


@dataclass(frozen=True, eq=False)
class EmbeddedText:
    """Captions that went through the text encoder once: `table` [M, T, D], float32 on the CPU."""

    table: torch.Tensor

    def embeddings(self, numbers: torch.Tensor) -> torch.Tensor:
        return self.table[numbers]


@dataclass(frozen=True, eq=False)
class TokenisedText:
    """Captions that go through the text encoder whenever they are asked for, with gradients: ids and masks
    [M, T].
    """

    text_encoder: Any
    ids: torch.Tensor
    masks: torch.Tensor
    clip_skip: int

    @staticmethod
    def of(pipeline: Any, captions: Sequence[str], clip_skip: int | None) -> TokenisedText:
        """Raises InvalidInputError for a `clip_skip` that the encoder is too shallow for."""
        skipped = layers_to_skip(pipeline.text_encoder, clip_skip)
        tokens = [tokenize(pipeline.tokenizer, pipeline.text_encoder, text) for text in captions]
        ids, masks = (torch.cat(each) for each in zip(*tokens, strict=True))
        return TokenisedText(pipeline.text_encoder, ids, masks, skipped)

    def embeddings(self, numbers: torch.Tensor) -> torch.Tensor:
        return embed(self.text_encoder, self.ids[numbers], self.masks[numbers], self.clip_skip)


def training_rows(manifest: Manifest) -> list[Record]:
    """The manifest's rows. Raises InvalidInputError for a manifest without rows, or with rows that
    are not of the training split or have no caption.
    """
    rows = list(manifest.records())
    if not rows:
        raise _bad("the manifest is empty; select training images first")
    if strays := [f"row {i} ({row.image}, {row.split})" for i, row in enumerate(rows) if row.split != "train"]:
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
    settings: AdapterSettings,
    work: Work,
    vocabulary: Vocabulary | None = None,
) -> Examples:
    """Reads, varies (augmented rows) and encodes all images, and all captions, with learnt words in place of the
    phrases of `vocabulary`, unless the text encoder is trained too, or words.

    Raises NotFoundError when an image is missing, InvalidInputError when one cannot be decoded.
    """
    base.check_size(settings.resolution_px, "settings.resolution_px")
    captions = [with_words(row.caption or "", [vocabulary] if vocabulary else []) for row in rows]
    latents: dict[int, torch.Tensor] = {}
    for start in range(0, len(rows), _BATCH):
        work.stop_if_cancelled("adapter training")
        work.report(Progress("preparing images", start, len(rows), "images"))
        batch = rows[start : start + _BATCH]
        pictures = [photograph(store, row, settings, base.size_factor) for row in batch]
        for size in dict.fromkeys(picture.size for picture in pictures):
            places = [place for place, picture in enumerate(pictures) if picture.size == size]
            found = latents_of(base, [pictures[place] for place in places])
            latents.update(zip((start + place for place in places), found, strict=True))
    changing = settings.train_text_encoder or vocabulary is not None
    return with_captions(base, [latents[number] for number in range(len(rows))], captions, settings, changing=changing)


def with_captions(
    base: BaseModel,
    latents: Sequence[torch.Tensor],
    captions: Sequence[str],
    settings: AdapterSettings,
    *,
    changing: bool,
) -> Examples:
    """`latents`, N of [C, h, w], with `captions`, encoded unless their embeddings change in training."""
    pipeline = base.pipeline
    different = list(dict.fromkeys(["", *captions]))
    tokenizer, encoder = pipeline.tokenizer, pipeline.text_encoder
    text: Text
    if changing:
        text = TokenisedText.of(pipeline, different, settings.clip_skip)
    else:
        encoded = encode_all(tokenizer, encoder, different, settings.clip_skip)
        text = EmbeddedText(torch.cat([one.embedding.float().cpu() for one in encoded.values()]))
    cut = {one for one in different if truncated_tokens(tokenizer, encoder, one)}
    number_of = {caption: number for number, caption in enumerate(different)}
    return Examples(
        latents=latents,
        caption_of=torch.tensor([number_of[caption] for caption in captions]),
        text=text,
        truncated_captions=sum(caption in cut for caption in captions),
    )


def photograph(store: ObjectStore, row: Record, settings: AdapterSettings, factor: int) -> Image.Image:
    """The photograph of `row` as a square, or in the size of its bucket, of which `factor` divides the sides; an
    augmented one is varied gently, whatever the classifier does with it.
    """
    image = decode(store.get(row.image), row.image)
    if row.augmentation_seed is not None:
        image = vary_gently(image, row.augmentation_seed)
    if settings.framing == "buckets":
        width, height = nearest_bucket(image.size, bucket_sizes(settings.resolution_px, factor))
        return framed(image, width, height, "crop")
    return square(image, settings.resolution_px, settings.framing)


@torch.no_grad()
def latents_of(base: BaseModel, images: Iterable[Image.Image]) -> torch.Tensor:
    """[n, C, h, w] float32 on the CPU: means of the autoencoder's posterior, scaled."""
    pixels = np.stack([np.asarray(image.convert("RGB")) for image in images])  # [n, H, W, 3]
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float() / 127.5 - 1.0
    vae = base.pipeline.vae
    means = vae.encode(batch.to(base.placement.device, base.placement.dtype)).latent_dist.mode()
    latents: torch.Tensor = (means * vae.config.scaling_factor).float().cpu()
    return latents


def _bad(text: str) -> InvalidInputError:
    return InvalidInputError(f"manifest: {text}", (FieldViolation("manifest", text),))


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
