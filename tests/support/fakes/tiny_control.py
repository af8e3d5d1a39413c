"""A ControlNet of the real class for the tiny pipeline, with random weights, and photographs for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from saggar.store import ObjectRef, ObjectStore, put_image


def save_tiny_control_net(folder: Path, **changes: Any) -> Path:
    """Writes it to `folder`, as `save_pretrained` does; its outputs are not zero, as a new network's would be."""
    import torch
    from diffusers import ControlNetModel

    with torch.random.fork_rng():
        torch.manual_seed(5)
        values: dict[str, Any] = {
            "in_channels": 4,
            "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
            "block_out_channels": (16, 16),
            "layers_per_block": 1,
            "attention_head_dim": 2,
            "cross_attention_dim": 16,
            "norm_num_groups": 4,
            "conditioning_embedding_out_channels": (8, 8, 8),
        }
        network = ControlNetModel(**(values | changes))
        for parameter in network.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.3)
    network.save_pretrained(folder)
    return folder


def put_pot(store: ObjectStore, left: int) -> ObjectRef:
    """A photograph of a dark pot on a light ground, in the store."""
    image = Image.new("RGB", (64, 64), (220, 220, 215))
    ImageDraw.Draw(image).ellipse((left, 16, left + 32, 56), fill=(40, 80, 70))
    out = io.BytesIO()
    image.save(out, "PNG")
    return put_image(store, out.getvalue(), "png")
