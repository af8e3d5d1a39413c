"""Exports of other programs for labelling, by keys that LabelBee's do not have."""

from __future__ import annotations

import json
from typing import Any

REMEDY = "make a CSV of it, with a column image and one for each task, and give that with --labels"

_TOOLS = (  # the first that fits; what some of them share comes last
    ({"images", "annotations", "categories"}, "COCO"),
    ({"_via_img_metadata"}, "VIA"),
    ({"project", "config", "attribute"}, "VIA"),
    ({"filename", "file_attributes"}, "VIA"),
    ({"fileref", "file_attributes"}, "VIA"),
    ({"shapes", "imagePath"}, "LabelMe"),
    ({"data", "results", "judgments_count"}, "Appen"),
    ({"data", "annotations"}, "Label Studio"),
    ({"data", "completions"}, "Label Studio"),
    ({"data", "predictions"}, "Label Studio"),
    ({"annotation_id", "annotator"}, "Label Studio (JSON-MIN)"),
    ({"id", "annotator"}, "Label Studio (JSON-MIN)"),
    ({"annotator", "lead_time"}, "Label Studio (JSON-MIN)"),
    ({"tags", "shapes", "tracks"}, "CVAT"),
    ({"categories", "items"}, "Datumaro (CVAT)"),
    ({"asset", "regions"}, "VoTT"),
    ({"assets", "securityToken"}, "VoTT"),
    ({"data_row", "projects"}, "Labelbox"),
    ({"Labeled Data", "Label"}, "Labelbox"),
    ({"DataRow ID", "Label"}, "Labelbox"),
    ({"tags", "size", "objects"}, "Supervisely"),
    ({"classes", "tags", "projectType"}, "Supervisely"),
    ({"_input_hash", "_task_hash"}, "Prodigy"),
    ({"annotation_approver"}, "doccano"),
    ({"label", "Comments"}, "doccano"),
    ({"id", "text", "label"}, "doccano"),
    ({"id", "filename", "label"}, "doccano"),
    ({"source-ref"}, "Amazon SageMaker Ground Truth"),
    ({"image_url", "image_details"}, "Azure Machine Learning"),
    ({"image_url", "label"}, "Azure Machine Learning"),
    ({"originalImageUri", "tags"}, "Azure Custom Vision"),
    ({"imageGcsUri"}, "Google Vertex AI"),
    ({"metadata", "instances"}, "SuperAnnotate"),
    ({"item", "annotations"}, "V7 Darwin"),
    ({"dataset", "image", "annotations"}, "V7 Darwin"),
    ({"export_format_version", "images"}, "Hasty"),
    ({"data_hash", "data_units"}, "Encord"),
    ({"externalId", "labels"}, "Kili"),
    ({"media_type", "sample_fields"}, "FiftyOne"),
    ({"classes", "labels"}, "FiftyOne"),
    ({"task_id", "callback_url"}, "Scale AI"),
    ({"openlabel"}, "OpenLABEL"),
    ({"type", "body", "target"}, "Web Annotation (Annotorious, Recogito)"),
    ({"image", "annotations"}, "CreateML (Roboflow)"),
    ({"file_name"}, "Hugging Face (metadata.jsonl)"),
)

_BY_FILE = "file_attributes"  # VIA: an object with a key for each image


def other_tool(export: Any) -> str:
    """The program that wrote an export, or an entry, of such a shape; blank where it may be LabelBee."""
    first = export
    if isinstance(export, list):
        first = next((entry for entry in export if isinstance(entry, dict)), None)
    if not isinstance(first, dict):
        return ""
    by_file = next(iter(first.values()), None)
    return _named(first) or (_named(by_file) if isinstance(by_file, dict) and _BY_FILE in by_file else "")


def json_lines(text: str) -> list[Any]:
    """The first two records of a text that has one in each line, as JSON; none where it does not."""
    lines = [line for line in text.splitlines() if line.strip()][:2]
    try:
        records = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return []
    return records if all(isinstance(record, dict) for record in records) else []


def _named(entry: dict[str, Any]) -> str:
    return next((tool for signs, tool in _TOOLS if signs <= entry.keys()), "")
