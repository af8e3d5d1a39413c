"""Labels from LabelBee's tag tool (图像分类, `tagTool`).

Two forms are read, both of the LabelBee client (github.com/open-mmlab/labelbee-client, docs/annotation):
its standard export, one JSON array of {"fileName", "url", "result"} where `result` is an annotation as
text; and its result folder, one `<image>.json` per image, which is an annotation:

    {"width": 1024, "height": 576, "valid": true, "rotate": 0,
     "step_1": {"toolName": "tagTool", "result": [{"id": "...", "sourceID": "",
                "result": {"dynasty": "song", "glaze": "celadon;white"}}]}}

A later client writes "tagTool" in place of "step_1". Keys are names of tasks; values, several joined by a
semicolon, are classes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from saggar.errors import InvalidInputError, NotFoundError
from saggar.files.text_encoding import read_text
from saggar.importing.report import Note, Refusal, RowsRefusedError
from saggar.importing.tables.label_rows import plain_label, spellings
from saggar.importing.tables.label_table import LabelTable, Row
from saggar.importing.tables.other_tools import REMEDY, json_lines, other_tool
from saggar.taxonomy import Task

_LARGEST_MIB = 512
_INVALID = {"false", "0", "no"}  # as other programs write it; LabelBee writes false


def read_labelbee(export: Path, root: Path, tasks: Sequence[Task]) -> tuple[LabelTable, list[Refusal], list[Note]]:
    """The annotated images of `export`: a row each, numbered from 1 in the order of the file.

    Tags are classes by code, name or variant. Also: entries that are no annotation or have several values of one
    tag, and images that LabelBee has marked invalid. Raises NotFoundError, or InvalidInputError when nothing can be
    used.
    """
    names = {task.name.casefold(): task for task in tasks}
    known = {task.name: spellings(task) for task in tasks}
    found: list[tuple[int, str, dict[str, str]]] = []
    refused: list[Refusal] = []
    skipped: list[Note] = []
    ignored: set[str] = set()
    for number, file, read in _annotations(export, root):
        try:
            annotation = _annotation(read())
            if _is_invalid(annotation):
                skipped.append(Note(number, file, "skipped", "marked invalid in LabelBee"))
                continue
            tags = list(_tags(annotation))
        except InvalidInputError as error:
            refused.append(Refusal(number, file, str(error)))
            continue
        said: dict[str, list[str]] = {}
        for key, value in tags:
            task = names.get(key.strip().casefold())
            if task is None:
                ignored.add(key)
            else:
                said.setdefault(task.name, []).append(value)
        codes = {name: _classes(values, known[name]) for name, values in said.items()}
        several = [Refusal(number, file, _several(each), name) for name, each in codes.items() if len(each) > 1]
        refused += several
        if not several:
            found.append((number, file, {name: each[0] for name, each in codes.items() if each}))
    used = [task.name for task in tasks if any(task.name in labels for _, _, labels in found)]
    if not used and refused and not ignored:
        raise RowsRefusedError(str(export), refused, 0)
    if not used:
        called = f"; its tags are called: {', '.join(sorted(ignored)[:10])}" if ignored else ""
        called += f"; {refused[0]}" if refused else ""
        called += f"; {len(skipped):,} marked invalid" if skipped else ""
        raise InvalidInputError(
            f"{export}: no image is tagged with one of {', '.join(t.name for t in tasks)}{called}; name the "
            "tags in LabelBee's project after the tasks"
        )
    header = ("image", *used)
    table = LabelTable(
        source=str(export),
        encoding="utf-8",
        delimiter=",",
        columns={name: i for i, name in enumerate(header)},
        ignored=tuple(sorted(ignored)),
        width=len(header),
        header=Row(0, header),
        rows=tuple(Row(n, (file, *(labels.get(name, "") for name in used))) for n, file, labels in found),
    )
    return table, refused, skipped


def _annotation(value: Any) -> dict[str, Any]:
    annotation = _object(value)
    if tool := other_tool(annotation):
        raise _of_another(tool)
    return annotation


def _of_another(tool: str, place: str = "") -> InvalidInputError:
    return InvalidInputError(f"{place}is an export of {tool}, not of LabelBee; {REMEDY}")


def _is_invalid(annotation: dict[str, Any]) -> bool:
    valid = annotation.get("valid")
    return valid == 0 or str(valid).strip().casefold() in _INVALID


def _classes(values: Sequence[str], known: dict[str, str]) -> list[str]:
    """What one tag's values say, each once: codes, and words of no class as they are."""
    found: dict[str, str] = {}
    for value in values:
        for word in [value] if plain_label(value) in known else value.split(";"):
            plain = plain_label(word)
            if plain:
                found.setdefault(known.get(plain, plain), known.get(plain, word.strip()))
    return list(found.values())


def _several(values: Sequence[str]) -> str:
    return f"is tagged {' and '.join(repr(value) for value in values)}; a label is one class: keep one"


