"""`saggar generator generate`: images from prompts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.generator.options import Models, Sampling, open_calls
from saggar_orchestrator.cli.terminal.output import AsJson, open_home_store, print_json, say, settings
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from saggar.store import ObjectStore
    from saggar.v1 import common_pb2, generator_pb2

_SHARD = 32


@dataclass(frozen=True, kw_only=True)
class Series:
    """How many images of each prompt, and by which seeds."""

    count: Annotated[int, typer.Option(help="Images for each prompt.", min=1, max=1000)] = 1
    seed: Annotated[int, typer.Option(help="Of the first image of a prompt; the next takes the next.", min=0)] = 0


@dataclass(frozen=True, kw_only=True)
class Avoiding:
    """What images are kept from showing."""

    negative: Annotated[str | None, typer.Option(help="What to avoid; default: the paper's words.")] = None
    keep_cracked: Annotated[
        bool, typer.Option("--keep-cracked", help='Avoid "cracked" for Ge, Guan and Ru wares too.')
    ] = False
    taxonomy: Annotated[
        str | None, typer.Option(help="Taxonomy that knows crackled wares; default: all shipped ones.")
    ] = None

    def negative_prompts(self, texts: list[str], learnt: Mapping[str, str]) -> list[str]:
        """One for each of `texts`; says where "cracked" is left out. `learnt`: phrases by the words for them."""
        from saggar.prompts import NEGATIVE_PROMPT, crackled_phrases, without_cracked
        from saggar.taxonomy import load_taxonomy, shipped_taxonomies

        if self.negative is not None or self.keep_cracked:
            return [NEGATIVE_PROMPT if self.negative is None else self.negative for _ in texts]
        names = [self.taxonomy] if self.taxonomy else shipped_taxonomies()
        taxonomies = [load_taxonomy(name) for name in names]
        wares = [crackled_phrases(text, taxonomies, learnt) for text in texts]
        if crackled := sum(map(bool, wares)):
            named = ", ".join(sorted({phrase for phrases in wares for phrase in phrases}))
            say(
                f'"cracked" is left out of the negative prompt for {crackled} of {len(texts)} prompts: crackle '
                f"is a trait of {named}; --keep-cracked keeps the word"
            )
        return [without_cracked(NEGATIVE_PROMPT) if phrases else NEGATIVE_PROMPT for phrases in wares]


@dataclass(frozen=True, kw_only=True)
class Start:
    """What images begin from."""

    photograph: Annotated[Path | None, typer.Option("--from", help="Start from this photograph, not from noise.")] = (
        None
    )
    strength: Annotated[
        float | None, typer.Option(help="How much of the photograph gives way; default 0.6.", min=0, max=1)
    ] = None

    def check(self) -> None:
        """Raises BadParameter for a strength that means nothing."""
        if self.strength is not None and self.photograph is None:
            raise typer.BadParameter("--strength goes with --from")
        if self.strength == 0:
            raise typer.BadParameter("--strength 0 would leave the photograph as it is; give more than 0, at most 1")

    def to_message(self, store: ObjectStore) -> generator_pb2.StartImage | None:
        """The photograph, put into the store; None for noise."""
        from saggar.v1 import generator_pb2

        if self.photograph is None:
            return None
        return generator_pb2.StartImage(image=_stored(store, self.photograph), strength=self.strength)


@dataclass(frozen=True, kw_only=True)
class Following:
    """Whose form images follow, and through what."""

    follow: Annotated[Path | None, typer.Option(help="Follow the form of this photograph, through --control-net.")] = (
        None
    )
    control_net: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="ControlNet for the base model: diffusers' format, safetensors."),
    ] = None
    control_condition: Annotated[
        str | None,
        typer.Option(metavar="edges|outline", help="What the network sees of the photograph; default edges."),
    ] = None
    control_scale: Annotated[
        float | None, typer.Option(help="How strongly it steers, up to 2; default 1.", min=0, max=2)
    ] = None

    def check(self, start: Start) -> None:
        """Raises BadParameter for options that mean nothing."""
        if (self.follow is None) != (self.control_net is None):
            raise typer.BadParameter("--follow PHOTOGRAPH and --control-net FOLDER go together")
        if self.follow is None and (self.control_condition is not None or self.control_scale is not None):
            raise typer.BadParameter("--control-condition and --control-scale go with --control-net")
        if self.follow is not None and start.photograph is not None:
            raise typer.BadParameter("an image starts --from a photograph or follows one (--follow), not both")

    def photograph(self, store: ObjectStore) -> common_pb2.ObjectRef | None:
        """The photograph, put into the store."""
        return None if self.follow is None else _stored(store, self.follow)

    def to_message(self) -> generator_pb2.ControlNet | None:
        from saggar.v1 import generator_pb2

        if self.control_net is None:
            return None
        path = str(self.control_net.absolute())
        return generator_pb2.ControlNet(path=path, condition=self.control_condition, scale=self.control_scale)


def _stored(store: ObjectStore, photograph: Path) -> common_pb2.ObjectRef:
    from saggar.rpc.refs import ref_to_proto
    from saggar.store import put_image

    from saggar_orchestrator.cli.generator.picture_files import read_photograph

    data, ending = read_photograph(photograph)
    return ref_to_proto(put_image(store, data, ending))


def generate(
    context: typer.Context,
    prompts: Annotated[list[str] | None, typer.Argument(metavar="PROMPT", help="In quotes.")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder for the PNG files; made when missing.")],
    file: Annotated[
        Path | None, typer.Option("--prompts", help="A file with a prompt a line, instead or in addition.")
    ] = None,
    models: Models,
    series: Series,
    avoiding: Avoiding,
    start: Start,
    following: Following,
    sampling: Sampling,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="In pixels; default: the base model's.")] = None,
    as_json: AsJson = False,
) -> None:
    """Makes images from prompts.

    PNG files, and all of them side by side in grid.png.

    A prompt may give an adapter another weight: `white bowl <lora:ID:0.8>`.
    """
    from saggar_orchestrator.cli.generator.picture_files import folder_for, grid, read_prompts
    from saggar_orchestrator.peers.adapters import adapter_uses
    from saggar_orchestrator.peers.shards import Order, generate_in_shards

    start.check()
    following.check(start)
    texts = [*(prompts or []), *(read_prompts(file) if file else [])]
    if not texts:
        raise typer.BadParameter("give a prompt, or --prompts FILE")
    store = open_home_store(settings(context).home)
    entries, uses = adapter_uses(store, models.adapter or [])
    begin, followed = start.to_message(store), following.photograph(store)
    learnt = {word: phrase for entry in entries for word, phrase in entry.learnt_words.items()}
    items = _prompt_items(texts, avoiding.negative_prompts(texts, learnt), begin, followed, series)
    folder = folder_for(out)
    made = generate_in_shards(
        open_calls(context),
        Order(models.base(entries), tuple(uses), sampling.to_message(size), following.to_message()),
        items,
        shard_size=_SHARD,
        parallel=1,
        report=_progress(),
    )
    written = [_write(store, folder, item, made[item.prompt_id]) for item in items]
    sheet = folder / "grid.png"
    grid([Path(each["file"]) for each in written], series.count if series.count > 1 else 0).save(sheet)
    if as_json:
        print_json({"images": written, "grid": str(sheet)})
        return
    for each in written:
        print(f"{each['file']}\tseed {each['seed']}\t{each['prompt']}")
    say(f"side by side: {sheet}")


def _prompt_items(
    texts: list[str],
    negative_prompts: list[str],
    start: generator_pb2.StartImage | None,
    followed: common_pb2.ObjectRef | None,
    series: Series,
) -> list[generator_pb2.PromptItem]:
    from saggar.v1 import generator_pb2

    return [
        generator_pb2.PromptItem(
            prompt_id=f"{number + 1:03d}-{seed}",
            prompt=text,
            negative_prompt=avoided,
            seed=seed,
            start=start,
            control_photograph=followed,
        )
        for number, (text, avoided) in enumerate(zip(texts, negative_prompts, strict=True))
        for seed in range(series.seed, series.seed + series.count)
    ]


def _write(store: ObjectStore, folder: Path, item: generator_pb2.PromptItem, image: Any) -> dict[str, Any]:
    from saggar.rpc.refs import ref_from_proto

    path = folder / f"{item.prompt_id}.png"
    path.write_bytes(store.get(ref_from_proto(image.image).key))
    if image.truncated_tokens:
        say(f"warning: {path.name}: {image.truncated_tokens} tokens did not fit and were cut off")
    return {"file": str(path), "prompt": item.prompt, "seed": item.seed}


def _progress() -> Any:
    line = ProgressLine()
    return lambda at: line.show(at.message or at.stage, at.done, at.total)
