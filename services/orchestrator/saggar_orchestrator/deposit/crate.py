"""An experiment as an RO-Crate, one ZIP file: Workflow Run Crate 0.5 on RO-Crate 1.1.

The experiment file is the workflow, and each training of an arm with a seed is a CreateAction whose results are the
predictions on its test photographs. https://www.researchobject.org/workflow-run-crate/profiles/workflow_run_crate/
The photographs stay where they are: their licences are their owners'.
"""

from __future__ import annotations

import json
import mimetypes
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saggar.errors import InvalidInputError
from saggar.store import ObjectRef, ObjectStore

METADATA = "ro-crate-metadata.json"
WORKFLOW = "experiment.yaml"
_README = "README.md"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": ("Workflow RO-Crate", "1.0"),
}
_CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
_FORMAL_PARAMETER = "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"
_WORKFLOW_PROFILE = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_SOFTWARE = "#saggar"
_LANGUAGE = "#saggar-experiment-file"
_INPUTS = {
    "arm": ("Text", "the training set, and how it is trained on"),
    "seed": ("Integer", "of the training's random numbers"),
}
_MEDIA = {".parquet": "application/vnd.apache.parquet", ".yaml": "application/yaml", ".tex": "application/x-tex"}
_MEDIA |= {".md": "text/markdown"}
_WORDS = {"report.html": "the report", "results.json": "all results", WORKFLOW: "what was compared, and how"}
_WORDS |= {_README: "what is in the deposit"}
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
_ORCID = re.compile(r"https://orcid\.org/\d{4}-\d{4}-\d{4}-\d{3}[\dX]")

Entity = dict[str, Any]


@dataclass(frozen=True)
class Deposit:
    """What only the person who deposits knows. `licence`: an SPDX id or a web address; `orcid`: a web address.

    Raises InvalidInputError for what is neither.
    """

    licence: str
    author: str
    orcid: str = ""

    def __post_init__(self) -> None:
        if not self.author.strip():
            raise InvalidInputError("a deposit has an author: --author NAME")
        if self.orcid and not _ORCID.fullmatch(self.orcid):
            raise InvalidInputError(f"'{self.orcid}' is no ORCID: write it as https://orcid.org/0000-0000-0000-0000")
        if not (_SPDX.fullmatch(self.licence) or re.fullmatch(r"https?://[^\s<>\"]+", self.licence)):
            raise InvalidInputError(f"'{self.licence}' is no licence: give an SPDX id, as CC-BY-4.0, or a web address")

    @property
    def licence_id(self) -> str:
        return self.licence if "://" in self.licence else f"https://spdx.org/licenses/{self.licence}"

    @property
    def author_id(self) -> str:
        return self.orcid or "#author"


def write_crate(
    results: Mapping[str, Any],
    store: ObjectStore,
    folder: Path,
    output: Path,
    deposit: Deposit,
    write_report: Callable[[], object],
) -> None:
    """Gathers report, results, tables, figures and predictions in `folder`, describes them, and packs `output`.

    `folder` is empty; `write_report` writes report, results, tables and figures into it; `output` is whole or not
    there. Raises InvalidInputError for results that do not name their predictions, and the store's errors.
    """
    identity = results["experiment"]["id"]
    if any("predictions" not in run for arm in results["arms"] for run in arm["runs"]):
        raise InvalidInputError(
            f"the results of {identity} are of a version that did not name its predictions: `saggar experiment delete "
            f"{identity}`, then run its file again; it takes all its steps over"
        )
    write_report()
    (folder / WORKFLOW).write_text(results["experiment"]["specification"], encoding="utf-8")
    (folder / _README).write_text(_readme(results, deposit), encoding="utf-8")
    for _, _, run, name in _trainings(results):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(store.read(ObjectRef.from_json(run["predictions"])))
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    metadata = describe_crate(results, dict(sorted(files.items())), deposit)
    (folder / METADATA).write_text(json.dumps(metadata, ensure_ascii=False, indent=1), encoding="utf-8")
    partial = output.with_name(f".{output.name}.part")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in (METADATA, *sorted(files)):
                archive.write(folder / name, name)
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)


