"""Which shipped taxonomy a data set was labelled by: its table holds codes alone."""

from __future__ import annotations

from saggar.dataset.manifest import Manifest
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies


def fitting_taxonomy(manifest: Manifest) -> Taxonomy | None:
    """The shipped taxonomy with the tasks and all codes of `manifest`; the smallest where several fit."""
    found = [taxonomy for taxonomy in map(load_taxonomy, shipped_taxonomies()) if fits(manifest, taxonomy)]
    return min(found, key=lambda taxonomy: sum(len(task.codes) for task in taxonomy.tasks), default=None)


def fits(manifest: Manifest, taxonomy: Taxonomy) -> bool:
    """Whether `taxonomy` has the tasks of `manifest` and all its codes."""
    return set(manifest.tasks) == set(taxonomy.task_names) and all(
        set(manifest.counts(task.name)) <= set(task.codes) for task in taxonomy.tasks
    )
