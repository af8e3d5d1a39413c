"""A diffusers pipeline's weights under the keys of the original Stable Diffusion code, in one file.

Written from that code's own structure (`openaimodel.UNetModel`, `model.Encoder` and `Decoder`), for tests of
the reading side.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTSIDE = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def save_single_file(pipeline: Any, path: Path) -> Path:
    tensors: dict[str, torch.Tensor] = {}
    unet, vae, text = (getattr(pipeline, part).state_dict() for part in ("unet", "vae", "text_encoder"))
    for key, value in unet.items():
        name = _unet(key, int(pipeline.unet.config.layers_per_block), len(pipeline.unet.config.block_out_channels))
        tensors[f"model.diffusion_model.{name}"] = value
    for key, value in vae.items():
        name = _vae(key, len(pipeline.vae.config.block_out_channels))
        is_projection = ".mid.attn_1." in name and name.endswith("weight") and ".norm." not in name
        tensors[f"first_stage_model.{name}"] = value[:, :, None, None] if is_projection else value
    for key, value in text.items():
        tensors[f"cond_stage_model.transformer.text_model.{key}"] = value
    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    return path


def _unet(key: str, layers: int, blocks: int) -> str:
    for ours, theirs in _OUTSIDE.items():
        if key.startswith(f"{ours}."):
            return theirs + key.removeprefix(ours)
    if found := re.fullmatch(r"mid_block\.(resnets|attentions)\.(\d+)\.(.+)", key):
        kind, number, rest = found.groups()
        return f"middle_block.{2 * int(number) if kind == 'resnets' else 1}.{_inner(kind, rest)}"
    found = re.fullmatch(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.+)", key)
    assert found, key
    side, block, kind, number, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if side == "down":
        place = 1 + block * (layers + 1) + (layers if kind == "downsamplers" else number)
        if kind == "downsamplers":
            return f"input_blocks.{place}.0.{rest.replace('conv', 'op')}"
        return f"input_blocks.{place}.{0 if kind == 'resnets' else 1}.{_inner(kind, rest)}"
    place = block * (layers + 1) + (layers if kind == "upsamplers" else number)
    if kind == "upsamplers":  # after the attention, where the block has one: all but the first have
        return f"output_blocks.{place}.{1 if block == 0 else 2}.{rest}"
    return f"output_blocks.{place}.{0 if kind == 'resnets' else 1}.{_inner(kind, rest)}"


def _inner(kind: str, rest: str) -> str:
    if kind == "attentions":
        return rest
    part, _, ending = rest.partition(".")
    return f"{_RESNET[part]}.{ending}"


def _vae(key: str, blocks: int) -> str:
    name = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    name = re.sub(r"mid_block\.resnets\.(\d)", lambda m: f"mid.block_{int(m[1]) + 1}", name)
    if found := re.match(r"(.*)mid_block\.attentions\.0\.(.+)\.(weight|bias)$", name):
        return f"{found[1]}mid.attn_1.{_VAE_ATTENTION[found[2]]}.{found[3]}"
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.(\d+)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    up = lambda match: f"up.{blocks - 1 - int(match[1])}."  # noqa: E731 - used twice, here only
    name = re.sub(r"up_blocks\.(\d+)\.(?=resnets)", up, name)
    name = re.sub(r"up_blocks\.(\d+)\.(?=upsamplers)", up, name)
    return re.sub(r"(up\.\d+)\.resnets\.(\d+)", r"\1.block.\2", name).replace("upsamplers.0", "upsample")
