"""How images are sampled."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic.config import JsonDict

from saggar.errors import InvalidInputError
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.declared import JobSettings
from saggar.webui.scheduler_names import SCHEDULERS, canonical

_OWN_SIZE: JsonDict = {"left_out": "the base model's own"}


class GenerationSettings(JobSettings):
    """Settings of one set of images."""

    steps: int = Field(default=20, ge=1, le=1000, description="Denoising steps")
    guidance_scale: float = Field(default=7.0, ge=0, le=100, description="Classifier-free guidance scale")
    guidance_scale_to: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Upper end of the range that each image's guidance is drawn from by its seed, in three steps from "
        "guidance_scale",
        json_schema_extra={"left_out": "guidance_scale for all"},
    )
    clip_skip: int | None = Field(
        default=None,
        ge=0,
        le=100,
        description="As in the web UIs minus one",
        json_schema_extra={"left_out": "1, and 0 for Stable Diffusion 2.x"},
    )
    scheduler: str = Field(
        default="dpmpp_2m_karras",
        description=f"The scheduler (sampler): {', '.join(f'`{name}`' for name in SCHEDULERS)}; or one of these as "
        "web UIs write it, such as `DPM++ 2M Karras`",
    )
    width_px: int = Field(default=0, ge=0, le=2048, description="Width in pixels", json_schema_extra=_OWN_SIZE)
    height_px: int = Field(default=0, ge=0, le=2048, description="Height in pixels", json_schema_extra=_OWN_SIZE)
    batch_size: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Images per forward pass; does not change the pictures beyond rounding",
        json_schema_extra={"left_out": "chosen by the service"},
    )

    @field_validator("scheduler")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            return canonical(name)
        except InvalidInputError as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _range_rises(self) -> Self:
        if self.guidance_scale_to is not None and self.guidance_scale_to < self.guidance_scale:
            raise ProblemAt(("guidance_scale_to",), f"must be at least guidance_scale, {self.guidance_scale:g}")
        return self


class StartSettings(JobSettings):
    """How an image is made from a photograph."""

    strength: float = Field(
        default=0.6, gt=0, le=1, description="How much of the photograph gives way; 1 leaves nothing of it"
    )
    framing: Literal["crop", "pad"] = Field(
        default="crop",
        description="How the photograph becomes as large as the image: `crop` scales by the shorter side and cuts from "
        "the centre; `pad` keeps the whole and carries its ground on beyond the longer edges",
    )


class ControlSettings(JobSettings):
    """How a ControlNet makes an image follow the form of a photograph."""

    condition: Literal["edges", "outline"] = Field(
        default="edges",
        description="What the network sees of the photograph, white on black: `edges` are Canny's; `outline` is where "
        "the piece ends and its ground begins",
    )
    scale: float = Field(default=1.0, gt=0, le=2, description="How strongly the network steers the picture")
    begin: float = Field(default=0.0, ge=0, le=1, description="Share of the denoising steps before it steers")
    end: float = Field(
        default=1.0, ge=0, le=1, description="Share of the denoising steps after which it steers no more"
    )
    framing: Literal["crop", "pad"] = Field(
        default="crop",
        description="How the photograph becomes as large as the image: `crop` scales by the shorter side and cuts from "
        "the centre; `pad` keeps the whole and carries its ground on beyond the longer edges",
    )

    @model_validator(mode="after")
    def _steers(self) -> Self:
        if self.end <= self.begin:
            raise ProblemAt(("end",), f"must be above begin, {self.begin:g}")
        return self
