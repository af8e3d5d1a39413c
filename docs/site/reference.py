"""Reference pages, made from what they describe: commands, settings, keys of YAML files, the contract."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc_tools
import typer
import typer.main
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from saggar.taxonomy import Taxonomy
from saggar_orchestrator.cli.main import COMMANDS
from saggar_orchestrator.experiment.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("generator", "qc", "trainer", "classifier", "orchestrator")
_TYPES = {number: name.removeprefix("TYPE_").lower() for name, number in FieldDescriptorProto.Type.items()}


def pages() -> dict[str, str]:
    """Markdown by address."""
    return {
        "reference/commands.md": commands(),
        "reference/settings.md": settings(),
        "reference/experiment-keys.md": keys("Keys of experiment files", "experiment", json_schema()),
        "reference/taxonomy-keys.md": keys("Keys of taxonomies", "taxonomy", Taxonomy.model_json_schema()),
        "reference/contract.md": contract(),
    }


def commands() -> str:
    """Every command's own help."""
    lines = ["# Commands", "", "As `saggar COMMAND --help` prints them.", ""]
    for name, (module, attribute, about) in COMMANDS.items():
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(name)(found)
            found = single
        lines += [f"## saggar {name}", "", about, ""]
        for path, command in _walk(typer.main.get_command(found), ("saggar", name)):
            if len(path) > 2:
                lines += [f"### {' '.join(path)}", ""]
            context = command.context_class(
                command, info_name=" ".join(path), terminal_width=110, max_content_width=110
            )
            lines += ["```text", command.get_help(context).strip(), "```", ""]
    return "\n".join(lines)


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in sorted(getattr(command, "commands", {}).items()):
        if not each.hidden:
            yield from _walk(each, (*path, name))


def settings() -> str:
    """What each service reads from its environment."""
    lines = ["# Settings of services", "", "Each is an environment variable; an unset one has its default.", ""]
    for name in SERVICES:
        module = importlib.import_module(f"saggar_{name}.settings")
        kind = next(
            value
            for key, value in vars(module).items()
            if key.lower() == f"{name}settings" and issubclass(value, BaseModel)
        )
        lines += [f"## {name}", "", "| variable | default | |", "|---|---|---|"]
        for key, field in kind.model_fields.items():
            default = "" if field.default is PydanticUndefined or field.default is None else str(field.default)
            lines.append(
                f"| `SAGGAR_{key.upper()}` | {f'`{default}`' if default else ''} | {_cell(field.description)} |"
            )
        lines.append("")
    return "\n".join(lines)


def keys(title: str, root: str, schema: dict[str, Any]) -> str:
    """A JSON schema as tables, one for each part of the file."""
    lines = [f"# {title}", ""]
    for name, part in {root: schema, **schema.get("$defs", {})}.items():
        if "properties" not in part:
            continue
        lines += [
            f"## {name}",
            "",
            _cell(part.get("description")),
            "",
            "| key | kind | default | |",
            "|---|---|---|---|",
        ]
        needed = part.get("required", [])
        for key, value in part["properties"].items():
            default = "needed" if key in needed else f"`{value.get('default')}`"
            lines.append(f"| `{key}` | {_kind(value)} | {default} | {_cell(value.get('description'))} |")
        lines.append("")
    return "\n".join(lines)


def _kind(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_kind(each) for each in value["anyOf"]))
    if "enum" in value or "const" in value:
        return ", ".join(f"`{each}`" for each in value.get("enum", [value.get("const")]))
    bounds = [f"{sign} {value[key]}" for key, sign in _BOUNDS.items() if key in value]
    kind = str(value.get("type", "any"))
    if kind == "array" and "items" in value:
        kind = f"list of {_kind(value['items'])}"
    return f"{kind} {', '.join(bounds)}".strip()


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def contract() -> str:
    """Services, methods and messages with their comments, from protos/."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        files = sorted(str(path) for path in (ROOT / "protos" / "saggar" / "v1").glob("*.proto"))
        well_known = Path(grpc_tools.__file__).parent / "_proto"
        arguments = [f"-I{ROOT / 'protos'}", f"-I{well_known}", "--include_source_info", f"--descriptor_set_out={out}"]
        if protoc.main(["protoc", *arguments, *files]):
            raise RuntimeError("protos/ cannot be read")
        found = FileDescriptorSet.FromString(out.read_bytes())
    lines = ["# Contract", "", "Package `saggar.v1`, as in protos/saggar/v1.", ""]
    for file in found.file:
        lines += _file(file)
    return "\n".join(lines)


def _file(file: FileDescriptorProto) -> Iterator[str]:
    said = {tuple(place.path): " ".join(place.leading_comments.split()) for place in file.source_code_info.location}
    after = {tuple(place.path): " ".join(place.trailing_comments.split()) for place in file.source_code_info.location}
    yield from (f"## {file.name.rpartition('/')[2]}", "")
    for i, service in enumerate(file.service):
        yield from (f"### {service.name}", "", said.get((6, i), ""), "")
        for j, method in enumerate(service.method):
            answer = (
                f"stream of {_short(method.output_type)}" if method.server_streaming else _short(method.output_type)
            )
            asked = f"stream of {_short(method.input_type)}" if method.client_streaming else _short(method.input_type)
            yield from (f"**{method.name}**: {asked} → {answer}", "", said.get((6, i, 2, j), ""), "")
    for i, message in enumerate(file.message_type):
        yield from _message(message, (4, i), said, after)
    for i, enum in enumerate(file.enum_type):
        yield from (f"### {enum.name}", "", said.get((5, i), ""), "")
        yield from (
            f"- `{v.name}` {said.get((5, i, 2, j)) or after.get((5, i, 2, j), '')}" for j, v in enumerate(enum.value)
        )
        yield ""


def _message(
    message: DescriptorProto, path: tuple[int, ...], said: dict[Any, str], after: dict[Any, str]
) -> Iterator[str]:
    yield from (f"### {message.name}", "", said.get(path, ""), "")
    if message.field:
        yield from ("| field | type | |", "|---|---|---|")
    for j, field in enumerate(message.field):
        kind = _short(field.type_name) or _TYPES[field.type]
        repeated = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
        text = " ".join(filter(None, (said.get((*path, 2, j)), after.get((*path, 2, j)))))
        yield f"| `{field.name}` = {field.number} | {repeated}{kind} | {_cell(text)} |"
    yield ""


def _short(name: str) -> str:
    return name.rpartition(".")[2]


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")
