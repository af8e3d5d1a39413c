"""The JSON Schema of taxonomy files, for editors: `python -m saggar.taxonomies.schema` writes it anew."""

from __future__ import annotations

import json
from pathlib import Path

from saggar.taxonomy import Taxonomy

PATH = Path(__file__).parent / "taxonomy.schema.json"


def schema_text() -> str:
    """The schema as it must be in `PATH`."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Taxonomy.model_json_schema(by_alias=True),
        "title": "Saggar taxonomy",
    }
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(schema_text(), encoding="utf-8")
    print(PATH)
