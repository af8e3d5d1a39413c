"""`saggar classify --catalogue`: every row of a catalogue's CSV, and what people accepted of it."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saggar_orchestrator.cli.terminal.output import plural, print_json, say, warn
from saggar_orchestrator.cli.terminal.progress_line import ProgressLine
from saggar_orchestrator.local.home import Home

if TYPE_CHECKING:
    from saggar.client import Classifier, Question
    from saggar.museums.web import Web
    from saggar.proposals.asking.journal import Journal
    from saggar.proposals.asking.photographs import Photographs
    from saggar.proposals.catalogue import ObjectCatalogue
    from saggar.proposals.formats.accepted_objects import AcceptedObject
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
    profile: Annotated[
        str, typer.Option(help="generic, collectionspace or axiell; with --accepted also lido or linked-art.")
    ] = "generic"
    lido_records: Annotated[
        Path | None, typer.Option(help="The museum's LIDO: the output begins with a copy of it (--profile lido).")
    ] = None
    object_uri: Annotated[
        str | None, typer.Option(help="Web addresses of objects, with {number} in them (--profile linked-art).")
    ] = None
    image_column: Annotated[
        str, typer.Option(help="Column of paths, image addresses or IIIF addresses (--catalogue).")
    ] = "image"
    number_column: Annotated[
        str | None,
        typer.Option(help="Column of object numbers (--catalogue: found by its name else; --accepted: its column)."),
    ] = None
    encoding: Annotated[
        str | None, typer.Option(help="Of the CSV, where it is not recognised: gb18030, big5, windows-1252...")
    ] = None
    retry: Annotated[
        bool, typer.Option("--retry", help="Ask again for rows with an error; the other answers stay (--catalogue).")
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
    language: Annotated[str, typer.Option(help="Of names and --values: en, zh-Hans or zh-Hant.")] = "en"
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
    keep_images: Annotated[
        bool, typer.Option("--keep-images", help="Keep them in fetched-images of the folder, to import them later.")
    ] = False
    pause: Annotated[float, typer.Option(help="Seconds between requests to servers of images.", min=0)] = _PAUSE_S

    def open(self) -> Web | None:
        """A client for them; None where none was named."""
        if not self.image_host:
            return None
        from saggar.client.line import LARGEST_BYTES
        from saggar.museums.settings import MuseumSettings
        from saggar.museums.web import Limits, Web

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
    home: Home,
    api_key: str,
    question: Question,
    *,
    folders: Sequence[Path],
    table: CatalogueTable,
    words: Words,
    servers: Servers,
    as_json: bool,
) -> None:
    """Answers every row, keeping each answer in a journal beside the output, then writes the table to review.

    `folders`: the one that the photographs are in, or none: that of the catalogue. Ends with exit code 1 where a row
    could not be classified.
    """
    from saggar.proposals.asking.journal import open_journal
    from saggar.proposals.asking.photographs import Photographs
    from saggar.proposals.asking.tables_there import is_written, refuse_there
    from saggar.proposals.catalogue import open_catalogue
    from saggar.proposals.formats.review_table import refuse_clashes, write_review

    from saggar_orchestrator.cli.services.client import classifier_client

    if len(folders) > 1:
        raise typer.BadParameter("--catalogue takes one folder of photographs")
    if table.profile in {"lido", "linked-art"}:
        raise typer.BadParameter(f"--profile {table.profile} goes with --accepted: people decide on a table first")
    if folders and not folders[0].is_dir():
        raise typer.BadParameter(f"{folders[0]}: no such folder; --catalogue takes the folder of its photographs")
    source, output = _given(table.catalogue), _given(table.output)
    catalogue = open_catalogue(source, table.image_column, table.number_column, table.encoding)
    photographs = Photographs(folders[0] if folders else source.parent, servers.open(), keep=servers.keep_images)
    with classifier_client(home, api_key) as classifier:
        codes = classifier.describe().codes
        profile, vocabulary = _words(table, words, codes)
        refuse_clashes(catalogue, profile, vocabulary)
        if not profile.whole_rows and catalogue.number_column is None:
            raise typer.BadParameter(f"{profile.title} needs object numbers: name their column with --number-column")
        about = {
            "catalogue": catalogue.file.sha256,
            "image_column": catalogue.header[catalogue.image_column],
            "coverage": question.coverage,
            "classes": {task: list(own) for task, own in codes.items()},
        }
        mark = profile.byte_order_mark if words.bom is None else words.bom
        files = _files(output, catalogue.file.count, profile)
        made = {
            **_made(profile, vocabulary, catalogue),
            "byte_order_mark": mark,
            "files": [file.name for file in files],
        }
        beside = output.with_name(f"{output.name}.journal")
        if not beside.exists():
            refuse_there(files, beside)
        with open_journal(beside, catalogue.file.count, about) as journal:
            if is_written(journal, files, made, again=table.retry):
                say(f"{files[0]}: all {plural(catalogue.file.count, 'row')} are answered and written already")
            else:
                _ask_all(catalogue, journal, photographs, classifier, question, again=table.retry)
                refuse_there(files, beside)
                write_review(output, catalogue, journal.get, profile, vocabulary, byte_order_mark=mark)
                journal.finish(made)
            _sum_up(journal, catalogue.file.count, files, profile.key, as_json=as_json)


def write_accepted_table(table: CatalogueTable, words: Words, *, as_json: bool) -> None:
    """What people accepted, as a table for the catalogue system, as LIDO or as Linked Art."""
    from saggar.errors import AlreadyExistsError
    from saggar.proposals.decisions import decided_codes, read_decisions, tally
    from saggar.proposals.formats.accepted_objects import accepted_objects

    tables, output = table.accepted or [], _given(table.output)
    if table.lido_records and table.profile != "lido":
        raise typer.BadParameter("--lido-records goes with --profile lido")
    if table.profile == "linked-art" and table.object_uri is None:
        raise typer.BadParameter("--profile linked-art needs --object-uri: https://host/path/{number}, of your objects")
    if table.object_uri is not None and table.profile != "linked-art":
        raise typer.BadParameter("--object-uri goes with --profile linked-art")
    profile, vocabulary = _words(table, words, decided_codes(tables, table.encoding))
    rows = list(read_decisions(tables, table.encoding, table.number_column))
    objects = accepted_objects(rows, vocabulary)
    files = _files(output, len(objects), profile)
    if there := [file for file in files if file.exists()]:
        raise AlreadyExistsError(f"{there[0]}: is there already; name another output, or remove it")
    written = _write_accepted(output, objects, table, words, profile, vocabulary)
    counts = tally(rows)
    say(f"{counts}")
    if as_json:
        print_json({"files": list(map(str, files)), "objects": written, **asdict(counts)})
    else:
        print(f"{', '.join(map(str, files))}\t{plural(written, 'object')}")


def _files(output: Path, rows: int, profile: Profile) -> list[Path]:
    from saggar.proposals.formats.review_table import table_files

    return table_files(output, rows, profile.rows_a_file)


def _write_accepted(
    output: Path,
    objects: list[AcceptedObject],
    table: CatalogueTable,
    words: Words,
    profile: Profile,
    vocabulary: Vocabulary,
) -> int:
    """Returns how many objects are in what was written."""
    from saggar.proposals.formats.accepted_table import write_accepted
    from saggar.proposals.formats.lido import write_lido
    from saggar.proposals.formats.linked_art import write_linked_art

    if profile.key == "linked-art":
        return write_linked_art(output, objects, vocabulary, table.object_uri or "")
    if profile.key == "lido":
        written = write_lido(output, objects, vocabulary, table.lido_records)
        if left := len(objects) - written:
            say(
                f"{plural(left, 'object')} left out: people wrote all its classes, so they are not the model's to state"
            )
        return written
    mark = profile.byte_order_mark if words.bom is None else words.bom
    write_accepted(output, objects, profile, vocabulary, byte_order_mark=mark)
    return len(objects)


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


def _made(profile: Profile, vocabulary: Vocabulary, catalogue: ObjectCatalogue) -> dict[str, Any]:
    """What a table to review depends on beside the answers, in plain values; names are those of options."""
    place = catalogue.number_column
    values = sorted([*key, value] for key, value in (vocabulary.values or {}).items())
    return {
        "profile": profile.key,
        "field": [profile.number, profile.columns(vocabulary.tasks, vocabulary.kinds)],
        "number_column": None if place is None else catalogue.header[place],
        "encoding": catalogue.file.encoding,
        "language": vocabulary.language,
        "taxonomy": vocabulary.taxonomy.id if vocabulary.taxonomy else None,
        "values": hashlib.sha256(json.dumps(values).encode()).hexdigest(),
    }


def _ask_all(
    catalogue: ObjectCatalogue,
    journal: Journal,
    photographs: Photographs,
    classifier: Classifier,
    question: Question,
    *,
    again: bool,
) -> None:
    from saggar.errors import SaggarError
    from saggar.proposals.asking.run import ask

    line = ProgressLine()
    kept = f"what was answered is in {journal.path}; give the same command again to go on"
    try:
        ask(
            catalogue,
            journal,
            photographs,
            classifier,
            question,
            again=again,
            progress=lambda done, total: line.show("classifying", done, total),
        )
    except KeyboardInterrupt:
        say(f"\n{kept}")
        raise
    except SaggarError:
        say(kept)
        raise


def _sum_up(journal: Journal, count: int, files: list[Path], profile: str, *, as_json: bool) -> None:
    from saggar.proposals.columns import DECISION

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
        say(
            f"{plural(failed, 'row')} with an error; correct {'it' if failed == 1 else 'them'}, then the same command "
            f"with --retry, after moving {', '.join(map(str, files))} away: the other answers are kept"
        )
    if failed < count:
        tables = " ".join(f"--accepted {shlex.quote(str(file))}" for file in files)
        chosen = "" if profile == "generic" else f" --profile {profile}"
        say(
            f"next: people write accept, reject or another class into the columns {DECISION}...; then:\n"
            f"  saggar classify {tables}{chosen} --output FILE"
        )
    if failed:
        raise typer.Exit(1)