def _readme(results: Mapping[str, Any], deposit: Deposit) -> str:
    """What a person who unpacks it wants to know first."""
    experiment = results["experiment"]
    files = "\n".join(f"- `{name}`: {words}" for name, words in _WORDS.items() if name != _README)
    return f"""# {experiment["title"]}

Saggar experiment `{experiment["id"]}`, begun {experiment["created_at"]}, deposited by {deposit.author}
under {deposit.licence}.

{files}
- `tables/`, `figures/`: what the report shows, as files
- `{METADATA}`: what each file is, for programs (RO-Crate)

The photographs are not in it: their licences are their owners'. With them, `saggar experiment run {WORKFLOW}`
does all of it again.
"""


def describe_crate(results: Mapping[str, Any], files: Mapping[str, int], deposit: Deposit) -> Entity:
    """The crate's metadata as JSON-LD; `files`: size in bytes of each, by its path in the crate."""
    experiment, data = results["experiment"], results["data"]
    actions = list(_actions(results, deposit))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": experiment["title"],
        "description": (
            f"Saggar experiment {experiment['id']}: {len(results['arms'])} training sets compared on "
            f"{data['images']:,} photographs with {len(results['settings']['seeds'])} training seeds; report, tables, "
            "figures and predictions. The photographs are not in it."
        ),
        "datePublished": experiment["created_at"],
        "license": _ref(deposit.licence_id),
        "author": _ref(deposit.author_id),
        "conformsTo": [_ref(uri) for uri in PROFILES],
        "mainEntity": _ref(WORKFLOW),
        "hasPart": [_ref(name) for name in files],
        "mentions": [_ref(action["@id"]) for action in actions],
    }
    descriptor = {
        "@id": METADATA,
        "@type": "CreativeWork",
        "about": _ref("./"),
        "conformsTo": [
            _ref("https://w3id.org/ro/crate/1.1"),
            _ref("https://w3id.org/workflowhub/workflow-ro-crate/1.0"),
        ],
    }
    licence = {
        "@id": deposit.licence_id,
        "@type": "CreativeWork",
        "name": deposit.licence,
        "description": "licence of this deposit",
        "url": _ref(deposit.licence_id),
    }
    person = {"@id": deposit.author_id, "@type": "Person", "name": deposit.author}
    profiles = [
        {"@id": uri, "@type": "CreativeWork", "name": name, "version": version}
        for uri, (name, version) in PROFILES.items()
    ]
    parts = [_file(name, size) for name, size in files.items() if name != WORKFLOW]
    predictions = {name for *_, name in _trainings(results)}
    for part in parts:
        if part["@id"] == _README:
            part["about"] = _ref("./")
        if part["@id"] in predictions:
            part["exampleOfWork"] = _ref("#output-predictions")
    graph = [
        descriptor,
        root,
        licence,
        person,
        *profiles,
        *_workflow(results, files[WORKFLOW], deposit),
        *_values(results),
        *actions,
        *parts,
    ]
    return {"@context": _CONTEXT, "@graph": graph}


