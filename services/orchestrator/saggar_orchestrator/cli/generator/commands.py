"""`saggar generator`: adapters, images from prompts, and how much an adapter changes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from saggar_orchestrator.cli.generator.compare import compare
from saggar_orchestrator.cli.generator.options import (
    Adapters,
    BaseModel,
    ClipSkip,
    Guidance,
    Line,
    Scheduler,
    Steps,
    open_peers,
    sampling_settings,
)
from saggar_orchestrator.cli.terminal.output import (
    AsJson,
    open_home_store,
    print_json,
    print_table,
    say,
    settings,
)
from saggar_orchestrator.experiment.base_model_name import with_absolute_path

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Adapters, images from prompts, and what adapters change.",
)
_DEADLINE_S = 30.0


@app.command()
def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Device, loaded base model, and the queue."""
    from saggar.rpc.channel import open_channel
    from saggar.v1 import generator_pb2, generator_pb2_grpc

    with open_channel(settings(context).home.address("generator")) as channel:
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
    """The adapters in the store."""
    from saggar_orchestrator.peers.adapters import known_adapters

    cards = [entry.card for entry in known_adapters(open_home_store(settings(context).home))]
    if as_json:
        print_json(cards)
        return
    rows = [
        (
            card["adapter_id"],
            card["base_model"],
            card["origin"],
            str(card["images"] or ""),
            str(card["steps"] or ""),
            card["caption_sample"] or "",
        )
        for card in cards
    ]
    print_table(("adapter", "base model", "origin", "photographs", "steps", "a caption"), rows)
    if not rows:
        say(
            "no adapter yet: an experiment with a synthetic arm trains one, "
            "`saggar generator import` takes one from a file"
        )


@app.command("import")
def import_adapter(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .safetensors file of diffusers, peft or kohya.")],
    base_model: Annotated[str, typer.Option(help="The base model that it is for.")] = "nano",
    licence: Annotated[str, typer.Option(help="What it may be used for; default: what the file says.")] = "",
    as_json: AsJson = False,
) -> None:
    """Takes an adapter that another program trained into the store."""
    from saggar.errors import NotFoundError
    from saggar.v1 import generator_pb2

    if not file.is_file():
        raise NotFoundError(f"{file}: no such file; check the path", str(file))
    request = generator_pb2.ImportAdapterRequest(
        base_model=with_absolute_path(base_model, Path()), path=str(file.resolve()), licence=licence
    )
    result = open_peers(context).stream(
        "generator", "ImportAdapter", request, lambda event: _stage(event.progress), _cancellation()
    )
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


