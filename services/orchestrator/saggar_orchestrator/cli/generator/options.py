"""What the commands that make images have in common: options, settings, services, progress."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import say, settings

if TYPE_CHECKING:
    from saggar.v1 import generator_pb2

BaseModel = Annotated[
    str | None,
    typer.Option(help="`nano`, a hub id, a folder or a .safetensors file; default: the adapter's, else nano."),
]
Adapters = Annotated[
    list[str] | None,
    typer.Option("--adapter", metavar="ID[=WEIGHT]", help="As `saggar generator adapters` lists it; may be repeated."),
]
Steps = Annotated[int | None, typer.Option(help="Denoising steps; default 20.", min=1)]
Guidance = Annotated[float | None, typer.Option(help="Guidance scale; default 7.", min=0)]
Scheduler = Annotated[str | None, typer.Option(help="E.g. `DPM++ 2M Karras` (default), `Euler a`, `ddim`.")]
ClipSkip = Annotated[int | None, typer.Option(help="As in web UIs minus one; default 1, SD 2.x: 0.", min=0)]
_PATIENCE_S = 30.0  # somebody waits


def sampling_settings(
    steps: int | None, guidance: float | None, scheduler: str | None, clip_skip: int | None, size: str | None
) -> generator_pb2.GenerationSettings:
    """The request's; raises InvalidInputError for an unknown scheduler, BadParameter for a size."""
    from saggar.v1 import generator_pb2
    from saggar.webui.scheduler_names import canonical

    width = height = None
    if size is not None:
        width, height = _pixels(size)
    return generator_pb2.GenerationSettings(
        steps=steps,
        guidance_scale=guidance,
        scheduler=canonical(scheduler) if scheduler else None,
        clip_skip=clip_skip,
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
    from saggar_orchestrator.peers.peers import Peers

    home = settings(context).home
    return Peers({name: home.address(name) for name in ("generator", "qc", "trainer")}, _PATIENCE_S)


class Line:
    """One line of progress, rewritten in place on a terminal."""

    def __init__(self) -> None:
        self._last = ""

    def show(self, stage: str, done: int, total: int) -> None:
        """Tells what is new."""
        text = f"{stage}: {done} of {total}" if total else stage
        if text == self._last:
            return
        if sys.stderr.isatty():
            end = "\n" if done == total else ""
            print(f"\r\033[K{text}", end=end, file=sys.stderr, flush=True)
        elif done in {0, total}:
            say(text)
        self._last = text
