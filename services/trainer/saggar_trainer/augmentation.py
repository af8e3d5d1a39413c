"""Online augmentation of every training image."""

from __future__ import annotations

import torch
from torchvision.transforms import InterpolationMode, v2  # type: ignore[import-untyped]


def online_augmentation(size_px: int) -> v2.Transform:
    """uint8 [3, H, W] to a random view of it, uint8 [3, S, S]; draws from torch's global generator.

    Rotation by up to 15 degrees and translation by up to a tenth are one affine step, so that pixels are
    interpolated once.
    """
    return v2.Compose(
        [
            v2.RandomResizedCrop(size_px, scale=(0.8, 1.0), antialias=True),
            v2.RandomHorizontalFlip(0.5),
            v2.RandomAffine(15, translate=(0.1, 0.1), interpolation=InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.1),
        ]
    )


def augment_batch(images: list[torch.Tensor], augmentation: v2.Transform) -> torch.Tensor:
    """Each of `images` on its own random view; uint8 [N, 3, S, S]."""
    return torch.stack([augmentation(image) for image in images])
