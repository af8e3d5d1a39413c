"""The paper's decision framework, applied to the photographs of an experiment (`saggar.describing.advise`)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from saggar.dataset.manifest import Manifest
from saggar.describing.advise import advise
from saggar.taxonomy import Taxonomy


def advised(photographs: Manifest, taxonomy: Taxonomy, *, reviewed: bool) -> dict[str, Any]:
    """Per task: what the framework says, why, and what the test split can show; `images`: how many it asks for."""
    found = advise(photographs.with_tasks(taxonomy.task_names), taxonomy, reviewed=reviewed)
    return {
        "images": found.images,
        "training_images": found.training_images,
        "tasks": [
            {
                "task": task.task,
                "nature": task.nature,
                "verdict": task.verdict,
                "reason": task.reason,
                "few": len(task.few),
                "classes": task.classes,
                "test_objects": task.test_objects,
                "smallest_difference": task.smallest_difference,
                "seen": [asdict(seen) for seen in task.seen],
            }
            for task in found.tasks
        ],
    }