@app.command()
def generate(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="Folder for the PNG files; made when missing.")],
    prompts: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="In quotes.")] = None,
    file: Annotated[
        Path | None, typer.Option("--prompts", help="A file with a prompt a line, instead or in addition.")
    ] = None,
    adapter: Adapters = None,
    base_model: BaseModel = None,
    count: Annotated[int, typer.Option(help="Images for each prompt.", min=1, max=1000)] = 1,
    seed: Annotated[int, typer.Option(help="Of the first image of a prompt; the next takes the next.", min=0)] = 0,
    negative: Annotated[str | None, typer.Option(help="What to avoid; default: the paper's words.")] = None,
    keep_cracked: Annotated[
        bool, typer.Option("--keep-cracked", help='Avoid "cracked" for Ge, Guan and Ru wares too.')
    ] = False,
    taxonomy: Annotated[
        str | None,
        typer.Option(help="Taxonomy (shipped or path) that tells crackled wares; default: all shipped ones."),
    ] = None,
    photograph: Annotated[
        Path | None, typer.Option("--from", help="Start from this photograph instead of noise.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(help="How much of the photograph gives way, above 0; default 0.6.", min=0, max=1),
    ] = None,
    steps: Steps = None,
    guidance: Guidance = None,
    scheduler: Scheduler = None,
    clip_skip: ClipSkip = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="In pixels; default: the base model's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Images from prompts, as PNG files and side by side in grid.png.

    A prompt may give an adapter another weight: `white bowl <lora:ID:0.8>`.
    """
    from saggar.rpc.refs import ref_from_proto, ref_to_proto
    from saggar.store import put_image
    from saggar.v1 import generator_pb2

    from saggar_orchestrator.cli.generator.picture_files import (
        folder_for,
        grid,
        read_photograph,
        read_prompts,
    )
    from saggar_orchestrator.peers.adapters import adapter_uses
    from saggar_orchestrator.peers.shards import Order, generate_in_shards

    if strength is not None and photograph is None:
        raise typer.BadParameter("--strength goes with --from")
    if strength == 0:
        raise typer.BadParameter("--strength 0 would leave the photograph as it is; give more than 0, at most 1")
    texts = [*(prompts or []), *(read_prompts(file) if file else [])]
    if not texts:
        raise typer.BadParameter("give a prompt, or --prompts FILE")
    store = open_home_store(settings(context).home)
    entries, uses = adapter_uses(store, adapter or [])
    start = None
    if photograph is not None:
        data, ending = read_photograph(photograph)
        start = generator_pb2.StartImage(image=ref_to_proto(put_image(store, data, ending)), strength=strength)
    items = [
        generator_pb2.PromptItem(
            prompt_id=f"{number + 1:03d}-{seed + k}",
            prompt=text,
            negative_prompt=avoided,
            seed=seed + k,
            start=start,
        )
        for number, (text, avoided) in enumerate(
            zip(texts, _negative_prompts(texts, negative, taxonomy, keep_cracked=keep_cracked), strict=True)
        )
        for k in range(count)
    ]
    folder = folder_for(out)
    chosen = sampling_settings(steps, guidance, scheduler, clip_skip, size)
    base = with_absolute_path(base_model or (entries[0].base_model if entries else "nano"), Path())
    made = generate_in_shards(
        open_peers(context),
        Order(base, tuple(uses), chosen),
        items,
        32,
        1,
        _progress(len(items)),
        _cancellation(),
    )
    told: list[dict[str, Any]] = []
    for item in items:
        image = made[item.prompt_id]
        path = folder / f"{item.prompt_id}.png"
        path.write_bytes(store.get(ref_from_proto(image.image).key))
        if image.truncated_tokens:
            say(f"warning: {path.name}: {image.truncated_tokens} tokens did not fit and were cut off")
        told.append({"file": str(path), "prompt": item.prompt, "seed": item.seed})
    sheet = folder / "grid.png"
    grid([Path(each["file"]) for each in told], count if count > 1 else 0).save(sheet)
    if as_json:
        print_json({"images": told, "grid": str(sheet)})
        return
    for each in told:
        print(f"{each['file']}\tseed {each['seed']}\t{each['prompt']}")
    say(f"side by side: {sheet}")


app.command()(compare)


def _negative_prompts(texts: list[str], own: str | None, taxonomy: str | None, *, keep_cracked: bool) -> list[str]:
    """One for each of `texts`; tells where "cracked" is left out."""
    from saggar.prompts import NEGATIVE_PROMPT, crackled_phrases, without_cracked
    from saggar.taxonomy import load_taxonomy, shipped_taxonomies

    if own is not None or keep_cracked:
        return [NEGATIVE_PROMPT if own is None else own for _ in texts]
    taxonomies = [load_taxonomy(name) for name in ([taxonomy] if taxonomy else shipped_taxonomies())]
    wares = [crackled_phrases(text, taxonomies) for text in texts]
    if crackled := sum(map(bool, wares)):
        named = ", ".join(sorted({phrase for phrases in wares for phrase in phrases}))
        say(
            f'"cracked" is left out of the negative prompt for {crackled} of {len(texts)} prompts: crackle '
            f"is a trait of {named}; --keep-cracked keeps the word"
        )
    return [without_cracked(NEGATIVE_PROMPT) if phrases else NEGATIVE_PROMPT for phrases in wares]


def _cancellation() -> Any:
    from saggar_orchestrator.progress import Cancellation

    return Cancellation()


def _progress(total: int) -> Any:
    line = Line()
    return lambda done, stage, _: line.show(stage or "generating", done, total)


def _stage(progress: Any) -> None:
    if progress.stage:
        say(progress.stage)
