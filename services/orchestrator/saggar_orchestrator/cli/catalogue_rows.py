"""`saggar classify --catalogue`: every row of a catalogue's CSV, and what people accepted of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import plural, print_json, say, warn
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine

if TYPE_CHECKING:
    from saggar.client import Classifier
    from saggar.museums.web import Web
    from saggar.proposals.asking.journal import Journal
    from saggar.proposals.catalogue import ObjectCatalogue
    from saggar.proposals.formats.profiles import Profile
    from saggar.proposals.formats.vocabulary import Vocabulary

_LANGUAGES = {"en": "en", "zh": "zh-Hans", "zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}
_PAUSE_S = 0.5


@dataclass(frozen=True, kw_only=True)
class CatalogueTable:
    """A catalogue's CSV in, a table out."""

    catalogue: Annotated[
        Path | None, typer.Option(help="CSV with a row per object: classify them all; IMAGE is their folder.")
    ] = None
    accepted: Annotated[
        list[Path] | None,
        typer.Option(help="Reviewed table(s): write what was accepted, as the profile imports it."),
    ] = None
    output: Annotated[Path | None, typer.Option(help="The file to write (--catalogue, --accepted).")] = None
    profile: Annotated[str, typer.Option(help="generic, collectionspace or axiell.")] = "generic"
    image_column: Annotated[
        str, typer.Option(help="Column of paths, image addresses or IIIF addresses (--catalogue).")
    ] = "image"
    number_column: Annotated[
        str | None, typer.Option(help="Column of object numbers; found by its name where it is left out.")
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Of the CSV, where it is not recognised: gb18030, big5, windows-1252...")
    ] = None
    coverage: Annotated[
        float | None,
        typer.Option(
            help="Chance of sets to hold the true class; default: 0.9, or the nearest there is.", min=0, max=1
        ),
    ] = None
    retry: Annotated[
        bool, typer.Option("--retry", help="Ask again for rows whose server or classifier did not answer.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the catalogue system calls columns and classes."""

    field: Annotated[
        list[str] | None, typer.Option(help="Its name or tag for a task, or for number: glaze=MA, number=IN.")
    ] = None
    values: Annotated[
        Path | None, typer.Option(help="CSV of task, code, value: the words of its own lists for classes.")
    ] = None
    taxonomy: Annotated[
        str | None, typer.Option(help="The model's taxonomy, where it is none of the shipped ones.")
    ] = None
    language: Annotated[str, typer.Option(help="Of names: en, zh-Hans or zh-Hant.")] = "en"
    bom: Annotated[
        bool | None, typer.Option("--bom/--no-bom", help="Byte order mark, for Excel; default: by the profile.")
    ] = None


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Which servers may be asked for photographs."""

    image_host: Annotated[
        list[str] | None,
        typer.Option(help="Server of images that may be asked: host, .domain, or http://host:port."),
    ] = None
    allow_private_addresses: Annotated[
        bool, typer.Option("--allow-private-addresses", help="Also servers of this machine and private networks.")
    ] = False
    pause: Annotated[float, typer.Option(help="Seconds between requests to servers of images.", min=0)] = _PAUSE_S

    def open(self) -> Web | None:
        """A client for them; None where none was named."""
        if not self.image_host:
            return None
        from saggar.museums.settings import MuseumSettings
        from saggar.museums.web import Limits, Web
        from saggar.proposals.asking.photographs import LARGEST_BYTES

        hosts = tuple(host.strip().rstrip("/").lower() for host in self.image_host)
        limits = Limits(attempts=4, whole_s=60.0, longest_asked_wait_s=120.0, image_bytes=LARGEST_BYTES)
        return Web(
            "",
            hosts,
            pause_s=self.pause,
            user_agent=MuseumSettings().user_agent(),
            private_allowed=self.allow_private_addresses,
            limits=limits,
        )


def classify_catalogue(
    classifier: Classifier, folder: Path | None, table: CatalogueTable, words: Words, servers: Servers, *, as_json: bool
) -> None:
    """Answers every row, keeping each answer in a journal beside the output, then writes the table to review.

    Ends with exit code 1 where a row could not be classified.
    """
    from saggar.errors import AlreadyExistsError
    from saggar.proposals.asking.journal import open_journal
    from saggar.proposals.asking.photographs import Photographs
    from saggar.proposals.asking.run import ask
    from saggar.proposals.catalogue import open_catalogue
    from saggar.proposals.formats.review_table import table_files

    source, output = _given(table.catalogue), _given(table.output)
    catalogue = open_catalogue(source, table.image_column, table.number_column, table.encoding)
    known = classifier.describe()
    profile, vocabulary = _words(table, words, known.codes)
    if not profile.whole_rows and catalogue.number_column is None:
        raise typer.BadParameter(f"{profile.title} needs object numbers: name their column with --number-column")
    path = output.with_name(f"{output.name}.journal")
    files = table_files(output, catalogue.file.count, profile.rows_a_file)
    there = [file for file in files if file.exists()]
    if there and not path.exists():
        raise AlreadyExistsError(f"{there[0]}: is there already; name another output, or move it away")
    about = {
        "catalogue": catalogue.file.sha256,
        "coverage": table.coverage,
        "image_column": catalogue.header[catalogue.image_column],
        "classes": {task: list(codes) for task, codes in known.codes.items()},
    }
    with open_journal(path, catalogue.file.count, about) as journal:
        if journal.finished and there and table.retry:
            raise AlreadyExistsError(f"{there[0]}: may hold decisions; move it away, and it is written anew")
        if not (journal.finished and there):
            _ask_all(
                lambda report: ask(
                    catalogue,
                    journal,
                    Photographs(folder or source.parent, servers.open()),
                    classifier,
                    coverage=table.coverage,
                    again=table.retry,
                    progress=report,
                ),
                path,
            )
            files = _write(output, catalogue, journal, profile, vocabulary, words.bom)
        else:
            say(f"{there[0]}: all {plural(catalogue.file.count, 'row')} are answered and written already")
        _sum_up(journal, catalogue.file.count, files, as_json=as_json)


def write_accepted_table(table: CatalogueTable, words: Words, *, as_json: bool) -> None:
    """What people accepted, as a table for the catalogue system."""
    from saggar.errors import AlreadyExistsError
    from saggar.proposals.decisions import decided_codes, read_decisions, tally
    from saggar.proposals.formats.accepted_table import accepted_objects, write_accepted
    from saggar.proposals.formats.review_table import table_files

    tables, output = table.accepted or [], _given(table.output)
    profile, vocabulary = _words(table, words, decided_codes(tables, table.encoding))
    rows = list(read_decisions(tables, table.encoding))
    objects = accepted_objects(rows, vocabulary)
    files = table_files(output, len(objects), profile.rows_a_file)
    if there := [file for file in files if file.exists()]:
        raise AlreadyExistsError(f"{there[0]}: is there already; name another output, or remove it")
    mark = profile.byte_order_mark if words.bom is None else words.bom
    files = write_accepted(output, objects, profile, vocabulary, byte_order_mark=mark)
    counts = tally(rows)
    say(f"{counts}")
    if as_json:
        print_json({"files": list(map(str, files)), "objects": len(objects), **counts.__dict__})
    else:
        print(f"{', '.join(map(str, files))}\t{plural(len(objects), 'object')}")


def _given(path: Path | None) -> Path:
    if path is None:
        raise typer.BadParameter("--catalogue and --accepted need --output: the file to write")
    return path


def _words(table: CatalogueTable, words: Words, codes: Mapping[str, Sequence[str]]) -> tuple[Profile, Vocabulary]:
    from saggar.proposals.formats.profiles import find_profile, given_fields
    from saggar.proposals.formats.vocabulary import Vocabulary, fitting_taxonomy, read_values

    language = _LANGUAGES.get(words.language.lower())
    if language is None:
        raise typer.BadParameter(f"--language {words.language}: one of en, zh-Hans, zh-Hant")
    tasks = tuple(codes)
    profile = find_profile(table.profile).renamed(given_fields(words.field or [], tasks))
    taxonomy = fitting_taxonomy(codes, words.taxonomy)
    known = {task: taxonomy.task(task).codes for task in tasks} if taxonomy else codes
    values = read_values(words.values, known) if words.values else None
    return profile, Vocabulary(tasks, taxonomy, values, language)


def _ask_all(work: Any, journal: Path) -> None:
    from saggar.errors import SaggarError

    line = ProgressLine()
    kept = f"what was answered is in {journal}; give the same command again to go on"
    try:
        work(lambda done, total: line.show("classifying", done, total))
    except KeyboardInterrupt:
        say(f"\n{kept}")
        raise
    except SaggarError:
        say(kept)
        raise


def _write(
    output: Path,
    catalogue: ObjectCatalogue,
    journal: Journal,
    profile: Profile,
    vocabulary: Vocabulary,
    bom: bool | None,
) -> list[Path]:
    from saggar.proposals.formats.review_table import write_review

    mark = profile.byte_order_mark if bom is None else bom
    files = write_review(output, catalogue, journal.get, profile, vocabulary, byte_order_mark=mark)
    journal.finish()
    return files


def _sum_up(journal: Journal, count: int, files: list[Path], *, as_json: bool) -> None:
    failed, passing, models = 0, 0, dict[str, int]()
    for row in range(count):
        answer = journal.get(row)
        failed += bool(answer.error)
        passing += answer.passing
        if answer.model_id:
            models[answer.model_id] = models.get(answer.model_id, 0) + 1
    if as_json:
        print_json(
            {"files": list(map(str, files)), "rows": count, "failed": failed, "may_pass": passing, "models": models}
        )
    else:
        print(
            f"{', '.join(map(str, files))}\t{plural(count, 'row')}, {failed:,} with an error; model {', '.join(models)}"
        )
    if len(models) > 1:
        warn(f"warning: {len(models)} models answered, as the active one changed; each row names its own")
    if passing:
        say(f"{plural(passing, 'row')} may be answered at another time: --retry asks for them again")
    if failed:
        raise typer.Exit(1)
