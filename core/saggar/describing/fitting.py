"""Which shipped taxonomy a data set was labelled by: its table holds codes alone."""

from __future__ import annotations

from saggar.dataset.manifest import Manifest
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies


def fitting_taxonomy(manifest: Manifest) -> Taxonomy | None:
    """The shipped taxonomy with all codes of `manifest`, narrowed to its tasks; the smallest where several fit."""
    narrowed = (narrowed_to(manifest, load_taxonomy(name)) for name in shipped_taxonomies())
    found = [taxonomy for taxonomy in narrowed if fits(manifest, taxonomy)]
    return min(found, key=lambda taxonomy: sum(len(task.codes) for task in taxonomy.tasks), default=None)


def narrowed_to(manifest: Manifest, taxonomy: Taxonomy) -> Taxonomy:
    """`taxonomy` without the tasks of which `manifest` knows nothing: an import leaves out what has no label."""
    return taxonomy.narrowed([name for name in taxonomy.task_names if name in manifest.tasks])


def fits(manifest: Manifest, taxonomy: Taxonomy) -> bool:
    """Whether `taxonomy` has the tasks of `manifest` and all its codes."""
    return set(manifest.tasks) == set(taxonomy.task_names) and all(
        set(manifest.counts(task.name)) <= set(task.codes) for task in taxonomy.tasks
    )
