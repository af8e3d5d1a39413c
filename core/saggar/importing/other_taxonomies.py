"""Which shipped taxonomy a table fits, where it does not fit the one that was named."""

from __future__ import annotations

from collections.abc import Callable

from saggar.errors import InvalidInputError
from saggar.importing.report import RowsRefusedError
from saggar.importing.tables.label_rows import checked_rows
from saggar.importing.tables.label_table import LabelTable
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies


def hint(error: InvalidInputError, taxonomy: Taxonomy, read: Callable[[Taxonomy], LabelTable]) -> InvalidInputError:
    """`error`, with the shipped taxonomies that all columns and labels fit; as it is where none does.

    `read` makes the table by a taxonomy, or raises InvalidInputError. Only problems of columns and labels are looked
    at: a photograph that is missing is so by every taxonomy.
    """
    if isinstance(error, RowsRefusedError):
        if not any(refusal.column in taxonomy.task_names for refusal in error.refused):
            return error
    elif not error.violations:
        return error
    if _fits(taxonomy, read):  # each label is right: two rows disagree, say
        return error
    found = [name for name in shipped_taxonomies() if name != taxonomy.id and _fits(load_taxonomy(name), read)]
    if not found:
        return error
    return error.with_remark(
        f"\nall columns and labels fit taxonomy {' and '.join(found)}: name it (--taxonomy {found[0]})"
    )


def _fits(taxonomy: Taxonomy, read: Callable[[Taxonomy], LabelTable]) -> bool:
    try:
        table = read(taxonomy)
        taxonomy = taxonomy.narrowed([name for name in taxonomy.task_names if name in table.columns])
        rows, refused, _ = checked_rows(table, taxonomy, {})
    except InvalidInputError:
        return False
    return bool(rows) and not any(refusal.column in taxonomy.task_names for refusal in refused)
