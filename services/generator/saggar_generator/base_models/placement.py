"""Where the networks run, and in which number format."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from saggar.errors import WrongStateError

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
# How device memory is saved: not at all; the autoencoder works in slices and tiles; and each network is on
# the GPU only while it runs.
MEMORY = ("full", "sliced", "offloaded")
_GIB = 1 << 30
_NO_MEMORY = "DefaultCPUAllocator"  # in PyTorch's message where a processor's memory is too small


@dataclass(frozen=True)
class Placement:
    """`device` as torch names it, e.g. `cpu` or `cuda:0`; `precision` is a key of `DTYPES`, `memory` one of
    `MEMORY`.
    """

    device: str
    precision: str
    memory: str = "full"
    attention_slicing: bool = False

    @property
    def dtype(self) -> torch.dtype:
        return DTYPES[self.precision]

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def kind(self) -> str:
        """`cpu` or `cuda`."""
        return self.device.split(":")[0]

    @cached_property
    def name(self) -> str:
        """`cpu`, or the name of the GPU."""
        return torch.cuda.get_device_name(self.device) if self.on_gpu else "cpu"

    def autocast(self) -> Any:
        """Context for a training step: the adapter's float32 weights meet a base in half precision."""
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.kind, self.dtype)

    def default_batch_size(self, width_px: int, height_px: int) -> int:
        """Images per forward pass, from the device's memory and the image's size; equal on equal devices.

        A 512 x 512 image takes about 1 GiB in half precision (most of it in the autoencoder); 2.5 GiB are
        for the weights and the libraries. On a CPU, sixteen small images fill its vector units; a large
        one does alone.
        """
        megapixels = width_px * height_px / 512**2
        if not self.on_gpu:
            return 16 if megapixels <= 0.1 else 1
        memory = torch.cuda.get_device_properties(self.device).total_memory / _GIB
        per_image = max(megapixels, 1 / 64) * (2 if self.dtype == torch.float32 else 1)
        fitting = max(1, int((memory - 2.5) * 0.6 / per_image))
        return min(16, 1 << (fitting.bit_length() - 1))  # a power of two


def choose(
    device: str = "auto", precision: str = "auto", memory: str = "auto", *, attention_slicing: bool = False
) -> Placement:
    """The placement that the settings ask for. Raises WrongStateError when there is no such device here."""
    if device == "auto":
        device = "cuda:0" if torch.cuda.is_available() else "cpu"
    if device == "cuda":
        device = "cuda:0"
    if device.startswith("cuda"):
        number, count = int(device.removeprefix("cuda:")), torch.cuda.device_count()
        if number >= count:
            raise WrongStateError(
                f"no GPU {device} here ({count} found); set SAGGAR_DEVICE to auto or cpu, or install a "
                "PyTorch build and driver for the GPU"
            )
    elif memory == "offloaded":
        raise WrongStateError("SAGGAR_MEMORY is offloaded, which needs a GPU; set it to auto, full or sliced")
    if precision == "auto":
        precision = _natural_precision(device)
    elif precision == "float16" and device == "cpu":
        raise WrongStateError(
            "SAGGAR_PRECISION is float16, which a processor only emulates (17 times slower than float32); set it to "
            "auto, bfloat16 or float32"
        )
    if memory == "auto":
        memory = "full"
        if device != "cpu":
            memory = natural_memory(torch.cuda.get_device_properties(device).total_memory)
    return Placement(device, precision, memory, attention_slicing)


def natural_memory(size_bytes: int) -> str:
    """How a GPU of that size gets by with Stable Diffusion 1.5 and 2.1 in half precision.

    The weights are 2.1 to 2.6 GB. Training an adapter at 512 px takes some 6 GB more than those without
    slices, so from 12 GB on all fits; 8 GB does with slices; below 6 GB the networks take turns.
    """
    gib = size_bytes / _GIB
    if gib < 5.5:  # what a card of 6 GB reports
        return "offloaded"
    return "sliced" if gib < 11 else "full"


def settle(pipeline: Any, placement: Placement) -> None:
    """Puts `pipeline` on its device in the way that `placement` says."""
    if placement.attention_slicing:
        pipeline.enable_attention_slicing()
    if placement.memory != "full":
        pipeline.vae.enable_slicing()  # one image at a time
        pipeline.vae.enable_tiling()  # of images larger than the autoencoder was made for
    if placement.memory == "offloaded":
        pipeline.enable_model_cpu_offload(device=placement.device)
    else:
        pipeline.to(placement.device)


def processor_has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16 (AVX512-BF16, AMX): 1.6 to 3.2 times as fast as float32. Elsewhere
    PyTorch emulates it, which is slower.
    """
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(bool(capabilities.get(name)) for name in ("avx512_bf16", "amx_bf16"))


@contextmanager
def memory_for(what: str, placement: Placement, remedy: str) -> Iterator[None]:
    """Raises WrongStateError, with `remedy`, when the device lacks memory for what is done in it."""
    try:
        yield
    except RuntimeError as error:
        if not isinstance(error, torch.OutOfMemoryError) and _NO_MEMORY not in str(error):
            raise
        raise WrongStateError(f"{placement.name} does not have enough memory for {what}; {remedy}") from error


def _natural_precision(device: str) -> str:
    if device == "cpu":
        return "bfloat16" if processor_has_bfloat16() else "float32"
    major, _ = torch.cuda.get_device_capability(device)
    return "bfloat16" if major >= 8 else "float16"  # tensor cores know bfloat16 from Ampere (8.0) on
