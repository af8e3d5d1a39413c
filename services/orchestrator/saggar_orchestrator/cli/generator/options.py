"""What the commands that make images have in common: groups of options, settings, services."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import settings

if TYPE_CHECKING:
    from saggar.v1 import generator_pb2

    from saggar_orchestrator.peers.adapters import AdapterEntry

_PATIENCE_S = 30.0  # somebody waits


@dataclass(frozen=True, kw_only=True)
class Models:
    """What makes the images: a base model and the adapters on it."""

    adapter: Annotated[
        list[str] | None,
        typer.Option(
            "--adapter", metavar="ID[=WEIGHT]", help="As `saggar generator adapters` lists it; may be repeated."
        ),
    ] = None
    base_model: Annotated[
        str | None,
        typer.Option(help="`nano`, a hub id, a folder or a .safetensors file; default: the adapter's, else nano."),
    ] = None

    def base(self, entries: list[AdapterEntry]) -> str:
        """The base model's name, a path made absolute."""
        from saggar_orchestrator.experiment.base_model_name import with_absolute_path

        return with_absolute_path(self.base_model or (entries[0].base_model if entries else "nano"), Path())


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How images are sampled."""

    steps: Annotated[int | None, typer.Option(help="Denoising steps; default 20.", min=1, max=1000)] = None
    guidance: Annotated[float | None, typer.Option(help="Guidance scale; default 7.", min=0, max=100)] = None
    guidance_to: Annotated[
        float | None,
        typer.Option(
            help="Draw each image's guidance by its seed, from --guidance up to this; default --guidance for all.",
            min=0,
            max=100,
        ),
    ] = None
    scheduler: Annotated[
        str | None, typer.Option(help="E.g. `DPM++ 2M Karras`, `Euler a`, `ddim`; default dpmpp_2m_karras.")
    ] = None
    clip_skip: Annotated[
        int | None,
        typer.Option(help="As in web UIs minus one; default 1, and 0 for Stable Diffusion 2.x.", min=0, max=100),
    ] = None

    def to_message(self, size: str | None = None) -> generator_pb2.GenerationSettings:
        """The request's; raises InvalidInputError for an unknown scheduler, BadParameter for a size."""
        from saggar.v1 import generator_pb2
        from saggar.webui.scheduler_names import canonical

        width = height = None
        if size is not None:
            width, height = _pixels(size)
        return generator_pb2.GenerationSettings(
            steps=self.steps,
            guidance_scale=self.guidance,
            guidance_scale_to=self.guidance_to,
            scheduler=canonical(self.scheduler) if self.scheduler else None,
            clip_skip=self.clip_skip,
            width_px=width,
            height_px=height,
        )


def _pixels(size: str) -> tuple[int, int]:
    width, _, height = size.lower().partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise typer.BadParameter(f"--size {size}: write width and height in pixels, e.g. 512x512")
    return int(width), int(height)


def open_peers(context: typer.Context) -> Any:
    """The services of this home that images need."""
    from saggar_orchestrator.cli.services.client import peers

    return peers(settings(context).home, ("generator", "qc", "trainer"), _PATIENCE_S)


def open_calls(context: typer.Context) -> Any:
    """Calls to them that nobody cancels but Ctrl-C, which ends the call itself."""
    from saggar_orchestrator.peers.calls import Calls
    from saggar_orchestrator.progress import Cancellation

    return Calls(open_peers(context), Cancellation())
