"""`saggar data fetch`: photographs and texts from museums' open-access services."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saggar_orchestrator.cli.terminal.output import AsJson, plural, print_json, say, settings
from saggar_orchestrator.cli.terminal.progress_line import counting

if TYPE_CHECKING:
    from saggar.museums.fetching import FetchReport
    from saggar.museums.settings import MuseumSettings

_SHOWN = 10  # failures on the terminal; JSON has all


@dataclass(frozen=True, kw_only=True)
class Requests:
    """How the museum is asked."""

    pause: Annotated[float | None, typer.Option(help="Seconds between requests; each museum has its own default.")] = (
        None
    )
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask anew, rather than use answers of the last seven days.")
    ] = False


def fetch_museum(
    context: typer.Context,
    museum: Annotated[str, typer.Argument(metavar="MUSEUM", help="met, cleveland, aic or npm.")],
    *,
    query: Annotated[str, typer.Option(help="What to look for, in the museum's own search.")],
    limit: Annotated[int, typer.Option(help="Fetch at most so many objects.", min=1)] = 100,
    output: Annotated[
        Path | None, typer.Option(help="Folder to fetch into; default: one named after the museum.")
    ] = None,
    image_px: Annotated[
        int,
        typer.Option(help="Longer side of the images, about; the nearest size there is.", min=64, max=3000),
    ] = 843,
    requests: Requests,
    as_json: AsJson = False,
) -> None:
    """Fetches a museum's open-access photographs.

    With texts, licences and credit lines.

    An interrupted fetch goes on when the same command is given again. See docs/museums.md for what each
    museum offers and asks for.
    """
    from saggar.museums.fetching import fetch
    from saggar.museums.registry import find_museum
    from saggar.museums.web import Limits

    source = find_museum(museum)
    folder = output or Path(museum)
    limits = Limits(cache_s=0.0) if requests.refresh else Limits()
    cache = settings(context).home.root / "cache" / "museums"
    web = _settings_from_environment().open_web(source, cache, pause_s=requests.pause, limits=limits)
    say(f"{source.name}: terms at {source.terms}")
    if source.caution:
        say(f"note: {source.caution}")
    try:
        report = fetch(source, web, query, folder, limit=limit, image_px=image_px, progress=counting("photographs"))
    except KeyboardInterrupt:
        say(f"\nwhat has come is in {folder}; give the same command again to go on")
        raise
    catalogue = str(folder / "catalogue.csv")
    steps = (
        shlex.join(("saggar", "data", "map", catalogue)),
        shlex.join(("saggar", "data", "import", str(folder), "--catalogue", catalogue, "--image-column", "image")),
    )
    if as_json:
        print_json(
            {
                "museum": museum,
                "query": query,
                "output": str(folder),
                "catalogue": catalogue,
                "kept": report.kept,
                "new": report.new,
                "left_out": report.left_out,
                "failed": [{"object_id": each.object_id, "reason": each.reason} for each in report.failed],
                "records": report.records,
                "next": list(steps),
            }
        )
    else:
        _show(folder, report)
        say("next:")
        for step in steps:
            say(f"  {step}")


def _show(folder: Path, report: FetchReport) -> None:
    for each in report.failed[:_SHOWN]:
        say(f"failed: {each.object_id}: {each.reason}")
    if len(report.failed) > _SHOWN:
        say(f"failed: and {len(report.failed) - _SHOWN:,} more")
    for reason, count in report.left_out.items():
        say(f"left out: {plural(count, 'object')}: {reason}")
    print(f"{folder}\t{plural(report.kept, 'photograph')}, {report.new:,} new; {report.records:,} in the folder")


def _settings_from_environment() -> MuseumSettings:
    from pydantic import ValidationError
    from saggar.errors import InvalidInputError
    from saggar.museums.settings import MuseumSettings

    try:
        return MuseumSettings()
    except ValidationError as error:
        problems = (f"SAGGAR_{str(p['loc'][0]).upper()}: {p['msg']}" for p in error.errors())
        raise InvalidInputError("bad settings in the environment:\n  " + "\n  ".join(problems)) from None
