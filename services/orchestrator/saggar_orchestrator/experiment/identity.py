"""What names an experiment: its settings, its taxonomy and its photographs."""

from __future__ import annotations

from typing import Any

from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment


def experiment_id(experiment: Experiment, taxonomy: Taxonomy, source: dict[str, Any]) -> str:
    """Name and hash: equal settings, taxonomy and photographs give equal ids, wherever the files lie."""
    settings = experiment.model_dump(mode="json", exclude={"data": {"images", "labels"}, "taxonomy": True})
    inputs = {
        "settings": settings,
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "source": source,
    }
    return f"{experiment.name}-{digest(inputs)[:12]}"
