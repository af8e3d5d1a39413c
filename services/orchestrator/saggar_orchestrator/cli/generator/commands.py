"""`saggar generator`: adapters, images from prompts, and how much an adapter changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from saggar_orchestrator.cli.generator.compare import compare
from saggar_orchestrator.cli.generator.generate import generate
from saggar_orchestrator.cli.generator.options import open_calls
from saggar_orchestrator.cli.generator.sweep import sweep
from saggar_orchestrator.cli.terminal.grouping import grouped
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, print_table, say, settings
from saggar_orchestrator.experiment.base_model_name import with_absolute_path

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Makes images from prompts; manages adapters.",
)
_DEADLINE_S = 30.0


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Shows device, loaded base model, and the queue."""
    from saggar.v1 import generator_pb2, generator_pb2_grpc

    from saggar_orchestrator.cli.services.client import channel_to

    with channel_to(settings(context).home, "generator") as channel:
        stub = generator_pb2_grpc.GeneratorServiceStub(channel)  # type: ignore[no-untyped-call]
        found = stub.DescribeGenerator(generator_pb2.DescribeGeneratorRequest(), timeout=_DEADLINE_S)
    values = {
        "base model": found.loaded_base_model or "none yet: the first job loads one, and decides the device",
        **({"device": found.device, "precision": found.precision, "memory": found.memory} if found.device else {}),
        "running": found.jobs_running,
        "waiting": f"{found.jobs_waiting} of at most {found.queue_limit}",
    }
    if as_json:
        names = [field.name for field in found.DESCRIPTOR.fields]
        print_json({name: getattr(found, name) for name in names})
        return
    for name, value in values.items():
        print(f"{name}\t{value}")


@app.command()
def adapters(context: typer.Context, as_json: AsJson = False) -> None:
    """Lists the adapters in the store."""
    from saggar_orchestrator.peers.adapters import known_adapters

    entries = known_adapters(open_home_store(settings(context).home))
    if as_json:
        print_json([entry.card for entry in entries])
        return
    rows = [
        (
            card["adapter_id"],
            card["base_model"],
            card["origin"],
            str(card["images"] or ""),
            _steps(card),
            ", ".join(entry.learnt_words),
            card["caption_sample"] or "",
        )
        for entry in entries
        for card in (entry.card,)
    ]
    print_table(("adapter", "base model", "origin", "photographs", "steps", "learnt words", "a caption"), rows)
    if not rows:
        say(
            "no adapter yet: an experiment with a synthetic arm trains one, "
            "`saggar generator import` takes one from a file"
        )


@app.command("import")
def import_adapter(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .safetensors file of diffusers, peft or kohya.")],
    base_model: Annotated[str, typer.Option(help="The base model that it is for.")] = "nano",
    licence: Annotated[str, typer.Option(help="What it may be used for; default: what the file says.")] = "",
    as_json: AsJson = False,
) -> None:
    """Takes an adapter of another program into the store."""
    from saggar.errors import NotFoundError
    from saggar.v1 import generator_pb2

    if not file.is_file():
        raise NotFoundError(f"{file}: no such file; check the path", str(file))
    request = generator_pb2.ImportAdapterRequest(
        base_model=with_absolute_path(base_model, Path()), path=str(file.resolve()), licence=licence
    )
    result = open_calls(context).stream("generator", "ImportAdapter", request, _stage)
    identity = result.adapter.uri.split("/")[1]
    for warning in result.warnings:
        say(f"warning: {warning}")
    if as_json:
        print_json({
            "adapter": identity, "unet_layers": result.unet_layers,
            "text_encoder_layers": result.text_encoder_layers, "warnings": list(result.warnings),
        })  # fmt: skip
        return
    print(
        f"{identity}\tchanges {result.unet_layers} layers of the UNet, {result.text_encoder_layers} of the text encoder"
    )


app.command()(grouped(generate))
app.command()(grouped(compare))
app.command()(grouped(sweep))


def _steps(card: dict[str, Any]) -> str:
    """How long it was trained, and of which training it is where it was kept on the way."""
    whole = card.get("kept_from")
    return f"{card['steps']} of {whole[:8]}" if whole else str(card["steps"] or "")


def _stage(progress: Any) -> None:
    if progress.stage:
        say(progress.stage)
