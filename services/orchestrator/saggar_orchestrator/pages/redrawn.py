"""A finished experiment's report anew: in another language, or in this version's words."""

from __future__ import annotations

import json
from typing import Any

from saggar.store import ObjectStore
from saggar.taxonomy import Taxonomy

from saggar_orchestrator.pages import report
from saggar_orchestrator.pages.language import language
from saggar_orchestrator.pages.report.pictures import Explain


def redrawn(store: ObjectStore, results: dict[str, Any], code: str, explain: Explain) -> str:
    """The report's page from its results, with the taxonomy's names of classes in that language; `explain` as in
    `report.render`. Raises NotFoundError where pictures that it shows are no longer in the store.
    """
    if code == "en":
        return report.render(results, store.get, explain=explain)
    key = f"experiments/{results['experiment']['id']}/specification.json"
    taxonomy = Taxonomy.model_validate(json.loads(store.get(key))["taxonomy"])
    names = {
        (task.name, entry.code): entry.names.zh_hans or entry.names.zh_hant or entry.names.en
        for task in taxonomy.tasks
        for entry in task.classes
    }
    return report.render(results, store.get, language(code), names, explain=explain)