def _workflow(results: Mapping[str, Any], size: int, deposit: Deposit) -> Iterator[Entity]:
    """The experiment file, its language, the program that reads it, and what a run takes and gives."""
    experiment, versions = results["experiment"], results["versions"]
    version = str(versions.get("saggar-orchestrator") or versions.get("saggar-core") or "unknown")
    names = [*(f"#input-{name}" for name in _INPUTS), "#output-predictions"]
    yield _file(WORKFLOW, size) | {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": experiment["title"],
        "version": experiment["id"].rpartition("-")[2],
        "dateCreated": experiment["created_at"],
        "creator": _ref(deposit.author_id),
        "license": _ref(deposit.licence_id),
        "conformsTo": _ref(_WORKFLOW_PROFILE),
        "programmingLanguage": _ref(_LANGUAGE),
        "input": [_ref(name) for name in names[:-1]],
        "output": [_ref(names[-1])],
        "softwareRequirements": _ref(_SOFTWARE),
    }
    yield {"@id": _LANGUAGE, "@type": "ComputerLanguage", "name": "Saggar experiment file (YAML)", "version": version}
    yield {
        "@id": _SOFTWARE,
        "@type": "SoftwareApplication",
        "name": "Saggar",
        "softwareVersion": version,
        "softwareRequirements": [f"{name} {number}" for name, number in sorted(versions.items()) if number],
    }
    for name, (kind, description) in _INPUTS.items():
        examples = [_ref(_value_id(results, name, value)) for value in _given(results)[name]]
        yield _parameter(f"#input-{name}", name, kind, description) | {"workExample": examples}
    made = [_ref(name) for *_, name in _trainings(results)]
    described = "of a trained model, for its test photographs"
    yield _parameter(names[-1], "predictions", "File", described) | {"workExample": made}


def _parameter(identity: str, name: str, kind: str, description: str) -> Entity:
    return {
        "@id": identity,
        "@type": "FormalParameter",
        "conformsTo": _ref(_FORMAL_PARAMETER),
        "name": name,
        "additionalType": kind,
        "description": description,
        "valueRequired": True,
    }


def _values(results: Mapping[str, Any]) -> Iterator[Entity]:
    """What the trainings were given: a name or number of its own once."""
    for name, values in _given(results).items():
        for value in values:
            yield {
                "@id": _value_id(results, name, value),
                "@type": "PropertyValue",
                "name": name,
                "value": value,
                "exampleOfWork": _ref(f"#input-{name}"),
            }


def _given(results: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {
        "arm": [arm["name"] for arm in results["arms"]],
        "seed": list(dict.fromkeys(run["seed"] for arm in results["arms"] for run in arm["runs"])),
    }


def _value_id(results: Mapping[str, Any], name: str, value: Any) -> str:
    """By its place: an arm's name may hold what no identifier may."""
    return f"#{name}-{_given(results)[name].index(value) + 1}"


def _actions(results: Mapping[str, Any], deposit: Deposit) -> Iterator[Entity]:
    """One for each training; of single trainings no time is kept, so each has the experiment's."""
    for place, arm, run, name in _trainings(results):
        fold = f", fold {run.get('fold', 0) + 1}" if "fold" in run else ""
        yield {
            "@id": f"#train-{place}-{run['seed']}-{run.get('fold', 0) + 1}",
            "@type": "CreateAction",
            "name": f"Training of arm {arm['name']} with seed {run['seed']}{fold}",
            "description": (
                f"{arm['training_images']:,} training images; validation macro-F1 {run['validation_macro_f1']:.4f}, "
                f"test macro-F1 {run['test_mean_macro_f1']:.4f}; model {run['model_id']}"
            ),
            "startTime": results["experiment"]["created_at"],
            "actionStatus": _ref("http://schema.org/CompletedActionStatus"),
            "agent": _ref(deposit.author_id),
            "instrument": _ref(WORKFLOW),
            "object": [
                _ref(_value_id(results, "arm", arm["name"])),
                _ref(_value_id(results, "seed", run["seed"])),
            ],
            "result": [_ref(name)],
        }


def _trainings(results: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any], Mapping[str, Any], str]]:
    """Place of the arm from 1, arm, run, and the path of its predictions in the crate."""
    for place, arm in enumerate(results["arms"], 1):
        for run in arm["runs"]:
            yield place, arm, run, f"predictions/arm-{place}/seed-{run['seed']}-fold-{run.get('fold', 0) + 1}.parquet"


def _file(name: str, size: int) -> Entity:
    kind = _MEDIA.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {
        "@id": name,
        "@type": "File",
        "name": name,
        "description": _WORDS.get(name, f"{Path(name).stem}, of the experiment"),
        "encodingFormat": kind,
        "contentSize": str(size),
    }


def _ref(identity: str) -> dict[str, str]:
    return {"@id": identity}
