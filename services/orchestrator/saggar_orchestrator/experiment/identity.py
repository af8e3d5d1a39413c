"""What names an experiment: its settings, its taxonomy and its photographs."""

from __future__ import annotations

from typing import Any

from saggar.taxonomy import Taxonomy

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.schema import Experiment

# Settings that came later: left out of a file, they leave the experiment the id that it had before them.
_LATER = {
    ("adapter", "keep_every_steps"): 0,
    ("adapter", "learnt_words"): "",
    ("adapter", "vectors_per_word"): 1,
    ("adapter", "word_learning_rate"): None,
    ("generation", "weights"): [],
    ("generation", "control_net"): None,
}


def experiment_id(experiment: Experiment, taxonomy: Taxonomy, source: dict[str, Any]) -> str:
    """Name and hash: equal settings, taxonomy and photographs give equal ids, wherever the files lie."""
    settings = experiment.model_dump(mode="json", exclude={"data": {"images", "labels"}, "taxonomy": True})
    for (section, name), left_out in _LATER.items():
        if settings[section].get(name) == left_out:
            settings[section].pop(name)
    inputs = {
        "settings": settings,
        "taxonomy": taxonomy.model_dump(mode="json", by_alias=True),
        "source": source,
    }
    return f"{experiment.name}-{digest(inputs)[:12]}"