def _annotations(export: Path, root: Path) -> Iterator[tuple[int, str, Callable[[], Any]]]:
    """(number, image, how to read its annotation) of every image."""
    if export.is_dir():
        files = sorted(export.rglob("*.json"))
        if not files:
            raise InvalidInputError(f"{export}: has no .json file in it; name LabelBee's export, or its result folder")
        for number, path in enumerate(files, start=1):
            yield number, path.relative_to(export).as_posix().removesuffix(".json"), partial(_json, path)
        return
    entries = _json(export)
    if tool := other_tool(entries):
        raise _of_another(tool, f"{export}: ")
    if not isinstance(entries, list):
        raise InvalidInputError(
            f"{export}: must be an array with an entry per image (LabelBee: Export, Standard format)"
        )
    for number, entry in enumerate(entries, start=1):
        values = entry if isinstance(entry, dict) else {}
        result = values.get("result") or "{}"
        read = partial(_parsed, result) if isinstance(result, str) else partial(_object, result)
        read = partial(_object, entry) if isinstance(entry, _Twice) else read
        yield number, _file(values, root), read


def _file(entry: dict[str, Any], root: Path) -> str:
    """The image's path below `root`: the end of its `url` that exists there, or its `fileName`."""
    named, url = (_text(entry.get(key)) for key in ("fileName", "url"))
    parts = PurePosixPath(_without_host(url).replace("\\", "/")).parts
    for start in range(len(parts) if ".." not in parts else 0):
        candidate = "/".join(parts[start:])
        if not candidate.startswith("/") and "\0" not in candidate and _is_file(root, candidate):
            return candidate
    return named or url


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _without_host(url: str) -> str:
    """The path of a web address with its characters as they are; anything else as it is."""
    if "://" not in url:
        return url
    try:
        return unquote(urlsplit(url).path)
    except ValueError:  # a host in broken brackets
        return url


def _is_file(root: Path, name: str) -> bool:
    try:
        return (root / name).is_file()
    except (OSError, ValueError):  # too long, or a lone surrogate
        return False


def _tags(annotation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(tag, value) of every tag tool's result."""
    more = annotation.get("annotations")  # of labelU, LabelBee's successor
    steps = [("tagTool", step) for step in more] if isinstance(more, list) else []
    for name, step in [*annotation.items(), *steps]:
        if not (name.startswith("step_") or name == "tagTool") or not isinstance(step, dict):
            continue
        if step.get("toolName", "tagTool") != "tagTool":
            continue
        results = _object(step).get("result") or []
        if not isinstance(results, list):
            raise InvalidInputError("has results that are not a list; export it again")
        for result in map(_object, results):
            tags = _object(result.get("result", result.get("value")) or {})
            yield from ((key, text) for key, value in tags.items() if (text := _words(key, value)))


def _words(key: str, value: Any) -> str:
    """The class that a tag says; several, from later versions' lists, are joined as earlier ones did."""
    values = value if isinstance(value, list) else [value]
    if strange := [each for each in values if isinstance(each, dict | list)]:
        kind = "an object" if isinstance(strange[0], dict) else "a list of lists"
        raise InvalidInputError(f"tag '{key}' has {kind} as its value; a tag names a class")
    return ";".join(str(each).strip() for each in values if each not in (None, ""))


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInputError("is not an annotation of LabelBee (an object is missing); export it again")
    if isinstance(value, _Twice):
        raise InvalidInputError(f"key '{value.key}' appears twice, with different values; keep one")
    return value


class _Twice(dict[str, Any]):
    """An object of which `key` was written twice, with different values: JSON's readers take the last in silence."""

    key = ""


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    if differing := [key for key, value in pairs if value != found[key]]:
        found = _Twice(pairs)
        found.key = differing[0]
    return found


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST_MIB * 2**20:
            raise InvalidInputError(f"{path}: is above {_LARGEST_MIB} MiB; export the project in parts")
        return _parsed(read_text(path)[0].lstrip("\ufeff"), f"{path}: ")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file; check the path of LabelBee's export", str(path)) from None
    except OSError as error:
        raise InvalidInputError(f"{path}: cannot be read ({error}); export it again") from None


def _parsed(text: str, place: str = "") -> Any:
    if text.lstrip().startswith("<"):
        raise InvalidInputError(
            f"{place}is XML, as CVAT and Pascal VOC write it, not an export of LabelBee or labelU; make a CSV of it "
            "with a row per photograph"
        )
    try:
        return json.loads(text, object_pairs_hook=_pairs)
    except (ValueError, RecursionError) as error:
        if place and len(records := json_lines(text)) > 1:
            if tool := other_tool(records):
                raise _of_another(tool, place) from None
            raise InvalidInputError(
                f"{place}is JSON lines, and an export of LabelBee is one array (Export, Standard format); export it "
                f"again, or {REMEDY}"
            ) from None
        raise InvalidInputError(f"{place}its annotation is not JSON ({error}); export it again") from None
