"""Adapters that other programs have made: checked against a base model and taken into the store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from saggar.errors import InvalidInputError, NotFoundError, WrongStateError
from saggar.files.regular import read_regular
from saggar.progress import Progress, Report
from saggar.store import ObjectStore

from saggar_generator.adapters import adapter, file_kinds, file_metadata, lora
from saggar_generator.adapters.lora_formats import LoraFile
from saggar_generator.adapters.stored_object import StoredObject, put_once
from saggar_generator.base_models.base_model import BaseModel, BaseModels
from saggar_generator.requests import ImportedAdapter, ImportRequest

_PEFT_CONFIGURATION = "adapter_config.json"
_LARGEST_BYTES = 2 << 30  # an adapter of rank 128 for every layer of SD 2.1 takes less than half of it


def import_adapter(
    store: ObjectStore, models: BaseModels, request: ImportRequest, report: Report = lambda _: None
) -> ImportedAdapter:
    """The adapter in a safetensors file, here or in the store, as one of ours.

    Its weights are rewritten under our keys; the file itself is kept too. Raises what the contract lists for
    `ImportAdapter`, as domain errors.
    """
    source = request.source
    report(Progress("reading adapter", message=str(source) if isinstance(source, Path) else source.key))
    data = _read_file(source) if isinstance(source, Path) else store.read(source)
    beside = source.with_name(_PEFT_CONFIGURATION) if isinstance(source, Path) else None
    configuration = _read_file(beside) if beside and beside.is_file() else None
    report(Progress("loading base model", message=request.base_model))
    base = models.get(request.base_model)
    found = adapter.read_layers(base, data, configuration)
    if problems := lora.mismatches(base, found.lora):
        raise WrongStateError(
            f"{len(problems)} layers of the adapter do not fit {base.spec}: {'; '.join(problems[:5])}; "
            "import it for the base model that it was trained on"
        )
    file_kinds.refuse_other_base(base, found.metadata)
    warnings = _check_base(base, found.metadata)
    warnings += _doubts(found)
    warnings += file_kinds.special_purposes(found.metadata, source.name if isinstance(source, Path) else "")
    licence = request.licence or _licence_in(found.metadata)
    files = [hashlib.sha256(content).hexdigest() for content in (data, configuration or b"")]
    inputs = ["import", 2, asdict(base.identity), files, licence]
    identity = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]
    keys = adapter.Keys(identity)
    kept = put_once(store, f"adapters/{identity}/imported.safetensors", data, adapter.WEIGHTS_TYPE)
    metadata = {
        **found.metadata,
        file_metadata.BASE_HASH: base.content_hash,
        file_metadata.LICENCE: licence,
    }
    metadata.pop("format", None)
    weights, kohya = adapter.put_weights(store, identity, found.lora, metadata)
    card = adapter.AdapterCard(
        adapter_id=identity,
        origin="imported",
        base_model=base.spec,
        base_hash=base.content_hash,
        prediction_type=base.prediction_type,
        licence=licence,
        weights=StoredObject.of(weights),
        kohya_weights=StoredObject.of(kohya),
        source=StoredObject.of(kept),
        metadata=dict(found.metadata),
        libraries=adapter.library_versions(),
    )
    ref = put_once(store, keys.card, card.to_bytes(), "application/json")
    counts = {part: len(layers) for part, layers in found.lora.items()}
    return ImportedAdapter(ref, weights, kohya, counts["unet"], counts["text_encoder"], tuple(warnings))


def _read_file(path: Path) -> bytes:
    try:
        if path.is_dir():
            inside = sorted(str(one.relative_to(path)) for one in path.rglob("*.safetensors"))[:5]
            listed = f"one of its files, {', '.join(inside)}" if inside else "a .safetensors file"
            raise InvalidInputError(f"{path} is a folder; give {listed}")
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise InvalidInputError(f"{path} has {size >> 20} MiB, too many for an adapter; is it a base model?")
        return read_regular(path, _LARGEST_BYTES)
    except FileNotFoundError:
        raise NotFoundError(
            f"{path}: no such file on the generator's machine; check the path, and that it is mounted",
            str(path),
        ) from None
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read: {error}") from None


def _check_base(base: BaseModel, metadata: Mapping[str, str]) -> list[str]:
    """Warnings. Raises WrongStateError when the file names another base model."""
    ours = metadata.get(file_metadata.BASE_HASH, "")
    kohyas = metadata.get(file_metadata.KOHYA_BASE_HASH, "")
    named = ours or (kohyas if base.is_single_file else "")
    if named and named != base.content_hash:
        raise WrongStateError(
            f"the adapter was trained on the base model {named[:12]} and does not fit {base.spec} "
            f"({base.content_hash[:12]}); import it for the base model that it was trained on"
        )
    if named:
        return []
    said = f" (it names {kohyas[:12]}, the hash of a single file)" if kohyas else ""
    return [f"the file does not say which base model it was trained on{said}; every layer fits {base.spec}"]


def _doubts(found: LoraFile) -> list[str]:
    """What an import takes, and its user should know."""
    doubts, layers = [], [layer for part in found.lora.values() for layer in part.values()]
    if file_metadata.LEARNT_WORDS in found.metadata:
        doubts.append(
            "the adapter was trained with learnt words, which are in files of their own and are not imported: prompts "
            "keep the phrases that they stood for, so that it may act more weakly than where it was made"
        )
    if found.lacks_alpha and found.is_pefts:
        doubts.append(
            f"peft keeps the adapter's alpha in {_PEFT_CONFIGURATION}, which is not beside the file; it is "
            "taken to equal the rank, so that the adapter may act too weakly or too strongly"
        )
    elif found.lacks_alpha:
        doubts.append(
            f"{found.lacks_alpha} of {len(layers)} layers have no alpha in the file; it is taken to equal the rank, as "
            "other programs take it: if the adapter acts too strongly, give it less weight"
        )
    if idle := sum(layer.alpha == 0 for layer in layers):  # weights of 0 are common: the text encoder's skipped layers
        doubts.append(f"{idle} of {len(layers)} layers are without effect: their alpha is 0")
    return doubts


def _licence_in(metadata: Mapping[str, str]) -> str:
    return metadata.get(file_metadata.LICENCE) or metadata.get("modelspec.license") or ""
