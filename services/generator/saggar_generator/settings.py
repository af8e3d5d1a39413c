"""Settings of the generator, beside those of every service."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from saggar.settings import File, Names
from saggar.team.settings import TeamSettings

# All attention projections of a Stable Diffusion UNet, as in the diffusers LoRA example.
ATTENTION = ("to_q", "to_k", "to_v", "to_out.0")


class GeneratorSettings(TeamSettings):
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|cuda(:\d+)?)$",
        description="auto, cpu, cuda or cuda:N; auto takes the first GPU there is",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="number format of the base model; auto: bfloat16 where the processor or GPU has it, float16 on "
        "older GPUs, float32 on other processors",
    )
    memory: Literal["auto", "full", "sliced", "offloaded"] = Field(
        default="auto",
        description="how GPU memory is saved; sliced: the autoencoder works in slices; offloaded: each "
        "network is on the GPU only while it runs; auto: by the GPU's size",
    )
    attention_slicing: bool = Field(
        default=False,
        description="attention head by head; of use only where PyTorch has no memory-efficient attention, "
        "elsewhere it is slower",
    )
    queue_limit: int = Field(
        default=16, ge=0, le=10_000, description="jobs that may wait; one more is refused with a retry delay"
    )
    c2pa_certificates: File = Field(
        default=None,
        description="certificate chain (PEM, the signer's own first) to sign images with; unset: not signed",
    )
    c2pa_key: File = Field(default=None, description="private key (PEM) of c2pa_certificates")
    lora_targets: Names = Field(
        default=ATTENTION,
        min_length=1,
        description="names of the UNet's layers that an adapter changes, with commas between",
    )

    @model_validator(mode="after")
    def _signs_or_not(self) -> Self:
        if (self.c2pa_certificates is None) != (self.c2pa_key is None):
            raise ValueError("c2pa_certificates and c2pa_key belong together; give both or neither")
        return self
